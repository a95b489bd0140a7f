"""The contract of steps."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import pytest

from spiritkit.interfaces import Step
from spiritkit.pipeline import Parts, Pipeline
from spiritkit.testing.contract import Contract

T = TypeVar("T")


class FakeContext:
    """A context whose work stops, as if interrupted, before the item number `stop` that passes through `progress`."""

    def __init__(
        self, folder: Path, pipeline: Pipeline, stop: int | None = None, inputs: Mapping[str, Path] | None = None
    ):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.pipeline = pipeline
        self.seed = 0
        self.inputs = dict(inputs or {})
        self._left = stop

    def progress(
        self,
        items: Iterable[T],
        *,
        total: int | None = None,
        unit: str = "it",
        note: Callable[[], str] | None = None,
    ) -> Iterator[T]:
        """See `Context.progress`."""
        for item in items:
            if self._left == 0:
                raise KeyboardInterrupt
            self._left = None if self._left is None else self._left - 1
            yield item


class StepContract(Contract):
    """Subclass it, set `component`, and override `parameters` and, where the step needs parts, `pipeline`; where it
    reads what earlier steps wrote, `inputs`.

    Attributes:
        varying: names of result files that differ from run to run (times, versions).
    """

    kind = "step"
    varying: frozenset[str] = frozenset()

    @pytest.fixture
    def pipeline(self) -> Pipeline:
        """The recipe's parts."""
        return Pipeline(Parts())

    @pytest.fixture
    def inputs(self) -> dict[str, Path]:
        """Step name → folder, of the earlier steps that the step reads."""
        return {}

    def test_constructor_is_cheap(self, make: Callable[[], Step]) -> None:
        """Recipes are checked by constructing their steps, so it keeps and checks parameters, and loads nothing."""
        seconds = []
        for _ in range(5):
            started = time.perf_counter()
            make()
            seconds.append(time.perf_counter() - started)
        assert min(seconds) < 0.1

    def test_sections_and_input_files(self, part: Step) -> None:
        """Sections are those of a recipe; the files whose content decides the result are there."""
        assert set(part.sections) <= set(Step.sections)
        entries = [] if part.entries is None else [part.entries]
        assert {*entries, *part.over_entries, *part.runtime} <= set(inspect.signature(type(part)).parameters)
        files = part.input_files()
        assert isinstance(files, list)
        for path in files:
            assert isinstance(path, Path)
            assert path.exists()

    def test_the_result_is_whole_and_stays(
        self, make: Callable[[], Step], pipeline: Pipeline, inputs: dict[str, Path], tmp_path: Path
    ) -> None:
        """It is complete when `run` returns, the same in another folder, without temporary files; and running again
        over it does no harm.
        """
        make().run(FakeContext(tmp_path / "one", pipeline, inputs=inputs))
        first = self._files(tmp_path / "one")
        assert first, "it wrote nothing into context.folder"
        assert not [name for name in first if Path(name).name.startswith(".") or name.endswith((".tmp", ".part"))]
        make().run(FakeContext(tmp_path / "two", pipeline, inputs=inputs))
        assert self._files(tmp_path / "two") == first
        make().run(FakeContext(tmp_path / "one", pipeline, inputs=inputs))
        assert self._files(tmp_path / "one") == first

    def test_an_interrupted_run_is_made_good(
        self, make: Callable[[], Step], pipeline: Pipeline, inputs: dict[str, Path], tmp_path: Path
    ) -> None:
        """Whatever item the first try stopped at, the next gives the result of an uninterrupted one."""
        make().run(FakeContext(tmp_path / "whole", pipeline, inputs=inputs))
        expected = self._files(tmp_path / "whole")
        for stop in range(3):
            folder = tmp_path / str(stop)
            try:
                make().run(FakeContext(folder, pipeline, stop, inputs))
            except KeyboardInterrupt:
                make().run(FakeContext(folder, pipeline, inputs=inputs))
            assert self._files(folder) == expected

    def _files(self, folder: Path) -> dict[str, bytes]:
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.name not in self.varying
        }
