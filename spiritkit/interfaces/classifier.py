"""Text or sound → the probability of each of some labels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal

from spiritkit.types import Audio


class Classifier(ABC):
    """Judges text or speech, e.g. its sentiment or style (paper, section 4.3)."""

    #: The rate, in Hz, at which `classify` wants its audio.
    sample_rate: int = 16_000

    @property
    @abstractmethod
    def modality(self) -> Literal["text", "speech"]:
        """What is classified: strings, or audio."""

    @property
    @abstractmethod
    def labels(self) -> tuple[str, ...]:
        """The labels, in a fixed order."""

    @abstractmethod
    def classify(self, batch: Sequence[str] | Sequence[Audio]) -> list[dict[str, float]]:
        """For each of the batch the probability of every label, summing to 1. The result of one does not depend on the
        others.

        Args:
            batch: strings, or mono audio at `sample_rate`, of any length.

        Raises:
            InputError: the other modality, audio of another rate or of several channels, or a text that is too long.
        """
