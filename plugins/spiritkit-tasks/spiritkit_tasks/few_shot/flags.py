"""Where an answer ends."""

from __future__ import annotations


def until(text: str, *flags: str) -> str:
    """Text up to the first of some flags, without white space around. Empty flags are none, and white space around a
    flag need not be there.
    """
    ends = [at for flag in flags if flag and (at := text.find(flag.strip() or flag)) >= 0]
    return text[: min(ends, default=len(text))].strip()
