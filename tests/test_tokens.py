from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spiritkit import StreamSpec, Units
from spiritkit.serializers.time_merge import TimeMerge
from spiritkit.tokens import carry_forward, run_starts

HUBERT = StreamSpec("hubert", 4, Fraction(2499, 100), True)
PITCH = StreamSpec("pitch", 3, Fraction(25, 2), True)
STYLE = StreamSpec("style", 2, Fraction(1), False)
SPECS = (STYLE, PITCH, HUBERT)


@st.composite
def units(draw: st.DrawFn) -> Units:
    codes = {
        spec.name: draw(st.lists(st.integers(0, spec.size - 1), max_size=int(spec.rate * 4) + 2)) for spec in SPECS
    }
    return Units(SPECS, codes)


@given(units())
def test_time_merge_equals_its_definition(given_units: Units) -> None:
    """Sorted by exact time, ties in the order of the streams, runs reduced to their first code."""
    events = []
    for order, spec in enumerate(SPECS):
        codes = given_units[spec.name]
        for frame, code in enumerate(codes):
            if not spec.deduplicate or frame == 0 or codes[frame - 1] != code:
                events.append((frame / spec.rate, order, spec.name, int(code)))
    expected = [(name, code) for _, _, name, code in sorted(events, key=lambda event: event[:2])]
    assert [tuple(token) for token in TimeMerge().serialize(given_units)] == expected


@given(units())
def test_carry_forward_equals_its_definition(given_units: Units) -> None:
    tokens = TimeMerge().serialize(given_units)
    held: list[int | None] = []
    latest = None
    for token in tokens:
        if token.stream == "pitch":
            latest = token.code
        elif token.stream == "hubert":
            held.append(latest)
    first = next((token.code for token in tokens if token.stream == "pitch"), None)
    result = carry_forward(tokens, "hubert", "pitch")
    if first is None:
        assert result is None
    else:
        assert result is not None
        assert result.tolist() == [first if code is None else code for code in held]


def test_run_starts() -> None:
    assert run_starts(np.array([3, 3, 1, 1, 1, 3])).tolist() == [0, 2, 5]
    assert run_starts(np.zeros(0, dtype=np.int64)).tolist() == []


def test_deserialized_frames_have_each_streams_rate() -> None:
    codes = {"style": [0, 1, 0], "pitch": [0, 1] * 16, "hubert": [0, 1, 2, 3] * 16}
    frames = TimeMerge().deserialize(TimeMerge().serialize(Units(SPECS, codes)))
    assert frames["hubert"].tolist() == [0, 1, 2, 3] * 16
    assert len(frames["pitch"]) == 33  # 64 frames at 24.99 Hz last 2.561 s
    assert frames["style"].tolist() == [0, 1, 0]


def test_streams_of_one_rate_come_back_as_they_were() -> None:
    specs = tuple(StreamSpec(name, 5, Fraction(25, 2), False) for name in "ab")
    given_units = Units(specs, {"a": [0, 1, 2, 2, 4], "b": [4, 3, 3, 1, 0]})
    assert TimeMerge().deserialize(TimeMerge().serialize(given_units)) == given_units


@given(units())
def test_deserialize_takes_anything(given_units: Units) -> None:
    tokens = TimeMerge().serialize(given_units)
    frames = TimeMerge().deserialize(tokens)
    assert len(frames["hubert"]) == int((tokens.streams == 2).sum())
