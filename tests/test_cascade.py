"""The cascade: the contract of speech-text models, how parts become one text, scores by hand, and in a recipe."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import spiritkit
from spiritkit import Audio, Speech, StreamSpec, Text, Tokens
from spiritkit.cascade import Cascade
from spiritkit.errors import InputError, MissingFileError, RequestError
from spiritkit.interfaces import LanguageModel, Recognizer, Synthesizer, TextTokenizer
from spiritkit.recipe import open_recipe
from spiritkit.run.runner import Runner
from spiritkit.testing import SpeechTextModelContract
from spiritkit.types import Constraint, Sampling


class Listener(Recognizer):
    """Hears as many words as a sound has tenths of a second."""

    sample_rate = 8_000

    def __init__(self) -> None:
        self.heard: list[int] = []

    def transcribe(self, audios: Sequence[Audio]) -> list[str]:
        self.heard += [len(audio.mono(self.sample_rate)) for audio in audios]
        return [" ".join(["la"] * round(len(audio.samples) / 800)) for audio in audios]


class Letters(TextTokenizer):
    """A letter an id, by its place in the alphabet; 0 opens and 1 ends a sequence."""

    alphabet = "^$abcdefghijklmnopqrstuvwxyz ."

    def __init__(self, bos: bool = True):
        self._bos = bos

    size = property(lambda self: len(self.alphabet))
    eos_id = property(lambda self: 1)
    bos_id = property(lambda self: 0 if self._bos else None)

    def encode(self, text: str) -> list[int]:
        return [self.alphabet.index(letter) for letter in text]

    def decode(self, ids: Sequence[int]) -> str:
        return "".join(self.alphabet[id] for id in ids if id > 1)


class Stutter(LanguageModel):
    """Repeats the last id, and gives it probability ½; the rest shares the other half. Ends after three at seed 3."""

    rows = property(lambda self: 40)
    context_length = property(lambda self: 100)
    module = property(lambda self: None)

    def generate(self, ids: Sequence[int], constraint: Constraint, sampling: Sampling) -> Iterator[int]:
        for number in range(sampling.max_new_tokens):
            if sampling.seed == 3 and number == 3:
                yield sampling.stop_ids[0]
                return
            yield ids[-1] if ids[-1] in constraint else 5

    def score(self, batch: Sequence[Sequence[int]]) -> list[np.ndarray]:
        return [np.log([0.5 if a == b else 0.5 / 39 for a, b in pairwise(ids)]).astype(np.float32) for ids in batch]

    def hidden_states(self, batch: Sequence[Sequence[int]]) -> list[np.ndarray]:
        raise NotImplementedError


class Voice(Synthesizer):
    """A tenth of a second for each letter; the seed is heard."""

    speakers = ("ann", "bob")
    sample_rate = property(lambda self: 8_000)

    def speak(self, texts: Sequence[str], speaker: int | str | None = None, seed: int = 0) -> list[Audio]:
        level = 0.1 if speaker in (None, "ann") else 0.2
        return [Audio(np.full(800 * len(text), level + seed / 1000), 8_000) for text in texts]


def sound(words: int, rate: int = 8_000) -> Speech:
    return Speech(Audio(np.full(words * rate // 10, 0.1), rate))


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def cascade(listener: Listener) -> Cascade:
    return Cascade(
        recognizer=lambda: listener, language_model=Stutter, text_tokenizer=Letters, synthesizer=Voice, speaker="bob"
    )


class TestCascade(SpeechTextModelContract):
    component = "cascade.v1"

    @pytest.fixture
    def parameters(self, new_part: Callable[[str], Any]) -> dict[str, Any]:
        kinds = ("recognizer", "text_tokenizer", "synthesizer")
        return {
            "language_model": lambda: new_part("language_model")(rows=300),
            **{kind: new_part(kind) for kind in kinds},
        }


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ("a cat", "a cat"),
        ([Text("a "), "cat"], "a cat"),
        (["a", "cat"], "acat"),  # as a pipeline takes it
        ([sound(2), Text("cat")], "la la cat"),
        ([Text("a cat "), sound(1), sound(1), Text(" sat")], "a cat la la sat"),
        ([Text("a"), sound(0), Text("b")], "ab"),
        ([sound(1), Text(""), Text("."), sound(1)], "la . la"),
        (Speech(Audio(np.full((2, 4410), 0.1), 44_100)), "la"),
    ],
)
def test_parts_become_one_text(cascade: Cascade, prompt: Any, text: str) -> None:
    generation = cascade.generate(prompt, "text", max_new_tokens=2)
    assert generation.prompt_string == text
    assert generation.prompt_ids == [0, *Letters().encode(text)]
    assert cascade.prompt_length(prompt) == 1 + len(text)
    assert cascade.context_length == 100


def test_continuations_are_written_or_said(cascade: Cascade) -> None:
    prompts = ["ab", [sound(2), Text("c")]]
    for output in ("text", "any"):
        generations = cascade.generate_batch(prompts, output, max_new_tokens=4, seed=[1, 3])
        assert [one.spans for one in generations] == [[Text("bbbb")], [Text("ccc")]]
        assert [one.new_ids for one in generations] == [[3] * 4, [4, 4, 4, 1]]
    spoken = cascade.generate_batch(prompts, "speech", max_new_tokens=4, seed=[1, 3])
    for generation, length, level in zip(spoken, (3200, 2400), (0.201, 0.203), strict=True):
        (span,) = generation.spans
        assert isinstance(span, Speech)
        assert isinstance(span.audio, Audio)
        np.testing.assert_allclose(span.audio.samples, np.full(length, level), atol=1e-6)
        assert set(generation.seconds) == {"recognizer", "language_model", "synthesizer"}


def test_markers_say_nothing_to_it(cascade: Cascade) -> None:
    for output, asked in (("text", Text("", marker="asr")), ("speech", Speech(marker="tts"))):
        for given in (Text("ab"), sound(2)):
            with_marker, without = (
                cascade.generate(prompt, output=output, temperature=0) for prompt in ([given, asked], [given])
            )
            assert with_marker.prompt_string == without.prompt_string
            assert with_marker.new_ids == without.new_ids


def test_scores_by_hand(cascade: Cascade) -> None:
    half, rest = math.log(0.5), math.log(0.5 / 39)
    # After "la la" comes " abb": space, a, b, b.
    score = cascade.score(sound(2), "abb")
    assert score.n_tokens == 4
    assert score.log_probability == pytest.approx(3 * rest + half, rel=1e-6)
    assert cascade.score("laa", "aa").log_probability == pytest.approx(2 * half, rel=1e-6)
    assert cascade.score([], sound(1)).n_tokens == 2  # l and a, after the id that opens the sequence
    spoken = cascade.score(Text("la"), [sound(1)])  # " la"
    assert spoken == cascade.score(sound(1), "la") == cascade.score("la", " la")


def test_the_first_id_of_a_sequence_without_an_opening_has_no_probability(listener: Listener) -> None:
    cascade = Cascade(recognizer=lambda: listener, language_model=Stutter, text_tokenizer=lambda: Letters(bos=False))
    assert cascade.score([], "aab").n_tokens == 2
    with pytest.raises(InputError, match="adds no token"):
        cascade.score([], "a")


def test_what_is_heard_again_is_not_transcribed_again(cascade: Cascade, listener: Listener, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.full(1600, 0.1), 8_000)
    again = sound(1)
    cascade.score_batch([([Speech(path), again], "a"), ([Speech(str(path)), again], "b")])
    assert listener.heard == [1600, 800]
    cascade.generate(Speech(path))
    assert listener.heard == [1600, 800]
    soundfile.write(path, np.full(2400, 0.1), 8_000)  # another recording under the same name
    assert cascade.generate(Speech(path)).prompt_string == "la la la"


def test_parts_are_built_when_they_are_needed(listener: Listener) -> None:
    built: list[str] = []

    def building(name: str, part: Any) -> Any:
        return lambda: built.append(name) or part()

    cascade = Cascade(
        recognizer=building("recognizer", lambda: listener),
        language_model=building("language_model", Stutter),
        text_tokenizer=building("text_tokenizer", Letters),
        synthesizer=building("synthesizer", Voice),
    )
    assert built == []
    cascade.generate("a", "text")
    assert sorted(built) == ["language_model", "text_tokenizer"]
    cascade.generate(sound(1), "speech")
    assert built[2:] == ["recognizer", "synthesizer"]


def test_bad_requests(cascade: Cascade, listener: Listener, tmp_path: Path) -> None:
    mute = Cascade(recognizer=lambda: listener, language_model=Stutter, text_tokenizer=Letters)
    with pytest.raises(RequestError, match="no synthesizer"):
        mute.generate("a", "speech")
    with pytest.raises(InputError, match="no word was heard"):
        cascade.score("a", sound(0))
    with pytest.raises(MissingFileError, match="nowhere.wav"):
        cascade.generate(Speech(tmp_path / "nowhere.wav"))
    spec = StreamSpec("units", 3, 25, True)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="tokens and no audio"):
        cascade.generate(Speech(tokens=Tokens((spec,), np.zeros(1, int), np.zeros(1, int))))

    class Small(Stutter):
        rows = property(lambda self: 10)

    foreign = Cascade(recognizer=lambda: listener, language_model=Small, text_tokenizer=Letters)
    with pytest.raises(RequestError, match="has 30 ids, but the language model's embedding has 10 rows"):
        foreign.generate("a")


@pytest.mark.slow
def test_it_continues_in_a_recipe(reference_checkpoints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    released = reference_checkpoints / "spiritlm_model" / "spirit-lm-base-7b"
    (tmp_path / "r.yaml").write_text(
        f"""
