"""The files of a story-cloze set, by story."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spiritkit.checkpoints import require
from spiritkit.errors import InputError


def find_stories(
    folder: Path, names: Mapping[str, str], endings: Sequence[str]
) -> dict[str, dict[tuple[str, str], Path]]:
    """Story → (key of its name, ending) → file, in the order of the stories' names. Of a story that has one of its
    files, all are given: one that is not there by the path that it should have.

    Args:
        folder: searched to the bottom.
        names: key → file name without ending, with `{}` for the story and `*` for anything.
        endings: which are looked for, `.txt`, `.wav`.

    Raises:
        MissingFileError: no such folder.
        InputError: it holds no story, or two files where one is expected.
    """
    require(folder, "the folder of a story-cloze set")
    patterns = {key: re.compile(_expression(name)) for key, name in names.items()}
    found: dict[str, dict[tuple[str, str], Path]] = {}
    for path in sorted(path for path in folder.rglob("*") if path.suffix in endings):
        stem = path.relative_to(folder).with_suffix("").as_posix()
        for key, pattern in patterns.items():
            if match := pattern.fullmatch(stem):
                other = found.setdefault("".join(match.groups()), {}).setdefault((key, path.suffix), path)
                if other != path:
                    raise InputError(f"{folder}: {other.name} and {path.name} are both the {key} of one story")
    if not found:
        wanted = " or ".join(f"{name}{ending}" for name in names.values() for ending in endings)
        raise InputError(f"{folder}: has no file named like {wanted}")
    places = [(key, ending) for key in names for ending in endings]
    return {
        story: {
            (key, ending): found[story].get((key, ending), _place(folder, story, names[key], ending))
            for key, ending in places
        }
        for story in sorted(found, key=_natural)
    }


def _expression(name: str) -> str:
    """A pattern of paths below the folder, whose groups are the story's own folder and name."""
    before, after = (re.escape(part).replace(r"\*", "[^/]*") for part in name.split("{}"))
    return f"(.+/|){before}([^/]+?){after}"


def _place(folder: Path, story: str, name: str, ending: str) -> Path:
    own, _, last = story.rpartition("/")
    return folder / own / f"{name.replace('{}', last)}{ending}"


def _natural(name: str) -> list[Any]:
    """Numbers in a name count as numbers."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", name)]
