"""Errors that tell their reader what to change.

Every error that a user can cause derives from `SpiritkitError` and carries the exit status of the command line:
2 when the request was wrong (nothing was started), 1 when the work itself failed.
"""

from __future__ import annotations

from pathlib import Path


class SpiritkitError(Exception):
    """The work failed; the message names the file, key or value and what was expected."""

    exit_code = 1


class RequestError(SpiritkitError):
    """What was asked for cannot be done as asked: a wrong recipe, name, argument or path."""

    exit_code = 2


class RecipeError(RequestError):
    """A recipe does not hold; `problems` has one line for each fault, most with `file:line: key:` in front."""

    def __init__(self, problems: list[str]):
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))


class MissingFileError(RequestError, FileNotFoundError):
    """A file or folder that the request names is not there."""

    def __init__(self, path: Path | str, wanted: str):
        self.path = Path(path)
        self.wanted = wanted
        super().__init__(f"{self.path}: no such file or folder; expected {wanted}")

    def __str__(self) -> str:  # FileNotFoundError would print its arguments as a tuple
        return str(self.args[0])


class InputError(SpiritkitError, ValueError):
    """A value or the content of an input file cannot be used."""


class CheckpointError(SpiritkitError):
    """A checkpoint is there but does not hold what its loader needs."""

    def __init__(self, path: Path | str, message: str):
        self.path = Path(path)
        super().__init__(f"{self.path}: {message}")


class ProvenanceError(RequestError):
    """Units or tokens come from another tokenizer than the one a part was trained on."""
