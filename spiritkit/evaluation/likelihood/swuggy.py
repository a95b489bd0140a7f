"""Task `swuggy.v1`."""

from __future__ import annotations

from itertools import pairwise

from spiritkit.errors import InputError
from spiritkit.evaluation.likelihood.gold import GoldRow
from spiritkit.evaluation.likelihood.zerospeech import ZeroSpeechTask
from spiritkit.evaluation.published import published as published_figures

#: Where a band of frequencies begins, in occurrences in LibriSpeech: those of the challenge's own evaluation.
_BANDS = (1, 5, 20, 100)


class SWuggy(ZeroSpeechTask):
    """sWUGGY (Nguyen et al. 2020): a word against a non-word like it, spoken (`S`) and written (`T`).

    The folder is that of ZeroSpeech 2021: `lexical/dev/gold.csv` (columns `id, filename, voice, frequency, word,
    phones, length_phones, correct`; frequency, phones and their number may be left out) and the recordings beside it.
    Lines of one id are a pair. In each voice every right one is compared with every wrong one: 1 if it is more
    probable, ½ on a tie; the mean of the voices is the pair's accuracy, and the mean of the pairs the figure.
    `breakdown.json` has it by frequency (`oov` for words that are not in LibriSpeech) and by number of phones.

    Args:
        folder: of the dataset, with `lexical` in it.
        split: `dev`; `test` where its table says what is right, as the official one does not.
        modalities: what is scored.

    Raises:
        RequestError: no modality, or another.
    """

    level = "lexical"
    text = "word"
    attributes = ("frequency", "length")
    published = published_figures("swuggy")

    def pair_of(self, row: GoldRow) -> str:
        """The id."""
        for name in ("frequency", "length_phones"):
            value = row.columns.get(name, "")
            if value and not value.isdecimal():
                raise InputError(f"{name} is {value!r}; expected a whole number, or nothing")
        return row.columns["id"]

    def attributes_of(self, row: GoldRow) -> dict[str, str]:
        """Its band of frequencies, and its number of phones."""
        frequency, length = row.columns.get("frequency"), row.columns.get("length_phones")
        return {**({"frequency": _band(int(frequency))} if frequency else {}), **({"length": length} if length else {})}


def _band(frequency: int) -> str:
    if frequency < _BANDS[0]:
        return "oov"
    for first, after in pairwise(_BANDS):
        if frequency < after:
            return f"{first}-{after - 1}"
    return f"{_BANDS[-1]} or more"
