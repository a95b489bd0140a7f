"""Step `evaluate.v1` in a recipe that changes: each task keeps its results as long as they are those of the same task,
model and seed.
"""

from __future__ import annotations

import importlib
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from spiritkit.evaluation.compare import compare, find_evaluations
from spiritkit.recipe import open_recipe
from spiritkit.registry import registry
from spiritkit.run.runner import Runner

PLUGIN = """
from pathlib import Path

import spiritkit
from spiritkit.interfaces import Context, Item, Metric, Result, SpeechTextModel, Step, Task
from spiritkit.types import Score

asked, loaded, stop = [], [], None

@spiritkit.hookimpl
def spiritkit_components():
    return [
        spiritkit.Component("task", "lines.v1", "quiz:Lines", "a question in each line"),
        spiritkit.Component("speech_text_model", "echo.v1", "quiz:Echo", "its weights are its answer"),
        spiritkit.Component("step", "write-lines.v1", "quiz:WriteLines", "a table"),
    ]

class Lines(Task):
    metrics = (Metric("score", unit="", digits=3),)
    packages = ("quiz-library",)

    def __init__(self, *, table: str, times: int = 1):
        self.table, self.times = Path(table), times

    def input_files(self) -> list[Path]:
        return [self.table]

    def items(self):
        return [Item(line) for line in self.table.read_text().split()]

    def evaluate(self, model, items, trial):
        for item in items:
            score = model.score("", item.id).log_probability
            (trial.folder / item.id).write_text("what was said")
            yield Result(item.id, {"score": (self.times * score, 1)}, {"seed": trial.seed})

    def finish(self, results, trial):
        (trial.folder / "lines.txt").write_text(" ".join(result.id for result in results))
        return [trial.folder / "lines.txt"]

class Echo(SpeechTextModel):
    def __init__(self, *, weights: Path):
        loaded.append(1)
        self.weights = float(weights.read_text())

    def generate(self, prompt, output="any", **options):
        raise NotImplementedError

    def score(self, prompt, continuation):
        if len(asked) == stop:
            raise KeyboardInterrupt
        asked.append(continuation)
        return Score(self.weights + sum(map(ord, continuation)), 1)

class WriteLines(Step):
    sections = ()

    def __init__(self, *, lines: str):
        self.lines = lines

    def run(self, context: Context) -> None:
        (context.folder / "table").write_text(self.lines)
"""


