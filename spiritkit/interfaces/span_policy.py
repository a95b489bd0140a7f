"""Which words of an utterance are written and which are spoken."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from spiritkit.errors import InputError

Modality = Literal["text", "speech"]
#: What an utterance must have. An alignment comes with speech and with the text of its words.
Need = Literal["text", "speech", "alignment"]


@dataclass(frozen=True)
class Span:
    """Consecutive words in one modality.

    Attributes:
        modality: as text or as speech.
        start: the first word.
        stop: one past the last word.
        marker: role of the marker before the span, e.g. `tts` for `[TTS]`; None for that of the modality, which is
            written only where the modality changes.
        prefix: written before the words of text.
        suffix: written behind them.
    """

    modality: Modality
    start: int
    stop: int
    marker: str | None = None
    prefix: str = ""
    suffix: str = ""

    def __post_init__(self) -> None:
        if self.modality not in ("text", "speech"):
            raise InputError(f"a span's modality is {self.modality!r}; expected 'text' or 'speech'")
        if self.modality == "speech" and (self.prefix or self.suffix):
            raise InputError(f"a span of speech between {self.prefix!r} and {self.suffix!r}; expected them around text")
        if not 0 <= self.start <= self.stop:
            raise InputError(f"a span of words {self.start}…{self.stop}; expected 0 ≤ start ≤ stop")


class SpanPolicy(ABC):
    """Cuts an utterance at word boundaries into spans of text and speech (paper, section 3.2).

    A policy is a pure function of the number of words and of the random numbers it is given.
    """

    #: What an utterance must have for this policy; one that lacks it is left out, and counted.
    needs: frozenset[Need] = frozenset({"alignment"})

    @abstractmethod
    def spans(self, n_words: int, rng: np.random.Generator) -> Sequence[Span]:
        """Spans in the order in which they are to be read.

        Args:
            n_words: how many words the utterance has; 0 for speech without a transcript. At least 1 for a policy that
                needs an alignment.
            rng: drawn from anew at each visit of an utterance.

        Returns:
            In each modality that occurs, spans that do not overlap and come in order. A span over all words takes the
            whole utterance, its silence and, for text, its spelling included.
        """
