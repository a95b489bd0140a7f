"""Sounds to encode, their pitch, and a watch on global random numbers."""

from __future__ import annotations

import pickle
import random
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction

import numpy as np

from spiritkit.interfaces import F0, F0Extractor
from spiritkit.types import Audio


def noise(seconds: float, sample_rate: int, seed: int = 0) -> Audio:
    """Noise whose loudness and colour change three times a second, roughly as speech does."""
    rng = np.random.default_rng(seed)
    samples = rng.standard_normal(max(1, round(seconds * sample_rate)))
    time = np.arange(len(samples)) / sample_rate
    smooth = np.cumsum(samples) / 20
    smooth -= np.linspace(smooth[0], smooth[-1], len(smooth))
    share = 0.5 + 0.5 * np.sin(2 * np.pi * 3 * time)
    level = 0.1 * (1.05 + np.sin(2 * np.pi * 2 * time + 1))
    mixed = level * (share * samples + (1 - share) * smooth)
    return Audio((0.3 * mixed / max(1.0, float(np.abs(mixed).max()))).astype(np.float32), sample_rate)


def tone(hz: float, seconds: float, sample_rate: int) -> Audio:
    """A tone with overtones that fall off as 1 / k."""
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    samples = np.zeros_like(time)
    for k in range(1, 8):
        samples += np.sin(2 * np.pi * hz * k * time) / k
    return Audio((0.3 * samples).astype(np.float32), sample_rate)


def silence(seconds: float, sample_rate: int) -> Audio:
    """Nothing but zeros."""
    return Audio(np.zeros(round(seconds * sample_rate), dtype=np.float32), sample_rate)


class AutocorrelationF0(F0Extractor):
    """F0 of clean tones of 60–400 Hz at 16 kHz, 200 times a second, fast enough for tests of what is trained on it: the
    lag at which 40 ms are most like themselves. Tracks are remembered by the sound.

    Args:
        loudness: mean square of 40 ms above which they are voiced.
    """

    def __init__(self, *, loudness: float):
        self._loudness = loudness
        self._known: dict[bytes, F0] = {}

    @property
    def rate(self) -> Fraction:
        """200 frames a second."""
        return Fraction(200)

    def extract(self, audios: list[Audio]) -> list[F0]:
        """See `F0Extractor.extract`."""
        return [self._track(audio.mono(self.sample_rate)) for audio in audios]

    def _track(self, samples: np.ndarray) -> F0:
        key = samples.tobytes()
        if key not in self._known:
            frames = np.lib.stride_tricks.sliding_window_view(np.pad(samples, 320), 640)[::80]
            likeness = np.fft.irfft(np.abs(np.fft.rfft(frames, 2048)) ** 2)[:, 40:267]  # multiples of the lag are less
            hz = self.sample_rate / (40 + likeness.argmax(1))
            voiced = (frames**2).mean(1) > self._loudness
            times = np.arange(len(hz))
            filled = np.interp(times, times[voiced], hz[voiced]) if voiced.any() else np.zeros(len(hz))
            self._known[key] = F0(filled.astype(np.float32), voiced.astype(np.float32))
        return self._known[key]


@contextmanager
def random_state_untouched() -> Iterator[None]:
    """Fails if the block draws from, or seeds, the random numbers that all code of the process shares."""
    import torch

    def state() -> tuple[object, ...]:
        return random.getstate(), pickle.dumps(np.random.get_state()), torch.get_rng_state().numpy().tobytes()

    before = state()
    yield
    for name, old, new in zip(("random", "numpy.random", "torch"), before, state(), strict=True):
        assert old == new, f"it draws from the global random numbers of {name}; use a generator of its own"


def seed_globally(seed: int) -> None:
    """Seed what a part must not depend on."""
    import torch

    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