steps:
  continue:
    use: generate.v1
    prompts: [The cat, [{{text: We saw}}, {{text: " three"}}]]
    output: speech
    max_new_tokens: 4
    model:
      use: cascade.v1
      recognizer: {{use: faster-whisper.v1, checkpoint: {tmp_path}}}  # not built: nothing is heard
      text_tokenizer: {{use: sentencepiece.v1, model: {released}/tokenizer.model}}
      language_model: {{use: llama.v1, checkpoint: {released}, dtype: float32, device: cpu}}
      synthesizer: {{use: hibari.v1, style: calm}}
      speaker: ben
"""
    )
    Runner(open_recipe("r.yaml"), say=lambda line: None).run()
    lines = (tmp_path / "runs" / "r" / "continue" / "generations.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    assert [record["prompt_string"] for record in records] == ["The cat", "We saw three"]
    assert any("speech" in span for record in records for span in record["spans"])


def test_a_model_stands_alone_in_a_step(cascade: Cascade) -> None:
    from spiritkit.steps.generate import Generate

    assert Generate(prompts=["a"], model=lambda: cascade).sections == ()
    for wish in ({"language_model": Stutter}, {"speaker": 1}, {"style": "sad"}):
        with pytest.raises(RequestError, match=f"takes the place of {next(iter(wish))}"):
            Generate(prompts=["a"], model=lambda: cascade, **wish)  # type: ignore[arg-type]


class TestPipeline(SpeechTextModelContract):
    """A recipe's pipeline keeps the same contract."""

    max_new_tokens = 6
    test_constructor_takes_annotated_keywords_only = None  # no recipe builds it by name

    @pytest.fixture
    def make(self, reference_checkpoints: Path) -> Callable[[], Any]:
        return lambda: spiritkit.load(
            "spiritlm/base",
            [f"checkpoints={reference_checkpoints}", "language_model.device=cpu", "language_model.dtype=float32"],
        )
