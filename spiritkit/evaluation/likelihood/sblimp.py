"""Task `sblimp.v1`."""

from __future__ import annotations

from spiritkit.errors import InputError
from spiritkit.evaluation.likelihood.gold import GoldRow
from spiritkit.evaluation.likelihood.zerospeech import ZeroSpeechTask
from spiritkit.evaluation.published import published as published_figures


class SBlimp(ZeroSpeechTask):
    """sBLIMP (Nguyen et al. 2020): a grammatical sentence against an ungrammatical one like it, spoken (`S`) and
    written (`T`).

    The folder is that of ZeroSpeech 2021: `syntactic/dev/gold.csv` (columns `id, filename, voice, type, subtype,
    transcription, correct`) and the recordings beside it. Lines of one type, subtype and id are a pair; it is scored as
    in `swuggy.v1`. `breakdown.json` has the figures by type and by subtype.

    Args:
        folder: of the dataset, with `syntactic` in it.
        split: `dev`; `test` where its table says what is right, as the official one does not.
        modalities: what is scored.

    Raises:
        RequestError: no modality, or another.
    """

    level = "syntactic"
    text = "transcription"
    columns = ("type", "subtype")
    attributes = ("type", "subtype")
    published = published_figures("sblimp")

    def pair_of(self, row: GoldRow) -> str:
        """`type/subtype/id`: ids begin anew in each subtype."""
        for name in self.columns:
            if not row.columns[name]:
                raise InputError(f"{name} is empty")
        return "/".join(row.columns[name] for name in (*self.columns, "id"))

    def attributes_of(self, row: GoldRow) -> dict[str, str]:
        """Type and subtype."""
        type, subtype = row.columns["type"], row.columns["subtype"]
        return {"type": type, "subtype": f"{type}/{subtype}"}