@pytest.fixture
def quiz(tmp_path: Path, install: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The plugin above, installed, and files for it."""
    monkeypatch.chdir(tmp_path)
    install("quiz-library", "")
    monkeypatch.syspath_prepend(str(install("quiz", PLUGIN)))
    registry.cache_clear()
    module = importlib.import_module("quiz")
    Path("a").write_text("a0 a1 a2 a3 a4 a5")
    Path("b").write_text("b0 b1 b2 b3")
    Path("weights").write_text("1")
    yield module
    monkeypatch.undo()
    registry.cache_clear()
    del sys.modules["quiz"]


A, B = {"use": "lines.v1", "table": "a"}, {"use": "lines.v1", "table": "b"}


def run(out: str, tasks: dict[str, Any], force: bool = False, seed: int = 0, **options: Any) -> Path:
    """Run a recipe of one evaluation; its folder."""
    given = {"use": "evaluate.v1", "model": {"use": "echo.v1", "weights": "weights"}, "batch_size": 2, "resamples": 20}
    steps = {"before": options.pop("before", None), "score": {**given, **options, "tasks": tasks}}
    recipe = {"seed": seed, "output_dir": out, "steps": {name: step for name, step in steps.items() if step}}
    Path("r.yaml").write_text(yaml.safe_dump(recipe))
    Runner(open_recipe("r.yaml"), say=lambda line: None).run(force=force)
    return Path(out) / "score"


def asked(quiz: ModuleType) -> list[str]:
    """What the model was asked since the last time, sorted."""
    found = sorted(quiz.asked)
    quiz.asked.clear()
    return found


def contents(folder: Path) -> dict[str, str]:
    """What a reader of the results finds."""
    tasks = [task["name"] for task in json.loads((folder / "results.json").read_text())["tasks"]]
    files = [folder / "results.json", folder / "results.md"]
    for task in tasks:
        said = [folder / task / name for name in (folder / task / "lines.txt").read_text().split()]
        files += [folder / task / "lines.txt", folder / task / "items.jsonl", *said]
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files}


def same_as_new(quiz: ModuleType, folder: Path, tasks: dict[str, Any], **options: Any) -> bool:
    """Whether a run has what one in a new folder has."""
    shutil.rmtree("new", ignore_errors=True)
    new = contents(run("new", tasks, **options))
    quiz.asked.clear()
    return contents(folder) == new


def test_a_task_that_is_added_is_scored_alone(quiz: ModuleType) -> None:
    run("out", {"a": A})
    assert asked(quiz) == ["a0", "a1", "a2", "a3", "a4", "a5"]
    folder = run("out", {"b": B, "a": A})
    assert asked(quiz) == ["b0", "b1", "b2", "b3"]
    assert same_as_new(quiz, folder, {"b": B, "a": A})
    run("out", {"b": B, "a": A})
    assert asked(quiz) == []


def test_a_task_whose_parameter_changes_is_scored_anew_and_alone(quiz: ModuleType) -> None:
    run("out", {"a": A, "b": B})
    asked(quiz)
    changed = {"a": A, "b": {**B, "times": 3}}
    folder = run("out", changed)
    assert asked(quiz) == ["b0", "b1", "b2", "b3"]
    assert same_as_new(quiz, folder, changed)
    run("out", {"a": A, "c": {**B, "times": 3}})  # another name, another seed
    assert asked(quiz) == ["b0", "b1", "b2", "b3"]


def test_a_limit_that_rises_asks_what_is_new_and_one_that_falls_nothing(quiz: ModuleType) -> None:
    tasks = {"a": A, "b": B}
    folder = run("out", tasks, limit=2)
    first = asked(quiz)
    assert len(first) == 4
    run("out", tasks, limit=4)
    more = asked(quiz)
    assert (len(more), set(first) & set(more)) == (4, set())
    assert same_as_new(quiz, folder, tasks, limit=4)
    run("out", tasks, limit=1)
    assert asked(quiz) == []
    assert same_as_new(quiz, folder, tasks, limit=1)
    assert len((folder / "a" / "items.jsonl").read_text().splitlines()) == 1
    assert "on the items that both have (new: 1)" in compare(find_evaluations([Path("out"), Path("new")]))
    run("out", tasks)
    assert asked(quiz) == sorted({"a0", "a1", "a2", "a3", "a4", "a5"} - {*first, *more})
    assert same_as_new(quiz, folder, tasks)
    assert not list(folder.rglob("beyond_limit.jsonl"))


def test_other_resamples_ask_nothing_and_load_no_model(quiz: ModuleType) -> None:
    folder = run("out", {"a": A})
    before = (folder / "results.json").read_text()
    asked(quiz)
    quiz.loaded.clear()
    run("out", {"a": A}, resamples=3)
    assert (asked(quiz), quiz.loaded) == ([], [])
    assert (folder / "results.json").read_text() != before
    assert same_as_new(quiz, folder, {"a": A}, resamples=3)


@pytest.mark.parametrize("change", ["weights", "seed", "plugin", "library", "force"])
def test_what_decides_all_tasks_scores_all_anew(change: str, quiz: ModuleType, tmp_path: Path) -> None:
    run("out", {"a": A, "b": B})
    everything = asked(quiz)
    options: dict[str, Any] = {}
    if change == "weights":
        Path("weights").write_text("2")
    elif change in ("seed", "force"):
        options[change] = 1 if change == "seed" else True
    else:
        name = "quiz" if change == "plugin" else "quiz_library"
        metadata = tmp_path / "site" / f"{name}-1.0.dist-info" / "METADATA"
        metadata.write_text(metadata.read_text().replace("Version: 1.0", "Version: 2.0"))
        registry.cache_clear()
    folder = run("out", {"a": A, "b": B}, **options)
    assert asked(quiz) == everything
    assert same_as_new(quiz, folder, {"a": A, "b": B}, **options)
    versions = json.loads((folder / "step.json").read_text())["versions"]
    assert versions["quiz-library"] == ("2.0" if change == "library" else "1.0")


def test_a_task_whose_table_changes_is_scored_anew_and_alone(quiz: ModuleType) -> None:
    run("out", {"a": A, "b": B})
    asked(quiz)
    Path("b").write_text("b0 b7")
    folder = run("out", {"a": A, "b": B})
    assert asked(quiz) == ["b0", "b7"]
    assert same_as_new(quiz, folder, {"a": A, "b": B})


def test_a_task_that_reads_an_earlier_step_follows_it_alone(quiz: ModuleType) -> None:
    def both(lines: str) -> Path:
        made = {"use": "lines.v1", "table": "out/before/table"}
        return run("out", {"a": A, "made": made}, before={"use": "write-lines.v1", "lines": lines})

    both("x y")
    assert asked(quiz) == ["a0", "a1", "a2", "a3", "a4", "a5", "x", "y"]
    both("x z")
    assert asked(quiz) == ["x", "z"]
    both("x z")
    assert asked(quiz) == []


def test_a_task_that_is_taken_out_is_in_no_result_and_may_come_back(quiz: ModuleType) -> None:
    folder = run("out", {"a": A, "b": B})
    asked(quiz)
    run("out", {"a": A})
    assert asked(quiz) == []
    assert [task["name"] for task in json.loads((folder / "results.json").read_text())["tasks"]] == ["a"]
    assert "b" not in compare(find_evaluations([folder])).split()
    run("out", {"a": A, "b": B})
    assert asked(quiz) == []
    assert same_as_new(quiz, folder, {"a": A, "b": B})
    run("out", {"a": A})
    Path("weights").write_text("3")  # while it was out, the model has changed
    run("out", {"a": A})
    run("out", {"a": A, "b": B})
    assert asked(quiz) == ["a0", "a1", "a2", "a3", "a4", "a5", "b0", "b1", "b2", "b3"]
    run("out", {"a": A}, force=True)
    assert not (folder / "b").exists()


def fail_at(moment: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Interrupts what follows at one of the moments at which something in `out` is written, renamed or removed, and a
    folder when it is removed by half. What was done until then, by name.
    """
    done: list[str] = []

    def failing(function: Any) -> Any:
        def call(path: Any, *arguments: Any, **options: Any) -> Any:
            if "out" in Path(path).parts:
                done.append(function.__name__)
            if len(done) == moment:
                if function.__name__ == "rmtree":
                    sorted(Path(path).iterdir())[0].unlink()
                raise KeyboardInterrupt
            return function(path, *arguments, **options)

        return call

    for owner, name in ((Path, "replace"), (Path, "unlink"), (Path, "mkdir"), (Path, "open"), (shutil, "rmtree")):
        monkeypatch.setattr(owner, name, failing(getattr(owner, name)))
    return done


@pytest.mark.slow
@pytest.mark.parametrize("back", [False, True], ids=["goes on", "goes back"])
def test_killed_at_any_moment_it_never_mixes_results(
    back: bool, quiz: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {"tasks": {"a": A, "b": B, "c": A}, "limit": 3}
    after = {"tasks": {"b": {**B, "times": 3}, "a": A, "d": B}, "limit": 2, "resamples": 10}
    last = before if back else after
    run("start", **before)
    expected = contents(run("expected", **last))
    quiz.asked.clear()
    moment, failed = 0, True
    while failed:
        shutil.rmtree("out", ignore_errors=True)
        shutil.copytree("start", "out")
        moment += 1
        with monkeypatch.context() as patch:
            done = fail_at(moment, patch)
            with suppress(KeyboardInterrupt):
                run("out", **after)
            failed = len(done) >= moment
        assert contents(run("out", **last)) == expected, done
        assert {line[0] for line in asked(quiz)} <= {"b"}, done  # what is unchanged is never asked again
    assert {"replace", "unlink", "mkdir", "open", "rmtree"} <= set(done)


@pytest.mark.parametrize("stop", range(0, 8, 3))
def test_interrupted_while_it_scores_it_goes_on(stop: int, quiz: ModuleType) -> None:
    run("out", {"a": A}, limit=2)
    asked(quiz)
    tasks = {"a": A, "b": B}
    quiz.stop = stop
    with pytest.raises(KeyboardInterrupt):
        run("out", tasks)
    quiz.stop = None
    before = asked(quiz)
    assert len(before) == stop
    folder = run("out", tasks)
    assert len(asked(quiz)) == 8 - stop + stop % 2  # what a batch of two had of an answer is asked again
    assert same_as_new(quiz, folder, tasks)
