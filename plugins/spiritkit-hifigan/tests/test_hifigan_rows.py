"""Tokens and frames → rows."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from spiritkit_hifigan.carry import MISSING, CarryForward
from spiritkit_hifigan.frames import FrameJoin

streams = st.sampled_from(["unit", "pitch", "style", "unknown"])
sequences = st.lists(st.tuples(streams, st.integers(0, 5)), max_size=30)


def pieces(items, cuts):
    edges = [0, *sorted(min(cut, len(items)) for cut in cuts), len(items)]
    return [items[start:stop] for start, stop in pairwise(edges)]


@given(sequences)
def test_every_unit_takes_the_latest_code_or_the_first(sequence):
    expected = []
    for position, (stream, code) in enumerate(sequence):
        if stream != "unit":
            continue
        row = [code]
        for companion in ("pitch", "style"):
            before = [c for s, c in sequence[:position] if s == companion]
            after = [c for s, c in sequence[position:] if s == companion]
            row.append(before[-1] if before else after[0] if after else MISSING)
        expected.append(row)
    rows = CarryForward("unit", ("pitch", "style")).push(sequence, last=True)
    assert rows.shape == (len(expected), 3)
    assert rows.tolist() == expected


@given(sequences, st.lists(st.integers(0, 30), max_size=4))
def test_tokens_in_pieces_give_the_same_rows(sequence, cuts):
    whole = CarryForward("unit", ("pitch", "style")).push(sequence, last=True)
    carry = CarryForward("unit", ("pitch", "style"))
    rows = [carry.push(piece, last=False) for piece in pieces(sequence, cuts)]
    rows.append(carry.push([], last=True))
    assert np.array_equal(np.concatenate(rows), whole)


def test_units_wait_for_the_first_pitch_only():
    carry = CarryForward("unit", ("pitch",))
    assert carry.push([("unit", 1), ("unit", 2)], last=False).tolist() == []
    assert carry.push([("pitch", 9), ("unit", 3)], last=False).tolist() == [[1, 9], [2, 9], [3, 9]]
    assert carry.push([("unit", 4)], last=False).tolist() == [[4, 9]]


def test_frames_take_the_code_that_covers_them():
    rows = FrameJoin([2, 25]).push([np.arange(60), np.arange(28), np.array([7, 8])], last=True)
    assert rows.tolist() == [[i, min(i // 2, 27), 7 if i < 25 else 8] for i in range(60)]


def test_frames_beyond_the_units_are_cut():
    assert FrameJoin([3]).push([np.array([5]), np.array([1, 2])], last=True).tolist() == [[5, 1]]


def test_frames_of_a_stream_without_codes_are_missing():
    none = np.zeros(0, dtype=np.int64)
    assert FrameJoin([2]).push([np.array([5, 6]), none], last=True).tolist() == [[5, MISSING], [6, MISSING]]


codes = st.lists(st.integers(0, 9), max_size=20)
cuts = st.lists(st.integers(0, 20), min_size=3, max_size=3)


@given(codes, codes, cuts, cuts)
def test_frames_in_pieces_give_the_same_rows(unit, other, unit_cuts, other_cuts):
    whole = FrameJoin([2]).push([np.array(unit, dtype=int), np.array(other, dtype=int)], last=True)
    join = FrameJoin([2])
    rows = [
        join.push([np.array(u, dtype=int), np.array(o, dtype=int)], last=False)
        for u, o in zip(pieces(unit, unit_cuts), pieces(other, other_cuts), strict=True)
    ]
    rows.append(join.push([np.zeros(0, dtype=int)] * 2, last=True))
    assert np.array_equal(np.concatenate(rows), whole)
