"""What STSP writes when all prompts are asked: predictions, and the accuracy of each run."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spiritkit.atomic import write_json
from spiritkit.interfaces import Result
from spiritkit_tasks.stsp.directions import short
from spiritkit_tasks.stsp.files import write_predictions


def write_runs(folder: Path, figures: Sequence[str], runs: int, results: Sequence[Result]) -> Path:
    """Write `predictions/t2s-3-shot-run1.jsonl` and so on, in the release's format, and `runs.json`: for each figure
    the accuracy of each run, in %, how many prompts were asked, and how many of them had fewer examples, because more
    did not fit; that is printed, too.

    Returns:
        `runs.json`.
    """
    shutil.rmtree(folder / "predictions", ignore_errors=True)  # those of an evaluation of more prompts
    rows: dict[str, dict[str, Any]] = {}
    for name in figures:
        made = [result for result in results if name in result.counts]
        if not made:
            continue
        direction, _, shots = name.partition(" ")
        fewer = sum(result.details["asked"][name]["shots"] < int(shots.removesuffix("-shot")) for result in made)
        if fewer:
            print(f"{name}: {fewer} of {len(made)} prompts have fewer examples, because more did not fit")
        accuracies = []
        for run in range(runs):
            predicted = [(result.details, result.details["asked"][name]["predicted"][run]) for result in made]
            accuracies.append(100 * sum(one["sentiment"] == guess for one, guess in predicted) / len(predicted))
            path = folder / "predictions" / f"{short(direction)}-{shots}-run{run + 1}.jsonl"
            write_predictions(path, [(one["id"], guess) for one, guess in predicted])
        rows[name] = {"runs": accuracies, "prompts": len(made), "prompts_with_fewer_examples": fewer}
    path = folder / "runs.json"
    write_json(path, rows)
    return path
