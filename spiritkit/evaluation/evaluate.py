"""Step `evaluate.v1`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

from spiritkit.atomic import write_json, write_text
from spiritkit.checks import check_range
from spiritkit.errors import InputError, RequestError, SpiritkitError
from spiritkit.evaluation.results import ResultFile, check_results
from spiritkit.evaluation.summary import Summary, report, summarize, to_json
from spiritkit.hashing import hash_json, hash_paths
from spiritkit.interfaces import Context, Item, LanguageModel, Result, SpeechTextModel, Step, Task, Trial
from spiritkit.seeding import derive

#: A task's name is that of its folder.
_NAME = re.compile(r"\w[\w-]*")


class Evaluate(Step):
    """Puts tasks to a model: the recipe's own parts, or any other speech-text model.

    Writes for each task `TASK/items.jsonl`, a line for each item, and what the task adds; then `results.json`, all
    figures with 95 % bootstrap intervals, and `results.md`, the tables, with published figures beside. `spiritkit
    compare` puts several runs side by side.

    Results are kept by task: when the recipe has changed, as when the step was interrupted, it goes on with the items
    that have no result yet of the same task, model and seed. With a smaller `limit`, results beyond it are put aside
    in `TASK/beyond_limit.jsonl`.

    Args:
        tasks: what is measured, each under a name of your choice.
        model: what is measured, in place of the recipe's parts, e.g. `{use: cascade.v1, …}`.
        language_model: takes the place of the recipe's language model, e.g. one that an earlier step has trained.
        batch_size: items that are put to the model together; no figure depends on it beyond rounding.
        limit: at most so many items of each task, drawn with the recipe's seed; null for all.
        resamples: how often items are drawn anew for an interval.

    Raises:
        RequestError: no tasks, or one whose name is none of a folder; both `model` and `language_model`; a number out
            of its range.
    """

    runtime = ("batch_size",)
    entries = "tasks"
    over_entries = ("limit", "resamples")

    def __init__(
        self,
        *,
        tasks: dict[str, Task],
        model: Callable[[], SpeechTextModel] | None = None,
        language_model: Callable[[], LanguageModel] | None = None,
        batch_size: int = 8,
        limit: int | None = None,
        resamples: int = 1000,
    ):
        if not tasks:
            raise RequestError("evaluate.v1: tasks is empty; expected {name: {use: …}}")
        if model and language_model:
            raise RequestError("evaluate.v1: model and language_model are both given; expected one of them at most")
        numbers = {"batch_size": batch_size, "limit": limit, "resamples": resamples}
        check_range("evaluate.v1", numbers, at_least=1)
        wrong = next((name for name in tasks if not _NAME.fullmatch(name)), None)
        if wrong is not None:
            raise RequestError(
                f"evaluate.v1: tasks has {wrong!r}; expected letters, digits, '-' and '_': each has a folder"
            )
        self._tasks = tasks
        self._model, self._language_model = model, language_model
        self._batch_size, self._limit, self._resamples = batch_size, limit, resamples
        if model:
            self.sections = ()  # no part of the recipe changes the result

    def input_files(self) -> list[Path]:
        """The tasks' tables."""
        return [path for task in self._tasks.values() for path in task.input_files()]

    def run(self, context: Context) -> None:
        """See `Step.run`."""
        # All tables are read before the first item is scored: a malformed one is told at once.
        items = {name: self._chosen(name, task, context.seed) for name, task in self._tasks.items()}
        tables = {name: hash_json(sorted(hash_paths(task.item_files()))) for name, task in self._tasks.items()}
        model = cache(lambda: self._built(context))  # if all results are there, it is not loaded
        summaries = []
        for name, task in self._tasks.items():
            trial = Trial(context.folder / name, derive(context.seed, "task", name))
            trial.folder.mkdir(exist_ok=True)
            results = self._results(task, items[name], model, trial, context)
            files = [str(path.relative_to(context.folder)) for path in task.finish(results, trial)]
            summary = summarize(name, task, results, resamples=self._resamples, seed=trial.seed)
            summaries.append(replace(summary, files=files, tables=tables[name]))
            print(f"\n{report(summaries[-1])}", flush=True)
        write_json(context.folder / "results.json", {"tasks": [to_json(summary) for summary in summaries]})
        write_text(context.folder / "results.md", "\n".join(map(report, summaries)))
        _refuse_empty(summaries)

    def _built(self, context: Context) -> SpeechTextModel:
        if self._model:
            return self._model()
        if self._language_model:
            return context.pipeline.with_language_model(self._language_model())
        return context.pipeline

    def _chosen(self, name: str, task: Task, seed: int) -> list[Item]:
        """The items of a task, or as many as `limit` says, in an order that does not depend on theirs."""
        items = list(task.items())
        twice = [id for id, count in Counter(item.id for item in items).items() if count > 1]
        if twice:
            raise InputError(f"task {name}: two items have the id {twice[0]!r}; expected each once")
        if not items:
            tables = ", ".join(map(str, task.input_files()))
            raise InputError(f"task {name} has no items{tables and f'; expected some in {tables}'}")
        for item in items:
            try:
                item.id.encode()
            except UnicodeEncodeError as error:
                raise InputError(f"task {name}: the id {item.id!r} has half of a surrogate pair") from error
        if self._limit is None or self._limit >= len(items):
            return items
        return sorted(items, key=lambda item: derive(seed, "subset", name, item.id))[: self._limit]

    def _results(
        self, task: Task, items: list[Item], model: Callable[[], SpeechTextModel], trial: Trial, context: Context
    ) -> list[Result]:
        """Results of all items, in their order; those that are there already are not made again."""
        name = trial.folder.name
        file, beyond = ResultFile(trial.folder / "items.jsonl"), ResultFile(trial.folder / "beyond_limit.jsonl")
        if put_aside := beyond.read():
            file.append(put_aside.values())
            beyond.write([])
        # What failed before may go well now: a file may have come.
        done = {id: result for id, result in file.read().items() if result.problem is None}
        todo = [item for item in items if item.id not in done]
        if len(todo) < len(items):
            print(f"{name}: {len(items) - len(todo)} of {len(items)} items have their results already", flush=True)
        batches = [todo[start : start + self._batch_size] for start in range(0, len(todo), self._batch_size)]
        for batch in context.progress(batches, unit=f"{self._batch_size} items of {name}") if batches else ():
            results = list(task.evaluate(model(), batch, trial))
            check_results(name, task, batch, results)
            done.update((result.id, result) for result in file.append(results))
        results = [done.pop(item.id) for item in items]
        beyond.write(done.values())  # first: whenever a run is killed, each result is in one of the two
        file.write(results)
        return results


def _refuse_empty(summaries: list[Summary]) -> None:
    """A task of which nothing could be scored has failed; the others' results are written by now."""
    for summary in summaries:
        if len(summary.problems) == summary.items:
            id, problem = next(iter(summary.problems.items()))
            raise SpiritkitError(
                f"task {summary.name}: none of its {summary.items} items could be scored, see {id!r}: {problem}"
            )
