"""Grouping and padding."""

from __future__ import annotations

import pytest
from spiritkit_llama.padding import by_length, pad_left, pad_right


@pytest.mark.parametrize("tokens", [1, 7, 12, 1000])
def test_groups_hold_each_sequence_once_and_stay_within_the_bound(tokens):
    lengths = [3, 9, 1, 4, 4, 12, 2, 7]
    groups = list(by_length(lengths, tokens))
    assert sorted(index for group in groups for index in group) == list(range(len(lengths)))
    for group in groups:
        assert len(group) == 1 or max(lengths[index] for index in group) * len(group) <= tokens
    assert list(by_length([], tokens)) == []


def test_one_group_where_all_fit():
    assert list(by_length([1, 3, 2], 9)) == [[1, 2, 0]]


def test_padding():
    assert pad_right([[5, 6], [7]]).tolist() == [[5, 6], [7, 0]]
    ids, positions, mask = pad_left([[5, 6, 7], [8]])
    assert ids.tolist() == [[5, 6, 7], [0, 0, 8]]
    assert positions.tolist() == [[0, 1, 2], [0, 0, 0]]
    assert mask.tolist() == [[1, 1, 1], [0, 0, 1]]
