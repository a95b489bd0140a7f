"""One task of lm-eval: its documents, what it asks, and what it makes of the answers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from lm_eval.api import metrics as lm_eval_metrics
from lm_eval.api.instance import Instance
from lm_eval.api.task import Task
from lm_eval.tasks import TaskManager

from spiritkit.errors import InputError, RequestError, SpiritkitError
from spiritkit.interfaces import Metric, Result
from spiritkit.suggest import suggestion
from spiritkit_lm_eval.model import Answer
from spiritkit_lm_eval.requests import requests_of
from spiritkit_lm_eval.seeded import seeded

#: What one document adds to a figure's sum and to its weight; None for nothing.
Count = Callable[[Any], tuple[float, float] | None]


def _mean(value: Any) -> tuple[float, float] | None:
    return float(value), 1.0


def _mean_of_numbers(value: Any) -> tuple[float, float] | None:
    return None if math.isnan(float(value)) else _mean(value)


#: lm-eval's aggregations that are quotients of sums: how they are counted, the unit, and what stands before the name.
_QUOTIENTS: dict[Any, tuple[Count, str, str]] = {
    lm_eval_metrics.mean: (_mean, "", ""),
    lm_eval_metrics.nanmean: (_mean_of_numbers, "", ""),
    lm_eval_metrics.bits_per_byte: (lambda value: (-value[0] / math.log(2), value[1]), "bits", ""),
    lm_eval_metrics.perplexity: (lambda value: (-value, 1.0), "nats", "log "),
    lm_eval_metrics.weighted_perplexity: (lambda value: (-value[0], value[1]), "nats", "log "),
}


class Figure(NamedTuple):
    """A figure of the task.

    Attributes:
        metric: for the table.
        key: of the values that it is a mean of, see `Bench.result`.
        count: one value's share in it.
    """

    metric: Metric
    key: str
    count: Count


def load(names: Sequence[str], include: Sequence[Path]) -> dict[str, Bench]:
    """The tasks that lm-eval has by some names, with their data.

    Args:
        names: of tasks, groups and tags.
        include: folders with further tasks.

    Raises:
        RequestError: no such name; a task that runs code which the model writes, or that needs images or sound.
        InputError: lm-eval cannot load it: mostly its data is not there.
    """
    manager = _manager(tuple(include), whole=False)
    if not all(name in manager.all_subtasks for name in names):
        manager = _manager(tuple(include), whole=True)
    for name in names:
        if name not in manager.task_index:
            raise RequestError(f"lm-eval.v1: lm-eval has no task {name!r}{suggestion(name, manager.all_tasks)}")
    benches = {}
    for name in names:
        try:
            with seeded():
                tasks = manager.load(name)["tasks"]
                benches.update({own: Bench(task) for own, task in tasks.items()})
        except RequestError:
            raise
        except Exception as error:  # tasks run code of their own, and load data from anywhere
            reason = (str(error).strip() or "no reason given").splitlines()[0]
            raise InputError(f"lm-eval cannot load the task {name!r}: {type(error).__name__}: {reason}") from error
    return benches


@cache
def _manager(include: tuple[Path, ...], whole: bool) -> TaskManager:
    """Knows the tasks of some folders; with `whole` lm-eval's own too, whose names take it half a minute to read."""
    return TaskManager(include_path=[str(folder) for folder in include], include_defaults=whole)


