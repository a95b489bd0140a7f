from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spiritkit import Audio, StreamSpec, Tokens, Units
from spiritkit.errors import InputError, RequestError
from spiritkit.interfaces import UnitTokenizer, Vocoder
from spiritkit.pipeline import Parts, Pipeline
from spiritkit.serializers.frame_interleave import FrameInterleave

SIZES = (4, 3, 2)
SPECS = tuple(StreamSpec(f"c.{index}", size, Fraction(25, 2), False) for index, size in enumerate(SIZES))


@st.composite
def frames(draw: st.DrawFn) -> Units:
    """Frames of one to three streams."""
    specs = SPECS[: draw(st.integers(1, 3))]
    rows = draw(st.lists(st.tuples(*(st.integers(0, spec.size - 1) for spec in specs)), max_size=20))
    return Units(specs, {spec.name: [row[index] for row in rows] for index, spec in enumerate(specs)})


emitted = st.lists(
    st.integers(0, 2).flatmap(lambda stream: st.tuples(st.just(stream), st.integers(0, SIZES[stream] - 1))),
    max_size=40,
)


@given(frames())
def test_every_frame_has_the_code_of_every_stream_in_order(units: Units) -> None:
    expected = [
        (name, code) for row in zip(*units.values(), strict=True) for name, code in zip(units, row, strict=True)
    ]
    assert [tuple(token) for token in FrameInterleave().serialize(units)] == expected


@given(frames())
def test_frames_come_back_exactly(units: Units) -> None:
    serializer = FrameInterleave()
    assert serializer.deserialize(serializer.serialize(units)) == units


@given(emitted)
def test_anything_a_model_emits_is_read_by_the_rule(pairs: list[tuple[int, int]]) -> None:
    tokens = Tokens(SPECS, [stream for stream, _ in pairs], [code for _, code in pairs])
    rows: list[list[int]] = []
    held, last = [0, 0, 0], 3
    for stream, code in pairs:
        if stream <= last:
            rows.append(list(held))
        rows[-1][stream] = held[stream] = code
        last = stream
    units = FrameInterleave().deserialize(tokens)
    assert [units[spec.name].tolist() for spec in SPECS] == [[row[index] for row in rows] for index in range(3)]


def test_a_lost_token_costs_one_frame_only() -> None:
    serializer = FrameInterleave()
    whole = Units(SPECS, {"c.0": [1, 2, 3, 0], "c.1": [2, 1, 0, 2], "c.2": [1, 0, 1, 0]})
    tokens = serializer.serialize(whole)
    keep = np.arange(len(tokens)) != 4  # frame 1, stream 1
    units = serializer.deserialize(Tokens(SPECS, tokens.streams[keep], tokens.codes[keep]))
    assert units["c.1"].tolist() == [2, 2, 0, 2]
    assert (units["c.0"].tolist(), units["c.2"].tolist()) == ([1, 2, 3, 0], [1, 0, 1, 0])


def test_the_source_is_kept() -> None:
    units = Units(SPECS[:1], {"c.0": [1]}, {"c.0": "codec.v1@0"})
    tokens = FrameInterleave().serialize(units)
    assert tokens.source == FrameInterleave().deserialize(tokens).source == units.source


def test_without_streams_there_is_nothing() -> None:
    assert len(FrameInterleave().deserialize(FrameInterleave().serialize(Units((), {})))) == 0


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (StreamSpec("other", 4, Fraction(25), False), r"25/2 \(c.0\), 25 \(other\) codes a second"),
        (StreamSpec("other", 4, Fraction(25, 2), True), "stream 'other' is deduplicated"),
    ],
)
def test_streams_that_have_no_common_frames_are_refused(other: StreamSpec, message: str) -> None:
    specs = (SPECS[0], other)
    with pytest.raises(RequestError, match=message):
        FrameInterleave().serialize(Units(specs, {"c.0": [0], "other": [0]}))
    with pytest.raises(RequestError, match=message):
        FrameInterleave().deserialize(Tokens(specs, [0, 1], [0, 0]))


def test_streams_of_different_length_are_refused() -> None:
    with pytest.raises(InputError, match=r"2 \(c.0\), 1 \(c.1\) frames"):
        FrameInterleave().serialize(Units(SPECS[:2], {"c.0": [0, 1], "c.1": [0]}))


# -- a vocoder that needs frames --------------------------------------------------------------------------------------


class TwoBooks(UnitTokenizer):
    @property
    def streams(self) -> tuple[StreamSpec, ...]:
        return tuple(StreamSpec(str(index), 4, Fraction(10), False) for index in range(2))

    def encode(self, audios: list[Audio]) -> list[Units]:
        raise NotImplementedError


class Recorder(Vocoder):
    """Remembers what it was given."""

    def __init__(self, needs_units: bool):
        self.needs_units = needs_units
        self.given: list[Units | Tokens] = []

    @property
    def accepts(self) -> tuple[str, ...]:
        return ("codec.0", "codec.1")

    @property
    def sample_rate(self) -> int:
        return 8000

    def decode(
        self,
        speech: list[Units | Tokens],
        *,
        speaker: int | str | None = None,
        style: int | str | None = None,
        seed: int = 0,
    ) -> list[Audio]:
        self.given += speech
        return [Audio(np.zeros(0), 8000) for _ in speech]

    def decode_stream(
        self,
        chunks: Iterable[Units | Tokens],
        *,
        speaker: int | str | None = None,
        style: int | str | None = None,
        seed: int = 0,
    ) -> Iterator[Audio]:
        raise NotImplementedError


def pipeline(vocoder: Vocoder) -> Pipeline:
    # The blocks stand in another order than the codebooks.
    blocks = [{"stream": "codec.1", "format": "<b{}>"}, {"stream": "codec.0", "format": "<a{}>"}]
    return Pipeline(
        Parts(tokenizers={"codec": TwoBooks}, serializer=FrameInterleave, vocoder=lambda: vocoder, blocks=blocks)
    )


def test_a_vocoder_that_needs_units_is_given_units() -> None:
    vocoder = Recorder(needs_units=True)
    pipe = pipeline(vocoder)
    units = Units(pipe.specs, {"codec.0": [3, 1, 1], "codec.1": [2, 2, 0]})
    string = pipe.to_string(units)
    assert string == "<a3><b2><a1><b2><a1><b0>"
    for speech in (units, pipe.to_tokens(units), string, pipe.to_ids(string)):
        pipe.decode(speech)
    assert all(given == units for given in vocoder.given)
    assert len(vocoder.given) == 4


def test_any_other_vocoder_is_given_tokens() -> None:
    vocoder = Recorder(needs_units=False)
    pipeline(vocoder).decode("<a3><b2>")
    assert isinstance(vocoder.given[0], Tokens)
