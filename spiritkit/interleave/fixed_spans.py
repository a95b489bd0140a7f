"""Spans of speech of one length, which begin anywhere."""

from __future__ import annotations

import numpy as np

from spiritkit.checks import check_range
from spiritkit.interfaces import Span, SpanPolicy
from spiritkit.interleave.runs import runs


class FixedSpans(SpanPolicy):
    """Each word of text may begin a span of speech of a fixed length; a span that follows another at once goes on
    with it.

    On average a share of length / (length + 1 / probability - 1) of the words is speech: about half with the defaults.

    Args:
        length: words of a span.
        probability: that a word which is in no span begins one, in 0…1.

    Raises:
        RequestError: a length under 1; no probability.
    """

    def __init__(self, *, length: int = 10, probability: float = 0.1):
        check_range("span.v1", {"length": length}, at_least=1)
        check_range("span.v1", {"probability": probability}, at_least=0, at_most=1)
        self._length, self._probability = length, probability

    def spans(self, n_words: int, rng: np.random.Generator) -> list[Span]:
        """See `SpanPolicy.spans`."""
        begins = rng.random(n_words) < self._probability
        spoken = np.zeros(n_words, dtype=bool)
        word = 0
        while word < n_words:
            length = self._length if begins[word] else 1
            spoken[word : word + length] = begins[word]
            word += length
        return runs(spoken)
