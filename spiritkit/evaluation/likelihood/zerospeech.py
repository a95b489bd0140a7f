"""What sWUGGY and sBLIMP share: the folder of the ZeroSpeech 2021 challenge (Nguyen et al. 2020)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal

from spiritkit.errors import InputError, RequestError
from spiritkit.evaluation.likelihood.breakdown import write_breakdown
from spiritkit.evaluation.likelihood.contest import Candidate, Contest, Contests
from spiritkit.evaluation.likelihood.gold import GoldRow, gold_rows
from spiritkit.evaluation.likelihood.task import LikelihoodTask
from spiritkit.interfaces import Result, Trial

_FIGURES = {"text": "T", "speech": "S"}


class ZeroSpeechTask(LikelihoodTask):
    """Pairs of a `gold.csv`, each of one or several voices: figures `T` and `S`."""

    #: Folder of the task below the dataset's, and the column with what is said.
    level: ClassVar[str]
    text: ClassVar[str]
    #: Further columns that the table must have.
    columns: ClassVar[tuple[str, ...]] = ()
    #: What the figures are broken down by.
    attributes: ClassVar[tuple[str, ...]]

    def __init__(
        self,
        *,
        folder: str,
        split: Literal["dev", "test"] = "dev",
        modalities: Sequence[Literal["text", "speech"]] = ("text", "speech"),
    ):
        if not modalities or not set(modalities) <= set(_FIGURES):
            raise RequestError(f"modalities is {list(modalities)}; expected some of {', '.join(_FIGURES)}")
        self._folder = Path(folder).expanduser() / self.level / split
        self._modalities = [modality for modality in _FIGURES if modality in modalities]

    @property
    def figures(self) -> tuple[str, ...]:
        """`T`, `S`: those that are wanted."""
        return tuple(_FIGURES[modality] for modality in self._modalities)

    def input_files(self) -> list[Path]:
        """The table."""
        return [self._folder / "gold.csv"]

    def items(self) -> list[Contests]:
        """The pairs, in the order of the table."""
        path = self._folder / "gold.csv"
        pairs: dict[str, list[GoldRow]] = {}
        for row in gold_rows(path, self.text, self.columns):
            try:
                pairs.setdefault(self.pair_of(row), []).append(row)
            except InputError as error:
                raise InputError(f"{path}:{row.line}: {error}") from error
        items = []
        for id, rows in pairs.items():
            by_voice = {row.voice: [one for one in rows if one.voice == row.voice] for row in rows}
            for voice, own in by_voice.items():
                if len({row.correct for row in own}) == 1:
                    lacking = "1" if not own[0].correct else "0"
                    raise InputError(
                        f"{path}:{own[0].line}: {id!r} has no line of voice {voice!r} whose correct is {lacking}; "
                        "expected right and wrong of each voice"
                    )
            contests = [self._contest(modality, own) for modality in self._modalities for own in by_voice.values()]
            items.append(Contests(id, tuple(contests), self.attributes_of(rows[0])))
        return items

    def finish(self, results: Sequence[Result], trial: Trial) -> list[Path]:
        """`breakdown.json`."""
        return write_breakdown(self, self.attributes, results, trial)

    @abstractmethod
    def pair_of(self, row: GoldRow) -> str:
        """The id of the pair that a row belongs to.

        Raises:
            InputError: the row is malformed; the caller adds file and line.
        """

    @abstractmethod
    def attributes_of(self, row: GoldRow) -> dict[str, str]:
        """What a pair is broken down by, from its first row."""

    def _contest(self, modality: str, rows: Sequence[GoldRow]) -> Contest:
        sides: tuple[dict[str, Candidate], ...] = ({}, {})
        for row in rows:
            part = row.text if modality == "text" else self._folder / row.filename
            sides[row.correct][row.text if modality == "text" else row.filename] = Candidate((part,))
        return Contest(_FIGURES[modality], right=sides[True], wrong=sides[False])
