"""Several evaluations side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from spiritkit.errors import InputError, MissingFileError
from spiritkit.evaluation.estimate import difference
from spiritkit.evaluation.results import ResultFile
from spiritkit.evaluation.summary import Summary, read_summaries
from spiritkit.evaluation.tables import cell, difference_cell, score_table
from spiritkit.interfaces import Metric, Result

_RESAMPLES = 1000


@dataclass(frozen=True)
class Evaluation:
    """What one step `evaluate.v1` has written.

    Attributes:
        name: that of the run's folder, with the step's where a run has several.
        folder: the step's.
        summaries: task → figures.
    """

    name: str
    folder: Path
    summaries: Mapping[str, Summary]


def find_evaluations(paths: Sequence[Path]) -> list[Evaluation]:
    """The evaluations in some run folders, or step folders, in order. Where two have one name, their paths tell them
    apart.

    Raises:
        MissingFileError: a folder is not there, or has no evaluation that is finished.
    """
    found: list[tuple[str, Path]] = []
    for path in paths:
        if not path.is_dir():
            raise MissingFileError(path, "the folder of a run with a step evaluate.v1")
        files = [path / "results.json"] if (path / "results.json").exists() else sorted(path.glob("*/results.json"))
        if not files:
            raise MissingFileError(path / "results.json", "what evaluate.v1 writes when it is finished")
        name = path.resolve().name
        found += [(name if len(files) == 1 else f"{name}/{file.parent.name}", file.parent) for file in files]
    names = [name for name, _ in found]
    return [
        Evaluation(
            name if names.count(name) == 1 else str(folder),
            folder,
            {summary.name: summary for summary in read_summaries(folder / "results.json")},
        )
        for name, folder in found
    ]


def compare(evaluations: Sequence[Evaluation]) -> str:
    """A Markdown table of each task that any of them has: figures with intervals, published ones below, then how each
    run differs from the first on the items that both have, with paired intervals. Runs whose items were read from other
    tables are not paired, though ids may be the same.
    """
    tasks = list(dict.fromkeys(task for one in evaluations for task in one.summaries))
    return "\n".join(_task(task, [one for one in evaluations if task in one.summaries]) for task in tasks)


def _task(task: str, evaluations: Sequence[Evaluation]) -> str:
    metrics = _metrics(task, evaluations)
    rows: list[tuple[str, list[str]]] = []
    published: dict[str, Mapping[str, float]] = {}
    for one in evaluations:
        summary = one.summaries[task]
        estimates = {estimate.metric.name: estimate for estimate in summary.estimates}
        rows.append((one.name, [cell(estimates.get(metric.name)) for metric in metrics]))
        published.update(summary.published)
    parts = [f"## {task}", score_table(metrics, rows, published)]
    notes = [
        f"{one.name}: {summary.items} items" + (f", {missed} of them without a result" if missed else "")
        for one in evaluations
        for summary in [one.summaries[task]]
        for missed in [len(summary.problems)]
    ]
    parts.append("; ".join(notes) + ".")
    if len(evaluations) > 1:
        parts += _differences(task, metrics, evaluations)
    return "\n\n".join(parts) + "\n"


def _metrics(task: str, evaluations: Sequence[Evaluation]) -> list[Metric]:
    """All metrics of a task; the first run's come first.

    Raises:
        InputError: two runs mean different things by one name.
    """
    metrics: dict[str, Metric] = {}
    for one in evaluations:
        for estimate in one.summaries[task].estimates:
            known = metrics.setdefault(estimate.metric.name, estimate.metric)
            if known.unit != estimate.metric.unit:
                raise InputError(
                    f"{one.folder}: task {task} has {known.name} in {estimate.metric.unit!r}, "
                    f"{evaluations[0].folder} in {known.unit!r}; expected runs that are comparable"
                )
    return list(metrics.values())


def _differences(task: str, metrics: Sequence[Metric], evaluations: Sequence[Evaluation]) -> list[str]:
    first = evaluations[0]
    tables = first.summaries[task].tables
    others = [one for one in evaluations[1:] if one.summaries[task].tables == tables]
    strangers = [one.name for one in evaluations[1:] if one.summaries[task].tables != tables]
    parts = []
    if others:
        ours = _results(task, first)
        rows, shared = [], []
        for one in others:
            theirs = _results(task, one)
            found = [difference(ours, theirs, metric, resamples=_RESAMPLES, seed=0) for metric in metrics]
            cells = [difference_cell(each, metric) for each, metric in zip(found, metrics, strict=True)]
            rows.append((f"{one.name} - {first.name}", cells))
            shared.append(f"{one.name}: {max((each.items for each in found if each), default=0)}")
        parts = [
            f"Difference to {first.name} on the items that both have ({'; '.join(shared)}):",
            score_table(metrics, rows, {}),
        ]
    if strangers:
        parts.append(f"No difference to {first.name}, whose items are of other tables: {', '.join(strangers)}.")
    return parts


def _results(task: str, evaluation: Evaluation) -> list[Result]:
    return list(ResultFile(evaluation.folder / task / "items.jsonl").read().values())
