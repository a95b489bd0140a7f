"""What the numbers among a component's parameters must be."""

from __future__ import annotations

import math
from collections.abc import Mapping

from spiritkit.errors import RequestError


def check_range(
    component: str,
    values: Mapping[str, float | None],
    *,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    below: float | None = None,
) -> None:
    """See that parameters are finite numbers between two bounds; messages read
    `train-hubert.v1: steps is 0; expected at least 1`.

    Args:
        component: whose parameters they are, as its user knows it.
        values: by name; None, for one that was not given, is passed over.
        at_least: the lower bound, which belongs to the range.
        above: the lower bound, if it does not.
        at_most: the upper bound, which belongs to the range.
        below: the upper bound, if it does not.

    Raises:
        RequestError: names the first parameter that is not.
    """
    for name, value in values.items():
        if value is None:
            continue
        holds = math.isfinite(value) and (
            (at_least is None or value >= at_least)
            and (above is None or value > above)
            and (at_most is None or value <= at_most)
            and (below is None or value < below)
        )
        if not holds:
            expected = _expected(at_least, above, at_most, below)
            finite = "" if math.isfinite(value) else "a finite number, "
            raise RequestError(f"{component}: {name} is {value}; expected {finite}{expected}")


def _expected(at_least: float | None, above: float | None, at_most: float | None, below: float | None) -> str:
    if at_least is not None and at_most is not None:
        return f"{at_least:g}…{at_most:g}"
    bounds = {"at least": at_least, "more than": above, "at most": at_most, "less than": below}
    return ", ".join(f"{words} {bound:g}" for words, bound in bounds.items() if bound is not None)
