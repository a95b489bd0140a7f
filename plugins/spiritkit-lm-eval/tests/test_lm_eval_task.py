"""`lm-eval.v1` beside lm-eval's own evaluation, and what it refuses."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import lm_eval
import pytest
from lm_eval.tasks import TaskManager
from spiritkit_lm_eval.model import SpeechTextLM
from spiritkit_lm_eval.task import LMEval

from spiritkit.errors import InputError, MissingFileError, RequestError
from spiritkit.interfaces import Trial
from spiritkit.testing.stand_in import StandIn
from spiritkit.types import Score

NAMES = ["capitals", "written", "ended", "read"]


def run(task: LMEval, model: Any, folder: Path) -> tuple[dict[str, float], dict[str, Any]]:
    """The table's figures, and lm-eval's own."""
    trial = Trial(folder)
    results = list(task.evaluate(model, task.items(), trial))
    assert [result.problem for result in results] == [None] * len(results)
    found = {}
    for metric in task.metrics:
        pairs = [result.counts[metric.name] for result in results if metric.name in result.counts]
        found[metric.name] = sum(total for total, _ in pairs) / sum(weight for _, weight in pairs)
    (path,) = task.finish(results, trial)
    return found, json.loads(path.read_text())


def test_figures_are_those_of_lm_eval(own_tasks: Path, tmp_path: Path) -> None:
    """Without shots that are drawn, every metric of every type of task."""
    model = StandIn()
    manager = TaskManager(include_path=str(own_tasks), include_defaults=False)
    loaded = manager.load(NAMES)
    for own in loaded["tasks"].values():
        own.set_config("num_fewshot", 0)
    theirs = lm_eval.evaluate(SpeechTextLM(model), loaded, bootstrap_iters=0)["results"]
    table, ours = run(LMEval(tasks=NAMES, shots=0, include_path=[str(own_tasks)]), model, tmp_path)
    for name in NAMES:
        expected = {key: value for key, value in theirs[name].items() if "," in key and "stderr" not in key}
        assert ours[name] == pytest.approx(expected)
    assert set(table) == {
        "capitals acc", "capitals acc_norm", "written exact_match (whole)", "written exact_match (word)", "ended acc",
        "ended log perplexity", "read log word_perplexity", "read bits_per_byte",
    }  # fmt: skip
    assert table["capitals acc"] == theirs["capitals"]["acc,none"]
    assert table["written exact_match (word)"] == theirs["written"]["exact_match,word"]
    assert math.exp(table["ended log perplexity"]) == pytest.approx(theirs["ended"]["perplexity,none"])
    assert math.exp(table["read log word_perplexity"]) == pytest.approx(theirs["read"]["word_perplexity,none"])
    assert table["read bits_per_byte"] == pytest.approx(theirs["read"]["bits_per_byte,none"])
    assert set(ours["capitals"]) == {"acc,none", "acc_norm,none", "f1,none"}


def test_by_hand(own_tasks: Path, recorder: Any, tmp_path: Path) -> None:
    """Of four countries Paris and Tokyo stand first… whoever is asked, this model finds the longer name likelier, and
    writes `Paris five`.
    """
    model = recorder(lambda before, after: Score(float(len(after)) - 20, 1), written="paris five")
    task = LMEval(tasks=["capitals", "written", "ended"], shots=0, include_path=[str(own_tasks)])
    table, _ = run(task, model, tmp_path)
    # Paris or Madrid: wrong; Madrid or Rome: right; Rome or Tokyo: wrong; Tokyo or Lima: right
    assert table["capitals acc"] == 0.5
    assert table["written exact_match (whole)"] == 0.25
    assert table["written exact_match (word)"] == 0.25
    lengths = [len(f" {city}") for city in ("Paris", "Madrid", "Rome", "Tokyo")]
    assert table["ended log perplexity"] == pytest.approx(20 - sum(lengths) / 4)
    assert table["ended acc"] == 0.0  # one token of `paris five` is asked for, and it is not `Paris`
    asked = [prompt for prompt in model.prompts if "France" in prompt]
    assert asked == ["The capital of France is"] * 2  # once to write, once to see if it is greedy
    assert ("The capital of Spain is", " Rome") in model.scored


def test_shots_are_drawn_for_each_document(own_tasks: Path, recorder: Any, tmp_path: Path) -> None:
    def prompts(seed: int, backwards: bool = False) -> dict[str, str]:
        model = recorder()
        task = LMEval(tasks=["written"], include_path=[str(own_tasks)])
        items = task.items()[::-1] if backwards else task.items()
        list(task.evaluate(model, items, Trial(tmp_path, seed)))
        return dict(zip([item.id for item in items], model.prompts, strict=True))

    first = prompts(1)
    assert all(prompt.count("The capital of") == 3 for prompt in first.values())
    assert prompts(1, backwards=True) == first
    assert prompts(2) != first
    model = recorder()
    task = LMEval(tasks=["written"], shots=1, include_path=[str(own_tasks)])
    list(task.evaluate(model, task.items(), Trial(tmp_path)))
    assert all(prompt.count("The capital of") == 2 for prompt in model.prompts)


def test_repeats_are_asked_as_often(own_tasks: Path, recorder: Any, tmp_path: Path) -> None:
    text = (own_tasks / "written.yaml").read_text().replace("task: written", "task: thrice\nrepeats: 3")
    (tmp_path / "thrice.yaml").write_text(text)
    model = recorder()
    task = LMEval(tasks=["thrice"], include_path=[str(tmp_path)])
    results = list(task.evaluate(model, task.items()[:2], Trial(tmp_path)))
    assert len(model.prompts) == 6
    assert [len(result.details["answers"][0]) for result in results] == [3, 3]


def test_a_problem_of_one_document_is_its_own(own_tasks: Path, recorder: Any, tmp_path: Path) -> None:
    def rule(before: str, after: str) -> Score:
        if "Spain" in before:
            raise InputError("too long")
        return Score(float("nan") if "Italy" in before else -1.0, 1)

    task = LMEval(tasks=["ended"], include_path=[str(own_tasks)])
    results = list(task.evaluate(recorder(rule), task.items(), Trial(tmp_path)))
    assert results[0].problem is None
    assert results[1].problem == "too long"
    assert "expected finite numbers" in (results[2].problem or "")
    assert not results[2].counts


def test_tasks_whose_code_fails(own_tasks: Path, recorder: Any, tmp_path: Path) -> None:
    text = (own_tasks / "capitals.yaml").read_text()
    (tmp_path / "utils.py").write_text(
        "def prompt(doc):\n    return doc['country'] if doc['country'] != 'Spain' else 1 / 0\n"
        "def score(doc, results):\n    return {'acc': 1 if doc['country'] != 'Italy' else doc['people']}\n"
    )
    text = text.replace("task: capitals", "task: failing\nprocess_results: !function utils.score")
    text = text.replace('doc_to_text: "The capital of {{country}} is"', "doc_to_text: !function utils.prompt")
    metrics = "metric_list:\n  - {metric: acc, aggregation: mean, higher_is_better: true}\n"
    (tmp_path / "failing.yaml").write_text(text.partition("metric_list")[0] + metrics)
    task = LMEval(tasks=["failing"], include_path=[str(tmp_path)])
    results = list(task.evaluate(recorder(), task.items(), Trial(tmp_path)))
    assert results[0].counts == {"failing acc": (1.0, 1.0)}
    assert results[1].problem == "lm-eval cannot make the prompt: ZeroDivisionError: division by zero"
    assert results[2].problem == "lm-eval cannot score the answer: KeyError: 'people'"


@pytest.mark.parametrize(
    ("replaced", "by", "message"),
    [
        ("task: capitals", "task: capitals\nunsafe_code: true", "runs what the model writes as code"),
        ("task: capitals", "task: capitals\ndoc_to_image: country", "needs images or sound"),
    ],
)
def test_tasks_that_are_not_run(own_tasks: Path, tmp_path: Path, replaced: str, by: str, message: str) -> None:
    (tmp_path / "capitals.yaml").write_text((own_tasks / "capitals.yaml").read_text().replace(replaced, by))
    with pytest.raises(RequestError, match=message):
        LMEval(tasks=["capitals"], include_path=[str(tmp_path)]).items()


def test_data_that_is_not_there(own_tasks: Path, tmp_path: Path) -> None:
    text = (own_tasks / "capitals.yaml").read_text().replace("capitals.jsonl", "lost.jsonl")
    (tmp_path / "capitals.yaml").write_text(text)
    with pytest.raises(InputError, match=r"lm-eval cannot load the task 'capitals': FileNotFoundError: .*lost.jsonl"):
        LMEval(tasks=["capitals"], include_path=[str(tmp_path)]).items()


def test_what_cannot_be_asked_for(own_tasks: Path, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="lm-eval.v1: tasks is empty"):
        LMEval(tasks=[])
    with pytest.raises(RequestError, match="lm-eval.v1: shots is -1; expected at least 0"):
        LMEval(tasks=["capitals"], shots=-1)
    with pytest.raises(MissingFileError, match="a folder with tasks for lm-eval"):
        LMEval(tasks=["capitals"], include_path=[str(tmp_path / "none")]).items()
    assert {path.name for path in LMEval(tasks=["capitals"], include_path=[str(own_tasks)]).input_files()} == {
        "capitals.jsonl", "shots.jsonl", *(f"{name}.yaml" for name in NAMES)
    }  # fmt: skip


@pytest.mark.slow
def test_names_that_lm_eval_does_not_have(own_tasks: Path) -> None:
    with pytest.raises(RequestError, match="lm-eval has no task 'capital_cities'"):
        LMEval(tasks=["capital_cities"], include_path=[str(own_tasks)]).items()
    with pytest.raises(RequestError, match="lm-eval has no task 'hellaswg'; did you mean 'hellaswag'?"):
        LMEval(tasks=["hellaswg"]).items()
