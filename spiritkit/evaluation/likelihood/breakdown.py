"""Figures of some of a task's items: by frequency, length, type."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import fsum
from pathlib import Path
from typing import Any

from spiritkit.atomic import write_json
from spiritkit.interfaces import Result, Task, Trial


def write_breakdown(task: Task, attributes: Sequence[str], results: Sequence[Result], trial: Trial) -> list[Path]:
    """Write `breakdown.json`: attribute → value → number of items, and all metrics of the task in %.

    Args:
        task: whose results these are.
        attributes: keys of the results' details; of one that no result has, nothing is written.
        results: those with a problem count nowhere.
        trial: where to write.

    Returns:
        The file, where there is something in it.
    """
    scored = [result for result in results if result.problem is None]
    tables = {name: _table(task, name, scored) for name in attributes if any(name in one.details for one in scored)}
    if not tables:
        return []
    path = trial.folder / "breakdown.json"
    write_json(path, tables)
    return [path]


def _table(task: Task, attribute: str, results: Sequence[Result]) -> dict[str, dict[str, float]]:
    groups: dict[str, list[Result]] = {}
    for result in results:
        if attribute in result.details:
            groups.setdefault(result.details[attribute], []).append(result)
    return {value: _figures(task, groups[value]) for value in sorted(groups, key=_natural)}


def _figures(task: Task, results: Sequence[Result]) -> dict[str, float]:
    figures: dict[str, float] = {"items": len(results)}
    for metric in task.metrics:
        pairs = [result.counts[metric.name] for result in results if metric.name in result.counts]
        weight = fsum(weight for _, weight in pairs)
        if weight:
            figures[metric.name] = round(100 * fsum(total for total, _ in pairs) / weight, 2)
    return figures


def _natural(value: str) -> tuple[Any, ...]:
    """Numbers in their order, words before them."""
    number = re.match(r"\d+", value)
    return (int(number[0]) if number else -1, value)
