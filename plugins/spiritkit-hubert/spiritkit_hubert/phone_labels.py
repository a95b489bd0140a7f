"""Which phone is said when, as far as is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np

from spiritkit.checkpoints import require
from spiritkit.errors import InputError
from spiritkit.utterances import Alignment

_SILENCE = ""


def read_lexicon(path: Path) -> dict[str, list[str]]:
    """Words and their phones, from a file with a word and then its phones in each line.

    Raises:
        MissingFileError, InputError: no such file; a line without phones, or no text.
    """
    lexicon = {}
    try:
        lines = require(path, "a lexicon: a word and its phones in each line").read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text: {error}") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        word, *phones = line.split()
        if not phones:
            raise InputError(f"{path}:{number}: {word!r} has no phones; expected a word, then its phones")
        lexicon[_spelling(word)] = phones
    return lexicon


def phone_labels(
    alignment: Alignment, lexicon: Mapping[str, Sequence[str]] | None, frames: int, rate: Fraction
) -> list[str]:
    """A label for each frame: what is said in its middle. Where the alignment has no phones, those of the lexicon share
    their word's time evenly; where that lacks a word, and where there is no lexicon, its letters stand for them.
    Between phones there is silence.

    Args:
        alignment: of the recording.
        lexicon: word, in lower case → phones; not read where the alignment has phones.
        frames: how many there are.
        rate: frames per second.
    """
    timed: list[tuple[str, float, float]] = [(phone.text, phone.start, phone.stop) for phone in alignment.phones]
    for word in alignment.words if not timed else ():
        spelling = _spelling(word.text)
        phones = (lexicon or {}).get(spelling) or list(spelling) or [word.text]
        borders = np.linspace(word.start, word.stop, len(phones) + 1).tolist()
        timed += [(phone, *span) for phone, span in zip(phones, pairwise(borders), strict=True)]
    names, starts, stops = zip(*timed, strict=True) if timed else ((), (), ())
    middle = (np.arange(frames) + 0.5) * float(alignment.sample_rate / rate)
    at = np.searchsorted(np.array(starts), middle, side="right") - 1
    return [names[i] if i >= 0 and when < stops[i] else _SILENCE for i, when in zip(at.tolist(), middle, strict=True)]


def _spelling(word: str) -> str:
    """In lower case, without punctuation but apostrophes."""
    return "".join(letter for letter in word.lower() if letter.isalnum() or letter == "'")
