"""Step `score-stsp.v1`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spiritkit.atomic import write_json
from spiritkit.checkpoints import require
from spiritkit.data.files import named_files
from spiritkit.evaluation.estimate import estimate
from spiritkit.interfaces import Context, Metric, Result, Step
from spiritkit_tasks.stsp.files import StspPrompt, read_predictions, read_prompts

_ACCURACY = Metric("accuracy")
_RESAMPLES = 1000


class ScoreSTSP(Step):
    """Scores predictions for STSP, e.g. of another system: lines of `{"id", "pred"}`.

    Writes `scores.json`, and prints it: for each file the accuracy, in %, over all prompts of the manifest, its 95 %
    bootstrap interval, and how many prompts had no prediction. Those count as wrong.

    Args:
        predictions: files, folders and patterns.
        manifest: what was predicted: the manifest of text prompts, or that of spoken ones.
        split: only prompts of this split; None for all.
    """

    sections = ()

    def __init__(self, *, predictions: list[str], manifest: Path, split: str | None = None):
        self._given, self._manifest, self._split = predictions, manifest, split

    def input_files(self) -> list[Path]:
        """The predictions and the manifest."""
        return [require(self._manifest, "a manifest of STSP prompts (jsonl)"), *self._files().values()]

    def run(self, context: Context) -> None:
        """See `Step.run`."""
        prompts = read_prompts(self._manifest, None, self._split)
        others = {prompt.id for prompt in read_prompts(self._manifest, None, None)}
        scores = {
            name: self._scored(path, prompts, others, context.seed)
            for name, path in context.progress(self._files().items(), unit="file")
        }
        write_json(context.folder / "scores.json", scores)
        for name, score in scores.items():
            missing = f", {score['missing']} without prediction" if score["missing"] else ""
            interval = f"[{score['low']:.1f}, {score['high']:.1f}]"
            print(f"{name}: {score['accuracy']:.1f} % {interval} of {score['prompts']} prompts{missing}")

    def _files(self) -> dict[str, Path]:
        return named_files(self._given, frozenset({".jsonl"}), "file of predictions", "predictions/*.jsonl")

    def _scored(self, path: Path, prompts: list[StspPrompt], known: set[str], seed: int) -> dict[str, Any]:
        predicted = read_predictions(path, known, self._manifest)
        results = [
            Result(prompt.id, {_ACCURACY.name: (float(predicted.get(prompt.id) == prompt.sentiment), 1.0)})
            for prompt in prompts
        ]
        found = estimate(results, _ACCURACY, resamples=_RESAMPLES, seed=seed)
        return {
            "accuracy": found.value,
            "low": found.low,
            "high": found.high,
            "prompts": len(prompts),
            "missing": sum(prompt.id not in predicted for prompt in prompts),
        }
