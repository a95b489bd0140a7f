"""The contract of unit tokenizers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from spiritkit.interfaces import UnitTokenizer
from spiritkit.testing.contract import Contract
from spiritkit.testing.helpers import noise, seed_globally, silence
from spiritkit.types import Audio, StreamSpec, Units


class UnitTokenizerContract(Contract):
    """Subclass it, and set `component`."""

    kind = "unit_tokenizer"

    @pytest.fixture
    def audios(self, part: UnitTokenizer) -> list[Audio]:
        """What is encoded; override it if noise tells little about your tokenizer."""
        return [noise(seconds, part.sample_rate, seed) for seed, seconds in enumerate((3.1, 0.7, 5.0))]

    def test_streams_are_constant(self, part: UnitTokenizer, audios: list[Audio]) -> None:
        """At least one stream, and the same after encoding as before."""
        streams = part.streams
        assert isinstance(streams, tuple)
        assert streams
        assert all(isinstance(spec, StreamSpec) for spec in streams)
        assert len({spec.name for spec in streams}) == len(streams), "two streams have one name"
        part.encode(audios[:1])
        assert part.streams == streams

    def test_units_have_the_streams(self, part: UnitTokenizer, audios: list[Audio]) -> None:
        """One `Units` for each audio; its codes are whole numbers of the streams' ranges (`Units` sees to that)."""
        encoded = part.encode(audios)
        assert len(encoded) == len(audios)
        for units in encoded:
            assert isinstance(units, Units)
            assert units.specs == part.streams
            assert all(codes.dtype == np.int64 and codes.ndim == 1 for codes in units.values())

    def test_rate_is_the_number_of_frames_a_second(self, part: UnitTokenizer, audios: list[Audio]) -> None:
        """At the borders a frame or two may be missing or padded, however long the audio."""
        long = noise(20.0, part.sample_rate, seed=9)
        for audio, units in zip([*audios, long], part.encode([*audios, long]), strict=True):
            for spec in part.streams:
                expected = audio.duration * spec.rate
                assert abs(len(units[spec.name]) - expected) <= 2, (spec.name, float(expected), len(units[spec.name]))

    def test_a_batch_is_as_its_audios_alone(self, part: UnitTokenizer, audios: list[Audio]) -> None:
        """Neither the others nor the padding that they cause change a code; no audio gives no units."""
        together = part.encode(audios)
        alone = [part.encode([audio])[0] for audio in audios]
        assert together == alone
        assert part.encode(audios[::-1]) == alone[::-1]
        assert part.encode([]) == []

    def test_short_and_silent_audio(self, part: UnitTokenizer) -> None:
        """Down to one sample; what is too short for a frame has none."""
        rate = part.sample_rate
        sounds = [silence(2.0, rate), silence(0.08, rate), *[noise(s, rate) for s in (0, 0.001, 0.02, 0.08)]]
        for audio, units in zip(sounds, part.encode(sounds), strict=True):
            for spec in part.streams:
                assert len(units[spec.name]) <= audio.duration * spec.rate + 2

    def test_codes_depend_on_nothing_else(
        self, part: UnitTokenizer, make: Callable[[], UnitTokenizer], audios: list[Audio]
    ) -> None:
        """The same audio gives the same codes again, from another instance, and whatever the global seed; and the
        audio is left as it was.
        """
        before = [audio.samples.copy() for audio in audios]
        seed_globally(1)
        first = part.encode(audios)
        assert part.encode(audios) == first
        seed_globally(2)
        assert make().encode(audios) == first
        assert all(np.array_equal(audio.samples, old) for audio, old in zip(audios, before, strict=True))
