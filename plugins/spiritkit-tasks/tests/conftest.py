"""What the tests of the tasks share: words as sound, and a model that says what it is told to."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from spiritkit.audio import read_audio, write_wav
from spiritkit.interfaces import F0, Classifier, Corpus, F0Extractor, Recognizer, SpeechTextModel, Synthesizer, Trial
from spiritkit.types import Audio, Generation, Output, Prompt, Speech, Text
from spiritkit.utterances import Utterance

RATE = 16_000


def sound(words: str) -> Audio:
    """Words as sound that can be read back: each sample is a letter. 16 bits hold it exactly."""
    return Audio(np.array([ord(letter) / 256 for letter in words], dtype=np.float32), RATE)


def heard(audio: Audio) -> str:
    codes = np.round(read_audio(audio, RATE).samples * 256).astype(int)
    return "".join(chr(code) for code in codes if 32 <= code < 127)


class FakeRecognizer(Recognizer):
    def transcribe(self, audios: Sequence[Audio]) -> list[str]:
        assert all(audio.sample_rate == self.sample_rate for audio in audios)
        return [heard(audio) for audio in audios]


class FakeSynthesizer(Synthesizer):
    @property
    def sample_rate(self) -> int:
        return RATE

    def speak(self, texts: Sequence[str], speaker: int | str | None = None, seed: int = 0) -> list[Audio]:
        return [sound(text) for text in texts]


class FakeClassifier(Classifier):
    """Finds the label whose name occurs in what it reads or hears; else the last."""

    def __init__(self, modality: Literal["text", "speech"], labels: Sequence[str]):
        self._modality: Literal["text", "speech"] = modality
        self._labels = tuple(labels)

    @property
    def modality(self) -> Literal["text", "speech"]:
        return self._modality

    @property
    def labels(self) -> tuple[str, ...]:
        return self._labels

    def classify(self, batch: Sequence[str] | Sequence[Audio]) -> list[dict[str, float]]:
        found = []
        for one in batch:
            words = one if isinstance(one, str) else heard(one)
            chosen = next((label for label in self._labels if label in words), self._labels[-1])
            found.append({label: 0.9 if label == chosen else 0.1 / (len(self._labels) - 1) for label in self._labels})
        return found


class FakeF0(F0Extractor):
    """A frame for each sample: its value × 1,000 Hz, voiced if that is over 100."""

    @property
    def rate(self) -> Fraction:
        return Fraction(RATE)

    def extract(self, audios: list[Audio]) -> list[F0]:
        tracks = []
        for audio in audios:
            hz = np.append(audio.samples * 1000, 0).astype(np.float32)
            tracks.append(F0(hz, (hz > 100).astype(np.float32)))
        return tracks


class TalkingModel(SpeechTextModel):
    """Answers by what is asked last; keeps the prompts.

    Args:
        answers: last part of a prompt, a recording as its words → text, or words that are said.
        tokens: of a prompt for each character; None if it cannot say.
        context: in tokens.
    """

    def __init__(self, answers: Mapping[str, str], tokens: int | None = None, context: int | None = None):
        self.answers, self.tokens, self.context = answers, tokens, context
        self.asked: list[list[str]] = []
        self.seeds: list[int] = []

    @property
    def context_length(self) -> int | None:
        return self.context

    def prompt_length(self, prompt: Prompt, output: Output = "any") -> int | None:
        return None if self.tokens is None else self.tokens * sum(len(part) for part in shown(prompt))

    def generate(
        self,
        prompt: Prompt,
        output: Output = "any",
        *,
        max_new_tokens: int = 200,
        temperature: float = 0.8,
        top_p: float = 0.95,
        seed: int = 0,
    ) -> Generation:
        parts = shown(prompt)
        self.asked.append(parts)
        self.seeds.append(seed)
        key = next((part for part in reversed(parts) if part in self.answers), "")
        answer = self.answers.get(key, "")
        spans: list[Text | Speech] = [Speech(sound(answer))] if output == "speech" else [Text(answer)]
        return Generation("".join(parts), [], list(range(min(len(answer), max_new_tokens))), spans if answer else [])

    def score(self, prompt: Prompt, continuation: Prompt) -> Any:
        raise NotImplementedError


def shown(prompt: Prompt) -> list[str]:
    """A prompt's parts: text as it is, speech as its words between strokes, markers in brackets before."""
    parts = []
    for part in [prompt] if isinstance(prompt, Text | Speech | str) else prompt:
        if isinstance(part, str):
            parts.append(part)
            continue
        if part.marker:
            parts.append(f"[{part.marker.upper()}]")
        if isinstance(part, Text):
            parts.append(part.text)
        elif part.audio is not None:
            parts.append(f"/{heard(read_audio(part.audio, RATE))}/")
    return parts


