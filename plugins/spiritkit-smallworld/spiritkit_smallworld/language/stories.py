"""Stories of two to five sentences with a plot: a start, a turn, an end that follows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spiritkit_smallworld.language.splits import Split, split_of
from spiritkit_smallworld.language.tables import read_table
from spiritkit_smallworld.language.template import Filler

PLOTS: tuple[str, ...] = tuple(read_table("stories"))
#: Branches of a plot, and the sentiment of each.
BRANCHES = {"good": "positive", "bad": "negative", "one": "neutral", "two": "neutral"}
_TRIES = 40


@dataclass(frozen=True)
class Story:
    """A story.

    Attributes:
        plot: its name in `stories.yaml`.
        start: its first sentences, after which it may go either way.
        beginning: all sentences but the last.
        ending: the last sentence.
        wrong_ending: one that contradicts the beginning: that of the plot's other branch, for the same people.
        sentiment: positive, negative or neutral.
    """

    plot: str
    start: tuple[str, ...]
    beginning: tuple[str, ...]
    ending: str
    wrong_ending: str
    sentiment: str

    @property
    def sentences(self) -> tuple[str, ...]:
        """The story as it should be."""
        return (*self.beginning, self.ending)


def draw_story(rng: np.random.Generator, split: Split, plot: str | None = None, sentiment: str | None = None) -> Story:
    """A story all of whose sentences, the wrong ending included, belong to one split.

    Args:
        rng: draws everything.
        split: of its sentences.
        plot: None for any.
        sentiment: None for any; a plot that has it must be asked for, or any plot.
    """
    while True:
        name = plot or PLOTS[rng.integers(len(PLOTS))]
        branches = [branch for branch in read_table("stories")[name] if branch in BRANCHES]
        wanted = [branch for branch in branches if sentiment in (None, BRANCHES[branch])]
        if not wanted:
            continue
        branch = wanted[rng.integers(len(wanted))]
        other = next(each for each in branches if each != branch)
        story = _try(rng, split, name, branch, other)
        if story:
            return story


def _try(rng: np.random.Generator, split: Split, plot: str, branch: str, other: str) -> Story | None:
    table = read_table("stories")[plot]
    filler = Filler(rng)
    for item in table["let"].split():
        filler.keep(*item.split("="))
    *middle, end = table[branch]
    parts: list[list[str]] = []
    for patterns in (table["start"], middle):
        parts.append([])
        for pattern in patterns:
            if pattern.startswith("?"):
                if rng.random() < 0.5:
                    continue
                pattern = pattern[1:]
            sentence, filler = _fill(filler, pattern, split)
            if sentence is None:
                return None
            parts[-1].append(sentence)
    start, rest = parts
    ending, _ = _fill(filler, end, split)
    wrong, _ = _fill(filler, table[other][-1], split)
    if ending is None or wrong is None:
        return None
    return Story(plot, tuple(start), (*start, *rest), ending, wrong, BRANCHES[branch])


def _fill(filler: Filler, pattern: str, split: Split) -> tuple[str | None, Filler]:
    """A sentence of the split and the filler after it; None where none was found."""
    for _ in range(_TRIES):
        after = filler.copy()
        sentence = after.fill(pattern)
        if split_of(sentence) == split:
            return sentence, after
    return None, filler
