"""`mmlu.v1`: prompts, scores, and data that cannot be used."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import datasets
import lm_eval
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from lm_eval.api.model import LM
from lm_eval.tasks import TaskManager
from spiritkit_lm_eval.mmlu import MMLU
from spiritkit_lm_eval.mmlu_prompts import categories

from spiritkit.errors import InputError, MissingFileError, RequestError, SpiritkitError
from spiritkit.evaluation.published import published
from spiritkit.interfaces import Trial
from spiritkit.types import Score

SUBJECTS = ["anatomy", "high_school_us_history"]

ANATOMY_0_TWO_SHOTS = """The following are multiple choice questions (with answers) about anatomy.

What is 0 + 3 in anatomy?
A. 3
B. 4
C. 5
D. 6
Answer: A

What is 1 + 3 in anatomy?
A. 3
B. 4
C. 5
D. 6
Answer: B

What is 0 + 4 in anatomy?
A. 4
B. 5
C. 6
D. 7
Answer:"""


def figures(task: MMLU, results: list[Any]) -> dict[str, float]:
    found = {}
    for metric in task.metrics:
        pairs = [result.counts[metric.name] for result in results if result.counts]
        found[metric.name] = sum(total for total, _ in pairs) / sum(weight for _, weight in pairs)
    return found


class Noted(LM):
    """lm-eval's own model interface, noting what is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, str]] = []

    def loglikelihood(self, requests: list[Any]) -> list[tuple[float, bool]]:
        self.asked += [request.args for request in requests]
        return [(0.0, False) for _ in requests]

    loglikelihood_rolling = generate_until = loglikelihood


