"""What the parameters of several policies must be."""

from __future__ import annotations

from collections.abc import Sequence

from spiritkit.errors import RequestError


def check_lengths(component: str, name: str, value: Sequence[int]) -> tuple[int, int]:
    """The shortest and the longest length of a span, in words.

    Raises:
        RequestError: these are not two numbers in order, from 1 on.
    """
    if len(value) != 2 or not 1 <= value[0] <= value[1]:
        raise RequestError(f"{component}: {name} is {list(value)}; expected [shortest, longest], from 1 word on")
    return value[0], value[1]
