"""The contract of F0 extractors."""

from __future__ import annotations

import math

import numpy as np

from spiritkit.interfaces import F0Extractor
from spiritkit.testing.contract import Contract
from spiritkit.testing.helpers import noise, silence, tone
from spiritkit.types import Audio


class F0ExtractorContract(Contract):
    """Subclass it, and set `component`.

    Attributes:
        hz: a tone of this pitch is found, within 5 %.
    """

    kind = "f0_extractor"
    hz = 200.0

    def _sounds(self, part: F0Extractor) -> list[Audio]:
        rate = part.sample_rate
        short = [noise(seconds, rate) for seconds in (0, 0.004, 0.03)]
        return [tone(self.hz, 0.6, rate), noise(0.73, rate), silence(0.5, rate), *short]

    def test_tracks_have_a_frame_for_each_time(self, part: F0Extractor) -> None:
        """Frame i is centred on i / rate seconds, so there are floor(seconds · rate) + 1, of float32."""
        sounds = self._sounds(part)
        tracks = part.extract(sounds)
        assert len(tracks) == len(sounds)
        for audio, track in zip(sounds, tracks, strict=True):
            frames = math.floor(audio.duration * part.rate) + 1
            assert track.hz.shape == track.voiced.shape == (frames,)
            assert track.hz.dtype == track.voiced.dtype == np.float32

    def test_values(self, part: F0Extractor) -> None:
        """Never NaN; voicing is 0 or 1; F0 is positive throughout where any frame is voiced, else 0 throughout."""
        for track in part.extract(self._sounds(part)):
            assert np.isfinite(track.hz).all()
            assert np.isin(track.voiced, (0, 1)).all()
            assert (track.hz > 0).all() if track.voiced.any() else (track.hz == 0).all()

    def test_silence_has_no_voice(self, part: F0Extractor) -> None:
        """No frame of it is voiced, so F0 is 0."""
        track = part.extract([silence(0.5, part.sample_rate)])[0]
        assert not track.voiced.any()
        assert not track.hz.any()

    def test_a_tone_is_found(self, part: F0Extractor) -> None:
        """Most of its frames are voiced, at its pitch."""
        track = part.extract([tone(self.hz, 0.6, part.sample_rate)])[0]
        assert track.voiced.mean() > 0.5
        assert abs(float(np.median(track.hz)) / self.hz - 1) < 0.05

    def test_a_batch_is_as_its_audios_alone(self, part: F0Extractor) -> None:
        """The others change nothing beyond rounding; no audio gives no track."""
        sounds = self._sounds(part)
        for audio, track in zip(sounds, part.extract(sounds), strict=True):
            alone = part.extract([audio])[0]
            np.testing.assert_array_equal(alone.voiced, track.voiced)
            np.testing.assert_allclose(alone.hz, track.hz, rtol=1e-3)
        assert part.extract([]) == []
