"""Speech changed without changing what is said (Gat et al. 2023, section 3: time, pitch, reverberation, noise).

Arrays are float32 `[samples]` at 16 kHz. What is random comes from the generator that is given.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torchaudio.functional import phase_vocoder

from spiritkit.checks import check_range
from spiritkit.errors import RequestError

_SAMPLE_RATE = 16_000
_N_FFT, _HOP = 512, 128
#: What is done, in this order.
KINDS = ("speed", "pitch", "reverberation", "noise")


@dataclass(frozen=True)
class Augmentation:
    """How strongly speech is changed; each change is applied with probability `share`.

    Attributes:
        speed: it is spoken up to this share faster or slower, at the same pitch.
        pitch: it is up to so many semitones higher or lower, at the same speed.
        snr_min: signal-to-noise ratio of the loudest noise, in dB.
        snr_max: of the softest noise, in dB.
        reverberation: the longest reverberation time, in seconds; 0 for none.
        share: probability of each of the four.

    Raises:
        RequestError: a value is out of range.
    """

    speed: float = 0.2
    pitch: float = 4.0
    snr_min: float = 5.0
    snr_max: float = 20.0
    reverberation: float = 0.5
    share: float = 0.5

    def __post_init__(self) -> None:
        for name, most in (("speed", 0.9), ("pitch", 24.0), ("share", 1.0), ("reverberation", 10.0)):
            check_range("augmentation", {name: getattr(self, name)}, at_least=0, at_most=most)
        if self.snr_min > self.snr_max:
            raise RequestError(f"augmentation: snr_min is {self.snr_min}, above snr_max ({self.snr_max})")

    def apply(self, samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """One version of a sound, of another length if its speed changes."""
        for kind in KINDS:
            if rng.random() < self.share:
                samples = self.apply_one(kind, samples, rng)
        return samples

    def apply_one(self, kind: str, samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """One version of a sound, changed in one way, one of `KINDS`."""
        if kind == "speed":
            return change(samples, speed=1 + rng.uniform(-self.speed, self.speed))
        if kind == "pitch":
            return change(samples, semitones=rng.uniform(-self.pitch, self.pitch))
        if kind == "reverberation":
            return reverberate(samples, rng.uniform(0.2, 1) * self.reverberation, rng)
        return add_noise(samples, rng.uniform(self.snr_min, self.snr_max), rng)


def change(samples: np.ndarray, speed: float = 1.0, semitones: float = 0.0) -> np.ndarray:
    """Spoken `speed` times as fast and so many semitones higher: a phase vocoder, then resampling."""
    stretched = _stretch(samples, speed / 2 ** (semitones / 12))
    changed = _resample(stretched, max(1, round(len(samples) / speed)))
    # The phase vocoder loses some of the loudness.
    before, after = (float(np.mean(np.square(each, dtype=np.float64))) for each in (samples, changed))
    return changed * np.float32((before / after) ** 0.5) if after else changed


def add_noise(samples: np.ndarray, snr: float, rng: np.random.Generator) -> np.ndarray:
    """With noise of a random colour, white to brown, at a signal-to-noise ratio in dB."""
    spectrum = np.fft.rfft(rng.standard_normal(len(samples)))
    spectrum /= np.maximum(1, np.arange(len(spectrum))) ** rng.uniform(0, 1)
    noise = np.fft.irfft(spectrum, len(samples))
    power, noise_power = np.mean(np.square(samples, dtype=np.float64)), np.mean(np.square(noise)) + 1e-12
    mixed: np.ndarray = samples + noise * np.sqrt(power / noise_power * 10 ** (-snr / 10))
    return mixed.astype(np.float32)


def reverberate(samples: np.ndarray, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """As in a room: the direct sound, and behind it noise that falls by 60 dB in so many seconds and has, in all, half
    to once the amplitude.
    """
    if seconds <= 0:
        return samples
    time = np.arange(max(1, round(seconds * _SAMPLE_RATE))) / _SAMPLE_RATE
    tail = rng.standard_normal(len(time)) * 10 ** (-3 * time / seconds)
    tail *= rng.uniform(0.5, 1) / np.linalg.norm(tail)
    tail[0] = 1
    size = -(-(len(samples) + len(tail)) // 4096) * 4096  # of small prime factors, for the sake of speed
    wet: np.ndarray = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(tail, size), size)[: len(samples)]
    return wet.astype(np.float32)


def _stretch(samples: np.ndarray, rate: float) -> np.ndarray:
    """`rate` times as fast, at the same pitch."""
    if rate == 1 or len(samples) < _N_FFT:
        return samples
    window = torch.hann_window(_N_FFT)
    spectrum = torch.stft(torch.from_numpy(samples), _N_FFT, _HOP, window=window, return_complex=True)
    advance = torch.linspace(0, torch.pi * _HOP, _N_FFT // 2 + 1)[:, None]
    slower = phase_vocoder(spectrum, rate, advance)
    length = max(1, round(len(samples) / rate))
    stretched: np.ndarray = torch.istft(slower, _N_FFT, _HOP, window=window, length=length).numpy()
    return stretched


def _resample(samples: np.ndarray, length: int) -> np.ndarray:
    """As many samples as wanted, of the same sound: what the new rate cannot hold is cut from the spectrum."""
    if length == len(samples):
        return samples
    spectrum = np.fft.rfft(samples)[: length // 2 + 1]
    resampled: np.ndarray = np.fft.irfft(spectrum, length) * (length / len(samples))
    return resampled.astype(np.float32)
