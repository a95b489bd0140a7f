"""Interpolation of unvoiced frames, and the check of audio."""

from __future__ import annotations

import numpy as np
import pytest
from spiritkit_f0.tracks import interpolate_unvoiced, mono_samples

from spiritkit.errors import InputError
from spiritkit.types import Audio


def test_unvoiced_frames_lie_between_their_neighbours():
    hz = np.array([7, 100, 7, 7, 130, np.nan, np.nan])
    track = interpolate_unvoiced(hz, np.array([0, 1, 0, 0, 1, 0, 0], dtype=bool))
    np.testing.assert_allclose(track.hz, [100, 100, 110, 120, 130, 130, 130])
    assert track.voiced.tolist() == [0, 1, 0, 0, 1, 0, 0]
    assert track.hz.dtype == track.voiced.dtype == np.float32


def test_one_voiced_frame_gives_its_value_everywhere():
    track = interpolate_unvoiced(np.array([np.nan, 90, 0]), np.array([False, True, False]))
    assert track.hz.tolist() == [90, 90, 90]


def test_no_voiced_frame_gives_zero():
    track = interpolate_unvoiced(np.full(5, np.nan), np.zeros(5, dtype=bool))
    assert not track.hz.any()
    assert not track.voiced.any()


@pytest.mark.parametrize(("shape", "rate"), [((2, 800), 16000), ((800,), 8000)])
def test_other_audio_is_refused(shape, rate):
    with pytest.raises(InputError, match=rf"{rate} Hz; expected mono \[T\] at 16000 Hz"):
        mono_samples(Audio(np.zeros(shape, dtype=np.float32), rate))
