"""The four ways from a prompt to its continuation: each side is text, `T`, or speech, `S`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from spiritkit_tasks.stsp.files import Modality

Direction = Literal["T→T", "T→S", "S→S", "S→T"]
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)
MODALITIES: Mapping[str, Modality] = {"T": "text", "S": "speech"}


def source(direction: Direction) -> Modality:
    """What its prompts are."""
    return MODALITIES[direction[0]]


def target(direction: Direction) -> Modality:
    """What its continuations are."""
    return MODALITIES[direction[-1]]


def figure(direction: Direction, shots: int) -> str:
    """The metric's name, e.g. `T→S 3-shot`."""
    return f"{direction} {shots}-shot"


def short(direction: str) -> str:
    """`T→S` → `t2s`, as the release names its files."""
    return f"{direction[0]}2{direction[-1]}".lower()
