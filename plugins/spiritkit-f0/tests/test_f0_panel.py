"""The panel: F0 as measured, and as the pitch codes say it."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from spiritkit_f0.f0_vqvae import F0VQVAE
from spiritkit_f0.panel import F0Panel

from spiritkit.errors import RequestError
from spiritkit.interfaces import Chart, Clip, Curve, F0Extractor
from spiritkit.pipeline import Parts, Pipeline
from spiritkit.testing import PanelContract
from spiritkit.types import Audio, StreamSpec, Units


def curves(clip: Clip, pipeline: Pipeline, **parameters: object) -> dict[str, Curve]:
    tracks = F0Panel(**parameters).tracks(clip, pipeline)
    assert all(isinstance(track, Chart) and track.unit == "Hz" for track in tracks)
    return {curve.name: curve for track in tracks for curve in track.curves}


@pytest.fixture
def vqvae(vqvae_folder, fixed_f0) -> F0VQVAE:
    """Measures 120 Hz, rising by 1 Hz a frame, in frames 10 to 49."""
    return F0VQVAE(checkpoint=vqvae_folder, f0=fixed_f0(slice(10, 50)), device="cpu")


@pytest.fixture
def pipeline(vqvae: F0VQVAE) -> Pipeline:
    return Pipeline(Parts(tokenizers={"pitch": lambda: vqvae}))


SOUND = Audio(np.zeros(24_000, dtype=np.float32), 24_000)  # 1 s: 201 frames


def test_the_measured_curve_has_gaps_where_nothing_is_voiced(pipeline: Pipeline) -> None:
    (measured,) = curves(Clip("a", SOUND), pipeline).values()
    assert len(measured.times) == 201
    assert np.allclose(measured.times, np.arange(201) / 200)
    assert np.array_equal(np.flatnonzero(np.isfinite(measured.values)), np.arange(10, 50))
    assert measured.values[10] == 130


def test_codes_are_decoded_around_the_measured_mean(pipeline: Pipeline, vqvae: F0VQVAE, monkeypatch) -> None:
    seen = []

    def decode(codes) -> np.ndarray:
        seen.append(codes.tolist())
        voiced = np.arange(16 * len(codes)) % 2
        return np.stack([np.repeat(codes, 16) - 5.0, voiced]).astype(np.float32)

    monkeypatch.setattr(vqvae, "decode", decode)
    codes = np.arange(13)
    found = curves(Clip("a", SOUND, Units(vqvae.streams, {"pitch": codes})), pipeline)
    assert seen == [codes.tolist()]
    decoded = found["decoded"]
    assert np.allclose(decoded.times, np.arange(16 * 13) / 200)
    assert np.isnan(decoded.values[::2]).all()
    assert np.allclose(decoded.values[1::2], np.repeat(codes, 8) - 5 + 149.5)  # the mean of 130…169 Hz
    # a vocoder's frames: each code twice, at twice the rate
    twice = Units((StreamSpec("pitch", 64, Fraction(25), True),), {"pitch": np.repeat(codes, 2)})
    assert np.array_equal(curves(Clip("a", SOUND, twice), pipeline)["decoded"].values, decoded.values, equal_nan=True)
    assert seen == [codes.tolist()] * 2


def test_without_a_voiced_frame_or_codes_there_is_nothing_to_decode(pipeline: Pipeline, vqvae: F0VQVAE) -> None:
    vqvae.f0.voiced = slice(0, 0)
    clip = Clip("a", SOUND, Units(vqvae.streams, {"pitch": np.arange(13)}))
    (measured,) = curves(clip, pipeline).values()
    assert np.isnan(measured.values).all()
    vqvae.f0.voiced = slice(0, 9)
    assert set(curves(clip, pipeline)) == {"measured", "decoded"}
    other = Units((StreamSpec("hubert", 5, Fraction(25), True),), {"hubert": np.arange(5)})
    assert set(curves(Clip("a", SOUND, other), pipeline)) == {"measured"}


def test_recipes_without_pitch_codes(fixed_f0: type[F0Extractor]) -> None:
    empty = Pipeline(Parts())
    with pytest.raises(RequestError, match="the recipe has no f0-vqvae.v1 called 'tone'"):
        curves(Clip("a", SOUND), empty, stream="tone")
    assert set(curves(Clip("a", SOUND), empty, f0=fixed_f0)) == {"measured"}


class TestF0Panel(PanelContract):
    component = "f0.v1"

    @pytest.fixture
    def pipeline(self, vqvae_folder, fcpe) -> Pipeline:
        vqvae = F0VQVAE(checkpoint=vqvae_folder, f0=fcpe, device="cpu")
        return Pipeline(Parts(tokenizers={"pitch": lambda: vqvae}))

    @pytest.fixture
    def clips(self, pipeline: Pipeline, vibrato: Audio, tone: Audio) -> list[Clip]:
        return [Clip("vibrato", vibrato, pipeline.encode(vibrato)), Clip("tone", tone)]
