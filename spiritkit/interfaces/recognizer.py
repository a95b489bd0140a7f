"""Sound → the words that are said."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from spiritkit.types import Audio


class Recognizer(ABC):
    """Writes down speech: judges what a model has said, and listens in a cascade."""

    #: The rate, in Hz, at which `transcribe` wants its audio.
    sample_rate: int = 16_000

    @abstractmethod
    def transcribe(self, audios: Sequence[Audio]) -> list[str]:
        """The words of each recording, as the recogniser spells them, without white space around them; empty where it
        hears none.

        Args:
            audios: mono, at `sample_rate`, of any length. The result of one does not depend on the others.

        Raises:
            InputError: audio of another rate, or of several channels.
        """
