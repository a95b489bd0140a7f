"""A piece of work that a recipe asks for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
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
        """Step name → folder, of the earlier steps that this step reads: those into whose folders its parameters point,
        and those of `Step.reads`.
        """
        ...

    def progress(
        self,
        items: Iterable[T],
        *,
        total: int | None = None,
        unit: str = "it",
        note: Callable[[], str] | None = None,
    ) -> Iterator[T]:
        """Pass items through, showing how far the work has come, and what `note` says of it."""
        ...


class Step(ABC):
    """One entry of a recipe's `steps`. Its result lies in `context.folder` and is complete when `run` returns.

    Constructors are cheap: they keep and check parameters (raising `RequestError`), and load nothing.
    """

    #: The recipe's sections that decide the result: a change in one of them makes the step run again.
    sections: tuple[str, ...] = (
        "chunking",
        "tokenizers",
        "serializer",
        "text_tokenizer",
        "vocabulary",
        "language_model",
        "vocoder",
    )

    #: Parameters of the constructor that do not change the result: another value does not make the step run again.
    runtime: tuple[str, ...] = ()

    #: A parameter that is a mapping of components, each of which has results of its own in the folder of its name below
    #: the step's. A change runs the step again, and leaves in place the folders of those entries that a step would
    #: treat alike if it had them alone: for which component, parameters, files, sections, seed and versions are the
    #: same. The others are removed; that of an entry that is no longer in the recipe stays, in case it comes back.
    entries: str | None = None

    #: Parameters that decide what is made of the entries together, and no single entry's results.
    over_entries: tuple[str, ...] = ()

    #: Whether each process of a run that `torchrun` started takes part; other steps are run by the first alone, and the
    #: others wait.
    distributed: bool = False

    def input_files(self) -> list[Path]:
        """Files whose content decides the result: a change of one makes the step run again."""
        return []

    def reads(self, earlier: Sequence[str]) -> list[str]:
        """Which steps' folders it reads, beside those into which its parameters point: a step runs again when one that
        it reads did.

        Args:
            earlier: names of the recipe's steps before it.

        Raises:
            RequestError: it is to read one that is not among them.
        """
        return []

    @abstractmethod
    def run(self, context: Context) -> None:
        """Do the work. What lies in the folder already is from an interrupted try with the same parameters and inputs,
        and may be gone on with; in the folder of one of its `entries`, from any try with the same entry.
        """