class Bench:
    """A task of lm-eval.

    Args:
        task: with its data.

    Raises:
        RequestError: it runs what the model writes as code, or needs images or sound.
    """

    def __init__(self, task: Task):
        self._task = task
        self.name = str(task.config.task)
        if getattr(task, "UNSAFE_CODE", False):
            raise RequestError(f"lm-eval.v1: the task {self.name!r} runs what the model writes as code; it is not run")
        if getattr(task, "MULTIMODAL", False):
            raise RequestError(f"lm-eval.v1: the task {self.name!r} needs images or sound; expected tasks on text")

    @cached_property
    def documents(self) -> Sequence[Any]:
        """What is asked about."""
        documents: Sequence[Any] = self._task.eval_docs
        return documents

    @cached_property
    def figures(self) -> list[Figure]:
        """Those metrics that are means over documents."""
        filters = [one.name for one in self._task._filters]
        found = []
        for name, aggregation in self._task.aggregation().items():
            if aggregation not in _QUOTIENTS:
                continue
            count, unit, before = _QUOTIENTS[aggregation]
            better = self._task.higher_is_better().get(name)
            for filter in filters:
                shown = f"{self.name} {before}{name}" + (f" ({filter})" if len(filters) > 1 else "")
                found.append(Figure(Metric(shown, unit, better, 4), _key(name, filter), count))
        return found

    @property
    def needs_greedy(self) -> bool:
        """Whether it counts if greedy decoding gives a continuation: not where the most probable choice counts."""
        return self._task.OUTPUT_TYPE != "multiple_choice" or "exact_match" in self._task.aggregation()

    def requests(self, index: int, shots: int | None, seed: int) -> list[Instance]:
        """What the task asks about one document.

        Raises:
            InputError: lm-eval cannot make the prompt.
        """
        own = self._task.get_config("num_fewshot") or 0
        try:
            return requests_of(
                self._task, self.documents[index], index, shots=own if shots is None else shots, seed=seed
            )
        except Exception as error:  # code of the task
            raise InputError(f"lm-eval cannot make the prompt: {type(error).__name__}: {error}") from error

    def result(self, id: str, requests: Sequence[Instance], answers: Sequence[Answer | SpiritkitError]) -> Result:
        """What the answers to the requests about one document are worth.

        Args:
            id: of the result.
            requests: about the document.
            answers: one to each request, or as many as it is to be repeated, in order.
        """
        for answer in answers:
            if isinstance(answer, SpiritkitError):
                return Result(id, problem=str(answer))
        left = iter(answers)
        for request in requests:
            request.resps = [next(left) for _ in range(request.repeats or 1)]
        document = requests[0].doc
        values: dict[str, Any] = {}
        try:
            for ensemble in self._task._filters:
                ensemble.apply(list(requests))
                filtered = [request.filtered_resps[ensemble.name] for request in requests]
                with seeded():
                    found = self._task.process_results(document, filtered)
                values.update({_key(name, ensemble.name): _plain(value) for name, value in found.items()})
            counts = {
                figure.metric.name: counted
                for figure in self.figures
                if figure.key in values and (counted := figure.count(_number(values[figure.key]))) is not None
            }
        except Exception as error:  # code of the task
            return Result(id, problem=f"lm-eval cannot score the answer: {type(error).__name__}: {error}")
        if not all(math.isfinite(number) for pair in counts.values() for number in pair):
            return Result(id, problem=f"lm-eval scores the answer {values}; expected finite numbers")
        details = {"values": values, "answers": [_plain(request.resps) for request in requests]}
        return Result(id, counts, details)

    def aggregated(self, values: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Metric, or `metric,filter` as lm-eval writes it → what lm-eval aggregates from documents' values."""
        found = {}
        for key in dict.fromkeys(key for one in values for key in one):
            aggregation = self._task.aggregation().get(key.partition(",")[0], lm_eval_metrics.mean)
            found[key] = _plain(aggregation([_number(one[key]) for one in values if key in one]))
        return found


def _key(metric: str, filter: str) -> str:
    return f"{metric},{filter}"


def _plain(value: Any) -> Any:
    """As JSON has it; what is not a number is null."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    return value if isinstance(value, str | int | float | None) else str(value)


def _number(value: Any) -> Any:
    """`_plain` undone, as far as numbers go."""
    if isinstance(value, list):
        return [_number(one) for one in value]
    if value is None:
        return math.nan
    return float(value) if value in ("inf", "-inf") else value
