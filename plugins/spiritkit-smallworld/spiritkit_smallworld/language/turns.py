"""How the sentence may begin that follows a story's start, in each of its branches."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from spiritkit_smallworld.language.stories import BRANCHES, Story
from spiritkit_smallworld.language.tables import read_table
from spiritkit_smallworld.language.template import Choice, Contrast, Slot, parse

_HE = frozenset({"he", "she"})


def tells_the_branch(story: Story) -> bool:
    """Whether the first word behind the start belongs to one branch of the plot alone."""
    first = story.sentences[len(story.start)].split()[0].strip(",").lower()
    heads = [_heads(story.plot, branch) for branch in read_table("stories")[story.plot] if branch in BRANCHES]
    common = frozenset.intersection(*heads)
    literal = {head for head in frozenset.union(*heads) if not head.startswith("{")}
    if first in literal:
        return first not in common
    if first in _HE:
        return "{He}" not in common
    # A name. Which slot it filled is not known, so both branches must begin with the same ones.
    return any({head for head in one if head[0] == "{"} - {"{He}"} - common for one in heads)


@lru_cache
def _heads(plot: str, branch: str) -> frozenset[str]:
    """First words, in small letters, and first slots, in braces, of what a branch may begin with."""
    found: set[str] = set()
    for pattern in read_table("stories")[plot][branch]:
        found |= _first(parse(pattern.removeprefix("?").strip()))
        if not pattern.startswith("?"):
            break
    return frozenset(found)


def _first(pieces: Sequence[object]) -> set[str]:
    """Of a sequence of pieces; what has no words leaves it to the next one."""
    found: set[str] = set()
    for piece in pieces:
        if isinstance(piece, Choice):
            options = [_first(option) for option in piece.options]
            found |= set().union(*options)
            if all(options):
                return found
        elif isinstance(piece, Slot):
            return found | {"{He}" if piece.form == "He" else f"{{{piece.what}.{piece.form}}}"}
        elif isinstance(piece, Contrast):
            return found | _first(piece.right)
        elif words := str(piece).split():
            return found | {words[0].strip(",").lower()}
    return found
