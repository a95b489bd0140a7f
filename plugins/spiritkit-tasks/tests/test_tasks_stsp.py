"""STSP: prompts, sentiments, predictions, figures by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from spiritkit_tasks.stsp.examples import balanced
from spiritkit_tasks.stsp.files import StspExample, read_examples, read_predictions, read_prompts
from spiritkit_tasks.stsp.score import ScoreSTSP
from spiritkit_tasks.stsp.task import STSP

from spiritkit.errors import InputError, RequestError
from spiritkit.interfaces import Trial
from spiritkit.pipeline import Parts, Pipeline
from spiritkit.testing.step import FakeContext

ANSWERS = {
    # What is said in reply to a prompt; the classifiers look for the names of their labels in it.
    "positive words": "a positive and a negative thing",  # the first label that occurs: positive, right
    "negative words": "something positive",  # wrong
    "neutral words": "",  # nothing: wrong
    "/happy prompt/": "positive, happy",  # right both as text and as speech
    "/sad prompt/": "negative, default",  # right as text
    "/default prompt/": "neutral, sad",  # right as text
}


@pytest.fixture
def make(stsp_folder: Path, fakes: Any) -> Callable[..., STSP]:
    def make(**given: Any) -> STSP:
        parameters: dict[str, Any] = {
            "folder": str(stsp_folder),
            "split": "test",
            "text_classifier": lambda: fakes.Classifier("text", ("positive", "negative", "neutral")),
            "speech_classifier": lambda: fakes.Classifier("speech", ("happy", "sad", "default")),
        }
        return STSP(**parameters | given)

    return make


def test_figures_by_hand(make: Callable[..., STSP], fakes: Any, trial: Trial) -> None:
    task = make(shots=[0, 3], runs=3)
    assert [item.id for item in task.items()] == [
        "text/p0",
        "text/p1",
        "text/p2",
        "speech/p0",
        "speech/p1",
        "speech/p2",
    ]
    results = {result.id: result for result in task.evaluate(fakes.Model(ANSWERS), task.items(), trial)}
    sums: dict[str, list[tuple[float, float]]] = {}
    for result in results.values():
        assert result.problem is None
        for name, pair in result.counts.items():
            sums.setdefault(name, []).append(pair)
    assert sums["T→T 0-shot"] == sums["T→T 3-shot"] == [(3, 3), (0, 3), (0, 3)]
    assert sums["S→T 0-shot"] == [(3, 3), (3, 3), (3, 3)]
    assert sums["S→S 0-shot"] == [(3, 3), (0, 3), (0, 3)]  # default is neutral, sad negative
    # "a positive and a negative thing" has none of happy, sad, default: the last label, neutral.
    assert sums["T→S 0-shot"] == [(0, 3), (0, 3), (0, 3)]
    assert sums["T prompts"] == sums["S prompts"] == [(1, 1)] * 3
    assert set(sums) == {metric.name for metric in task.metrics}
    assert results["text/p2"].details["asked"]["T→T 0-shot"]["predicted"] == ["", "", ""]
    said = results["speech/p0"].details["asked"]["S→S 3-shot"]["said"]
    assert said == ["speech/p0 s2s 3-shot.wav"]  # of the first run
    assert (trial.folder / said[0]).exists()


def test_prompts_have_examples_of_each_sentiment_and_of_the_direction(
    make: Callable[..., STSP], fakes: Any, trial: Trial
) -> None:
    model, task = fakes.Model(ANSWERS), make(shots=[3], runs=1)
    list(task.evaluate(model, task.items(), trial))
    asked = {
        direction: [prompt for prompt in model.asked if _is(direction, prompt)]
        for direction in ("tt", "ts", "st", "ss")
    }
    assert [len(prompts) for prompts in asked.values()] == [3, 3, 3, 3]
    for prompt in asked["tt"]:
        examples, question = prompt[:-1], prompt[-1]
        assert question in ANSWERS
        for example in examples:
            index = example[len("prompt")]
            assert example == f"prompt{index} generation{index}\n"
        assert sorted(int(example[len("prompt")]) % 3 for example in examples) == [0, 1, 2]
    prompt = asked["ts"][0]
    assert [part[:7] for part in prompt[:-1:2]] == ["prompt" + part[-2] for part in prompt[1::2]]
    assert all(part.startswith("/generation") for part in prompt[1::2])
    assert all(part.startswith("/prompt") for part in asked["st"][0][:-1:2])
    assert all(part.startswith("generation") for part in asked["st"][0][1::2])
    assert asked["ss"][0][-1] in ANSWERS


def _is(direction: str, prompt: list[str]) -> bool:
    kinds = ["s" if part.startswith("/") else "t" for part in prompt]
    return kinds == (["t"] * 4 if direction == "tt" else [*(list(direction) * 3), direction[0]])


def test_each_run_has_a_seed_of_its_own_and_each_kind_of_answer_its_length(
    make: Callable[..., STSP], fakes: Any, trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, task = fakes.Model(ANSWERS), make(shots=[0], runs=3)
    lengths = set()
    generate = model.generate

    def listening(prompt: Any, output: Any, **options: Any) -> Any:
        lengths.add((prompt[0].__class__.__name__, output, options["max_new_tokens"]))
        assert (options["temperature"], options["top_p"]) == (0.8, 0.95)
        return generate(prompt, output, **options)

    monkeypatch.setattr(model, "generate", listening)
    list(task.evaluate(model, task.items(), trial))
    assert len(set(model.seeds)) == len(model.seeds) == 3 * 6 * 2
    assert lengths == {
        ("Text", "text", 50), ("Speech", "text", 50), ("Text", "speech", 200), ("Speech", "speech", 300)
    }  # fmt: skip


def test_predictions_are_written_and_score_the_same(
    make: Callable[..., STSP], fakes: Any, trial: Trial, stsp_folder: Path, tmp_path: Path
) -> None:
    task = make(shots=[0], runs=2)
    results = list(task.evaluate(fakes.Model(ANSWERS), task.items(), trial))
    (path,) = task.finish(results, trial)
    runs = json.loads(path.read_text())
    assert runs["T→T 0-shot"] == {"runs": [100 / 3, 100 / 3], "prompts": 3, "prompts_with_fewer_examples": 0}
    files = sorted(file.name for file in (trial.folder / "predictions").iterdir())
    assert files == [f"{one}-0-shot-run{run}.jsonl" for one in ("s2s", "s2t", "t2s", "t2t") for run in (1, 2)]
    written = (trial.folder / "predictions/s2t-0-shot-run1.jsonl").read_text().splitlines()
    assert written[0] == '{"id": "p0", "pred": "positive"}'
    for direction, manifest, expected in (("t2t", "text", 33.333333), ("s2t", "speech", 100.0)):
        step = ScoreSTSP(
            predictions=[str(trial.folder / "predictions" / f"{direction}-*.jsonl")],
            manifest=stsp_folder / f"{manifest}.jsonl",
            split="test",
        )
        step.run(FakeContext(tmp_path / direction, Pipeline(Parts())))
        scores = json.loads((tmp_path / direction / "scores.json").read_text())
        assert {name: (round(score["accuracy"], 6), score["missing"]) for name, score in scores.items()} == {
            f"{direction}-0-shot-run1": (expected, 0), f"{direction}-0-shot-run2": (expected, 0)
        }  # fmt: skip


def test_predictions_of_prompts_that_are_no_longer_asked_are_gone(
    make: Callable[..., STSP], fakes: Any, trial: Trial
) -> None:
    task = make(shots=[0], runs=1)
    results = list(task.evaluate(fakes.Model(ANSWERS), task.items(), trial))
    task.finish(results, trial)
    task.finish(results[:2], trial)  # a smaller limit, of text prompts alone
    files = {file.name: len(file.read_text().splitlines()) for file in (trial.folder / "predictions").iterdir()}
    assert files == {"t2t-0-shot-run1.jsonl": 2, "t2s-0-shot-run1.jsonl": 2}


def test_prompts_without_prediction_are_wrong_and_told(
    stsp_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "theirs.jsonl").write_text('{"id": "p0", "pred": "positive"}\n{"id": "p1", "pred": "neutral"}\n')
    step = ScoreSTSP(predictions=[str(tmp_path / "theirs.jsonl")], manifest=stsp_folder / "speech.jsonl")
    step.run(FakeContext(tmp_path / "scores", Pipeline(Parts())))
    (score,) = json.loads((tmp_path / "scores/scores.json").read_text()).values()
    assert score["accuracy"] == pytest.approx(100 / 3)
    assert (score["prompts"], score["missing"]) == (3, 1)
    assert "theirs: 33.3 %" in (said := capsys.readouterr().out)
    assert "of 3 prompts, 1 without prediction" in said
    (tmp_path / "theirs.jsonl").write_text('{"id": "p0", "pred": "neutral"}\n{"id": "nobody", "pred": ""}\n')
    with pytest.raises(InputError, match=r"theirs.jsonl:2: id 'nobody' is not in .*speech.jsonl; expected ids"):
        step.run(FakeContext(tmp_path / "scores", Pipeline(Parts())))


def test_examples_that_do_not_fit_are_left_out_and_told(
    make: Callable[..., STSP], fakes: Any, trial: Trial, capsys: pytest.CaptureFixture[str]
) -> None:
    # The prompts of text have 13 or 14 letters, each example 20; 50 are for the answer.
    task = make(shots=[3], runs=1, directions=["T→T"], speech_classifier=None)
    results = list(task.evaluate(fakes.Model(ANSWERS, tokens=1, context=110), task.items(), trial))
    assert {result.details["asked"]["T→T 3-shot"]["shots"] for result in results} == {2}
    task.finish(results, trial)
    assert "T→T 3-shot: 3 of 3 prompts have fewer examples" in capsys.readouterr().out


def test_missing_recordings_are_problems_of_their_prompts(
    make: Callable[..., STSP], fakes: Any, trial: Trial, stsp_folder: Path
) -> None:
    (stsp_folder / "wav/prompt1.wav").unlink()
    task = make(shots=[0])
    problems = {result.id: result.problem for result in task.evaluate(fakes.Model(ANSWERS), task.items(), trial)}
    assert [id for id, problem in problems.items() if problem] == ["speech/p1"]
    assert "prompt1.wav: no such file" in str(problems["speech/p1"])


def test_a_damaged_recording_is_a_problem_of_its_prompt(
    make: Callable[..., STSP], fakes: Any, trial: Trial, stsp_folder: Path
) -> None:
    (stsp_folder / "wav/prompt1.wav").write_bytes(b"RIFF, and then nothing")
    task = make(shots=[0], directions=["S→S"])
    problems = {result.id: result.problem for result in task.evaluate(fakes.Model(ANSWERS), task.items(), trial)}
    assert [id for id, problem in problems.items() if problem] == ["speech/p1"]
    assert "prompt1.wav: not audio" in str(problems["speech/p1"])


def test_what_the_classifier_cannot_take_is_a_problem_of_its_prompt_alone(
    make: Callable[..., STSP], fakes: Any, trial: Trial
) -> None:
    class Short(fakes.Classifier):  # type: ignore[misc, name-defined]
        def classify(self, batch: Any) -> Any:
            long = next((text for text in batch if len(text) > 40), None)
            if long:
                raise InputError(f"a text of {len(long)} letters; expected 40 at most")
            return super().classify(batch)

    task = make(
        text_classifier=lambda: Short("text", ("positive", "negative", "neutral")), directions=["T→T"], shots=[0]
    )
    answers = {**ANSWERS, "negative words": "something negative" * 3}
    results = {result.id: result for result in task.evaluate(fakes.Model(answers), task.items(), trial)}
    assert results["text/p1"].problem == "T→T 0-shot: a text of 54 letters; expected 40 at most"
    assert not results["text/p1"].counts
    assert results["text/p0"].counts["T→T 0-shot"] == (3, 3)


def test_labels_that_say_no_sentiment_are_refused_until_mapped(
    make: Callable[..., STSP], fakes: Any, trial: Trial
) -> None:
    def classifier() -> Any:
        return fakes.Classifier("text", ("LABEL_0", "Positive"))

    task = make(text_classifier=classifier, directions=["T→T"], shots=[0])
    with pytest.raises(RequestError, match=r"text_classifier has labels LABEL_0, which say no sentiment; add 'text_l"):
        list(task.evaluate(fakes.Model(ANSWERS), task.items(), trial))
    task = make(text_classifier=classifier, directions=["T→T"], shots=[0], text_labels={"LABEL_0": "negative"})
    results = list(task.evaluate(fakes.Model({}), task.items(), trial))
    assert all(result.problem is None for result in results)
    wrong = make(text_classifier=lambda: fakes.Classifier("speech", ("positive",)), directions=["T→T"], shots=[0])
    with pytest.raises(RequestError, match="text_classifier judges speech; expected one of text"):
        list(wrong.evaluate(fakes.Model(ANSWERS), wrong.items(), trial))


def test_requests_that_cannot_be_met_are_refused(make: Callable[..., STSP]) -> None:
    with pytest.raises(RequestError, match="direction T→S needs speech_classifier"):
        make(speech_classifier=None)
    with pytest.raises(RequestError, match=r"s2s.jsonl|t2t.jsonl: 6 examples; shots has 9"):
        make().items()
    with pytest.raises(RequestError, match="runs is 0"):
        make(runs=0)
    with pytest.raises(RequestError, match="text_labels: has 'good'"):
        make(text_labels={"LABEL_1": "good"})
    with pytest.raises(RequestError, match="directions is empty"):
        make(directions=[])


def test_examples_take_turns() -> None:
    examples = [
        StspExample(str(index), "", sentiment) for index, sentiment in enumerate(["positive"] * 4 + ["negative"] * 2)
    ]  # type: ignore[arg-type]
    for item in "abc":
        four = balanced(examples, 4, 0, item)
        assert sorted(one.sentiment for one in four) == ["negative"] * 2 + ["positive"] * 2
        assert balanced(examples, 2, 0, item) == four[:2]
        six = balanced(examples, 9, 0, item)  # there are no more than two negative ones
        assert sorted(one.prompt for one in six) == list("012345")
    assert len({tuple(one.prompt for one in balanced(examples, 4, 0, str(item))) for item in range(9)}) > 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"id": "x", "asr": "words", "sentiment": "glad"}', r"text.jsonl:5: sentiment is 'glad'; expected positive"),
        ('{"id": "x", "asr": "words", "emotion": "laughing"}', r"text.jsonl:5: emotion is 'laughing'"),
        ('{"id": "x", "asr": "words"}', r"text.jsonl:5: emotion is None; expected sentiment or emotion as a string"),
        ('{"id": "x", "sentiment": "neutral"}', r"text.jsonl:5: asr is None"),
        ('{"id": "p0", "asr": "words", "sentiment": "neutral"}', r"text.jsonl:5: id 'p0' stands in an earlier line"),
        ("{", r"text.jsonl:5: not JSON"),
    ],
)
def test_malformed_manifests_are_refused_by_line(stsp_folder: Path, line: str, message: str) -> None:
    with (stsp_folder / "text.jsonl").open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(InputError, match=message):
        read_prompts(stsp_folder / "text.jsonl", "text", None)


def test_other_malformed_files_are_refused_by_line(stsp_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"text.jsonl: no prompts of split 'train'"):
        read_prompts(stsp_folder / "text.jsonl", "text", "train")
    path = stsp_folder / "few_shot/t2t.jsonl"
    path.write_text(path.read_text() + '{"prompt": "p", "sentiment": "neutral"}\n')
    with pytest.raises(InputError, match=r"t2t.jsonl:7: generation is None"):
        read_examples(path)
    path.write_text('{"id": "a", "pred": "neutral"}\n{"id": "a", "pred": "neutral"}\n')
    with pytest.raises(InputError, match=r"t2t.jsonl:2: id 'a' stands in an earlier line too"):
        read_predictions(path, {"a"}, stsp_folder / "text.jsonl")
    path.write_text('{"id": "a", "pred": "happy"}\n')
    with pytest.raises(InputError, match=r"t2t.jsonl:1: pred is 'happy'; expected positive, negative, neutral"):
        read_predictions(path, {"a"}, stsp_folder / "text.jsonl")


def test_emotions_are_those_of_the_paper(stsp_folder: Path) -> None:
    lines = [
        {"id": emotion, "wav_path": "a.wav", "emotion": emotion}
        for emotion in ("happy", "amused", "sad", "angry", "default", "neutral")
    ]
    (stsp_folder / "speech.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = [prompt.sentiment for prompt in read_prompts(stsp_folder / "speech.jsonl", "speech", None)]
    assert found == ["positive", "positive", "negative", "negative", "neutral", "neutral"]
