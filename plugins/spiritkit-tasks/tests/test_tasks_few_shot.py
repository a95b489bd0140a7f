"""Few-shot ASR, TTS and intent: prompts, examples, figures by hand."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from spiritkit_tasks.few_shot.asr import FewShotASR
from spiritkit_tasks.few_shot.intent import FewShotIntent
from spiritkit_tasks.few_shot.tts import FewShotTTS, before_stop_word

from spiritkit.errors import InputError, MissingFileError, RequestError
from spiritkit.evaluation.estimate import estimate
from spiritkit.interfaces import Corpus, Result, Task, Trial
from spiritkit.types import Audio, Speech
from spiritkit.utterances import Utterance

CorpusOf = Callable[[str], Corpus]


def figures(task: Task, results: Sequence[Result]) -> dict[str, float | None]:
    return {metric.name: estimate(results, metric, resamples=20, seed=0).value for metric in task.metrics}


# -- ASR --------------------------------------------------------------------------------------------------------------


def test_asr_prompts_are_the_papers_and_wer_is_that_of_all_words(corpus_of: CorpusOf, fakes: Any, trial: Trial) -> None:
    model = fakes.Model(
        {
            "/The cat sat./": "the CAT sat<END>[Speech] and more",  # right, but for spelling
            "/A dog ran off./": "a dog run<END>",  # one wrong, one missing
            "/One bird/": "1 bird <START Transcript>x",  # right: english spells numbers alike
        }
    )
    task = FewShotASR(data=corpus_of("test"), shots_from=corpus_of("dev"), shots=[2, 0])
    results = list(task.evaluate(model, task.items(), trial))
    assert model.asked[:3] == [
        [f"/{words}/", "<START Transcript>"] for words in ("The cat sat.", "A dog ran off.", "One bird")
    ]
    for prompt in model.asked[3:]:
        *examples, speech, begun = prompt
        assert (speech, begun) == (model.asked[model.asked.index(prompt) - 3][0], "<START Transcript>")
        assert len(examples) == 4
        for heard, written in zip(examples[::2], examples[1::2], strict=True):
            assert written == f"<START Transcript>{heard[1:-1]}<END>"
    assert figures(task, results) == {
        "WER 0-shot": pytest.approx(100 * 2 / 9),
        "WER 2-shot": pytest.approx(100 * 2 / 9),
    }
    assert [result.counts["WER 2-shot"] for result in results] == [(0, 3), (2, 4), (0, 2)]
    assert results[1].details["2-shot"] == {
        "shots": 2, "prompt_tokens": None, "cut": False, "answer": "a dog run", "errors": 2, "words": 4
    }  # fmt: skip


def test_asr_of_a_model_of_parallel_data_is_asked_with_its_markers(
    corpus_of: CorpusOf, fakes: Any, trial: Trial
) -> None:
    model = fakes.Model({"/One bird/": "one bird"})
    task = FewShotASR(data=corpus_of("test"), shots_from=corpus_of("dev"), shots=[1], prompts="markers")
    (result,) = task.evaluate(model, task.items()[2:], trial)
    heard, marker, written, speech, *end = model.asked[0]
    assert written == heard[1:-1]
    assert (marker, speech, end) == ("[ASR]", "/One bird/", ["[ASR]", ""])
    assert result.counts == {"WER 1-shot": (0, 2)}


def test_examples_are_drawn_by_seed_and_item_and_are_never_the_question(
    corpus_of: CorpusOf, fakes: Any, trial: Trial, tmp_path: Path
) -> None:
    def asked(seed: int, shots: list[int], backwards: bool = False) -> dict[str, list[str]]:
        model, task = fakes.Model({}), FewShotASR(data=corpus_of("dev"), shots=shots)
        items = list(task.items())
        list(task.evaluate(model, items[::-1] if backwards else items, Trial(tmp_path, seed)))
        return {prompt[-2]: prompt[:-2:2] for prompt in model.asked}

    three = asked(1, [3])
    for question, examples in three.items():
        assert sorted([question, *examples]) == ["/blue cat/", "/green bat/", "/pink rat/", "/red hat/"]
    assert asked(1, [3], backwards=True) == three
    assert asked(1, [2]) == {question: examples[:2] for question, examples in three.items()}
    assert any(asked(seed, [3]) != three for seed in range(2, 6))
    assert len({tuple(examples) for examples in three.values()}) > 1


def test_examples_that_do_not_fit_are_left_out_and_told(
    corpus_of: CorpusOf, fakes: Any, trial: Trial, capsys: pytest.CaptureFixture[str]
) -> None:
    # A prompt of "One bird" has 10 letters and 18 of the flag; an example 5 to 10, 5 to 8 and 23 of flags.
    answers = {"/One bird/": "one bird<END>"}
    task = FewShotASR(data=corpus_of("test"), shots_from=corpus_of("dev"), shots=[0, 1, 3], max_prompt_tokens=75)
    results = list(task.evaluate(fakes.Model(answers, tokens=1), task.items(), trial))
    for result in results:
        assert [result.details[f"{n}-shot"]["shots"] for n in (0, 1, 3)] == [0, 1, 1]
        assert result.details["3-shot"]["prompt_tokens"] <= 75
    paths = task.finish(results, trial)
    assert [path.name for path in paths] == ["shots.json", "shots.png", "shots.svg"]
    rows = json.loads(paths[0].read_text())
    assert [(row["shots"], row["mean_shots"], row["items_with_fewer"]) for row in rows] == [
        (0, 0.0, 0), (1, 1.0, 0), (3, 1.0, 3)
    ]  # fmt: skip
    assert "3 of 3 prompts have fewer than 3 examples" in capsys.readouterr().out
    # The context of 130 tokens has to hold 60 of the answer too.
    bound = FewShotASR(data=corpus_of("test"), shots_from=corpus_of("dev"), shots=[3], max_new_tokens=60)
    (result,) = bound.evaluate(fakes.Model(answers, tokens=1, context=135), task.items()[2:], trial)
    assert result.details["3-shot"]["shots"] == 1
    # A question that does not fit is put all the same: the model says whether it can read it.
    narrow = FewShotASR(data=corpus_of("test"), shots_from=corpus_of("dev"), shots=[3], max_prompt_tokens=5)
    (result,) = narrow.evaluate(fakes.Model(answers, tokens=1), task.items()[2:], trial)
    assert (result.details["3-shot"]["shots"], result.details["3-shot"]["prompt_tokens"]) == (0, 28)


def test_answers_that_were_cut_off_are_counted(corpus_of: CorpusOf, fakes: Any, trial: Trial) -> None:
    task = FewShotASR(data=corpus_of("test"), shots=[0], max_new_tokens=8)
    answers = {
        "/One bird/": "one bird and many more",
        "/The cat sat./": "the",
        "/A dog ran off./": "a<END> and more",  # all of the answer is there
    }
    model = fakes.Model(answers)
    results = list(task.evaluate(model, task.items(), trial))
    (path,) = task.finish(results, trial)
    assert json.loads(path.read_text())[0]["answers_cut"] == 1


def test_missing_recordings_and_transcripts_are_problems_of_their_items(
    corpus_of: CorpusOf, fakes: Any, trial: Trial, asr_folder: Path
) -> None:
    (asr_folder / "test/0001.wav").unlink()
    task = FewShotASR(data=corpus_of("test"), shots_from=corpus_of("dev"), shots=[0, 1])
    results = list(task.evaluate(fakes.Model({}), task.items(), trial))
    assert [result.problem is None for result in results] == [True, False, True]
    assert re.search(r"0001.wav: no such file", results[1].problem or "")
    silent = FewShotASR(
        data=fakes.Corpus([Utterance("a", fakes.sound("x"), "!?"), Utterance("b", None, "b")]), shots=[0]
    )
    problems = [result.problem for result in silent.evaluate(fakes.Model({}), silent.items(), trial)]
    assert problems == ["its transcript is '!?'; expected at least one word", "has no recording"]


def test_a_missing_example_is_a_problem_of_the_items_that_draw_it(
    corpus_of: CorpusOf, fakes: Any, trial: Trial, asr_folder: Path
) -> None:
    (asr_folder / "dev/0002.wav").unlink()
    task = FewShotASR(data=corpus_of("test"), shots_from=corpus_of("dev"), shots=[4])
    results = list(task.evaluate(fakes.Model({}), task.items(), trial))
    assert all("dev/0002.wav" in (result.problem or "") for result in results)


def test_lower_case(corpus_of: CorpusOf, fakes: Any, trial: Trial) -> None:
    model = fakes.Model({})
    task = FewShotASR(data=corpus_of("test"), shots=[2], case="lower", normalizer="none")
    list(task.evaluate(model, task.items()[2:], trial))
    assert {part for part in model.asked[0] if part.startswith("<") and part != "<START Transcript>"} == {
        "<START Transcript>the cat sat.<END>", "<START Transcript>a dog ran off.<END>"
    }  # fmt: skip


def test_requests_that_cannot_be_met_are_refused(corpus_of: CorpusOf, fakes: Any) -> None:
    data = corpus_of("test")
    with pytest.raises(RequestError, match=r"shots has 5, but there are 2 examples"):
        FewShotASR(data=data, shots=[5]).items()
    with pytest.raises(RequestError, match=r"shots is \[1, 1\]"):
        FewShotASR(data=data, shots=[1, 1])
    with pytest.raises(RequestError, match="max_prompt_tokens is 0"):
        FewShotASR(data=data, max_prompt_tokens=0)
    for given in ({}, {"stop_voice": fakes.Synthesizer, "stop_recording": Path("stop.wav")}):
        with pytest.raises(RequestError, match="expected one of stop_voice and stop_recording"):
            FewShotTTS(data=data, recognizer=fakes.Recognizer, **given)
    FewShotTTS(data=data, recognizer=fakes.Recognizer, shots=[0])
    with pytest.raises(RequestError, match="stop_word is 'full stop'; expected one word"):
        FewShotTTS(data=data, recognizer=fakes.Recognizer, shots=[0], stop_word="full stop")


def test_published_figures(corpus_of: CorpusOf) -> None:
    task = FewShotASR(data=corpus_of("test"), benchmark="asr-clean")
    assert task.published["Spirit LM Base"] == {"WER 10-shot": 21.9}
    assert [metric.name for metric in task.metrics] == ["WER 0-shot", "WER 1-shot", "WER 5-shot", "WER 10-shot"]


# -- TTS --------------------------------------------------------------------------------------------------------------


def test_tts_prompts_are_the_papers_and_speech_is_cut_at_the_stop_word(
    corpus_of: CorpusOf, fakes: Any, trial: Trial
) -> None:
    model = fakes.Model(
        {
            "The cat sat. 'stop'": "The cat sat. Stop! The end",  # right up to the stop word
            "A dog ran off. 'stop'": "A fog ran of",  # one character wrong, one missing
            "One bird 'stop'": "",  # nothing at all
        }
    )
    task = FewShotTTS(
        data=corpus_of("test"),
        recognizer=fakes.Recognizer,
        shots_from=corpus_of("dev"),
        shots=[0, 2],
        stop_voice=fakes.Synthesizer,
    )
    results = list(task.evaluate(model, task.items(), trial))
    assert model.asked[:3] == [["The cat sat. 'stop'"], ["A dog ran off. 'stop'"], ["One bird 'stop'"]]
    for prompt in model.asked[3:]:
        assert len(prompt) == 5
        for written, said in zip(prompt[:-1:2], prompt[1::2], strict=True):
            assert written == f"{said[1:-1].removesuffix('stop')} 'stop'"
    assert [result.counts["CER 2-shot"] for result in results] == [(0, 11), (2, 13), (8, 8)]
    assert figures(task, results)["CER 0-shot"] == pytest.approx(100 * 10 / 32)
    details = results[0].details["2-shot"]
    assert (details["heard"], details["counted"]) == ("The cat sat. Stop! The end", "The cat sat. ")
    assert fakes.heard(_read(trial.folder / details["speech"])) == "The cat sat. Stop! The end"
    assert results[2].details["2-shot"]["speech"] is None


def test_tts_of_a_model_of_parallel_data_has_markers_and_no_stop_word(
    corpus_of: CorpusOf, fakes: Any, trial: Trial
) -> None:
    model = fakes.Model({"One bird": "One stop"})
    task = FewShotTTS(
        data=corpus_of("test"), recognizer=fakes.Recognizer, shots_from=corpus_of("dev"), shots=[1], prompts="markers"
    )
    (result,) = task.evaluate(model, task.items()[2:], trial)
    written, marker, said, *question = model.asked[0]
    assert (said, marker, question) == (f"/{written}/", "[TTS]", ["One bird", "[TTS]"])
    assert result.details["1-shot"]["counted"] == "One stop"


def test_models_that_are_no_recipe_are_given_files(
    corpus_of: CorpusOf, fakes: Any, trial: Trial, asr_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, paths = fakes.Model({}), []
    generate = model.generate

    def listening(prompt: Any, *given: Any, **options: Any) -> Any:
        paths.extend(part.audio for part in prompt if isinstance(part, Speech))
        return generate(prompt, *given, **options)

    monkeypatch.setattr(model, "generate", listening)
    asr = FewShotASR(data=corpus_of("test"), shots=[0])
    list(asr.evaluate(model, asr.items(), trial))
    assert paths == [asr_folder / "test" / f"{index:04d}.wav" for index in range(3)]
    paths.clear()
    tts = FewShotTTS(data=corpus_of("test"), recognizer=fakes.Recognizer, shots=[2], stop_voice=fakes.Synthesizer)
    list(tts.evaluate(model, tts.items(), trial))
    assert {path.parent for path in paths} == {trial.folder / "recordings"}
    assert len(set(paths)) == 3


def test_the_stop_word_may_be_a_recording(corpus_of: CorpusOf, fakes: Any, trial: Trial, asr_folder: Path) -> None:
    model = fakes.Model({})
    recording = asr_folder / "dev/0000.wav"
    task = FewShotTTS(data=corpus_of("test"), recognizer=fakes.Recognizer, shots=[1], stop_recording=recording)
    list(task.evaluate(model, task.items(), trial))
    assert all(prompt[1].endswith("red hat/") for prompt in model.asked)
    assert recording in task.input_files()


@pytest.mark.parametrize(
    ("heard", "text", "kept"),
    [
        ("go on. Stop, stop", "go on", "go on. "),
        ("please stop here stop again", "please stop here", "please stop here "),
        ("please stop here", "please stop here", "please stop here"),
        ("nonstop talk", "nonstop talk", "nonstop talk"),
    ],
)
def test_cut_at_the_stop_word(heard: str, text: str, kept: str) -> None:
    assert before_stop_word(heard, "stop", text) == kept


@pytest.mark.parametrize("empty", ["test", "dev"])
def test_an_empty_table_of_recordings_is_named(corpus_of: CorpusOf, asr_folder: Path, empty: str) -> None:
    (asr_folder / f"{empty}.jsonl").write_text("\n")
    with pytest.raises(InputError, match=rf"asr/{empty}.jsonl: no utterances; expected a line for each"):
        FewShotASR(data=corpus_of("test"), shots_from=corpus_of("dev"), shots=[1]).items()


# -- intent -----------------------------------------------------------------------------------------------------------


def test_intent_prompts_are_the_papers_and_only_whole_matches_count(
    intent_folder: Path, fakes: Any, trial: Trial
) -> None:
    model = fakes.Model(
        {
            "/Bedroom lights on/": "Activate lights bedroom and so on",  # what follows an intent does not count
            "/Lamp off/": "deactivate lamp\nnone",  # only the first line does
            "/Kitchen heat up/": " increase heat kitchenA:deactivate lamp none",
        }
    )
    task = FewShotIntent(folder=str(intent_folder), shots=[0, 3])
    results = list(task.evaluate(model, task.items(), trial))
    assert results[0].id == "wavs/speakers/2BqVo8kVB2Skwgyb/test-0.wav"
    assert model.asked[0] == ["/Bedroom lights on/", "A:"]
    assert sorted(zip(model.asked[3][:-2:2], model.asked[3][1:-2:2], strict=True)) == [
        ("/Lights on in the bedroom/", "A:activate lights bedroom"),
        ("/Turn the lamp off/", "A:deactivate lamp none"),
        ("/Use Chinese/", "A:change language Chinese none"),
    ]
    assert [result.counts["exact 3-shot"][0] for result in results] == [1, 0, 1]
    assert figures(task, results)["exact 0-shot"] == pytest.approx(100 * 2 / 3)


def test_with_a_suffix_all_before_it_is_the_answer(intent_folder: Path, fakes: Any, trial: Trial) -> None:
    model = fakes.Model(
        {"/Bedroom lights on/": "activate lights bedroom now;", "/Lamp off/": "deactivate lamp none; and"}
    )
    task = FewShotIntent(folder=str(intent_folder), shots=[1], suffix=";")
    results = list(task.evaluate(model, task.items(), trial))
    assert [result.counts["exact 1-shot"][0] for result in results] == [0, 1, 0]
    assert model.asked[0][1].endswith(";")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (",a.wav,s,words,activate,,none", r"test_data.csv:5: has no object"),
        (",a.wav,s,words,activate", r"test_data.csv:5: has 5 columns; expected 7"),
        (
            ",wavs/speakers/2BqVo8kVB2Skwgyb/test-0.wav,s,words,activate,lights,none",
            r"test_data.csv:5: path '.*test-0.wav' stands in an earlier line too",
        ),
    ],
)
def test_malformed_tables_are_refused_by_line(intent_folder: Path, line: str, message: str) -> None:
    with (intent_folder / "data/test_data.csv").open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(InputError, match=message):
        FewShotIntent(folder=str(intent_folder), shots=[0]).items()


@pytest.mark.parametrize("line", [",a.wav,s,words,activate,lights,none", "a.wav,activate lights", "a.wav"])
def test_a_table_without_a_header_is_refused_with_what_it_should_have(intent_folder: Path, line: str) -> None:
    (intent_folder / "data/test_data.csv").write_text(f"{line}\n")
    message = rf"test_data.csv:1: '{line}' names no columns; expected a first line that has path, action, object, loc"
    with pytest.raises(InputError, match=message):
        FewShotIntent(folder=str(intent_folder), shots=[0]).items()
    (intent_folder / "data/test_data.csv").write_text("")
    with pytest.raises(RequestError, match=r"test_data.csv: no commands; expected a line for each"):
        FewShotIntent(folder=str(intent_folder), shots=[0]).items()


def test_tables_are_input_files_in_one_order(intent_folder: Path) -> None:
    # As a set of names they would come in another order in every other process, and the step would run again.
    for splits in (("test", "train"), ("train", "test")):
        task = FewShotIntent(folder=str(intent_folder), split=splits[0], shots_from=splits[1])
        assert [path.name for path in task.input_files()] == [f"{split}_data.csv" for split in splits]
    assert len(FewShotIntent(folder=str(intent_folder), shots_from="test").input_files()) == 1


def test_a_missing_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"test_data.csv: no such file"):
        FewShotIntent(folder=str(tmp_path), shots=[0]).items()


def _read(path: Path) -> Audio:
    from spiritkit.audio import read_audio

    return read_audio(path, 16_000)
