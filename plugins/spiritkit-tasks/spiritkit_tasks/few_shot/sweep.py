"""Figures against the number of examples in the prompt."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spiritkit.atomic import replacing, write_json
from spiritkit.evaluation.estimate import estimate
from spiritkit.interfaces import Metric, Result

_RESAMPLES = 1000


def write_sweep(
    folder: Path,
    *,
    figure: str,
    shots: Sequence[int],
    metrics: Sequence[Metric],
    results: Sequence[Result],
    seed: int,
) -> list[Path]:
    """Write `shots.json` and, for several numbers of examples, the plot as `shots.png` and `shots.svg`.

    `shots.json` has for each number: the figure with its 95 % bootstrap interval, how many examples the prompts had on
    average, how many items had fewer than asked for, because they did not fit, and how many answers had
    no end within the most tokens that they might have. Fewer examples are told on the console too.

    Returns:
        The files.
    """
    rows = [_row(n, metric, results, seed) for n, metric in zip(shots, metrics, strict=True)]
    write_json(folder / "shots.json", rows)
    for row in rows:
        if row["items_with_fewer"]:
            print(
                f"{figure}: {row['items_with_fewer']} of {row['items']} prompts have fewer than {row['shots']} "
                f"examples, because more did not fit; on average {row['mean_shots']:.1f}"
            )
    drawn = [row for row in rows if row["value"] is not None]
    if len(drawn) < 2:
        return [folder / "shots.json"]
    return [folder / "shots.json", *_plot(folder, figure, drawn)]


def _row(n: int, metric: Metric, results: Sequence[Result], seed: int) -> dict[str, Any]:
    found = estimate(results, metric, resamples=_RESAMPLES, seed=seed)
    asked = [result.details[f"{n}-shot"] for result in results if metric.name in result.counts]
    used = [one["shots"] for one in asked]
    return {
        "shots": n,
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "items": len(used),
        "mean_shots": sum(used) / len(used) if used else None,
        "items_with_fewer": sum(count < n for count in used),
        "answers_cut": sum(one["cut"] for one in asked),
    }


def _plot(folder: Path, figure: str, rows: Sequence[dict[str, Any]]) -> list[Path]:
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    values = [row["value"] for row in rows]
    below = [row["value"] - row["low"] for row in rows]
    above = [row["high"] - row["value"] for row in rows]
    paths = [folder / "shots.png", folder / "shots.svg"]
    # Without a salt of its own an SVG has other names in it each time.
    with rc_context({"svg.hashsalt": "shots"}):
        plot = Figure(figsize=(5, 3.5), layout="constrained")
        FigureCanvasAgg(plot)
        axes = plot.subplots()
        axes.errorbar([row["shots"] for row in rows], values, yerr=[below, above], marker="o", capsize=3)
        for row in rows:
            if row["items_with_fewer"]:
                note = f"on average {row['mean_shots']:.1f}"
                axes.annotate(note, (row["shots"], row["value"]), (0, 4), textcoords="offset points", ha="center")
        axes.set_xticks([row["shots"] for row in rows])
        axes.set_xlabel("examples in the prompt")
        axes.set_ylabel(f"{figure} (%)")
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
        for path, metadata in zip(paths, ({"Software": None}, {"Date": None, "Creator": None}), strict=True):
            with replacing(path) as temporary:
                plot.savefig(temporary, format=path.suffix[1:], dpi=150, metadata=metadata)
    return paths
