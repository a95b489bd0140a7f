"""Task `lm-eval.v1`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spiritkit.atomic import write_json
from spiritkit.checkpoints import require
from spiritkit.checks import check_range
from spiritkit.errors import InputError, RequestError, SpiritkitError
from spiritkit.interfaces import Item, Metric, Result, SpeechTextModel, Task, Trial
from spiritkit.seeding import derive

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance

    from spiritkit_lm_eval.bench import Bench
    from spiritkit_lm_eval.model import Answer


@dataclass(frozen=True)
class Document(Item):
    """A document of an lm-eval task.

    Attributes:
        task: its name.
        index: the document's place.
    """

    task: str
    index: int


class LMEval(Task):
    """Text tasks of lm-evaluation-harness (Gao et al.), by the names that it gives them.

    Prompts, stop texts, filters and metrics are lm-eval's; a name of several tasks (`mmlu`, a tag) stands for them all.
    The figures, on lm-eval's scale, are those that are means over documents: `TASK METRIC`, for several filters
    `TASK METRIC (FILTER)`. Perplexities are shown as their logarithm, in nats. `lm_eval.json` has every metric as
    lm-eval aggregates it, F1, BLEU and perplexities too. What differs: examples that are drawn at random are drawn for
    each document by itself, so that a figure depends on neither order nor number of the documents; and nothing is cut:
    a prompt that is longer than the model's context counts nowhere and is reported.

    Tasks run Python functions that come with them, those of `include_path` too. Data that a task names on the hub is
    fetched there by the library datasets.

    Args:
        tasks: names of tasks, groups or tags.
        shots: how many examples precede a document; None for what each task says, which is mostly 0.
        include_path: folders with tasks of your own, as lm-eval describes them in YAML.

    Raises:
        RequestError: no task; a number out of its range.
    """

    packages = ("lm-eval",)

    def __init__(self, *, tasks: list[str], shots: int | None = None, include_path: list[str] | None = None):
        if not tasks:
            raise RequestError("lm-eval.v1: tasks is empty; expected names of tasks of lm-eval")
        check_range("lm-eval.v1", {"shots": shots}, at_least=0)
        self._names, self._shots = tasks, shots
        self._include = [Path(folder).expanduser() for folder in include_path or ()]

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Those of each task that are means over documents.

        Raises:
            SpiritkitError: there is no such task, or its data is not there.
        """
        return tuple(figure.metric for bench in self._benches.values() for figure in bench.figures)

    def input_files(self) -> list[Path]:
        """All files of `include_path`."""
        folders = [require(folder, "a folder with tasks for lm-eval") for folder in self._include]
        found = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
        return [path for path in found if "__pycache__" not in path.parts]

    def items(self) -> list[Document]:
        """The documents by task; ids are `task/number`.

        Raises:
            SpiritkitError: there is no such task; it runs what the model writes as code, or needs images or sound; its
                data is not there.
        """
        return [
            Document(f"{name}/{index}", name, index)
            for name, bench in self._benches.items()
            for index in range(len(bench.documents))
        ]

    def evaluate(self, model: SpeechTextModel, items: Sequence[Item], trial: Trial) -> Iterable[Result]:
        """See `Task`."""
        from spiritkit_lm_eval.model import SpeechTextLM

        lm = SpeechTextLM(model, trial.seed)
        documents = [item for item in items if isinstance(item, Document)]
        asked: dict[str, list[Instance]] = {}
        results: dict[str, Result] = {}
        for item in documents:
            try:
                seed = derive(trial.seed, "shots", item.id)
                asked[item.id] = self._benches[item.task].requests(item.index, self._shots, seed)
            except InputError as error:
                results[item.id] = Result(item.id, problem=str(error))
        # Whether decoding would be greedy is asked only where it counts: it takes a generation.
        answered: dict[str, list[Answer | SpiritkitError]] = {}
        for greedy in (True, False):
            some = [one for one in documents if one.id in asked and self._benches[one.task].needs_greedy == greedy]
            # A request that is to be repeated stands in the list as often.
            requests = [request for one in some for request in asked[one.id] for _ in range(request.repeats or 1)]
            answers = iter(lm.answers(requests, greedy))
            for one in some:
                answered[one.id] = [next(answers) for request in asked[one.id] for _ in range(request.repeats or 1)]
        for item in documents:
            if item.id in asked:
                results[item.id] = self._benches[item.task].result(item.id, asked[item.id], answered[item.id])
        return [results[item.id] for item in documents]

    def finish(self, results: Sequence[Result], trial: Trial) -> list[Path]:
        """Write `lm_eval.json`: task → metric → what lm-eval makes of the values of all documents."""
        values: dict[str, list[dict[str, Any]]] = {}
        for result in results:
            if result.problem is None:
                values.setdefault(result.id.rpartition("/")[0], []).append(result.details["values"])
        path = trial.folder / "lm_eval.json"
        write_json(path, {name: self._benches[name].aggregated(some) for name, some in values.items()})
        return [path]

    @cached_property
    def _benches(self) -> dict[str, Bench]:
        from spiritkit_lm_eval.bench import load

        self.input_files()  # for its checks
        return load(self._names, self._include)
