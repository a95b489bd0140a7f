"""What earlier steps wrote, read and checked: each line that is not as its step writes it is named."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from spiritkit.checkpoints import require
from spiritkit.errors import InputError

T = TypeVar("T")

#: By these files a report knows what a step has to show.
GENERATIONS, UNITS, RESYNTHESIZED, RESULTS = (
    "generations.jsonl", "units.jsonl", "resynthesized.jsonl", "results.json",
)  # fmt: skip


@dataclass(frozen=True)
class Part:
    """Text or speech, of a prompt or a continuation.

    Attributes:
        text: the words; None of speech.
        speech: the audio file; None of text, and of speech that has no sound.
        tokens: the token string of generated speech, where it is known.
        n_tokens: how many these are.
        marker: role of the marker that a prompt's part names for itself.
    """

    text: str | None = None
    speech: Path | None = None
    tokens: str | None = None
    n_tokens: int = 0
    marker: str | None = None


@dataclass(frozen=True)
class Generated:
    """A line of `generate.v1`, with its `seconds` of `timing.jsonl`."""

    prompt: list[Part]
    prompt_string: str
    prompt_tokens: int
    new_tokens: int
    spans: list[Part]
    seconds: Mapping[str, float]


@dataclass(frozen=True)
class Encoded:
    """A line of `tokenize.v1`; `source` is as in `Units`."""

    name: str
    path: Path
    codes: Mapping[str, list[int]]
    source: Mapping[str, str]


@dataclass(frozen=True)
class Resynthesized:
    """A line of `resynthesize.v1`; `predicted` says that durations were."""

    name: str
    path: Path
    speech: Path
    predicted: bool


class _Line:
    """One line of a JSON lines file, whose values are taken with a check."""

    def __init__(self, path: Path, number: int, value: Any, step: str):
        self._where, self._step = f"{path}:{number}", step
        if not isinstance(value, dict):
            raise self.error(f"holds a {type(value).__name__}, not a mapping")
        self.value: dict[str, Any] = value

    def error(self, what: str) -> InputError:
        return InputError(f"{self._where}: {what}; expected a line as {self._step} writes it: run that step again")

    def get(self, key: str, kind: type[T]) -> T:
        if key not in self.value:
            raise self.error(f"has no {key!r}")
        return self._checked(key, self.value[key], kind)

    def optional(self, key: str, kind: type[T]) -> T | None:
        return None if self.value.get(key) is None else self._checked(key, self.value[key], kind)

    def mappings(self, key: str) -> list[_Line]:
        items = []
        for item in self.get(key, list):
            if not isinstance(item, dict):
                raise self.error(f"{key!r} has {item!r}, which is no mapping")
            items.append(self.within(item))
        return items

    def within(self, value: Mapping[str, Any]) -> _Line:
        line = object.__new__(_Line)
        line._where, line._step, line.value = self._where, self._step, dict(value)
        return line

    def _checked(self, key: str, value: Any, kind: type[T]) -> T:
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise self.error(f"{key!r} is {value!r}, no {kind.__name__}")
        return value


def _lines(path: Path, step: str) -> Iterator[_Line]:
    require(path, f"what {step} writes")
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            try:
                value = json.loads(raw)
            except ValueError as error:
                raise InputError(
                    f"{path}:{number}: not JSON ({error}); expected a line as {step} writes it: run that step again"
                ) from error
            yield _Line(path, number, value, step)


def count(path: Path) -> int:
    """How many lines a file has."""
    with path.open("rb") as file:
        return sum(1 for _ in file)


def generations(folder: Path, limit: int) -> list[Generated]:
    """The first `limit` prompts of a step `generate.v1`.

    Raises:
        InputError: a line is malformed; the message has file and line.
    """
    timing = folder / "timing.jsonl"
    seconds: dict[int, dict[str, float]] = {}
    for line in _lines(timing, "generate.v1") if timing.exists() else ():
        stages = {key: line.get(key, object) for key in line.value if key != "prompt"}
        wrong = [key for key, value in stages.items() if not isinstance(value, int | float)]
        if wrong:
            raise line.error(f"{wrong[0]!r} is {stages[wrong[0]]!r}, no number of seconds")
        seconds[line.get("prompt", int)] = {key: float(line.value[key]) for key in stages}
    return [
        Generated(
            [_prompt_part(part) for part in line.mappings("prompt")],
            line.get("prompt_string", str),
            len(line.get("prompt_ids", list)),
            len(line.get("new_ids", list)),
            [_span(span, folder) for span in line.mappings("spans")],
            seconds.get(index, {}),
        )
        for index, line in enumerate(islice(_lines(folder / GENERATIONS, "generate.v1"), limit))
    ]


def _prompt_part(part: _Line) -> Part:
    text, speech, marker = part.optional("text", str), part.optional("speech", str), part.optional("marker", str)
    if text is None and speech is None and marker is None:
        raise part.error(f"'prompt' has a part with {', '.join(part.value) or 'nothing'}, neither text nor speech")
    return Part(text, None if speech is None else Path(speech), marker=marker)


def _span(span: _Line, folder: Path) -> Part:
    if "text" in span.value:
        return Part(span.get("text", str))
    speech = span.optional("speech", str)
    return Part(
        None,
        None if speech is None else require(folder / speech, "the sound of a continuation"),
        span.optional("tokens", str),
        span.get("n_tokens", int),
    )


def encoded(folder: Path, limit: int) -> list[Encoded]:
    """The first `limit` recordings of a step `tokenize.v1`.

    Raises:
        InputError: a line is malformed; the message has file and line.
    """
    return [
        Encoded(
            line.get("name", str),
            Path(line.get("path", str)),
            line.get("units", dict),
            line.optional("source", dict) or {},
        )
        for line in islice(_lines(folder / UNITS, "tokenize.v1"), limit)
    ]


def resynthesized(folder: Path, limit: int) -> list[Resynthesized]:
    """The first `limit` recordings of a step `resynthesize.v1`.

    Raises:
        InputError: a line is malformed; the message has file and line.
    """
    return [
        Resynthesized(
            line.get("name", str),
            Path(line.get("path", str)),
            require(folder / line.get("speech", str), "a resynthesis"),
            line.get("durations", str) == "predicted",
        )
        for line in islice(_lines(folder / RESYNTHESIZED, "resynthesize.v1"), limit)
    ]
