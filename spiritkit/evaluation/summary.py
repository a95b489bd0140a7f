"""What is known when a task's items are done: `results.json`, and its table."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from spiritkit.errors import InputError, SpiritkitError
from spiritkit.evaluation.estimate import Estimate, estimate
from spiritkit.evaluation.tables import cell, score_table
from spiritkit.interfaces import Metric, Result, Task

_SHOWN_PROBLEMS = 3


@dataclass(frozen=True)
class Summary:
    """One task's figures.

    Attributes:
        name: the task's key in the recipe.
        items: how many were put to the model.
        problems: why some could not be, each with its item's id.
        estimates: one for each metric of the task.
        published: figures of others: system → metric → value.
        files: what the task wrote beside, relative to the evaluation's folder.
        tables: hash of what the items were read from; runs whose hashes differ had other items, whatever their ids.
    """

    name: str
    items: int
    problems: Mapping[str, str]
    estimates: Sequence[Estimate]
    published: Mapping[str, Mapping[str, float]]
    files: Sequence[str] = ()
    tables: str = ""


def summarize(name: str, task: Task, results: Sequence[Result], *, resamples: int, seed: int) -> Summary:
    """Figures of all of a task's results.

    Raises:
        SpiritkitError: the task has figures of the whole that are not among its metrics, or no finite numbers.
    """
    scored = [result for result in results if result.problem is None]
    figures = task.overall(scored) if scored else {}
    unknown = set(figures) - {metric.name for metric in task.metrics}
    if unknown:
        raise SpiritkitError(f"task {name} has figures of {', '.join(sorted(unknown))}, which are none of its metrics")
    for metric_name, value in figures.items():
        if not math.isfinite(value):
            raise SpiritkitError(f"task {name}: {metric_name} of the whole is {value}; expected a finite number")
    return Summary(
        name,
        len(results),
        {result.id: result.problem for result in results if result.problem is not None},
        [
            Estimate(metric, float(figures[metric.name]), None, None, len(scored))
            if metric.name in figures
            else estimate(results, metric, resamples=resamples, seed=seed)
            for metric in task.metrics
        ],
        {system: dict(figures) for system, figures in task.published.items()},
    )


def to_json(summary: Summary) -> dict[str, Any]:
    """A summary as plain JSON values."""
    record = asdict(summary)
    record["metrics"] = [{**estimate.pop("metric"), **estimate} for estimate in record.pop("estimates")]
    return record


def from_json(record: Mapping[str, Any]) -> Summary:
    """The summary that `to_json` wrote."""
    estimates = []
    for values in record["metrics"]:
        own = {key: values[key] for key in ("name", "unit", "higher_is_better", "digits")}
        rest = {key: values[key] for key in ("value", "low", "high", "items")}
        estimates.append(Estimate(Metric(**own), **rest))
    plain = {key: record[key] for key in ("name", "items", "problems", "published", "files", "tables")}
    return Summary(estimates=estimates, **plain)


def read_summaries(path: Path) -> list[Summary]:
    """The summaries of a `results.json`.

    Raises:
        InputError: it is no such file.
    """
    try:
        return [from_json(record) for record in json.loads(path.read_text(encoding="utf-8"))["tasks"]]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: {error!r}; expected the results.json of a step evaluate.v1") from error


def report(summary: Summary, row: str = "this run") -> str:
    """A task's heading, table, and what could not be scored, as Markdown."""
    metrics = [estimate.metric for estimate in summary.estimates]
    cells = [cell(estimate) for estimate in summary.estimates]
    parts = [f"## {summary.name}", score_table(metrics, [(row, cells)], summary.published)]
    note = f"{summary.items} items; in brackets 95 % intervals over resampled items."
    if summary.problems:
        note += f" **{len(summary.problems)} of them could not be scored and count nowhere**, e.g.:"
    parts.append(note)
    if summary.problems:
        parts.append(
            "\n".join(f"- {id}: {problem}" for id, problem in list(summary.problems.items())[:_SHOWN_PROBLEMS])
        )
    if summary.files:
        parts.append("Also written: " + ", ".join(f"`{file}`" for file in summary.files))
    return "\n\n".join(parts) + "\n"
