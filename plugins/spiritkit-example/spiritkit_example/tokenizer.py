"""Audio → loudness and brightness."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from spiritkit.interfaces import UnitTokenizer
from spiritkit.types import Audio, StreamSpec, Units
from spiritkit_example.scales import CENTROIDS, ENERGIES, FRAME, SAMPLE_RATE, centroid_code, energy_code

RATE = Fraction(SAMPLE_RATE, FRAME)


class ExampleTokenizer(UnitTokenizer):
    """Two codes for each frame of 80 ms: its energy in steps of 2.5 dB, and the centroid of its spectrum.

    The last frame is filled up with zeros. Nothing is deduplicated: how long a sound lasts is in the number of codes.
    """

    sample_rate = SAMPLE_RATE

    @property
    def streams(self) -> tuple[StreamSpec, ...]:
        """Energy, then centroid; a recipe that calls the tokenizer `toy` names them `toy.0` and `toy.1`."""
        return (
            StreamSpec("energy", ENERGIES, RATE, deduplicate=False),
            StreamSpec("centroid", CENTROIDS, RATE, deduplicate=False),
        )

    def encode(self, audios: list[Audio]) -> list[Units]:
        """As many frames as have begun.

        Raises:
            InputError: audio that is not mono at 16 kHz.
        """
        return [self._units(audio.mono(self.sample_rate)) for audio in audios]

    def _units(self, samples: np.ndarray) -> Units:
        frames = np.pad(samples, (0, -len(samples) % FRAME)).reshape(-1, FRAME).astype(np.float64)  # [T, FRAME]
        power = np.abs(np.fft.rfft(frames * np.hanning(FRAME))) ** 2  # [T, FRAME / 2 + 1]
        hz = np.fft.rfftfreq(FRAME, 1 / SAMPLE_RATE)
        centroids = power @ hz / np.maximum(power.sum(axis=1), 1e-20)
        energies = np.sqrt((frames**2).mean(axis=1))
        return Units(self.streams, {"energy": energy_code(energies), "centroid": centroid_code(centroids)})
