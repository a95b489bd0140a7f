"""Audio → units."""

from __future__ import annotations

from abc import ABC, abstractmethod

from spiritkit.types import Audio, StreamSpec, Units


class UnitTokenizer(ABC):
    """Turns audio into one or several streams of codes (paper, section 3.1).

    Constructors take keyword-only parameters: their signature is what a recipe may say. The stream names that a
    tokenizer gives itself are replaced by the recipe's key: one stream is called `key`, K streams `key.0`…
    """

    #: The rate, in Hz, at which `encode` wants its audio.
    sample_rate: int = 16_000

    @property
    @abstractmethod
    def streams(self) -> tuple[StreamSpec, ...]:
        """The streams, constant over the tokenizer's life."""

    @abstractmethod
    def encode(self, audios: list[Audio]) -> list[Units]:
        """Encode a batch.

        Args:
            audios: mono, at `sample_rate`, each as long as one chunk of the recipe at the most; lengths differ.

        Returns:
            One `Units` for each audio, with the streams of `streams`. They do not depend on the rest of the batch.
        """
