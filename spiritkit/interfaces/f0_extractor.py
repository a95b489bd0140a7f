"""Audio → fundamental frequency."""

from __future__ import annotations

from abc import ABC, abstractmethod
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from spiritkit.types import Audio


class F0(NamedTuple):
    """A pitch track.

    Attributes:
        hz: float32 `[T]`, fundamental frequency in Hz; in unvoiced frames interpolated from the voiced ones, and 0
            everywhere when no frame is voiced. Never NaN.
        voiced: float32 `[T]`, 1 where the frame is voiced, else 0.
    """

    hz: np.ndarray
    voiced: np.ndarray


class F0Extractor(ABC):
    """Estimates the fundamental frequency of speech."""

    #: The rate, in Hz, at which `extract` wants its audio.
    sample_rate: int = 16_000

    @property
    @abstractmethod
    def rate(self) -> Fraction:
        """Frames per second; frame i is centred on i / rate seconds."""

    @abstractmethod
    def extract(self, audios: list[Audio]) -> list[F0]:
        """Tracks of a batch of mono audio at `sample_rate`; each has floor(seconds · rate) + 1 frames."""
