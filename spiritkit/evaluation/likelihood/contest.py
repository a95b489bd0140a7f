"""Right against wrong: what likelihood tasks ask a model, and how its scores are compared."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import Any

from spiritkit.interfaces import Item
from spiritkit.types import Score

#: A text, or the path of a recording.
Part = str | Path

#: Scores that differ by less, relative to their size, are equal: the same tokens beside others, or in another batch,
#: differ by float32's rounding.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Candidate:
    """What a model may find probable.

    Attributes:
        continuation: what is scored.
        prompt: what it follows; empty for nothing.
    """

    continuation: tuple[Part, ...]
    prompt: tuple[Part, ...] = ()

    @property
    def recordings(self) -> Iterator[Path]:
        """The files it needs."""
        return (part for part in (*self.prompt, *self.continuation) if isinstance(part, Path))


@dataclass(frozen=True)
class Contest:
    """Right candidates against wrong ones, each by a name for the reader: a file's, or the text.

    Attributes:
        figure: the metric that it counts for, e.g. `S`.
        right: every one of these should win against …
        wrong: … every one of these.
    """

    figure: str
    right: Mapping[str, Candidate]
    wrong: Mapping[str, Candidate]


@dataclass(frozen=True)
class Contests(Item):
    """An item of a likelihood task.

    Attributes:
        contests: those of one figure, such as one for each voice, are averaged.
        attributes: what figures are broken down by.
        problem: why it cannot be put to any model.
    """

    contests: tuple[Contest, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    problem: str | None = None

    @property
    def candidates(self) -> Iterator[Candidate]:
        """All of them; one may come several times."""
        for contest in self.contests:
            yield from contest.right.values()
            yield from contest.wrong.values()

    def counts(self, scores: Mapping[Candidate, Score]) -> dict[str, tuple[float, float]]:
        """Accuracy, 0…1, of each figure by length-normalised scores, and by raw ones."""
        found: dict[str, tuple[float, float]] = {}
        for figure in dict.fromkeys(contest.figure for contest in self.contests):
            pairs = [_pairs(contest, scores) for contest in self.contests if contest.figure == figure]
            normalised = [fmean(_won(good.per_token, bad.per_token) for good, bad in voice) for voice in pairs]
            raw = [fmean(_won(good.log_probability, bad.log_probability) for good, bad in voice) for voice in pairs]
            found[figure], found[f"{figure} raw"] = (fmean(normalised), 1.0), (fmean(raw), 1.0)
        return found

    def details(self, scores: Mapping[Candidate, Score]) -> dict[str, Any]:
        """The attributes, and by figure and name: log-probability and number of tokens."""
        told: dict[str, dict[str, list[float]]] = {}
        for contest in self.contests:
            for name, candidate in (*contest.right.items(), *contest.wrong.items()):
                score = scores[candidate]
                told.setdefault(contest.figure, {})[name] = [score.log_probability, score.n_tokens]
        return {**self.attributes, "scores": told}


def _pairs(contest: Contest, scores: Mapping[Candidate, Score]) -> list[tuple[Score, Score]]:
    return [(scores[good], scores[bad]) for good, bad in product(contest.right.values(), contest.wrong.values())]


def _won(good: float, bad: float) -> float:
    """1 where the right one scores higher, 0.5 on a tie."""
    return 0.5 if math.isclose(good, bad, rel_tol=_ROUNDING) else float(good > bad)
