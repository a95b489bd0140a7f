"""What a model is tested with, and how its answers are counted."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from spiritkit.interfaces.speech_text_model import SpeechTextModel


@dataclass(frozen=True)
class Metric:
    """One figure of a task: a sum over items divided by the sum of their weights, such as an accuracy or an error rate;
    or one of `Task.overall`.

    Attributes:
        name: as the table has it, e.g. `S`, `S raw`, `WER 10-shot`.
        unit: `%` shows 100 times the quotient; any other is named beside the figure.
        higher_is_better: whether more is better; None where neither is.
        digits: behind the decimal point in the table.
    """

    name: str
    unit: str = "%"
    higher_is_better: bool | None = True
    digits: int = 1


@dataclass(frozen=True)
class Item:
    """One question of a task. A task subclasses it with what it needs to put the question.

    Attributes:
        id: unique in the task; it decides what is drawn at random for the item, so that order does not matter.
    """

    id: str


@dataclass(frozen=True)
class Result:
    """How a model did on one item. It is kept as JSON.

    Attributes:
        id: the item's.
        counts: metric → (what is added to its sum, and to its weight); finite numbers.
        details: what a reader wants to see of the item: scores, answers, files. Plain JSON values.
        problem: why the item could not be put to the model, e.g. `a.wav: no such file`; it then counts nowhere, and is
            reported.
    """

    id: str
    counts: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    problem: str | None = None


@dataclass(frozen=True)
class Trial:
    """What a task is given beside its items.

    Attributes:
        folder: the task's own, for what it writes beside the results, e.g. speech; it exists.
        seed: what is drawn for an item is drawn by `spiritkit.seeding.derive(seed, …, item.id)`.
    """

    folder: Path
    seed: int = 0


class Task(ABC):
    """A test of speech-text models.

    Constructors are cheap: they keep and check parameters (raising `RequestError`), and load nothing.
    """

    #: Figures that others have published for the same metrics, in the table's units: system → metric → value.
    published: Mapping[str, Mapping[str, float]] = MappingProxyType({})

    #: Libraries, by the names of their distributions, whose version decides the results: those of another version are
    #: made anew.
    packages: tuple[str, ...] = ()

    @property
    @abstractmethod
    def metrics(self) -> tuple[Metric, ...]:
        """What is measured, in the table's order."""

    def input_files(self) -> list[Path]:
        """The tables that decide which items there are: a change of one makes the evaluation score the task anew."""
        return []

    def item_files(self) -> list[Path]:
        """What tells the items from others that may have the same ids: `spiritkit compare` pairs two runs only where
        the contents are the same. Examples that a prompt begins with are not among them.
        """
        return self.input_files()

    @abstractmethod
    def items(self) -> Sequence[Item]:
        """The items: each time the same ones, with ids that are unique. No sound is read.

        Raises:
            SpiritkitError: a table is unreadable or malformed; the message names file and line.
        """

    @abstractmethod
    def evaluate(self, model: SpeechTextModel, items: Sequence[Item], trial: Trial) -> Iterable[Result]:
        """Put some of the items to a model. The result of one depends neither on the others nor on their order.

        Returns:
            For each item its result.
        """

    def overall(self, results: Sequence[Result]) -> Mapping[str, float]:
        """Those metrics that are no quotient of sums over items, such as an entropy or a median, in their units; they
        have no interval. No item counts for them. Results that have a problem are not among `results`.
        """
        return {}

    def finish(self, results: Sequence[Result], trial: Trial) -> list[Path]:
        """Write into `trial.folder` what takes all results: predictions, plots. Called again, it writes the same.

        Returns:
            The files, for a reader to look at.
        """
        return []
