"""The tree that a recipe is while it is being read: plain values that know where they were written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Origin:
    """Where a value was written: a file and line, or an override."""

    file: str
    line: int | None = None

    def __str__(self) -> str:
        return self.file if self.line is None else f"{self.file}:{self.line}"


#: The value of an interpolation that could not be resolved; it is reported once, and passes every check.
UNRESOLVED = object()


@dataclass
class Node:
    """A value of a recipe: a mapping of nodes, a list of nodes, or a scalar.

    Attributes:
        value: as said.
        origin: where it was written.
        expression: the text with `${…}` that gave a scalar its value.
    """

    value: Any
    origin: Origin
    expression: str | None = None

    def plain(self) -> Any:
        """The value without origins."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def leaves(self, key: str = "") -> Iterator[tuple[str, Node]]:
        """All scalars below, each with its dotted key."""
        if isinstance(self.value, dict | list):
            for name, node in self.items():
                yield from node.leaves(join(key, name))
        else:
            yield key, self

    def items(self) -> Iterator[tuple[str, Node]]:
        """Children of a mapping or list with their key or index."""
        if isinstance(self.value, dict):
            yield from self.value.items()
        elif isinstance(self.value, list):
            yield from ((str(index), node) for index, node in enumerate(self.value))


@dataclass(frozen=True)
class Problem:
    """One fault of a recipe."""

    origin: Origin
    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.origin}: {self.key}: {self.message}" if self.key else f"{self.origin}: {self.message}"


def join(key: str, name: str) -> str:
    """`a.b` + `c` → `a.b.c`."""
    return f"{key}.{name}" if key else name


def shown(path: Path) -> str:
    """A path as messages show it: relative where it lies below the current folder."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