class ListCorpus(Corpus):
    def __init__(self, utterances: Sequence[Utterance]):
        self._utterances = utterances

    def __iter__(self) -> Any:
        return iter(self._utterances)

    def __len__(self) -> int:
        return len(self._utterances)


class _Tools:
    """The classes above, for tests that cannot import this file."""

    sound = staticmethod(sound)
    heard = staticmethod(heard)
    Recognizer = FakeRecognizer
    Synthesizer = FakeSynthesizer
    Classifier = FakeClassifier
    F0 = FakeF0
    Model = TalkingModel
    Corpus = ListCorpus


@pytest.fixture(scope="session")
def fakes() -> type[_Tools]:
    return _Tools


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    folder = tmp_path / "trial"
    folder.mkdir()
    return Trial(folder, seed=3)


@pytest.fixture
def asr_folder(tmp_path: Path) -> Path:
    """Manifests of recordings, `dev.jsonl` and `test.jsonl`, as `make-smallworld-tests.v1` writes them."""
    folder = tmp_path / "asr"
    for split, texts in {
        "dev": ["red hat", "blue cat", "green bat", "pink rat"],
        "test": ["The cat sat.", "A dog ran off.", "One bird"],
    }.items():
        lines = []
        for index, text in enumerate(texts):
            path = f"{split}/{index:04d}.wav"
            (folder / split).mkdir(parents=True, exist_ok=True)
            write_wav(folder / path, sound(text))
            lines.append({"id": f"{split}-{index:04d}", "path": path, "text": text})
        write_lines(folder / f"{split}.jsonl", lines)
    return folder


@pytest.fixture
def corpus_of(asr_folder: Path) -> Callable[[str], Corpus]:
    from spiritkit.data.corpora.folder import FolderCorpus

    return lambda split: FolderCorpus(audio=str(asr_folder), transcripts=asr_folder / f"{split}.jsonl")


@pytest.fixture
def intent_folder(tmp_path: Path) -> Path:
    """Fluent Speech Commands, as it is released."""
    folder = tmp_path / "intent"
    (folder / "data").mkdir(parents=True)
    for split, rows in {
        "train": [
            ("Lights on in the bedroom", "activate", "lights", "bedroom"),
            ("Turn the lamp off", "deactivate", "lamp", "none"),
            ("Use Chinese", "change language", "Chinese", "none"),
        ],
        "test": [
            ("Bedroom lights on", "activate", "lights", "bedroom"),
            ("Lamp off", "deactivate", "lamp", "none"),
            ("Kitchen heat up", "increase", "heat", "kitchen"),
        ],
    }.items():
        lines = [",path,speakerId,transcription,action,object,location"]
        for index, (words, *intent) in enumerate(rows):
            path = f"wavs/speakers/2BqVo8kVB2Skwgyb/{split}-{index}.wav"
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            write_wav(folder / path, sound(words))
            lines.append(f"{index},{path},2BqVo8kVB2Skwgyb,{words},{','.join(intent)}")
        (folder / "data" / f"{split}_data.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def stsp_folder(tmp_path: Path) -> Path:
    """The files of STSP, as they are released."""
    folder = tmp_path / "stsp"
    (folder / "few_shot").mkdir(parents=True)
    (folder / "wav").mkdir()

    def wav(name: str, words: str) -> str:
        write_wav(folder / "wav" / f"{name}.wav", sound(words))
        return f"wav/{name}.wav"

    speech, text = [], []
    for index, (emotion, sentiment) in enumerate((("happy", "positive"), ("sad", "negative"), ("default", "neutral"))):
        speech.append(
            {
                "wav_path": wav(f"prompt{index}", f"{emotion} prompt"),
                "emotion": emotion,
                "sentiment": sentiment,
                "split": "test",
                "speaker": "ex01",
                "id": f"p{index}",
            }
        )
        text.append({"asr": f"{sentiment} words", "sentiment": sentiment, "split": "test", "id": f"p{index}"})
    text.append({"asr": "other words", "sentiment": "neutral", "split": "dev", "id": "d0"})
    write_lines(folder / "speech.jsonl", speech)
    write_lines(folder / "text.jsonl", text)
    for direction in ("t2t", "t2s", "s2s", "s2t"):
        lines = []
        for index, sentiment in enumerate(("positive", "negative", "neutral") * 2):
            sides = [
                wav(f"{direction}{index}{name}", f"{name}{index}") if letter == "s" else f"{name}{index}"
                for name, letter in (("prompt", direction[0]), ("generation", direction[-1]))
            ]
            lines.append({"prompt": sides[0], "generation": sides[1], "sentiment": sentiment})
        write_lines(folder / "few_shot" / f"{direction}.jsonl", lines)
    return folder


def write_lines(path: Path, records: Sequence[Mapping[str, Any]]) -> None:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
