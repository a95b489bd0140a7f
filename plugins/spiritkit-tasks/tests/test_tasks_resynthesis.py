"""Resynthesis: bit rates, F0 frame error, figures by hand, on a tokenizer that loses letters."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from spiritkit_tasks.resynthesis.bit_rate import entropy_rate, nominal, token_codes
from spiritkit_tasks.resynthesis.f0_error import frame_errors
from spiritkit_tasks.resynthesis.task import Resynthesis

from spiritkit.data.audio_file import AudioFile
from spiritkit.errors import RequestError
from spiritkit.interfaces import F0, UnitTokenizer, Vocoder
from spiritkit.pipeline import Parts, Pipeline
from spiritkit.testing import TaskContract
from spiritkit.types import Audio, StreamSpec, Units
from spiritkit.utterances import Utterance


def test_nominal_bit_rates_are_the_papers() -> None:
    hubert = StreamSpec("hubert", 501, Fraction(25), True)
    pitch, style = StreamSpec("pitch", 64, Fraction(25, 2), True), StreamSpec("style", 100, Fraction(1), False)
    assert nominal([hubert]) == 225
    assert nominal([style, pitch, hubert]) == 307


def test_entropy_is_of_the_tokens() -> None:
    specs = (StreamSpec("a", 8, Fraction(4), True), StreamSpec("b", 2, Fraction(1), False))
    units = Units(specs, {"a": np.array([1, 1, 2, 2, 3, 3, 4, 1]), "b": np.array([0, 0])})
    codes = token_codes(units)
    assert codes == {"a": [1, 2, 3, 4, 1], "b": [0, 0]}
    # Two seconds and two more: of stream a the codes 1, 2, 3, 4, 1 and 2, 3, 4: each a quarter of 8, so 2 bits.
    assert entropy_rate([codes, {"a": [2, 3, 4], "b": []}], 4.0) == pytest.approx(8 * 2 / 4)
    # One of two tokens in four: 4 · H(1/4) bits.
    expected = -(math.log2(1 / 4) + 3 * math.log2(3 / 4))
    assert entropy_rate([{"a": [5, 6, 6, 6]}], 1.0) == pytest.approx(expected)
    assert entropy_rate([{"a": []}], 1.0) == 0


def test_f0_frame_errors_by_hand() -> None:
    def track(hz: Sequence[float], voiced: Sequence[int]) -> F0:
        return F0(np.array(hz, dtype=np.float32), np.array(voiced, dtype=np.float32))

    original = track([100, 100, 100, 100, 100, 100], [1, 1, 1, 1, 0, 0])
    copy = track([120, 121, 79, 100, 500, 100, 7], [1, 1, 1, 0, 0, 1, 1])
    # 120 is within 20 %, 121 and 79 are not; frames 3 and 5 differ in voicing; 4 is unvoiced in both; 6 is beyond.
    assert frame_errors(original, copy) == (2, 2, 6)
    assert frame_errors(copy, original).frames == 6
    assert frame_errors(original, original)[:2] == (0, 0)


class Letters(UnitTokenizer):
    """A code for each sample, and a second stream of one for each four samples. It takes `q` for `x`."""

    @property
    def streams(self) -> tuple[StreamSpec, ...]:
        return (StreamSpec("0", 256, Fraction(16_000), True), StreamSpec("1", 2, Fraction(4_000), False))

    def encode(self, audios: list[Audio]) -> list[Units]:
        found = []
        for audio in audios:
            codes = np.round(audio.samples * 256).astype(int)
            codes[codes == ord("q")] = ord("x")
            found.append(Units(self.streams, {"0": codes, "1": np.zeros(len(codes) // 4, dtype=int)}))
        return found


class Reader(Vocoder):
    """Speaks the codes, in capitals with the voice `loud`."""

    accepts = ("letters.0",)
    sample_rate = 16_000

    def decode(
        self, speech: list[Any], *, speaker: int | str | None = None, style: int | str | None = None, seed: int = 0
    ) -> list[Audio]:
        if speaker not in (None, "loud"):
            raise RequestError(f"no speaker {speaker!r}; expected loud")
        audios = []
        for one in speech:
            codes = one["letters.0"].copy()
            if speaker == "loud":
                codes[(codes >= ord("a")) & (codes <= ord("z"))] -= 32
            audios.append(Audio(codes.astype(np.float32) / 256, 16_000))
        return audios

    def decode_stream(self, chunks: Any, **options: Any) -> Any:
        raise NotImplementedError


def never() -> Any:
    raise AssertionError("the language model was built")


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline(Parts(tokenizers={"letters": Letters}, vocoder=Reader, language_model=never, shortest_seconds=1e-4))


UTTERANCES = (
    ("happy quick day", "happy", "loud"),
    ("sad songs", "sad", "ada"),
    ("a quiet one", "whisper", "loud"),
)


@pytest.fixture
def corpus(fakes: Any) -> Any:
    return fakes.Corpus(
        [
            Utterance(str(index), fakes.sound(words), words, attributes={"style": style, "speaker": speaker})
            for index, (words, style, speaker) in enumerate(UTTERANCES)
        ]
    )


def test_figures_by_hand(corpus: Any, fakes: Any, pipeline: Pipeline, trial: Any) -> None:
    task = Resynthesis(
        data=corpus,
        recognizer=fakes.Recognizer,
        f0=fakes.F0,
        style_classifier=lambda: fakes.Classifier("speech", ("songs", "happy")),
        style_labels={"songs": "sad"},
        benchmark="resynthesis",
    )
    results = list(task.evaluate(pipeline, task.items(), trial))
    assert [result.counts["WER"] for result in results] == [(1, 3), (0, 2), (1, 3)]
    assert [result.counts["WER original"][0] for result in results] == [0, 0, 0]
    assert [result.counts.get("style") for result in results] == [(1, 1), (1, 1), None]
    # 8 bits 16,000 times a second and 1 bit 4,000 times.
    assert all(total / weight == pytest.approx(132_000) for total, weight in (r.counts["bit rate"] for r in results))
    seconds = len("happy quick day") / 16_000
    assert results[0].counts["tokens"] == (14 + 3, seconds)  # `pp` is one
    # q is 113 of 256, x 120: 441 and 469 Hz, within 20 %; a space is voiced at 125 Hz; the last frame is beyond.
    assert [result.counts["F0 frame error"] for result in results] == [(0, 16), (0, 10), (0, 12)]
    assert results[0].details["heard"] == "happy xuick day"
    assert fakes.heard(_read(trial.folder / results[0].details["speech"])) == "happy xuick day"
    figures = task.overall(results)
    assert set(results[0].counts) | set(figures) == {metric.name for metric in task.metrics}
    assert 0 < figures["entropy rate"] < 132_000
    assert figures["encoding"] > 0
    assert figures["decoding"] > 0
    assert task.published["Original"] == {"WER": 16.2, "style": 65.2}


def test_speakers_and_what_is_left_out_are_told(
    corpus: Any, fakes: Any, pipeline: Pipeline, trial: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    task = Resynthesis(
        data=corpus,
        speaker_attribute="speaker",
        recognizer=fakes.Recognizer,
        style_classifier=lambda: fakes.Classifier("speech", ("happy", "sad")),
    )
    results = list(task.evaluate(pipeline, task.items(), trial))
    assert [result.details["heard"] for result in results] == ["HAPPY XUICK DAY", "sad songs", "A XUIET ONE"]
    (path,) = task.finish(results, trial)
    summary = json.loads(path.read_text())
    assert (summary["other_speaker"], summary["without_style"], summary["without_transcript"]) == (1, 1, 0)
    assert summary["utterances"] == 3
    said = capsys.readouterr().out
    assert "1 of 3 recordings were spoken with the vocoder's default voice" in said
    assert "1 of 3 recordings have no style that the classifier knows" in said


def test_without_judges_there_are_rates_only(corpus: Any, pipeline: Pipeline, trial: Any) -> None:
    task = Resynthesis(data=corpus)
    assert [metric.name for metric in task.metrics] == ["bit rate", "entropy rate", "tokens", "encoding", "decoding"]
    assert all(result.problem is None for result in task.evaluate(pipeline, task.items(), trial))


def test_predicted_durations_decode_tokens(corpus: Any, fakes: Any, pipeline: Pipeline, trial: Any) -> None:
    from spiritkit.serializers.time_merge import TimeMerge

    parts = Parts(tokenizers={"letters": Letters}, serializer=TimeMerge, vocoder=Reader, shortest_seconds=1e-4)
    task = Resynthesis(data=corpus, durations="predicted", recognizer=fakes.Recognizer)
    results = list(task.evaluate(Pipeline(parts), task.items(), trial))
    assert results[0].details["heard"] == "hapy xuick day"
    with pytest.raises(RequestError, match="f0 compares frame by frame"):
        Resynthesis(data=corpus, durations="predicted", f0=fakes.F0)


def test_missing_recordings_are_problems_and_a_wrong_recipe_is_an_error(
    fakes: Any, pipeline: Pipeline, trial: Any, tmp_path: Path
) -> None:
    corpus = fakes.Corpus(
        [
            Utterance("gone", AudioFile(tmp_path / "gone.wav"), "words"),
            Utterance("short", Audio(np.zeros(1, dtype=np.float32), 16_000), "words"),
            Utterance("text", None, "words"),
            Utterance("there", fakes.sound("words"), "words"),
        ]
    )
    task = Resynthesis(data=corpus)
    results = {result.id: result for result in task.evaluate(pipeline, task.items(), trial)}
    assert list(results) == ["gone", "short", "there"]
    assert "gone.wav: no such file" in (results["gone"].problem or "")
    assert "expected at least 2" in (results["short"].problem or "")
    assert results["there"].problem is None
    with pytest.raises(RequestError, match="Model is no recipe's parts"):
        list(task.evaluate(fakes.Model({}), task.items(), trial))
    with pytest.raises(RequestError, match="the recipe has no vocoder"):
        list(task.evaluate(Pipeline(Parts(tokenizers={"letters": Letters})), task.items(), trial))


class TestResynthesis(TaskContract):
    component = "resynthesis.v1"

    @pytest.fixture
    def model(self, pipeline: Pipeline) -> Pipeline:  # type: ignore[override]
        return pipeline

    @pytest.fixture
    def parameters(self, corpus: Any, fakes: Any) -> dict[str, Any]:
        return {
            "data": corpus,
            "recognizer": fakes.Recognizer,
            "f0": fakes.F0,
            "style_classifier": lambda: fakes.Classifier("speech", ("happy", "sad")),
            "benchmark": "resynthesis",
        }


def _read(path: Path) -> Audio:
    from spiritkit.audio import read_audio

    return read_audio(path, 16_000)
