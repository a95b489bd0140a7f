"""One stretch of speech → what is drawn below it in a report."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from spiritkit.errors import InputError
from spiritkit.types import Audio, Tokens, Units

if TYPE_CHECKING:
    from spiritkit.pipeline import Pipeline


@dataclass(frozen=True)
class Label:
    """A piece of a track with a name.

    Attributes:
        start: in seconds.
        stop: in seconds, no earlier.
        text: what is written there.
        key: pieces of one key have one colour.
    """

    start: float
    stop: float
    text: str
    key: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.stop:
            raise InputError(f"label {self.text!r} lasts from {self.start} to {self.stop} s; expected 0 ≤ start ≤ stop")


@dataclass(frozen=True)
class Labels:
    """A track of pieces with names, such as words or the codes of a stream.

    Attributes:
        name: of the track.
        labels: in order; none starts before the one before it ends.
    """

    name: str
    labels: Sequence[Label]


@dataclass(frozen=True, eq=False)
class Curve:
    """A line over time.

    Attributes:
        name: as the legend has it.
        times: float64 `[T]`, seconds, ascending.
        values: float64 `[T]`; NaN leaves a gap.
    """

    name: str
    times: np.ndarray
    values: np.ndarray

    def __post_init__(self) -> None:
        times, values = np.asarray(self.times, dtype=np.float64), np.asarray(self.values, dtype=np.float64)
        if times.ndim != 1 or times.shape != values.shape:
            raise InputError(
                f"curve {self.name!r} has times {list(times.shape)} and values {list(values.shape)}; expected [T] twice"
            )
        if not np.isfinite(times).all() or (np.diff(times) < 0).any():
            raise InputError(f"curve {self.name!r} has times that do not ascend; expected seconds in order")
        if np.isinf(values).any():
            raise InputError(f"curve {self.name!r} has an infinite value; expected numbers, or NaN for a gap")
        object.__setattr__(self, "times", times)
        object.__setattr__(self, "values", values)


@dataclass(frozen=True)
class Chart:
    """A track of curves over one axis.

    Attributes:
        name: of the track.
        unit: of all the curves' values, e.g. `Hz`.
        curves: drawn over each other.
    """

    name: str
    unit: str
    curves: Sequence[Curve]


#: What a panel draws: one row on the time axis of the speech.
Track = Labels | Chart


@dataclass(frozen=True, eq=False)
class Clip:
    """One stretch of speech, as a report shows it.

    Attributes:
        name: of a recording its file's name without ending, of generated speech STEP/PROMPT.SPAN.
        audio: mono, at its own rate.
        units: its codes where they are known with their times. Of generated speech these are the frames that the
            vocoder made of the tokens.
        tokens: its codes without times, where they are known.
        whole: whether the audio is there to its end; the codes always are.
    """

    name: str
    audio: Audio
    units: Units | None = None
    tokens: Tokens | None = None
    whole: bool = True


class Panel(ABC):
    """Adds tracks to every stretch of speech in a report: what a part knows of it beside sound, spectrum and tokens.

    Constructors are cheap: they keep and check parameters (raising `RequestError`), and load nothing; a parameter
    `Callable[[], Part]` takes a part that is built when there is something to draw.
    """

    def input_files(self) -> list[Path]:
        """Files whose content decides what is drawn."""
        return []

    @abstractmethod
    def tracks(self, clip: Clip, pipeline: Pipeline) -> list[Track]:
        """What is drawn for a stretch of speech: the same each time, whatever was drawn before.

        Args:
            clip: with audio of any rate and length, of no sample too, and with or without codes.
            pipeline: the recipe's parts.

        Raises:
            SpiritkitError: the recipe lacks a part that the panel needs.
        """
