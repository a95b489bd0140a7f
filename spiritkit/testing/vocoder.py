"""The contract of vocoders."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction

import numpy as np
import pytest

from spiritkit.errors import RequestError
from spiritkit.interfaces import Vocoder
from spiritkit.serializers.time_merge import TimeMerge
from spiritkit.testing.contract import Contract
from spiritkit.testing.helpers import random_state_untouched, seed_globally
from spiritkit.types import Audio, StreamSpec, Tokens, Units

Emitted = Callable[..., Units | Tokens]


class VocoderContract(Contract):
    """Subclass it, set `component`, and override `specs`.

    Attributes:
        tolerance: by how much samples may differ between ways of computing them.
    """

    kind = "vocoder"
    tolerance = 1e-4

    @pytest.fixture
    def specs(self) -> tuple[StreamSpec, ...]:
        """The streams of `accepts`, with their sizes and rates; of equally fast ones the leading one first."""
        raise NotImplementedError("override the fixture `specs`: the streams that your vocoder reads")

    @pytest.fixture
    def emitted(self, part: Vocoder, specs: tuple[StreamSpec, ...]) -> Emitted:
        """Makes speech of (stream, code) pairs: `Tokens`, or where the vocoder needs them the frames read from them."""
        serializer = TimeMerge()

        def emitted(pairs: list[tuple[int, int]], specs: tuple[StreamSpec, ...] = specs) -> Units | Tokens:
            streams, codes = zip(*pairs, strict=True) if pairs else ((), ())
            tokens = Tokens(specs, np.array(streams, dtype=np.int64), np.array(codes, dtype=np.int64))
            return serializer.deserialize(tokens) if part.needs_units else tokens

        return emitted

    @pytest.fixture
    def lead(self, part: Vocoder, specs: tuple[StreamSpec, ...]) -> StreamSpec:
        """The stream that carries the time."""
        return next(spec for spec in specs if spec.name == part.accepts[0])

    def test_properties(self, part: Vocoder, specs: tuple[StreamSpec, ...]) -> None:
        """What it reads, and at which rate it makes sound."""
        assert isinstance(part.accepts, tuple)
        assert part.accepts
        assert {spec.name for spec in specs} == set(part.accepts)
        assert isinstance(part.sample_rate, int)
        assert part.sample_rate > 0

    def test_units_last_as_long_as_they_say(
        self, part: Vocoder, specs: tuple[StreamSpec, ...], lead: StreamSpec
    ) -> None:
        """Mono float32 audio; a frame of the leading stream more or less at the end. One frame makes sound already."""
        for seconds in (Fraction(2), 1 / lead.rate):
            units = _units(specs, seconds)
            audio = _samples(part, units)
            expected = len(units[lead.name]) / lead.rate
            assert len(audio) > 0
            assert abs(Fraction(len(audio), part.sample_rate) - expected) < 1 / lead.rate

    def test_nothing_gives_no_sound(
        self, part: Vocoder, specs: tuple[StreamSpec, ...], lead: StreamSpec, emitted: Emitted
    ) -> None:
        """No frames, no tokens, tokens without a unit, pieces without any, no piece, no batch."""
        others = [token for token in _tokens(specs, 20) if token[0] != specs.index(lead)]
        for speech in (_units(specs, Fraction(0)), emitted([]), emitted(others)):
            assert len(_samples(part, speech)) == 0
            assert len(_joined(part.decode_stream([speech, speech]))) == 0
        assert len(_joined(part.decode_stream([]))) == 0
        assert part.decode([]) == []

    def test_whatever_a_model_emits_is_spoken(
        self, part: Vocoder, specs: tuple[StreamSpec, ...], lead: StreamSpec, emitted: Emitted
    ) -> None:
        """Tokens of all streams in any order, and a single unit."""
        for seed in range(4):
            tokens = _tokens(specs, 25, seed)
            assert any(stream == specs.index(lead) for stream, _ in tokens)
            assert len(_samples(part, emitted(tokens))) > 0
        assert len(_samples(part, emitted([(specs.index(lead), 0)]))) > 0

    def test_missing_streams_take_defaults(
        self, part: Vocoder, specs: tuple[StreamSpec, ...], lead: StreamSpec, emitted: Emitted
    ) -> None:
        """The leading stream is enough, whether the others are unknown or only empty; streams of others are ignored."""
        stranger = StreamSpec("stranger", 3, Fraction(7), True)
        units, index = _units(specs, Fraction(1)), specs.index(lead)
        tokens = [token for token in _tokens(specs, 20) if token[0] == index]
        none = np.zeros(0, dtype=np.int64)
        empty = {spec.name: units[spec.name] if spec == lead else none for spec in specs}
        pairs: list[tuple[Units | Tokens, Units | Tokens]] = [
            (Units((lead,), {lead.name: units[lead.name]}), Units(specs, empty)),
            (emitted([(0, code) for _, code in tokens], (lead,)), emitted(tokens)),
            (units, Units((stranger, *specs), {**units, "stranger": np.arange(7) % 3})),
        ]
        for alone, more in pairs:
            self._same(_samples(part, more), _samples(part, alone))
            assert len(_samples(part, alone)) > 0

    def test_a_batch_is_as_its_parts_alone(
        self, part: Vocoder, specs: tuple[StreamSpec, ...], emitted: Emitted
    ) -> None:
        """Neither the others nor padding change a sample beyond rounding."""
        tokens = emitted(_tokens(specs, 25))
        batch: list[Units | Tokens] = [_units(specs, Fraction(2)), tokens, _units(specs, Fraction(1, 3), 5)]
        together = part.decode(batch, seed=2)
        for speech, audio in zip(batch, together, strict=True):
            self._same(audio.samples, part.decode([speech], seed=2)[0].samples)

    def test_a_stream_is_as_the_whole(self, part: Vocoder, specs: tuple[StreamSpec, ...], emitted: Emitted) -> None:
        """However the speech is cut into pieces, empty ones among them, and the audio is given as it is settled."""
        units, tokens = _units(specs, Fraction(2)), _tokens(specs, 24)
        for ends in ([24], range(1, 25), [0, 7, 7, 13, 24]) if not part.needs_units else ():
            pieces = [emitted(tokens[start:end]) for start, end in zip([0, *ends], ends, strict=False)]
            whole = part.decode([emitted(tokens)], seed=1)[0].samples
            self._same(_joined(part.decode_stream(pieces, seed=1)), whole)
        for step in (Fraction(2), Fraction(1, 2), Fraction(3, 50)):
            whole = part.decode([units], seed=1)[0].samples
            self._same(_joined(part.decode_stream(_cut(units, step), seed=1)), whole)
        assert isinstance(part.decode_stream([units]), Iterator)

    def test_frames_sound_as_their_tokens(
        self, part: Vocoder, specs: tuple[StreamSpec, ...], lead: StreamSpec, emitted: Emitted
    ) -> None:
        """Where it tells what frames it makes of tokens, these last as long, and give the same audio."""
        others = [token for token in _tokens(specs, 20) if token[0] != specs.index(lead)]
        for pairs in (_tokens(specs, 25), _tokens(specs, 25, 1), others, []):
            tokens = emitted(pairs)
            frames = part.frames(tokens) if isinstance(tokens, Tokens) else None
            if frames is None:
                pytest.skip("it needs units, or does not tell")
            samples = _samples(part, tokens)
            if len(samples):
                self._same(_samples(part, frames), samples)
            spec = next((spec for spec in frames.specs if spec.name == lead.name), lead)
            seconds = len(frames.get(lead.name, ())) / spec.rate
            assert abs(Fraction(len(samples), part.sample_rate) - seconds) < 1 / spec.rate
            assert set(frames) <= set(part.accepts)

    def test_results_depend_on_nothing_else(
        self, part: Vocoder, make: Callable[[], Vocoder], specs: tuple[StreamSpec, ...], emitted: Emitted
    ) -> None:
        """The same speech and seed give the same audio, from another instance too; global random numbers are neither
        read nor moved.
        """
        speech = emitted(_tokens(specs, 25))
        seed_globally(1)
        first = part.decode([speech], seed=3)[0].samples
        seed_globally(2)
        with random_state_untouched():
            self._same(part.decode([speech], seed=3)[0].samples, first)
        self._same(make().decode([speech], seed=3)[0].samples, first)

    def test_unknown_speakers_are_refused(self, part: Vocoder, specs: tuple[StreamSpec, ...]) -> None:
        """By name and by index, whole and as a stream."""
        units = _units(specs, Fraction(1, 2))
        for speaker in ("no such speaker", 1_000_000, -1):
            with pytest.raises(RequestError):
                part.decode([units], speaker=speaker)
            with pytest.raises(RequestError):
                list(part.decode_stream([units], speaker=speaker))

    def _same(self, found: np.ndarray, expected: np.ndarray) -> None:
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, atol=self.tolerance)


def _samples(part: Vocoder, speech: Units | Tokens) -> np.ndarray:
    (audio,) = part.decode([speech])
    assert isinstance(audio, Audio)
    assert audio.sample_rate == part.sample_rate
    assert audio.samples.ndim == 1
    return audio.samples


def _joined(pieces: Iterable[Audio]) -> np.ndarray:
    samples = [piece.samples for piece in pieces]
    return np.concatenate(samples) if samples else np.zeros(0, dtype=np.float32)


def _units(specs: tuple[StreamSpec, ...], seconds: Fraction, seed: int = 0) -> Units:
    rng = np.random.default_rng(seed)
    return Units(specs, {spec.name: rng.integers(0, spec.size, math.ceil(seconds * spec.rate)) for spec in specs})


def _tokens(specs: tuple[StreamSpec, ...], length: int, seed: int = 0) -> list[tuple[int, int]]:
    rng = np.random.default_rng(seed)
    streams = rng.integers(0, len(specs), length).tolist()
    return [(stream, int(rng.integers(specs[stream].size))) for stream in streams]


def _cut(units: Units, step: Fraction) -> Iterator[Units]:
    """Pieces of `step` seconds; a code belongs to the piece in which it starts."""
    end = max(len(units[spec.name]) / spec.rate for spec in units.specs)
    for index in range(math.ceil(end / step)):
        yield Units(
            units.specs,
            {
                spec.name: units[spec.name][
                    math.ceil(index * step * spec.rate) : math.ceil((index + 1) * step * spec.rate)
                ]
                for spec in units.specs
            },
        )
