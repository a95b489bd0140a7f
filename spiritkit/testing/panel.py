"""The contract of panels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from spiritkit.interfaces import Chart, Clip, Labels, Panel, Track
from spiritkit.pipeline import Parts, Pipeline
from spiritkit.testing.contract import Contract
from spiritkit.testing.helpers import noise, random_state_untouched, seed_globally, silence, tone
from spiritkit.types import StreamSpec, Tokens, Units


class PanelContract(Contract):
    """Subclass it, set `component`, and override `pipeline` where the panel needs parts, and `clips` where it draws of
    other speech only.
    """

    kind = "panel"

    @pytest.fixture
    def pipeline(self) -> Pipeline:
        """The recipe's parts."""
        return Pipeline(Parts())

    @pytest.fixture
    def clips(self) -> list[Clip]:
        """Speech of several lengths and rates, of which something is drawn; one at least."""
        stranger = StreamSpec("stranger", 5, Fraction(10), True)
        units = Units((stranger,), {"stranger": np.arange(20) % 5})
        tokens = Tokens((stranger,), np.zeros(20, dtype=np.int64), np.arange(20) % 5)
        return [
            Clip("tone", tone(150, 2, 16_000), units, tokens),
            Clip("noise", noise(1.3, 24_000)),
            Clip("cut", tone(220, 0.8, 8_000), units, whole=False),
        ]

    def test_tracks_are_on_the_time_axis(self, part: Panel, pipeline: Pipeline, clips: list[Clip]) -> None:
        """Labels are in order, in the time of the sound; tracks have names; of some speech something is to be seen."""
        drawn = 0
        for clip in clips:
            end = float(clip.audio.duration)
            for track in part.tracks(clip, pipeline):
                assert isinstance(track, Labels | Chart)
                assert track.name
                if isinstance(track, Labels):
                    drawn += len(track.labels)
                    assert all(label.start <= end + 0.05 for label in track.labels)
                    assert all(one.stop <= other.start + 1e-6 for one, other in pairwise(track.labels))
                    continue
                assert len({curve.name for curve in track.curves}) == len(track.curves)
                for curve in track.curves:
                    drawn += int(np.isfinite(curve.values).sum())
                    assert not len(curve.times) or curve.times[0] >= 0
        assert drawn, "it draws nothing of any of `clips`"

    def test_speech_of_any_length(self, part: Panel, pipeline: Pipeline, clips: list[Clip]) -> None:
        """Silence, one sample and none, with codes and without: something is drawn, or nothing."""
        for audio in (silence(1, 16_000), noise(0, 16_000), silence(0, 16_000)):
            for clip in (Clip("odd", audio), replace(clips[0], audio=audio)):
                assert isinstance(part.tracks(clip, pipeline), list)

    def test_tracks_depend_on_nothing_else(
        self, part: Panel, make: Callable[[], Panel], pipeline: Pipeline, clips: list[Clip]
    ) -> None:
        """The same again, in another order, from another instance, and whatever the global seed, which is left alone;
        the sound is left as it was.
        """
        before = [clip.audio.samples.copy() for clip in clips]
        seed_globally(1)
        first = [_plain(part.tracks(clip, pipeline)) for clip in clips]
        seed_globally(2)
        with random_state_untouched():
            again = [_plain(part.tracks(clip, pipeline)) for clip in clips[::-1]]
        assert again[::-1] == first
        other = make()
        assert [_plain(other.tracks(clip, pipeline)) for clip in clips] == first
        assert all(np.array_equal(clip.audio.samples, old) for clip, old in zip(clips, before, strict=True))

    def test_input_files_are_there(self, part: Panel) -> None:
        """A change of them makes the report run again."""
        files = part.input_files()
        assert isinstance(files, list)
        assert all(isinstance(path, Path) and path.exists() for path in files)


def _plain(tracks: list[Track]) -> list[object]:
    """Tracks as values that can be compared; NaN equals NaN."""
    plain: list[object] = []
    for track in tracks:
        if isinstance(track, Labels):
            plain.append((track.name, list(track.labels)))
        else:
            curves = [
                (one.name, one.times.tolist(), np.nan_to_num(one.values, nan=-1e9).tolist()) for one in track.curves
            ]
            plain.append((track.name, track.unit, curves))
    return plain
