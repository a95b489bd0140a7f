"""A resolved recipe as YAML with the origin of each value as a comment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from spiritkit.recipe.check import KEYS
from spiritkit.recipe.tree import Node

_COLUMN = 60


def with_origins(tree: Node) -> str:
    """YAML that opens as the same recipe, with `# file:line` behind each value; variables, to which nothing refers any
    more, are comments.
    """
    lines = []
    for key, node in tree.items():
        lines += [line if key in KEYS else f"# {line}" for line in _lines(Node({key: node}, tree.origin), "")]
    return "".join(f"{line}\n" for line in lines)


def _lines(node: Node, indent: str) -> Iterator[str]:
    for name, child in node.items():
        head = f"{indent}{_scalar(name)}:" if isinstance(node.value, dict) else f"{indent}-"
        if isinstance(child.value, dict | list) and child.value:
            yield head
            yield from _lines(child, indent + "  ")
            continue
        origin = f"{child.origin}  {child.expression}" if child.expression is not None else str(child.origin)
        yield f"{head} {_scalar(child.plain())}".ljust(_COLUMN) + f"  # {origin}"


def dump(value: object, **options: Any) -> str:
    """A value as YAML that reads as the same value."""
    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, **options)
    # PyYAML takes these characters for line breaks when it reads, but does not escape them when it writes.
    if any(character in text for character in "\x85\u2028\u2029"):
        text = yaml.safe_dump(value, sort_keys=False, allow_unicode=False, **options)
    return text


def _scalar(value: object) -> str:
    text = dump(value, default_flow_style=True, width=1 << 30)
    return text.removesuffix("\n").removesuffix("\n...")
