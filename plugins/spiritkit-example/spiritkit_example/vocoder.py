"""Loudness and brightness → noise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from spiritkit.errors import InputError, RequestError
from spiritkit.interfaces import Vocoder
from spiritkit.types import Audio, Tokens, Units
from spiritkit_example.scales import CENTROIDS, FRAME, SAMPLE_RATE, centroid, rms

FADE = 160  # samples over which a frame gives way to the next: 10 ms
DEFAULT_CENTROID = CENTROIDS // 3  # of speech without any


class ExampleVocoder(Vocoder):
    """Noise, frame by frame, with the energy and about the spectral centroid that the codes say.

    Args:
        energy_stream: the recipe's name of the energies.
        centroid_stream: the recipe's name of the centroids. Where there are fewer of them than energies, the last one
            stays.
    """

    needs_units = True  # the serializer makes frames of tokens

    def __init__(self, *, energy_stream: str, centroid_stream: str):
        self._energy, self._centroid = energy_stream, centroid_stream

    @property
    def accepts(self) -> tuple[str, ...]:
        """Energies, which decide how long the audio is, and centroids."""
        return (self._energy, self._centroid)

    @property
    def sample_rate(self) -> int:
        """16 kHz."""
        return SAMPLE_RATE

    def decode(
        self,
        speech: list[Units | Tokens],
        *,
        speaker: int | str | None = None,
        style: int | str | None = None,
        seed: int = 0,
    ) -> list[Audio]:
        """80 ms for each frame; the seed decides the noise. See `Vocoder.decode`."""
        _refuse(speaker=speaker, style=style)
        return [_joined(self._speak([one], seed)) for one in speech]

    def decode_stream(
        self,
        chunks: Iterable[Units | Tokens],
        *,
        speaker: int | str | None = None,
        style: int | str | None = None,
        seed: int = 0,
    ) -> Iterator[Audio]:
        """Each frame as soon as both its codes are there. See `Vocoder.decode_stream`."""
        _refuse(speaker=speaker, style=style)
        return (Audio(samples, SAMPLE_RATE) for samples in self._speak(chunks, seed))

    def _speak(self, chunks: Iterable[Units | Tokens], seed: int) -> Iterator[np.ndarray]:
        """The samples of one frame after another, float32 `[FRAME]`."""
        generator = np.random.default_rng(seed)
        tail = np.zeros(FADE)
        for energy, bright in self._frames(chunks):
            noise = _noise(generator, rms(energy), centroid(bright))
            noise[:FADE] += tail
            tail = noise[FRAME:]
            yield noise[:FRAME].astype(np.float32)

    def _frames(self, chunks: Iterable[Units | Tokens]) -> Iterator[tuple[int, int]]:
        """Energy and centroid code of one frame after another."""
        energies: list[int] = []
        centroids: list[int] = []
        bright = DEFAULT_CENTROID
        for chunk in chunks:
            if not isinstance(chunk, Units):
                raise InputError("example-vocoder.v1 decodes Units, not Tokens; deserialize them first")
            energies += chunk.get(self._energy, np.zeros(0, dtype=np.int64)).tolist()
            centroids += chunk.get(self._centroid, np.zeros(0, dtype=np.int64)).tolist()
            while energies and centroids:
                bright = centroids.pop(0)
                yield energies.pop(0), bright
        for energy in energies:
            yield energy, bright


def _noise(generator: np.random.Generator, level: float, hz: float) -> np.ndarray:
    """Noise around a frequency, fading in and out: float64 `[FRAME + FADE]`."""
    spectrum = np.fft.rfft(generator.standard_normal(FRAME + FADE))
    frequencies = np.fft.rfftfreq(FRAME + FADE, 1 / SAMPLE_RATE)
    noise = np.fft.irfft(spectrum * np.exp(-0.5 * ((frequencies - hz) / (50 + hz / 4)) ** 2), FRAME + FADE)
    noise *= level / np.sqrt(np.mean(noise**2))
    rise = np.sin(np.linspace(0, np.pi / 2, FADE))
    noise[:FADE] *= rise
    noise[FRAME:] *= rise[::-1]
    return noise


def _joined(pieces: Iterable[np.ndarray]) -> Audio:
    return Audio(np.concatenate([np.zeros(0, dtype=np.float32), *pieces]), SAMPLE_RATE)


def _refuse(**wishes: int | str | None) -> None:
    for name, value in wishes.items():
        if value is not None:
            raise RequestError(f"{name} is {value!r}; example-vocoder.v1 has none to choose from")
