"""Task `salmon.v1`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from spiritkit.checkpoints import require
from spiritkit.errors import InputError, RequestError
from spiritkit.evaluation.likelihood.contest import Candidate, Contest, Contests
from spiritkit.evaluation.likelihood.task import LikelihoodTask

PARTS = (
    "sentiment_consistency",
    "speaker_consistency",
    "gender_consistency",
    "bg_domain_consistency",
    "bg_all_consistency",
    "rir_consistency",
    "sentiment_alignment",
    "bg_alignment",
)
_NAME = re.compile(r"sample_(\d+)_(\d+)\.wav")


class Salmon(LikelihoodTask):
    """SALMon (Maimon et al. 2025): a recording whose speaker, mood, noise or room stays as it is and fits the words,
    against one where it does not. One figure for each part, named as its folder.

    A part's folder holds `sample_<i>_0.wav`, the right recording of pair i, and `sample_<i>_1.wav`, the wrong one;
    where there are further ones, the right one is compared with each.

    Args:
        folder: of the dataset, with a folder for each part in it.
        parts: which are scored.

    Raises:
        RequestError: no part, or one that is named twice.
    """

    def __init__(self, *, folder: str, parts: Sequence[str] = PARTS):
        if not parts or len(set(parts)) < len(parts):
            raise RequestError(f"parts is {list(parts)}; expected names of folders, each once")
        self._folder = Path(folder).expanduser()
        self._parts = tuple(parts)

    @property
    def figures(self) -> tuple[str, ...]:
        """The parts."""
        return self._parts

    def items(self) -> list[Contests]:
        """The pairs of each part, by number."""
        return [item for part in self._parts for item in self._pairs(part)]

    def _pairs(self, part: str) -> list[Contests]:
        folder = require(self._folder / part, f"the folder of SALMon's part {part}")
        matches = [match for path in folder.iterdir() if (match := _NAME.fullmatch(path.name))]
        wrong: dict[int, list[int]] = {}
        for match in matches:
            wrong.setdefault(int(match[1]), []).extend([int(match[2])] if int(match[2]) else [])
        if not wrong:
            raise InputError(f"{folder}: has no file named like sample_0_0.wav")
        return [self._pair(folder, number, sorted(wrong[number]) or [1]) for number in sorted(wrong)]

    def _pair(self, folder: Path, number: int, wrong: Sequence[int]) -> Contests:
        def candidates(numbers: Sequence[int]) -> dict[str, Candidate]:
            names = [f"sample_{number}_{one}.wav" for one in numbers]
            return {name: Candidate((folder / name,)) for name in names}

        contest = Contest(folder.name, right=candidates([0]), wrong=candidates(wrong))
        return Contests(f"{folder.name}/{number}", (contest,))
