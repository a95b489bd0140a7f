"""Prompts whose parts name markers of their own, as documents of parallel data have them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from spiritkit import Audio, Pipeline, Speech, StreamSpec, Text, Units
from spiritkit.data.example import Example
from spiritkit.errors import InputError, RequestError
from spiritkit.interfaces import LanguageModel, Span, TextTokenizer, UnitTokenizer
from spiritkit.interleave.sequence import Sequencer
from spiritkit.pipeline import Parts
from spiritkit.serializers.time_merge import TimeMerge

SPEC = StreamSpec("hubert", 10, Fraction(25), True)


class Letters(TextTokenizer):
    """Bytes, with a dummy prefix at the beginning of a sequence as SentencePiece has one."""

    size = 259
    bos_id = 256
    eos_id = 257

    def encode(self, text: str) -> list[int]:
        return list(text.encode())

    def decode(self, ids: Sequence[int]) -> str:
        return bytes(id for id in ids if id < 256).decode()

    def assemble(self, parts: Sequence[str | int]) -> list[int]:
        return [256, 258, *super().assemble(parts)[1:]]


class Fixed(UnitTokenizer):
    """Units 5, 5, 7."""

    streams = (SPEC,)

    def encode(self, audios: list[Audio]) -> list[Units]:
        return [Units(self.streams, {"hubert": np.array([5, 5, 7])}) for _ in audios]


class Counting(LanguageModel):
    """Finds id i as probable as exp(-i); keeps the prompts that it continues, with nothing."""

    rows = 273
    context_length = 50

    def __init__(self) -> None:
        self.asked: list[list[int]] = []

    def generate(self, ids: Sequence[int], constraint: Any, sampling: Any) -> Any:
        self.asked.append(list(ids))
        return iter([257])

    def score(self, batch: Sequence[Sequence[int]]) -> list[np.ndarray]:
        return [-np.array(ids[1:], dtype=np.float32) for ids in batch]

    def hidden_states(self, batch: Any) -> Any:
        raise NotImplementedError

    @property
    def module(self) -> Any:
        raise NotImplementedError


def pipeline(*markers: str) -> Pipeline:
    blocks: list[dict[str, Any]] = [
        {"text": True},
        {"markers": ["[Text]", "[Speech]"]},
        {"stream": "hubert", "format": "[Hu{}]"},
        *([{"markers": list(markers)}] if markers else []),
    ]
    return Pipeline(
        Parts({"hubert": Fixed}, serializer=TimeMerge, text_tokenizer=Letters, language_model=Counting, blocks=blocks)
    )


SOUND = Audio(np.zeros(2000, dtype=np.float32), 16_000)
EXAMPLE = Example("x", text="the cat", units=Units((SPEC,), {"hubert": np.array([5, 5, 7])}))
ASR = [Span("speech", 0, 2), Span("text", 0, 2, marker="asr")]
TTS = [Span("text", 0, 2), Span("speech", 0, 2, marker="tts")]


def test_a_prompt_begins_as_the_document_of_training_does() -> None:
    parts = pipeline("[ASR]", "[TTS]")
    sequencer = Sequencer.of(parts)
    asr = [Speech(SOUND), Text("the cat", marker="asr")]
    tts = [Text("the cat"), Speech(SOUND, marker="tts")]
    assert parts.prompt(asr)[0] == sequencer.string((EXAMPLE, ASR)) == "[Speech][Hu5][Hu7][ASR]the cat"
    assert parts.prompt(tts)[0] == sequencer.string((EXAMPLE, TTS)) == "[Text]the cat[TTS][Hu5][Hu7]"
    for prompt, spans in ((asr, ASR), (tts, TTS)):
        assert [*parts.prompt(prompt)[1], Letters.eos_id] == sequencer.ids((EXAMPLE, spans)).tolist()


def test_a_part_without_content_asks_for_what_its_marker_announces() -> None:
    parts = pipeline("[ASR]", "[TTS]")
    string, ids = parts.prompt([Speech(SOUND), Text("", marker="asr")], output="text")
    assert string == "[Speech][Hu5][Hu7][ASR]"
    assert parts.prompt([Speech(SOUND), Text("x", marker="asr")])[1] == [*ids, ord("x")]
    string, ids = parts.prompt([Text("the cat"), Speech(marker="tts")], output="speech")
    assert string == "[Text]the cat[TTS]"
    assert parts.prompt_length([Text("the cat"), Speech(marker="tts")], output="speech") == len(ids) == 11
    parts.generate([Text("the cat"), Speech(marker="tts")], output="speech")
    assert parts.language_model.asked == [ids]  # type: ignore[attr-defined]
    assert parts.context_length == 50


def test_examples_may_stand_before() -> None:
    prompt = [Speech(SOUND), Text("a", marker="asr"), Speech(SOUND), Text("", marker="asr")]
    string = pipeline("[ASR]").prompt(prompt, output="text")[0]
    assert string == "[Speech][Hu5][Hu7][ASR]a[Speech][Hu5][Hu7][ASR]"


def test_the_marker_between_belongs_to_the_prompt_that_is_scored() -> None:
    parts = pipeline("[ASR]", "[TTS]")
    score = parts.score([Speech(SOUND)], [Text("ab", marker="asr")])
    assert (score.log_probability, score.n_tokens) == (-float(ord("a") + ord("b")), 2)
    plain = parts.score([Speech(SOUND)], [Text("ab")])
    assert plain == score


def test_markers_that_the_vocabulary_lacks_are_refused() -> None:
    with pytest.raises(RequestError, match=r"marker 'asr', which is not among the vocabulary's"):
        pipeline().prompt([Speech(SOUND), Text("", marker="asr")])
    with pytest.raises(InputError, match="Speech takes audio"):
        Speech()
