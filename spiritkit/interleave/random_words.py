"""Each word by itself text or speech."""

from __future__ import annotations

import numpy as np

from spiritkit.checks import check_range
from spiritkit.interfaces import Span, SpanPolicy
from spiritkit.interleave.runs import runs


class RandomWords(SpanPolicy):
    """Each word is speech with one probability, whatever its neighbours are; neighbours of one modality are one span.

    Args:
        speech: the probability, in 0…1.

    Raises:
        RequestError: it is no probability.
    """

    def __init__(self, *, speech: float = 0.5):
        check_range("random.v1", {"speech": speech}, at_least=0, at_most=1)
        self._speech = speech

    def spans(self, n_words: int, rng: np.random.Generator) -> list[Span]:
        """See `SpanPolicy.spans`."""
        return runs(rng.random(n_words) < self._speech)
