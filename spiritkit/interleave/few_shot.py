"""Whole utterances in both modalities, as few-shot prompts write them."""

from __future__ import annotations

import numpy as np

from spiritkit.checks import check_range
from spiritkit.interfaces import Span, SpanPolicy
from spiritkit.interfaces.span_policy import Need


class FewShot(SpanPolicy):
    """The whole utterance twice, between the flags of few-shot prompts (paper, section 4.2):
    `[Speech][Hu3]…[Text]<START Transcript>the cat<END>` for recognition, `[Text]the cat 'stop'[Speech][Hu3]…` for
    synthesis.

    With `joined` of a share, several utterances make a document, as shots make a prompt; for shots of one kind take
    `asr` 1 or 0. It needs no word times, and no markers but those of the modalities.

    Args:
        asr: the probability of recognition, in 0…1; the rest is synthesis.
        prefix: the flag before a transcript.
        suffix: the flag behind it.
        stop: what follows the words that are to be spoken.

    Raises:
        RequestError: it is no probability.
    """

    needs: frozenset[Need] = frozenset({"text", "speech"})

    def __init__(
        self, *, asr: float = 0.5, prefix: str = "<START Transcript>", suffix: str = "<END>", stop: str = " 'stop'"
    ):
        check_range("few-shot.v1", {"asr": asr}, at_least=0, at_most=1)
        self._asr, self._prefix, self._suffix, self._stop = asr, prefix, suffix, stop

    def spans(self, n_words: int, rng: np.random.Generator) -> list[Span]:
        """See `SpanPolicy.spans`."""
        if rng.random() < self._asr:
            return [Span("speech", 0, n_words), Span("text", 0, n_words, prefix=self._prefix, suffix=self._suffix)]
        return [Span("text", 0, n_words, suffix=self._stop), Span("speech", 0, n_words)]
