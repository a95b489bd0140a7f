"""What the style tests share."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from transformers import Wav2Vec2Config, Wav2Vec2Model

from spiritkit.interfaces import Corpus, F0Extractor, Quantizer
from spiritkit.testing.helpers import AutocorrelationF0
from spiritkit.types import Audio
from spiritkit.utterances import Utterance

NORM = "encoder.pos_conv_embed.conv."


class SignBits(Quantizer):
    """Codes from the signs of the first three features, kept with the features for the test to see."""

    def __init__(self, dimension: int):
        self._dimension = dimension
        self.seen: list[torch.Tensor] = []

    @property
    def size(self) -> int:
        return 8

    @property
    def dimension(self) -> int:
        return self._dimension

    def quantize(self, features: list[torch.Tensor]) -> list[np.ndarray]:
        self.seen = features
        return [((frames[:, :3] > 0).long() * torch.tensor([1, 2, 4])).sum(1).numpy() for frames in features]


@pytest.fixture
def sign_bits() -> type[SignBits]:
    return SignBits


@pytest.fixture(scope="session")
def style_folder(reference_checkpoints: Path) -> Path:
    return reference_checkpoints / "speech_tokenizer" / "style_encoder_w2v2"


@pytest.fixture(scope="session")
def released(style_folder: Path) -> dict[str, torch.Tensor]:
    """The tensors of the style encoder's file."""
    return torch.load(style_folder / "pytorch_model.bin", weights_only=True)


@pytest.fixture(scope="session")
def hugging_face(style_folder: Path, released: dict[str, torch.Tensor]) -> Wav2Vec2Model:
    """The same encoder as transformers itself builds it, weight norm and all."""
    state = {name.removeprefix("wav2vec2."): t for name, t in released.items() if name.startswith("wav2vec2.")}
    state[NORM + "parametrizations.weight.original0"] = state.pop(NORM + "weight_g")
    state[NORM + "parametrizations.weight.original1"] = state.pop(NORM + "weight_v")
    model = Wav2Vec2Model(Wav2Vec2Config(**json.loads((style_folder / "config.json").read_text()))).eval()
    model.load_state_dict(state)
    return model


@pytest.fixture(scope="session")
def clips(conformance: Path) -> list[Audio]:
    """Read speech of 9.1 s, and 3 s of a synthetic tone."""
    read = [soundfile.read(conformance / name, dtype="float32") for name in ("7143-88743-0029.flac", "vibrato.wav")]
    return [Audio(samples, rate) for samples, rate in read]


@pytest.fixture(scope="session")
def difficult() -> list[Audio]:
    """Silence, noise, clipping, an offset, and audio around the length of one frame (400 samples) and one second."""
    noise = np.random.default_rng(0).normal(size=33000).astype(np.float32)
    lengths = [0, 1, 399, 400, 401, 720, 16079, 16080, 16400, 33000]
    return [
        Audio(np.zeros(20000, dtype=np.float32), 16000),
        Audio(np.full(20000, 0.5, dtype=np.float32), 16000),
        Audio(1e-6 * noise, 16000),
        Audio(5 * noise, 16000),
        *[Audio(0.1 * noise[:n], 16000) for n in lengths],
    ]


class Tones(Corpus):
    """Two speakers, one an octave higher, who hum: high or low for themselves, bright or dull."""

    def __init__(self, n: int, seed: int):
        self.n, self.seed = n, seed

    def __len__(self) -> int:
        return self.n

    def __iter__(self) -> Iterator[Utterance]:
        for index in range(self.n):
            attributes = {"speaker": "ab"[index % 2], "style": ("dull low", "dull high", "bright low", "bright high")[
                self.kind(index)]}  # fmt: skip
            yield Utterance(f"{self.seed}-{index}", self.audio(index), attributes=attributes)

    def kind(self, index: int) -> int:
        return index // 2 % 4

    def audio(self, index: int) -> Audio:
        rng = np.random.default_rng([self.seed, index])
        time = np.arange(int(rng.integers(16000, 36000))) / 16000
        hz = (100, 200)[index % 2] * (1, 1.3)[self.kind(index) % 2] * rng.uniform(0.98, 1.02)
        power = (1.5, 0.4)[self.kind(index) // 2]
        samples = sum(np.sin(2 * np.pi * hz * k * time) / k**power for k in range(1, 20))
        level = 0.15 * (1.2 + np.sin(2 * np.pi * 3 * time + index))
        return Audio((0.2 * level * samples).astype(np.float32), 16000)


@pytest.fixture(scope="session")
def autocorrelation() -> F0Extractor:
    return AutocorrelationF0(loudness=1e-4)


@pytest.fixture(scope="session")
def tones() -> type[Tones]:
    return Tones
