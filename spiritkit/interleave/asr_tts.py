"""Whole utterances in both modalities, one after the other."""

from __future__ import annotations

import numpy as np

from spiritkit.checks import check_range
from spiritkit.interfaces import Span, SpanPolicy
from spiritkit.interfaces.span_policy import Need


class AsrTts(SpanPolicy):
    """The whole utterance twice: `[Text]the cat[TTS][Hu3]…`, or `[Speech][Hu3]…[ASR]the cat` (paper, section 3.2).

    It needs no word times. The vocabulary must have the markers, whose roles are `tts` and `asr`.

    Args:
        asr: the probability of speech before text, in 0…1; 1 for recognition only, 0 for synthesis only.

    Raises:
        RequestError: it is no probability.
    """

    needs: frozenset[Need] = frozenset({"text", "speech"})

    def __init__(self, *, asr: float = 0.5):
        check_range("asr-tts.v1", {"asr": asr}, at_least=0, at_most=1)
        self._asr = asr

    def spans(self, n_words: int, rng: np.random.Generator) -> list[Span]:
        """See `SpanPolicy.spans`."""
        if rng.random() < self._asr:
            return [Span("speech", 0, n_words), Span("text", 0, n_words, marker="asr")]
        return [Span("text", 0, n_words), Span("speech", 0, n_words, marker="tts")]
