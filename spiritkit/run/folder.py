"""A step's folder, and what it says of its state."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spiritkit.atomic import write_json
from spiritkit.errors import RequestError
from spiritkit.run.fingerprint import Fingerprint

_DONE, _STARTED, _ENTRY = "step.json", "unfinished.json", "entry.json"


class StepFolder:
    """A folder with a step's result and, in `step.json`, its fingerprint; while the step is at work `unfinished.json`
    has it. A step that keeps the results of its entries (`Step.entries`) has a folder for each in it, whose
    fingerprint is in `entry.json`. So parts of two results never mix, whenever a run is killed.
    """

    def __init__(self, path: Path):
        self.path = path
        self._done, self._started = path / _DONE, path / _STARTED

    @property
    def finished(self) -> str | None:
        """The fingerprint of the result, if it is whole."""
        return _recorded(self._done)

    def begin(self, fingerprint: Fingerprint, *, force: bool) -> None:
        """Make it ready for a step to work in. What stays in it was written under the same fingerprint: the beginning
        of the result, or folders of entries.

        Args:
            fingerprint: of the result that is to come.
            force: nothing stays.

        Raises:
            RequestError: there is something that no run wrote.
        """
        if self.path.exists() and not self.path.is_dir():
            raise RequestError(f"{self.path}: is a file; expected a folder for the step's results")
        if force or _recorded(self._started) != fingerprint.step:
            self._clear({} if force else fingerprint.entries)
        self._done.unlink(missing_ok=True)
        for name, entry in fingerprint.entries.items():
            write_json(self.path / name / _ENTRY, {"fingerprint": entry})
        write_json(self._started, {"fingerprint": fingerprint.step})

    def end(self, fingerprint: str, record: Mapping[str, Any]) -> None:
        """Mark the result as whole; `record` is kept with it."""
        write_json(self._done, {"fingerprint": fingerprint, **record})
        self._started.unlink()  # last: a folder with neither would not be known as a run's

    def _clear(self, entries: Mapping[str, str]) -> None:
        """Remove what is of another state. Folders of entries stay if they have the present fingerprint, or if there
        is no such entry at present: it may come back.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        if not (self._done.exists() or self._started.exists()) and any(self.path.iterdir()):
            raise RequestError(f"{self.path}: not written by a run; move it away, or give another output_dir")
        write_json(self._started, {})  # of no state: if this is interrupted, it begins anew
        self._done.unlink(missing_ok=True)
        for child in list(self.path.iterdir()):
            recorded = _recorded(child / _ENTRY) if entries else None
            if child == self._started or (recorded and recorded == entries.get(child.name, recorded)):
                continue
            if child.is_dir() and not child.is_symlink():
                (child / _ENTRY).unlink(missing_ok=True)  # first: what an interruption leaves is no entry's folder
                shutil.rmtree(child)
            else:
                child.unlink()


def _recorded(path: Path) -> str | None:
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["fingerprint"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
