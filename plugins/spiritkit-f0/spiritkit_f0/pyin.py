"""F0 by probabilistic YIN (Mauch and Dixon 2014), as librosa computes it."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from spiritkit.errors import RequestError
from spiritkit.interfaces import F0, F0Extractor
from spiritkit.types import Audio
from spiritkit_f0.tracks import HOP, SAMPLE_RATE, interpolate_unvoiced, mono_samples

#: Samples of one analysis window; half of it must hold a period.
WINDOW = 2048
#: fmax / fmin at the least: librosa lets F0 move two semitones from frame to frame, and needs a wider range than that.
NARROWEST = 1.25


class PYIN(F0Extractor):
    """An F0 extractor without learned weights; frames of 5 ms. Slower than FCPE, and it needs `librosa`.

    Args:
        fmin: the lowest F0, in Hz.
        fmax: the highest F0, in Hz.

    Raises:
        RequestError: librosa is not installed, or a range that cannot be searched.
    """

    sample_rate = SAMPLE_RATE

    def __init__(self, *, fmin: float = 50.0, fmax: float = 1100.0):
        lowest = SAMPLE_RATE / (WINDOW // 2 - 1)
        if not (lowest <= fmin and NARROWEST * fmin <= fmax <= SAMPLE_RATE / 2):
            raise RequestError(
                f"pyin.v1: fmin is {fmin} and fmax is {fmax}; expected fmin >= {lowest:.1f}, "
                f"fmax >= {NARROWEST} * fmin and fmax <= {SAMPLE_RATE // 2} Hz"
            )
        try:
            import librosa
        except ImportError as error:
            raise RequestError('pyin.v1 needs librosa: pip install "spiritkit-f0[pyin]"') from error
        self._pyin = librosa.pyin
        self._fmin, self._fmax = fmin, fmax

    @property
    def rate(self) -> Fraction:
        """Frames per second: 200."""
        return Fraction(SAMPLE_RATE, HOP)

    def extract(self, audios: list[Audio]) -> list[F0]:
        """Tracks of n // 80 + 1 frames for n samples.

        Raises:
            InputError: audio that is not mono at 16 kHz.
        """
        return [self._track(mono_samples(audio)) for audio in audios]

    def _track(self, samples: np.ndarray) -> F0:
        hz, voiced, _ = self._pyin(
            samples, fmin=self._fmin, fmax=self._fmax, sr=SAMPLE_RATE, frame_length=WINDOW, hop_length=HOP
        )
        return interpolate_unvoiced(hz, voiced & np.isfinite(hz))
