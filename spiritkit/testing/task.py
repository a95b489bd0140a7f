"""The contract of tasks."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from spiritkit.errors import InputError
from spiritkit.evaluation.results import from_json, to_json
from spiritkit.interfaces import Item, Metric, Result, SpeechTextModel, Task, Trial
from spiritkit.testing.contract import Contract
from spiritkit.testing.helpers import random_state_untouched, seed_globally
from spiritkit.testing.stand_in import StandIn
from spiritkit.types import Audio, Prompt, Speech, Text

_REFUSED = "refused by the test"


class TaskContract(Contract):
    """Subclass it, set `component`, and override `parameters` with those of a small data set: three items or more, in
    which every metric counts.

    Attributes:
        tolerance: by how much counts may differ with the batch an item is in.
    """

    kind = "task"
    tolerance = 1e-4

    @pytest.fixture
    def model(self) -> SpeechTextModel:
        """What the task is put to; override it if the task needs more of a model than scores and continuations."""
        return StandIn()

    @pytest.fixture
    def trial(self, tmp_path: Path) -> Callable[[str], Trial]:
        """Makes trials of one seed, each with a folder of its own."""

        def trial(name: str) -> Trial:
            folder = tmp_path / "trials" / name
            folder.mkdir(parents=True)
            return Trial(folder, seed=7)

        return trial

    def test_constructor_is_cheap(self, make: Callable[[], Task]) -> None:
        """Recipes are checked by constructing their tasks, so it keeps and checks parameters, and reads nothing."""
        seconds = []
        for _ in range(5):
            started = time.perf_counter()
            make()
            seconds.append(time.perf_counter() - started)
        assert min(seconds) < 0.1

    def test_metrics_and_published_figures(self, part: Task) -> None:
        """At least one metric, each with a name of its own; what others published is numbers by names."""
        assert part.metrics
        assert all(isinstance(metric, Metric) and metric.name for metric in part.metrics)
        assert len({metric.name for metric in part.metrics}) == len(part.metrics)
        for system, figures in part.published.items():
            assert isinstance(system, str)
            for name, value in figures.items():
                assert isinstance(name, str)
                assert isinstance(value, int | float)
                assert math.isfinite(value)

    def test_input_files_are_there(self, part: Task) -> None:
        """The tables that say which items there are."""
        for files in (part.input_files(), part.item_files()):
            assert isinstance(files, list)
            for path in files:
                assert isinstance(path, Path)
                assert path.exists()

    def test_packages_are_installed(self, part: Task) -> None:
        """The libraries whose version decides the results, by the names of their distributions."""
        assert isinstance(part.packages, tuple)
        for package in part.packages:
            assert version(package)

    def test_items_are_the_same_each_time(self, part: Task, make: Callable[[], Task]) -> None:
        """With unique ids, in the same order, from another instance, and whatever the global random numbers."""
        ids = [item.id for item in part.items()]
        assert len(ids) >= 3, "give the test a data set of three items or more"
        assert all(isinstance(item, Item) and isinstance(item.id, str) for item in part.items())
        assert len(set(ids)) == len(ids)
        seed_globally(1)
        with random_state_untouched():
            assert [item.id for item in make().items()] == ids

    def test_each_item_has_its_result(self, part: Task, model: SpeechTextModel, trial: Callable[[str], Trial]) -> None:
        """Counts are of the task's metrics, each of which counts somewhere, and finite; what is kept is plain JSON."""
        items = list(part.items())
        results = list(part.evaluate(model, items, trial("all")))
        assert all(isinstance(result, Result) for result in results)
        assert sorted(result.id for result in results) == sorted(item.id for item in items)
        names = {metric.name for metric in part.metrics}
        weights = dict.fromkeys(names, 0.0)
        for result in results:
            if result.problem is not None:
                assert isinstance(result.problem, str)
                assert result.problem
                assert not result.counts, f"{result.id} has a problem, so it counts nowhere"
            for name, (total, weight) in result.counts.items():
                assert name in names, f"{result.id} counts for {name!r}"
                assert math.isfinite(total)
                assert math.isfinite(weight)
                assert weight >= 0
                weights[name] += weight
            kept = json.loads(json.dumps(to_json(result), allow_nan=False))
            assert to_json(from_json(kept)) == kept
        figures = part.overall([_kept(result) for result in results if result.problem is None])
        assert set(figures) <= names, f"figures of {', '.join(figures)}, which are not all metrics"
        assert all(math.isfinite(value) for value in figures.values())
        idle = [name for name, weight in weights.items() if not weight and name not in figures]
        assert idle == [], "give the test data in which these count"
        assert not [name for name in figures if weights[name]], "no item counts for what `overall` has"

    def test_results_depend_on_neither_batch_nor_order(
        self, part: Task, model: SpeechTextModel, trial: Callable[[str], Trial]
    ) -> None:
        """Alone, in a batch, and backwards; no items have no results."""
        items = list(part.items())
        expected = _by_id(part.evaluate(model, items, trial("all")))
        backwards, alone = trial("backwards"), trial("alone")
        self._same(_by_id(part.evaluate(model, items[::-1], backwards)), expected)
        self._same(_by_id(one for item in items for one in part.evaluate(model, [item], alone)), expected)
        assert list(part.evaluate(model, [], trial("none"))) == []

    def test_results_depend_on_nothing_else(
        self, part: Task, make: Callable[[], Task], model: SpeechTextModel, trial: Callable[[str], Trial]
    ) -> None:
        """Global random numbers neither change a result nor are drawn; another instance gives the same."""
        seed_globally(1)
        expected = _by_id(part.evaluate(model, list(part.items()), trial("one")))
        seed_globally(2)
        other = make()
        with random_state_untouched():
            found = _by_id(other.evaluate(model, list(other.items()), trial("two")))
        self._same(found, expected)

    def test_problems_are_told(
        self, part: Task, model: SpeechTextModel, trial: Callable[[str], Trial], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where the model cannot answer what one item asks, the item's result says why; the others do not change."""
        items = list(part.items())
        expected = _by_id(part.evaluate(model, items, trial("before")))
        asked: dict[str, set[Any]] = {}
        alone = trial("alone")
        for item in items:
            with monkeypatch.context() as patch:
                asked[item.id] = set()
                _listen(patch, model, asked[item.id].update)
                list(part.evaluate(model, [item], alone))
        own = {id: asked[id].difference(*(asked[other] for other in asked if other != id)) for id in asked}
        victim = next((id for id in own if own[id] and expected[id].problem is None), None)
        if victim is None:
            pytest.skip("no item asks the model what no other does")
        forbidden = own[victim]

        def refuse(given: Sequence[Any]) -> None:
            if forbidden.intersection(given):
                raise InputError(_REFUSED)

        _listen(monkeypatch, model, refuse)
        found = _by_id(part.evaluate(model, items, trial("after")))
        assert found.keys() == expected.keys()
        assert _REFUSED in (found[victim].problem or ""), f"{victim}: its problem is {found[victim].problem!r}"
        assert not found[victim].counts
        self._same({**found, victim: expected[victim]}, expected)

    def test_finish_writes_the_same_again(
        self, part: Task, model: SpeechTextModel, trial: Callable[[str], Trial]
    ) -> None:
        """Into the trial's folder, from results that were kept as JSON, over what it has written and elsewhere."""
        one, two = trial("one"), trial("two")
        items = list(part.items())
        results = [_kept(result) for result in part.evaluate(model, items, one)]
        written = []
        for place in (one, one, two):
            if place is two:
                list(part.evaluate(model, items, two))
            paths = part.finish(results, place)
            for path in paths:
                assert path.is_relative_to(place.folder)
                assert path.is_file()
            written.append({path.relative_to(place.folder).as_posix(): path.read_bytes() for path in paths})
        assert written[0] == written[1] == written[2]

    def _same(self, found: dict[str, Result], expected: dict[str, Result]) -> None:
        assert found.keys() == expected.keys()
        for id, result in found.items():
            assert result.problem == expected[id].problem, id
            assert result.counts.keys() == expected[id].counts.keys(), id
            for name, pair in result.counts.items():
                assert pair == pytest.approx(expected[id].counts[name], abs=self.tolerance), (id, name)


def _by_id(results: Any) -> dict[str, Result]:
    return {result.id: result for result in results}


def _kept(result: Result) -> Result:
    return from_json(json.loads(json.dumps(to_json(result))))


def _listen(patch: pytest.MonkeyPatch, model: SpeechTextModel, hear: Callable[[Sequence[Any]], None]) -> None:
    """Lets `hear` know of all prompts before the model answers."""

    def listening(name: str, questions: Callable[..., Sequence[Any]]) -> None:
        answer = getattr(model, name)

        def heard(*given: Any, **options: Any) -> Any:
            hear([_key(question) for question in questions(*given, **options)])
            return answer(*given, **options)

        patch.setattr(model, name, heard, raising=True)

    listening("score", lambda prompt, continuation: [(prompt, continuation)])
    listening("score_batch", lambda pairs: pairs)
    listening("generate", lambda prompt, *_, **__: [(prompt,)])
    listening("generate_batch", lambda prompts, *_, **__: [(prompt,) for prompt in prompts])


def _key(question: Sequence[Prompt]) -> tuple[Any, ...]:
    """The same for the same question."""
    return tuple(
        tuple(_part(part) for part in ([side] if isinstance(side, Text | Speech | str) else side)) for side in question
    )


def _part(part: Text | Speech | str) -> tuple[str, Any]:
    if not isinstance(part, Speech):
        return "text", part if isinstance(part, str) else part.text
    if isinstance(part.audio, Audio):
        return "audio", part.audio.samples.tobytes()
    if part.audio is None:
        return "tokens", tuple(part.tokens or ())
    path = Path(part.audio)  # by content: a task may write recordings into the folder of each trial
    return "file", path.read_bytes() if path.is_file() else path.name
