"""Text → sound."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from spiritkit.types import Audio


class Synthesizer(ABC):
    """Reads text aloud: speaks in a cascade, and says the words that a prompt needs spoken."""

    #: Names of the voices; the first is the default.
    speakers: tuple[str, ...] = ("default",)

    @property
    @abstractmethod
    def sample_rate(self) -> int:
        """Of the audio it makes, in Hz."""

    @abstractmethod
    def speak(self, texts: Sequence[str], speaker: int | str | None = None, seed: int = 0) -> list[Audio]:
        """Each text as mono audio at `sample_rate`; without a word that can be said, the audio is empty.

        Args:
            texts: the result of one does not depend on the others.
            speaker: index or name; None for the first.
            seed: of whatever is drawn at random.

        Raises:
            RequestError: no such speaker.
        """
