"""What a report draws of pitch: F0 as it is measured, beside F0 as the codes say it."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import cache

import numpy as np

from spiritkit.audio import read_audio
from spiritkit.errors import RequestError
from spiritkit.interfaces import Chart, Clip, Curve, F0Extractor, Panel, Track
from spiritkit.pipeline import Pipeline
from spiritkit_f0.f0_vqvae import F0VQVAE

_VOICED = 0.5  #: the decoder gives about 1 where voiced, about 0 elsewhere


class F0Panel(Panel):
    """A chart of F0 over time: measured in the sound, and decoded from the pitch codes by the VQ-VAE that made them.

    The codes say F0 relative to the mean of the voiced frames; they are drawn around the mean that is measured, and
    left out where nothing is voiced. Unvoiced stretches are gaps.

    Args:
        stream: the recipe's key of its `f0-vqvae.v1`. A recipe without it has the measured curve only.
        f0: measures F0; null for what that tokenizer measures with.
    """

    def __init__(self, *, stream: str = "pitch", f0: Callable[[], F0Extractor] | None = None):
        self._stream = stream
        self._extractor = cache(f0) if f0 else None

    def tracks(self, clip: Clip, pipeline: Pipeline) -> list[Track]:
        """One chart.

        Raises:
            RequestError: neither the recipe nor the panel has an F0 extractor.
        """
        tokenizer = pipeline.tokenizers.get(self._stream) if pipeline.has_tokenizers else None
        vqvae = tokenizer if isinstance(tokenizer, F0VQVAE) else None
        if self._extractor is None and vqvae is None:
            raise RequestError(
                f"f0.v1: the recipe has no f0-vqvae.v1 called {self._stream!r}; give its key as 'stream', or an F0 "
                "extractor as 'f0'"
            )
        if not clip.audio.samples.size:
            return []
        extractor = self._extractor() if self._extractor else vqvae.f0 if vqvae else None
        assert extractor is not None
        (track,) = extractor.extract([read_audio(clip.audio, extractor.sample_rate)])
        voiced = track.voiced != 0
        curves = [_curve("measured", track.hz, voiced, extractor.rate)]
        codes = self._codes(clip, vqvae) if vqvae else np.zeros(0, dtype=np.int64)
        if vqvae and len(codes) and voiced.any():
            hz, says_voiced = vqvae.decode(codes)
            curves.append(_curve("decoded", hz + track.hz[voiced].mean(), says_voiced > _VOICED, vqvae.f0.rate))
        return [Chart("F0", "Hz", curves)]

    def _codes(self, clip: Clip, vqvae: F0VQVAE) -> np.ndarray:
        """The pitch codes at the rate of the VQ-VAE: a vocoder's frames have them at its own."""
        spec = next((spec for spec in clip.units.specs if spec.name == self._stream), None) if clip.units else None
        if clip.units is None or spec is None:
            return np.zeros(0, dtype=np.int64)
        codes, rate = clip.units[self._stream], vqvae.streams[0].rate
        count = -(-len(codes) * rate // spec.rate)
        held: np.ndarray = codes[[int(index * spec.rate / rate) for index in range(int(count))]]
        return held


def _curve(name: str, hz: np.ndarray, voiced: np.ndarray, rate: Fraction) -> Curve:
    return Curve(name, np.arange(len(hz)) / float(rate), np.where(voiced & (hz > 0), hz, np.nan))
