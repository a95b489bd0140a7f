"""Which examples stand before an STSP prompt."""

from __future__ import annotations

from collections.abc import Sequence

from spiritkit.types import Speech, Text
from spiritkit_tasks.prompts import Part, drawn
from spiritkit_tasks.stsp.files import SENTIMENTS, StspExample


def balanced(examples: Sequence[StspExample], n: int, seed: int, item: str) -> list[StspExample]:
    """At most `n` examples of one item, of the sentiments in turns: of 3k there are k of each, as far as there are.

    They are drawn by the seed and the item's id; fewer are the first of more.
    """
    sentiments = drawn(SENTIMENTS, len(SENTIMENTS), seed, f"{item} sentiments")
    groups = [
        drawn([one for one in examples if one.sentiment == sentiment], n, seed, f"{item} {sentiment}")
        for sentiment in sentiments
    ]
    turns = [group[turn] for turn in range(n) for group in groups if turn < len(group)]
    return turns[:n]


def written(prompt: Part, generation: Part) -> list[Part]:
    """An example as parts of a prompt. Where two texts meet, white space parts them: a space within an example, a line
    break behind it; speech is parted by nothing but the markers of text between.
    """
    if isinstance(prompt, Text) and isinstance(generation, Text):
        return [Text(f"{prompt.text} {generation.text}\n")]
    if isinstance(prompt, Speech) or isinstance(generation, Speech):
        return [prompt, generation]
    raise AssertionError("an example has text or speech on each side")
