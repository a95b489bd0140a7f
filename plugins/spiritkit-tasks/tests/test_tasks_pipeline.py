"""The tasks on a recipe's pipeline: token strings of prompts, recordings encoded once, lengths in tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from spiritkit_tasks.few_shot.asr import FewShotASR
from spiritkit_tasks.few_shot.tts import FewShotTTS

from spiritkit.interfaces import Corpus, LanguageModel, TextTokenizer, UnitTokenizer, Vocoder
from spiritkit.pipeline import Parts, Pipeline
from spiritkit.serializers.time_merge import TimeMerge
from spiritkit.types import Audio, StreamSpec, Units

END = 257


class Bytes(TextTokenizer):
    size = 258
    bos_id = 256
    eos_id = END

    def encode(self, text: str) -> list[int]:
        return list(text.encode())

    def decode(self, ids: Sequence[int]) -> str:
        return bytes(id for id in ids if id < 256).decode()


class Letters(UnitTokenizer):
    """A code for each sample, which is a letter (see conftest)."""

    encoded = 0

    @property
    def streams(self) -> tuple[StreamSpec, ...]:
        return (StreamSpec("letters", 128, Fraction(16_000), False),)

    def encode(self, audios: list[Audio]) -> list[Units]:
        type(self).encoded += len(audios)
        return [Units(self.streams, {"letters": np.round(audio.samples * 256).astype(int)}) for audio in audios]


class Reader(Vocoder):
    accepts = ("letters",)
    sample_rate = 16_000

    def decode(self, speech: list[Any], **options: Any) -> list[Audio]:
        return [Audio(one["letters"].astype(np.float32) / 256, 16_000) for one in speech]

    def decode_stream(self, chunks: Any, **options: Any) -> Any:
        raise NotImplementedError


class Echo(LanguageModel):
    """Says again what stands last in the other modality, and ends."""

    rows = 258 + 4 + 128
    context_length = 300

    def generate(self, ids: Sequence[int], constraint: Any, sampling: Any) -> Any:
        first = 262
        if first in constraint:  # speech is wanted: what is written last
            words = bytes(id for id in ids[_last(ids, 258) :] if id < 256).removesuffix(b" 'stop'")
            answer = [first + letter for letter in words + b"stop and more"]
        else:
            spoken = bytes(id - first for id in ids[_last(ids, 259) :] if id >= first)
            answer = list(spoken + b"<END> and more")
        return iter([*answer[: sampling.max_new_tokens], END])

    def score(self, batch: Any) -> Any:
        raise NotImplementedError

    def hidden_states(self, batch: Any) -> Any:
        raise NotImplementedError

    @property
    def module(self) -> Any:
        raise NotImplementedError


def _last(ids: Sequence[int], marker: int) -> int:
    return len(ids) - 1 - list(ids)[::-1].index(marker)


@pytest.fixture
def pipeline() -> Pipeline:
    Letters.encoded = 0
    return Pipeline(
        Parts(
            tokenizers={"letters": Letters},
            serializer=TimeMerge,
            text_tokenizer=Bytes,
            language_model=Echo,
            vocoder=Reader,
            shortest_seconds=1e-4,
            blocks=[
                {"text": True},
                {"markers": ["[Text]", "[Speech]", "[ASR]", "[TTS]"]},
                {"stream": "letters", "format": "[L{}]"},
            ],
        )
    )


def test_asr(corpus_of: Callable[[str], Corpus], pipeline: Pipeline, trial: Any) -> None:
    task = FewShotASR(data=corpus_of("test"), shots_from=corpus_of("dev"), shots=[0, 1, 4])
    results = [result for item in task.items() for result in task.evaluate(pipeline, [item], trial)]
    assert [result.problem for result in results] == [None] * 3
    assert all(errors == 0 for result in results for errors, _ in result.counts.values())
    assert Letters.encoded == 3 + 4  # each recording once, in however many prompts it stands
    # <s>, two markers, 8 letters and the flag of 18; of 300 ids 200 are for the answer.
    asked = [results[2].details[f"{n}-shot"] for n in (0, 1, 4)]
    assert asked[0]["prompt_tokens"] == 1 + 2 + 8 + 18
    # An example has two markers, its letters twice, and flags of 23: 43 at most, and two do not fit behind.
    assert [one["shots"] for one in asked] == [0, 1, 1]
    assert asked[1]["prompt_tokens"] <= 100


def test_asr_and_tts_of_a_model_of_parallel_data(
    corpus_of: Callable[[str], Corpus], pipeline: Pipeline, fakes: Any, trial: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    strings = []
    generate = pipeline.generate_batch

    def listening(*given: Any, **options: Any) -> Any:
        generations = generate(*given, **options)
        strings.extend(generation.prompt_string for generation in generations)
        return generations

    monkeypatch.setattr(pipeline, "generate_batch", listening)
    asr = FewShotASR(data=corpus_of("test"), shots=[0], prompts="markers")
    (result,) = asr.evaluate(pipeline, asr.items()[2:], trial)
    tts = FewShotTTS(data=corpus_of("test"), recognizer=fakes.Recognizer, shots=[0], prompts="markers")
    list(tts.evaluate(pipeline, tts.items()[2:], trial))
    spoken = "".join(f"[L{ord(letter)}]" for letter in "One bird")
    assert strings == [f"[Speech]{spoken}[ASR]", "[Text]One bird[TTS]"]
    assert result.details["0-shot"]["answer"] == "One bird<END> and more"  # a flag that nobody asked for


def test_tts(corpus_of: Callable[[str], Corpus], pipeline: Pipeline, fakes: Any, trial: Any) -> None:
    task = FewShotTTS(
        data=corpus_of("test"),
        recognizer=fakes.Recognizer,
        shots_from=corpus_of("dev"),
        shots=[0, 1],
        stop_voice=fakes.Synthesizer,
        max_new_tokens=100,
    )
    results = list(task.evaluate(pipeline, task.items(), trial))
    heard = [result.details["1-shot"]["heard"] for result in results]
    assert heard == ["The cat sat.stop and more", "A dog ran off.stop and more", "One birdstop and more"]
    assert [result.counts["CER 1-shot"][0] for result in results][:2] == [0, 0]
