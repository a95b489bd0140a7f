"""`gold.csv` of the ZeroSpeech 2021 challenge: what is right, and what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from spiritkit.checkpoints import require
from spiritkit.data.corpora.table import table_rows
from spiritkit.data.lines import text_lines
from spiritkit.errors import InputError

_WANTED = "the table of a ZeroSpeech 2021 set; official test sets come without one: take split: dev"


@dataclass(frozen=True)
class GoldRow:
    """A line of the table.

    Attributes:
        line: its number.
        filename: of the recording, with its ending.
        voice: who speaks.
        text: what is said.
        correct: whether it is a word, or grammatical.
        columns: all columns as they stand.
    """

    line: int
    filename: str
    voice: str
    text: str
    correct: bool
    columns: dict[str, str]


def gold_rows(path: Path, text: str, others: Sequence[str] = ()) -> list[GoldRow]:
    """The rows of a table.

    Args:
        path: comma-separated, with a first line that names the columns, in any order: `id`, `filename` (with `.wav` or
            without), `voice`, `correct` (1 or 0), and those that are asked for here. Further ones may be there.
        text: the column with what is said.
        others: columns that must be there, too.

    Raises:
        MissingFileError: no such file.
        InputError: it is malformed; the message names the line.
    """
    require(path, _WANTED)
    _check_header(path, ("id", "filename", "voice", text, *others, "correct"))
    rows: list[GoldRow] = []
    lines: dict[str, int] = {}
    for line, row in table_rows(path):
        for name in ("id", "filename", "voice", text):
            if not row[name].strip():
                raise InputError(f"{path}:{line}: {name} is empty")
        if row["correct"].strip() not in ("0", "1"):
            raise InputError(f"{path}:{line}: correct is {row['correct']!r}; expected 1 or 0")
        columns = {name: value.strip() for name, value in row.items()}
        filename = f"{columns['filename'].removesuffix('.wav')}.wav"
        if filename in lines:
            raise InputError(f"{path}:{line}: filename {columns['filename']!r} is that of line {lines[filename]} too")
        lines[filename] = line
        rows.append(GoldRow(line, filename, columns["voice"], columns[text], columns["correct"] == "1", columns))
    if not rows:
        raise InputError(f"{path}: has no rows behind the names of the columns")
    return rows


def _check_header(path: Path, wanted: Sequence[str]) -> None:
    header = next((line for _, line in text_lines(path)), "").strip().lower()
    names = [name.strip().strip('"') for name in header.split(",")]
    lacking = [name for name in wanted if name not in names]
    if lacking == ["correct"]:
        raise InputError(
            f"{path}:1: has no column 'correct', so nobody but the challenge's organisers can score this set; "
            "take split: dev"
        )
    if lacking:
        raise InputError(f"{path}:1: the columns are {header!r}; expected {', '.join(wanted)}")
