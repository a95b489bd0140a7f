"""What the codes mean: the two scales that the tokenizer and the vocoder share."""

from __future__ import annotations

import numpy as np

SAMPLE_RATE = 16_000  #: in Hz
FRAME = 1280  #: samples of one frame: 80 ms, so 12.5 frames a second
STEP = 2.5  #: dB from one energy code to the next
QUIETEST = -80.0  #: dB below full scale; energy code 0 is for all that is quieter than half a step above it
ENERGIES = 33  #: energy codes: 0 dB is the last
CENTROIDS = 16  #: centroid codes: 0 Hz to half the sample rate, in equal steps on the mel scale


def energy_code(rms: np.ndarray) -> np.ndarray:
    """Root mean square `[T]`, of samples in -1…1 → codes int64 `[T]`."""
    decibels = 20 * np.log10(np.maximum(rms, 1e-10))
    return np.clip(np.round((decibels - QUIETEST) / STEP), 0, ENERGIES - 1).astype(np.int64)


def rms(code: int) -> float:
    """The root mean square in the middle of an energy code; 0 for code 0."""
    return float(10 ** ((QUIETEST + STEP * code) / 20)) if code else 0.0


def centroid_code(hz: np.ndarray) -> np.ndarray:
    """Frequencies `[T]` in Hz → codes int64 `[T]`."""
    share = _mel(hz) / _mel(np.array(SAMPLE_RATE / 2))
    return np.clip(np.floor(share * CENTROIDS), 0, CENTROIDS - 1).astype(np.int64)


def centroid(code: int) -> float:
    """The frequency in the middle of a centroid code, in Hz."""
    mel = (code + 0.5) / CENTROIDS * _mel(np.array(SAMPLE_RATE / 2))
    return float(700 * (10 ** (mel / 2595) - 1))


def _mel(hz: np.ndarray) -> np.ndarray:
    mel: np.ndarray = 2595 * np.log10(1 + hz / 700)
    return mel
