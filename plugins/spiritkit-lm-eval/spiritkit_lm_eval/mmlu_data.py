"""MMLU's questions, in the layout of `cais/mmlu` on the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spiritkit.checkpoints import is_hub_name, require
from spiritkit.errors import InputError, MissingFileError

_WANTED = "questions of MMLU, laid out as in cais/mmlu on the Hugging Face hub"
LETTERS = ("A", "B", "C", "D")


def is_remote(data: str) -> bool:
    """Whether the data is named as on the hub, and no folder of that name is here."""
    return is_hub_name(data) and not Path(data).exists()


def located(data: str, subjects: Sequence[str]) -> Path:
    """The folder with a folder for each subject, fetched from the hub if it is named as there.

    Raises:
        MissingFileError: neither a folder nor a data set that the hub can give.
    """
    if not is_remote(data):
        return require(Path(data).expanduser(), _WANTED)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        patterns = [f"{subject}/*.parquet" for subject in subjects]
        return Path(snapshot_download(data, repo_type="dataset", allow_patterns=patterns))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise MissingFileError(data, f"{_WANTED}; the hub did not give it either: {reason}") from error


def files_of(folder: Path, subject: str, split: str) -> list[Path]:
    """The Parquet files of one split of a subject, in order.

    Raises:
        MissingFileError: there are none.
    """
    files = sorted((folder / subject).glob(f"{split}-*.parquet"))
    return files or [require(folder / subject / f"{split}-00000-of-00001.parquet", _WANTED)]


def read_questions(folder: Path, subject: str, split: str) -> list[dict[str, Any]]:
    """The questions of one split of a subject: `question`, four `choices`, and `answer`, 0…3.

    Raises:
        MissingFileError: there is no such file.
        InputError: it is unreadable or malformed; the message names the row, from 0 on.
    """
    questions: list[dict[str, Any]] = []
    for path in files_of(folder, subject, split):
        for number, row in enumerate(_rows(path)):
            if problem := _problem(row):
                raise InputError(f"{path}: row {number}: {problem}")
            questions.append({**row, "subject": subject})
    return questions


def _rows(path: Path) -> list[dict[str, Any]]:
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    columns = ("question", "choices", "answer")
    try:
        with ParquetFile(path) as file:
            lacking = [name for name in columns if name not in file.schema_arrow.names]
            if not lacking:
                rows: list[dict[str, Any]] = file.read(columns=list(columns)).to_pylist()
                return rows
    except (ArrowException, OSError) as error:
        raise InputError(f"{path}: unreadable as Parquet: {error}") from error
    raise InputError(f"{path}: has no column {lacking[0]!r}; expected {', '.join(columns)}")


def _problem(row: dict[str, Any]) -> str | None:
    question, choices, answer = row["question"], row["choices"], row["answer"]
    if not isinstance(question, str) or not question.strip():
        return f"question is {question!r}; expected a text"
    if not isinstance(choices, list) or len(choices) != len(LETTERS) or not all(isinstance(it, str) for it in choices):
        return f"choices are {choices!r}; expected four texts"
    if not isinstance(answer, int) or not 0 <= answer < len(LETTERS):
        return f"answer is {answer!r}; expected 0…{len(LETTERS) - 1}"
    return None
