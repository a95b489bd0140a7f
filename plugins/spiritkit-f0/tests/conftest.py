"""What the F0 tests share."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
from spiritkit_f0.f0_vqvae import F0VQVAE
from spiritkit_f0.fcpe import FCPE

from spiritkit.interfaces import F0, Corpus, F0Extractor
from spiritkit.testing.helpers import AutocorrelationF0
from spiritkit.types import Audio
from spiritkit.utterances import Utterance


class FixedF0(F0Extractor):
    """Gives a made-up track of n // 80 + 1 frames: 120 Hz rising by 1 Hz a frame, with `voiced` frames voiced."""

    def __init__(self, voiced: slice = slice(None)):
        self.voiced = voiced

    @property
    def rate(self) -> Fraction:
        return Fraction(200)

    def extract(self, audios: list[Audio]) -> list[F0]:
        return [self.track(len(audio.samples) // 80 + 1) for audio in audios]

    def track(self, frames: int) -> F0:
        voiced = np.zeros(frames, dtype=np.float32)
        voiced[self.voiced] = 1
        hz = 120 + np.arange(frames, dtype=np.float32) if voiced.any() else np.zeros(frames, dtype=np.float32)
        return F0(hz, voiced)


@pytest.fixture(scope="session")
def fixed_f0() -> type[FixedF0]:
    return FixedF0


@pytest.fixture(scope="session")
def fcpe() -> FCPE:
    return FCPE(device="cpu")


@pytest.fixture(scope="session")
def vqvae_folder(reference_checkpoints: Path) -> Path:
    return reference_checkpoints / "speech_tokenizer" / "vqvae_f0_quantizer"


@pytest.fixture(scope="session")
def vqvae(vqvae_folder: Path) -> F0VQVAE:
    return F0VQVAE(checkpoint=vqvae_folder, f0=FixedF0(), device="cpu")


@pytest.fixture(scope="session")
def vibrato(conformance: Path) -> Audio:
    samples, rate = soundfile.read(conformance / "vibrato.wav", dtype="float32")
    return Audio(samples, rate)


@pytest.fixture(scope="session")
def tone() -> Audio:
    """Half a second of a sawtooth-like tone of 200 Hz."""
    t = np.arange(8000) / 16000
    samples = sum(np.sin(2 * np.pi * 200 * k * t) / k for k in range(1, 8)) * 0.3
    return Audio(samples.astype(np.float32), 16000)


@pytest.fixture(scope="session")
def difficult() -> list[Audio]:
    """Silence, noise, clipping, clicks and audio down to no sample at all."""
    noise = np.random.default_rng(0).normal(size=8000).astype(np.float32)
    click = np.zeros(4000, dtype=np.float32)
    click[2000] = 1
    lengths = [0, 1, 2, 79, 80, 81, 431, 432, 433, 592, 593, 1023, 1025]
    return [
        Audio(np.zeros(8000, dtype=np.float32), 16000),
        Audio(0.1 * noise, 16000),
        Audio(1e-6 * noise, 16000),
        Audio(5 * noise, 16000),
        Audio(click, 16000),
        *[Audio(0.1 * noise[:n], 16000) for n in lengths],
    ]


class Glides(Corpus):
    """Tones of a second or so that rise and fall around a speaker's own pitch, with silence between them."""

    def __init__(self, n: int, seed: int):
        self.n, self.seed = n, seed

    def __len__(self) -> int:
        return self.n

    def __iter__(self) -> Iterator[Utterance]:
        for index in range(self.n):
            yield Utterance(f"{self.seed}-{index}", self.audio(index))

    def audio(self, index: int) -> Audio:
        rng = np.random.default_rng([self.seed, index])
        n = int(rng.integers(12000, 24000))
        time = np.arange(n) / 16000
        hz = rng.uniform(100, 200) * (1 + 0.25 * np.sin(2 * np.pi * (rng.uniform(0.5, 2) * time + rng.uniform())))
        on = np.sin(2 * np.pi * (rng.uniform(0.5, 1.5) * time + rng.uniform())) > -0.6
        tone = sum(np.sin(k * 2 * np.pi * np.cumsum(hz) / 16000) / k for k in range(1, 5))
        return Audio((0.2 * on * tone).astype(np.float32), 16000)


@pytest.fixture(scope="session")
def autocorrelation() -> F0Extractor:
    return AutocorrelationF0(loudness=0.02)


@pytest.fixture(scope="session")
def glides() -> type[Glides]:
    return Glides
