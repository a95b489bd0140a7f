"""pyin.v1."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from spiritkit_f0.pyin import PYIN

from spiritkit.errors import RequestError


def test_tone_and_difficult_audio(tone, difficult):
    pytest.importorskip("librosa")
    pyin = PYIN()
    track = pyin.extract([tone])[0]
    assert len(track.hz) == 8000 // 80 + 1
    assert track.voiced[10:-10].all()
    np.testing.assert_allclose(track.hz[10:-10], 200, rtol=0.02)
    for audio, track in zip(difficult, pyin.extract(difficult), strict=True):
        assert len(track.hz) == len(track.voiced) == len(audio.samples) // 80 + 1
        assert np.isfinite(track.hz).all()
    assert not pyin.extract(difficult[:1])[0].voiced.any()


def test_missing_librosa_is_explained(monkeypatch):
    monkeypatch.setitem(sys.modules, "librosa", None)
    with pytest.raises(RequestError, match=r'pip install "spiritkit-f0\[pyin\]"'):
        PYIN()


@pytest.mark.parametrize(("fmin", "fmax"), [(0, 500), (10, 500), (100, 110), (500, 100), (50, 9000), (float("nan"), 9)])
def test_impossible_range_is_refused(fmin, fmax):
    with pytest.raises(RequestError, match=f"fmin is {fmin} and fmax is {fmax}"):
        PYIN(fmin=fmin, fmax=fmax)


@pytest.mark.slow
@pytest.mark.parametrize(("fmin", "fmax"), [(16, 8000), (100, 125)])
def test_extreme_ranges_that_are_allowed_work(fmin, fmax, tone):
    pytest.importorskip("librosa")
    assert np.isfinite(PYIN(fmin=fmin, fmax=fmax).extract([tone])[0].hz).all()
