"""Spans of speech of random lengths, until a share of the words is speech."""

from __future__ import annotations

import math

import numpy as np

from spiritkit.checks import check_range
from spiritkit.interfaces import Span, SpanPolicy
from spiritkit.interleave.runs import runs


class PoissonSpans(SpanPolicy):
    """Spans of speech are laid anywhere in the text until a share of the words is speech.

    Their lengths are Poisson-distributed, but at least 1; the last is shortened to what is left of the share, which is
    rounded up to a whole word. All ways to place the spans without overlap are equally probable; spans that touch are
    one.

    Args:
        mean_words: mean length of a span before it is limited.
        share: of the words that are speech, in 0…1.

    Raises:
        RequestError: a mean that is not positive and finite; no share.
    """

    def __init__(self, *, mean_words: float = 10.0, share: float = 0.3):
        check_range("poisson.v1", {"mean_words": mean_words}, above=0)
        check_range("poisson.v1", {"share": share}, at_least=0, at_most=1)
        self._mean, self._share = mean_words, share

    def spans(self, n_words: int, rng: np.random.Generator) -> list[Span]:
        """See `SpanPolicy.spans`."""
        left = n_spoken = math.ceil(round(self._share * n_words, 6))  # 0.07 × 100 is more than 7 in floating point
        lengths = []
        while left:
            lengths.append(min(left, max(1, int(rng.poisson(self._mean)))))
            left -= lengths[-1]
        # Spans and words of text stand in a row; the places of the spans in it are drawn.
        n_items = n_words - n_spoken + len(lengths)
        order = np.ones(n_items, dtype=np.int64)
        is_span = np.zeros(n_items, dtype=bool)
        places = rng.choice(n_items, len(lengths), replace=False)
        order[places], is_span[places] = lengths, True
        return runs(np.repeat(is_span, order))
