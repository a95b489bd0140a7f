"""Results of single items, kept as they come: one JSON line each, so that an interrupted evaluation goes on."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from spiritkit.atomic import write_text
from spiritkit.errors import SpiritkitError
from spiritkit.interfaces import Item, Result, Task


class ResultFile:
    """Results of one task, e.g. `items.jsonl`. A line that was cut off while it was written counts for nothing, and the
    first one that is added takes its place.
    """

    def __init__(self, path: Path):
        self._path = path

    def read(self) -> dict[str, Result]:
        """Id → result; the last one where an item has several.

        Raises:
            SpiritkitError: the file is damaged before its last line.
        """
        if not self._path.exists():
            return {}
        content = self._path.read_bytes()
        results = {}
        for number, line in enumerate(content[: _whole(content)].splitlines(), start=1):
            try:
                result = from_json(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise SpiritkitError(
                    f"{self._path}:{number}: {line[:80].decode(errors='replace')!r}; expected a result as JSON: remove "
                    "the line, and its item is evaluated again"
                ) from error
            results[result.id] = result
        return results

    def append(self, results: Iterable[Result]) -> list[Result]:
        """Add results; they are in the file when this returns.

        Returns:
            The results as `read` gives them, so that an evaluation that went on has the same as one that did not.
        """
        lines = [_line(result) for result in results]
        self._drop_what_was_cut_off()
        with self._path.open("a", encoding="utf-8") as file:
            file.writelines(lines)
        return [from_json(json.loads(line)) for line in lines]

    def write(self, results: Iterable[Result]) -> None:
        """Put these in the place of all; without any there is no file."""
        lines = [_line(result) for result in results]
        if lines:
            write_text(self._path, "".join(lines))
        else:
            self._path.unlink(missing_ok=True)

    def _drop_what_was_cut_off(self) -> None:
        if not self._path.exists() or not self._path.stat().st_size:
            return
        with self._path.open("rb+") as file:
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.seek(0)
                file.truncate(_whole(file.read()))


def _line(result: Result) -> str:
    return json.dumps(to_json(result), ensure_ascii=False, allow_nan=False) + "\n"


def _whole(content: bytes) -> int:
    """How many bytes the lines that are whole have."""
    return content.rfind(b"\n") + 1


def to_json(result: Result) -> dict[str, Any]:
    """A result as plain JSON values."""
    record: dict[str, Any] = {
        "id": result.id,
        "counts": {name: [float(value) for value in pair] for name, pair in result.counts.items()},
    }
    if result.details:
        record["details"] = dict(result.details)
    if result.problem is not None:
        record["problem"] = result.problem
    return record


def from_json(record: dict[str, Any]) -> Result:
    """The result that `to_json` wrote."""
    counts = {name: (float(total), float(weight)) for name, (total, weight) in record["counts"].items()}
    return Result(record["id"], counts, record.get("details", {}), record.get("problem"))


def check_results(name: str, task: Task, items: Collection[Item], results: Collection[Result]) -> None:
    """That a task gave one result for each item, and counted what it says it counts.

    Raises:
        SpiritkitError: it did not; the message names the task.
    """
    asked, given = [item.id for item in items], [result.id for result in results]
    if sorted(asked) != sorted(given):
        odd = sorted(set(asked) ^ set(given)) or given
        raise SpiritkitError(
            f"task {name}: {len(given)} results for {len(asked)} items, see {odd[0]!r}; expected one each"
        )
    metrics = {metric.name for metric in task.metrics}
    for result in results:
        if result.problem is not None and result.counts:
            raise SpiritkitError(f"task {name}: item {result.id!r} has a problem and counts; expected one of the two")
        for metric, pair in result.counts.items():
            if metric not in metrics:
                raise SpiritkitError(
                    f"task {name}: item {result.id!r} counts for {metric!r}; expected {', '.join(sorted(metrics))}"
                )
            if not all(math.isfinite(value) for value in pair) or pair[1] < 0:
                raise SpiritkitError(
                    f"task {name}: item {result.id!r} counts {pair} for {metric!r}; expected finite numbers, and a "
                    "weight of 0 or more"
                )
