"""Corpora as pairs of a recording and its transcript."""

from __future__ import annotations

from typing import Literal

from spiritkit.errors import InputError
from spiritkit.interfaces import Corpus
from spiritkit.utterances import Utterance
from spiritkit_tasks.few_shot.base import Pair

#: `lower` for corpora in capitals, such as LibriSpeech.
Case = Literal["keep", "lower"]
#: Prompts of the paper, with flags around the answer; or the markers of a model trained on parallel data.
Prompts = Literal["flags", "markers"]


def pairs(corpus: Corpus, purpose: str, case: Case) -> list[Pair]:
    """The utterances of a corpus.

    Args:
        corpus: with sound, text, or both.
        purpose: tells apart the recordings of two corpora, whose ids may be the same.
        case: of the text.

    Raises:
        InputError: there are none.
    """
    found = [_pair(utterance, purpose, case) for utterance in corpus]
    if not found:
        tables = ", ".join(map(str, corpus.input_files())) or type(corpus).__name__
        raise InputError(f"{tables}: no utterances; expected a line for each, with a recording and what is said")
    return found


def _pair(utterance: Utterance, purpose: str, case: Case) -> Pair:
    text = utterance.text.strip() if utterance.text else None
    if text and case == "lower":
        text = text.lower()
    return Pair(utterance.id, f"{purpose}/{utterance.id}", utterance.audio, text or None)
