"""What the F0 extractors share: the audio they take and the tracks they give."""

from __future__ import annotations

import numpy as np

from spiritkit.interfaces import F0
from spiritkit.types import Audio

SAMPLE_RATE = 16_000  #: of the audio, in Hz
HOP = 80  #: samples from one frame of a track to the next


def mono_samples(audio: Audio) -> np.ndarray:
    """The samples of mono audio at 16 kHz, float32 `[T]`, at least one: no sample at all counts as a silent one.

    Raises:
        InputError: several channels, or another rate.
    """
    given = audio.mono(SAMPLE_RATE)
    return given if given.size else np.zeros(1, dtype=np.float32)


def interpolate_unvoiced(hz: np.ndarray, voiced: np.ndarray) -> F0:
    """A track whose unvoiced frames lie on straight lines between their voiced neighbours.

    Frames before the first and after the last voiced one take its value; without any voiced frame all are 0.

    Args:
        hz: `[T]`, F0 in Hz where voiced, anything (NaN too) elsewhere.
        voiced: bool `[T]`.
    """
    filled = np.zeros(len(hz), dtype=np.float32)
    where = np.flatnonzero(voiced)
    if where.size:
        filled[:] = np.interp(np.arange(len(hz)), where, hz[where])
    return F0(filled, voiced.astype(np.float32))
