"""fcpe.v1 against torchfcpe's own call, and on audio that is hard to track."""

from __future__ import annotations

import os
from fractions import Fraction

import numpy as np
import pytest
import torch
import torchfcpe
from spiritkit_f0.fcpe import FCPE

from spiritkit.errors import InputError
from spiritkit.types import Audio


def test_equals_torchfcpe_called_as_the_release_calls_it(fcpe, vibrato):
    track = fcpe.extract([vibrato])[0]
    hz, unvoiced = torchfcpe.spawn_bundled_infer_model(device="cpu").infer(
        torch.from_numpy(vibrato.samples)[None, :, None],
        sr=16000,
        decoder_mode="local_argmax",
        threshold=0.05,
        f0_min=50,
        f0_max=1100,
        interp_uv=True,
        output_interp_target_length=len(vibrato.samples) // 80 + 1,
        retur_uv=True,
    )
    np.testing.assert_allclose(track.hz, hz[0, :, 0], rtol=1e-5)
    np.testing.assert_array_equal(track.voiced, 1 - unvoiced[0, :, 0].numpy())
    assert 0 < track.voiced.mean() < 1


def test_tone(fcpe, tone):
    track = fcpe.extract([tone])[0]
    assert fcpe.rate == Fraction(200)
    assert len(track.hz) == 8000 // 80 + 1
    assert track.voiced[5:-5].all()
    np.testing.assert_allclose(track.hz[5:-5], 200, rtol=0.02)


def test_difficult_audio_gives_whole_tracks(fcpe, difficult):
    for audio, track in zip(difficult, fcpe.extract(difficult), strict=True):
        assert len(track.hz) == len(track.voiced) == len(audio.samples) // 80 + 1
        assert np.isfinite(track.hz).all()
        assert set(np.unique(track.voiced)) <= {0, 1}
        assert (track.hz > 0).all() if track.voiced.any() else not track.hz.any()


def test_silence_is_unvoiced(fcpe):
    track = fcpe.extract([Audio(np.zeros(16000, dtype=np.float32), 16000)])[0]
    assert not track.voiced.any()
    assert not track.hz.any()


def test_batch_does_not_matter(fcpe, vibrato, tone):
    together = fcpe.extract([tone, vibrato])
    for audio, track in zip([tone, vibrato], together, strict=True):
        alone = fcpe.extract([audio])[0]
        np.testing.assert_array_equal(track.hz, alone.hz)
        np.testing.assert_array_equal(track.voiced, alone.voiced)


def test_is_quiet_and_leaves_the_process_alone(capfd):
    environment, state = dict(os.environ), torch.get_rng_state()
    FCPE(device="cpu").extract([Audio(np.full(1600, 3, dtype=np.float32), 16000)])
    assert capfd.readouterr() == ("", "")
    assert dict(os.environ) == environment
    assert torch.equal(torch.get_rng_state(), state)


def test_stereo_is_refused(fcpe):
    with pytest.raises(InputError, match="mono"):
        fcpe.extract([Audio(np.zeros((2, 1600), dtype=np.float32), 16000)])