@pytest.fixture
def from_disk(mmlu: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lm-eval would fetch from the hub comes from the folder."""

    def load_dataset(path: str, name: str, **_: Any) -> dict[str, datasets.Dataset]:
        assert path == "cais/mmlu"
        splits = ("dev", "validation", "test")
        return {
            split: datasets.Dataset(pq.read_table(mmlu / name / f"{split}-00000-of-00001.parquet")) for split in splits
        }

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)


@pytest.mark.parametrize("shots", [5, 0, 2])
def test_prompts_are_those_of_lm_eval(mmlu: Path, from_disk: None, recorder: Any, tmp_path: Path, shots: int) -> None:
    manager = TaskManager(include_path=str(files("lm_eval") / "tasks" / "mmlu" / "default"), include_defaults=False)
    theirs = Noted()
    loaded = manager.load([f"mmlu_{subject}" for subject in SUBJECTS])
    for own in loaded["tasks"].values():
        own.set_config("num_fewshot", shots)
    lm_eval.evaluate(theirs, loaded, bootstrap_iters=0, log_samples=False)
    task, ours = MMLU(data=str(mmlu), shots=shots, subjects=SUBJECTS), recorder()
    list(task.evaluate(ours, task.items(), Trial(tmp_path)))
    assert ours.scored == theirs.asked
    assert len(ours.scored) == 4 * (4 + 3)


def test_a_prompt_in_full(mmlu: Path, recorder: Any, tmp_path: Path) -> None:
    task, model = MMLU(data=str(mmlu), shots=2, subjects=["anatomy"]), recorder()
    list(task.evaluate(model, task.items()[:1], Trial(tmp_path)))
    assert model.scored == [(ANATOMY_0_TWO_SHOTS, f" {letter}") for letter in "ABCD"]


def test_scores_by_hand(mmlu: Path, recorder: Any, tmp_path: Path) -> None:
    """Answers are A, B, C, D, then A, B, C. This model finds B most probable, and D for each token."""
    rule = {
        " A": Score(-3.0, 1), " B": Score(-1.0, 1), " C": Score(-2.0, 1), " D": Score(-1.5, 2)
    }  # fmt: skip
    task = MMLU(data=str(mmlu), subjects=SUBJECTS)
    model = recorder(lambda before, after: rule[after])
    results = list(task.evaluate(model, task.items(), Trial(tmp_path)))
    assert figures(task, results) == {"accuracy": 2 / 7, "accuracy normalised": 1 / 7}
    by_id = {result.id: result for result in results}
    assert list(by_id) == [
        *(f"anatomy/{n}" for n in range(4)), *(f"high_school_us_history/{n}" for n in range(3))
    ]  # fmt: skip
    assert by_id["anatomy/3"].counts == {"accuracy": (0.0, 1.0), "accuracy normalised": (1.0, 1.0)}
    assert by_id["anatomy/3"].details == {
        "category": "stem",
        "subject": "anatomy",
        "answer": "D",
        "chosen": "B",
        "scores": {"A": [-3.0, 1], "B": [-1.0, 1], "C": [-2.0, 1], "D": [-1.5, 2]},
    }
    (path,) = task.finish(results, Trial(tmp_path))
    assert json.loads(path.read_text()) == {
        "category": {
            "humanities": {"items": 3, "accuracy": 33.33, "accuracy normalised": 0.0},
            "stem": {"items": 4, "accuracy": 25.0, "accuracy normalised": 25.0},
        },
        "subject": {
            "anatomy": {"items": 4, "accuracy": 25.0, "accuracy normalised": 25.0},
            "high_school_us_history": {"items": 3, "accuracy": 33.33, "accuracy normalised": 0.0},
        },
    }


def test_what_does_not_fit_is_reported_not_cut(mmlu: Path, recorder: Any, tmp_path: Path) -> None:
    def rule(before: str, after: str) -> Score:
        if "What is 2 + 4 in anatomy" in before:
            raise InputError("a sequence has 5000 ids; the language model's context holds 4096")
        return Score(-float(ord(after[1])), 1)

    task = MMLU(data=str(mmlu), subjects=["anatomy"])
    results = list(task.evaluate(recorder(rule), task.items(), Trial(tmp_path)))
    assert [result.problem for result in results] == [
        None, None, "a sequence has 5000 ids; the language model's context holds 4096", None
    ]  # fmt: skip
    assert not results[2].counts
    assert figures(task, results)["accuracy"] == 1 / 3


def test_a_score_that_is_no_number_is_a_problem(mmlu: Path, recorder: Any, tmp_path: Path) -> None:
    task = MMLU(data=str(mmlu), subjects=["anatomy"])
    for score in (Score(float("nan"), 1), Score(0.0, 0)):
        results = list(task.evaluate(recorder(lambda *_, score=score: score), task.items(), Trial(tmp_path)))
        assert all("the model's scores of the letters are" in (result.problem or "") for result in results)


def test_subjects_splits_and_files(mmlu: Path) -> None:
    task = MMLU(data=str(mmlu), subjects=SUBJECTS, split="validation")
    assert [item.id for item in task.items()] == [f"{subject}/{n}" for subject in SUBJECTS for n in range(2)]
    assert [path.relative_to(mmlu).as_posix() for path in task.input_files()] == [
        f"{subject}/{split}-00000-of-00001.parquet" for subject in SUBJECTS for split in ("validation", "dev")
    ]
    assert MMLU(data=str(mmlu), subjects=["anatomy"], shots=0).input_files() == [
        mmlu / "anatomy" / "test-00000-of-00001.parquet"
    ]
    assert len(categories()) == 57
    assert set(categories().values()) == {"stem", "humanities", "social_sciences", "other"}
    with pytest.raises(MissingFileError, match=r"abstract_algebra/test-00000-of-00001.parquet.*as in cais/mmlu"):
        MMLU(data=str(mmlu)).items()
    assert MMLU.published == published("mmlu")
    assert {name for row in MMLU.published.values() for name in row} <= {metric.name for metric in MMLU.metrics}


def test_several_files_of_one_split(mmlu: Path, tmp_path: Path, write: Any, sums: Any) -> None:
    path = write(tmp_path, "anatomy", "test", sums("anatomy", "test", 3))
    path.rename(path.with_name("test-00001-of-00002.parquet"))
    path = write(tmp_path, "anatomy", "test", sums("anatomy", "test", 2))
    path.rename(path.with_name("test-00000-of-00002.parquet"))
    assert len(MMLU(data=str(tmp_path), subjects=["anatomy"], shots=0).items()) == 5


def test_a_name_on_the_hub(mmlu: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[Any] = []

    def snapshot_download(name: str, **options: Any) -> str:
        asked.append((name, options))
        if len(asked) > 1:
            raise OSError("no route to host")
        return str(mmlu)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    monkeypatch.chdir(tmp_path)
    task = MMLU(subjects=["anatomy"])
    assert task.input_files() == []
    assert asked == []
    assert len(task.items()) == 4
    assert asked == [("cais/mmlu", {"repo_type": "dataset", "allow_patterns": ["anatomy/*.parquet"]})]
    with pytest.raises(MissingFileError, match="the hub did not give it either: no route to host"):
        MMLU(subjects=["anatomy"]).items()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"shots": -1}, "mmlu.v1: shots is -1; expected at least 0"),
        ({"subjects": []}, "mmlu.v1: subjects is []; expected names"),
        ({"subjects": ["anatomy", "anatomy"]}, "expected names, each once"),
        ({"subjects": ["anatmy"]}, "mmlu.v1: no subject 'anatmy'; did you mean 'anatomy'?"),
        ({"subjects": ["anatomy"], "shots": 6}, "mmlu.v1: shots is 6; anatomy has 5 questions in dev"),
    ],
)
def test_parameters_that_cannot_be(mmlu: Path, wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError) as caught:
        MMLU(data=str(mmlu), **wrong).items()
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"choices": ["1", "2", "3"]}, "row 1: choices are ['1', '2', '3']; expected four texts"),
        ({"choices": ["1", "2", "3", None]}, "row 1: choices are ['1', '2', '3', None]; expected four texts"),
        ({"answer": 4}, "row 1: answer is 4; expected 0…3"),
        ({"answer": None}, "row 1: answer is None; expected 0…3"),
        ({"question": " "}, "row 1: question is ' '; expected a text"),
        ({"question": None}, "row 1: question is None; expected a text"),
    ],
)
def test_rows_that_cannot_be_used(tmp_path: Path, write: Any, sums: Any, row: dict[str, Any], message: str) -> None:
    rows = sums("anatomy", "test", 3)
    rows[1] |= row
    path = write(tmp_path, "anatomy", "test", rows)
    with pytest.raises(InputError) as caught:
        MMLU(data=str(tmp_path), subjects=["anatomy"], shots=0).items()
    assert str(caught.value) == f"{path}: {message}"


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    def items() -> Callable[[], Any]:
        return MMLU(data=str(tmp_path), subjects=["anatomy"], shots=0).items

    with pytest.raises(MissingFileError, match="expected questions of MMLU"):
        MMLU(data=str(tmp_path / "none"), subjects=["anatomy"]).input_files()
    path = tmp_path / "anatomy" / "test-00000-of-00001.parquet"
    path.parent.mkdir()
    path.write_bytes(b"question,choices,answer\n")
    with pytest.raises(SpiritkitError, match=r"test-00000-of-00001.parquet: unreadable as Parquet"):
        items()()
    pq.write_table(pa.table({"question": ["?"], "choices": [["1", "2", "3", "4"]]}), path)
    with pytest.raises(SpiritkitError, match=r"has no column 'answer'; expected question, choices, answer"):
        items()()
