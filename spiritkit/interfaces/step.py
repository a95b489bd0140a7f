"""A piece of work that a recipe asks for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from spiritkit.pipeline import Pipeline

T = TypeVar("T")


class Context(Protocol):
    """What a running step is given."""

    @property
    def pipeline(self) -> Pipeline:
        """The recipe's parts, built on first use."""
        ...

    @property
    def folder(self) -> Path:
        """Where the step writes; it exists."""
        ...

    @property
    def seed(self) -> int:
        """The recipe's seed."""
        ...

    @property
    def inputs(self) -> dict[str, Path]:
        """Step name → folder, of the steps before this one."""
        ...

    def path(self, value: str | Path) -> Path:
        """A path that the recipe gives, resolved: relative ones against the current folder."""
        ...

    def progress(self, items: Iterable[T], *, total: int | None = None, unit: str = "it") -> Iterator[T]:
        """Pass items through, showing how far the work has come."""
        ...


class Step(ABC):
    """One entry of a recipe's `steps`. Its result lies in `context.folder` and is complete when `run` returns."""

    def input_files(self) -> list[Path]:
        """Files whose content decides the result: a change of one makes the step run again."""
        return []

    @abstractmethod
    def run(self, context: Context) -> None:
        """Do the work. It may have been interrupted before: what lies in the folder is from an earlier try."""
