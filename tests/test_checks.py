"""Ranges of parameters."""

from __future__ import annotations

import math

import pytest

from spiritkit.checks import check_range
from spiritkit.errors import RequestError


@pytest.mark.parametrize(
    ("value", "bounds", "expected"),
    [
        (0, {"at_least": 1}, "at least 1"),
        (-0.1, {"at_least": 0}, "at least 0"),
        (0.0, {"above": 0}, "more than 0"),
        (1.0, {"at_least": 0, "below": 1}, "at least 0, less than 1"),
        (-0.5, {"at_least": 0, "below": 1}, "at least 0, less than 1"),
        (0.0, {"above": 0, "at_most": 1}, "more than 0, at most 1"),
        (1.5, {"above": 0, "at_most": 1}, "more than 0, at most 1"),
        (1.5, {"at_least": 0, "at_most": 1}, "0…1"),
        (0.5, {"at_least": 0.98, "at_most": 1}, "0.98…1"),
        (math.nan, {"at_least": 0}, "a finite number, at least 0"),
        (math.inf, {"above": 0}, "a finite number, more than 0"),
    ],
)
def test_a_value_out_of_its_range_is_named(value: float, bounds: dict[str, float], expected: str) -> None:
    with pytest.raises(RequestError) as caught:
        check_range("x.v1", {"fine": 1 if "below" not in bounds else 0.5, "wrong": value}, **bounds)
    assert str(caught.value) == f"x.v1: wrong is {value}; expected {expected}"


def test_bounds_belong_to_the_range_or_do_not_and_none_is_passed_over() -> None:
    check_range("x.v1", {"a": 1, "b": 1.0, "c": None}, at_least=1)
    check_range("x.v1", {"a": 1e-9}, above=0)
    check_range("x.v1", {"a": 0.0, "b": 0.999}, at_least=0, below=1)
    check_range("x.v1", {"a": 1.0, "b": 1e-9}, above=0, at_most=1)
