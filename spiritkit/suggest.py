"""Nearest names, for messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def suggestion(name: str, names: Iterable[str], otherwise: str = "") -> str:
    """`; did you mean 'x'?` for the nearest of `names`, else `otherwise`."""
    close = difflib.get_close_matches(name, list(names), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else otherwise
