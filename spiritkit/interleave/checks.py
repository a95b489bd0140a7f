"""What lengths that are drawn must be."""

from __future__ import annotations

from collections.abc import Sequence

from spiritkit.errors import RequestError


def check_lengths(where: str, name: str, value: Sequence[int], unit: str = "word") -> tuple[int, int]:
    """The shortest and the longest length of a span or document, in units of which a message says the name.

    Raises:
        RequestError: these are not two numbers in order, from 1 on.
    """
    if len(value) != 2 or not 1 <= value[0] <= value[1]:
        raise RequestError(f"{where}: {name} is {list(value)}; expected [shortest, longest], from 1 {unit} on")
    return value[0], value[1]
