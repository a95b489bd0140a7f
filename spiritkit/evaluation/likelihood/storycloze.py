"""Task `storycloze.v1`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Literal

from spiritkit.data.lines import text_lines
from spiritkit.errors import InputError, RequestError
from spiritkit.evaluation.likelihood.contest import Candidate, Contest, Contests, Part
from spiritkit.evaluation.likelihood.stories import find_stories
from spiritkit.evaluation.likelihood.task import LikelihoodTask
from spiritkit.evaluation.published import published as published_figures

Direction = Literal["T", "S", "T→S", "S→T"]

#: Direction → ending of the files of the beginning, and of the end.
_FILES = {"T": (".txt", ".txt"), "S": (".wav", ".wav"), "T→S": (".txt", ".wav"), "S→T": (".wav", ".txt")}


class StoryCloze(LikelihoodTask):
    """Spoken and Topic StoryCloze (Hassid et al. 2023): the right ending of a story against a wrong one, after the same
    beginning. Figures: `T` (written), `S` (spoken), `T→S` (a spoken ending of a written beginning), `S→T`.

    Each story has six files, by default `<n>_mutual`, `<n>_correct` and `<n>_incorrect`, each as `.txt` and `.wav`;
    only those that a direction needs have to be there. Folders in the folder are searched, too, and belong to a story's
    name. A set whose recordings hold whole stories is read with `mutual: null`, and has `T` and `S` alone.

    Args:
        folder: of the files.
        directions: what is scored.
        benchmark: whose published figures stand beside: give it for the official data.
        scored: `ending`: the log-probability of the ending, after the beginning; `story`: of both together.
        mutual: name of the file with the beginning, without `.txt` and `.wav`; `{}` stands for the story, and `*` for
            anything else. Null where the other two files hold whole stories.
        correct: the same of the right ending.
        incorrect: the same of the wrong ending.

    Raises:
        RequestError: no direction, or another; a name that is another's, or has not `{}` once; a direction
            that needs beginning and ending apart where they are not.
    """

    def __init__(
        self,
        *,
        folder: str,
        directions: Sequence[Direction] = ("T", "S", "T→S", "S→T"),
        benchmark: Literal["topic-storycloze", "spoken-storycloze"] | None = None,
        scored: Literal["ending", "story"] = "ending",
        mutual: str | None = "{}_mutual",
        correct: str = "{}_correct",
        incorrect: str = "{}_incorrect",
    ):
        if not directions or not set(directions) <= set(_FILES):
            raise RequestError(f"directions is {list(directions)}; expected some of {', '.join(_FILES)}")
        names = {"mutual": mutual, "correct": correct, "incorrect": incorrect}
        for parameter, name in names.items():
            if name is not None and name.count("{}") != 1:
                raise RequestError(
                    f"{parameter} is {name!r}; expected '{{}}' in it once, where the story's name stands"
                )
        for one, other in combinations(names, 2):
            if names[one] == names[other]:
                raise RequestError(f"{one} and {other} are both {names[one]!r}; expected a name each")
        crossed = [direction for direction in _FILES if direction in directions and "→" in direction]
        if mutual is None and crossed:
            raise RequestError(
                f"directions has {crossed[0]}, which takes a beginning by itself; expected T and S with mutual: null"
            )
        self._folder, self._names = Path(folder).expanduser(), {k: name for k, name in names.items() if name}
        self._directions = tuple(direction for direction in _FILES if direction in directions)
        self._whole = scored == "story"
        self.published = published_figures(benchmark)

    @property
    def figures(self) -> tuple[str, ...]:
        """The directions."""
        return self._directions

    def input_files(self) -> list[Path]:
        """The texts. Recordings are not among them: after a change of one, run the step again with `--force`."""
        stories = find_stories(self._folder, self._names, self._endings)
        files = [path for files in stories.values() for path in files.values()]
        return [path for path in files if path.suffix == ".txt" and path.is_file()]

    def items(self) -> list[Contests]:
        """The stories, in the order of their names, numbers as numbers."""
        stories = find_stories(self._folder, self._names, self._endings)
        return [self._item(id, files) for id, files in stories.items()]

    @property
    def _endings(self) -> list[str]:
        return sorted({ending for direction in self._directions for ending in _FILES[direction]})

    def _item(self, id: str, files: dict[tuple[str, str], Path]) -> Contests:
        missing = [path for path in files.values() if path.suffix == ".txt" and not path.is_file()]
        if missing:
            return Contests(id, problem=f"{missing[0]}: no such file")
        parts: dict[tuple[str, str], Part] = {
            key: _text(path) if path.suffix == ".txt" else path for key, path in files.items()
        }
        return Contests(id, tuple(self._contest(direction, parts) for direction in self._directions))

    def _contest(self, direction: str, parts: dict[tuple[str, str], Part]) -> Contest:
        first, last = _FILES[direction]
        beginning = (parts["mutual", first],) if "mutual" in self._names else ()

        def candidate(name: str) -> dict[str, Candidate]:
            part = parts[name, last]
            # Text runs on behind text; behind speech it begins anew.
            ending = f" {part}" if direction == "T" and beginning else part
            if self._whole:
                return {name: Candidate((*beginning, ending))}
            return {name: Candidate((ending,), beginning)}

        return Contest(direction, candidate("correct"), candidate("incorrect"))


def _text(path: Path) -> str:
    """What a file says, on one line."""
    text = " ".join(line.strip() for _, line in text_lines(path)).strip()
    if not text:
        raise InputError(f"{path}:1: is empty; expected a text")
    return text
