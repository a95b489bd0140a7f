"""What each kind of step has to show, made ready for the page."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from spiritkit.errors import InputError
from spiritkit.evaluation.summary import Summary, read_summaries
from spiritkit.evaluation.tables import NOTHING, cell, heading
from spiritkit.pipeline import Pipeline
from spiritkit.report import sound, sources
from spiritkit.report.clips import Shown, Studio
from spiritkit.types import Units

_PICTURES = {".png": "image/png", ".jpg": "image/jpeg", ".svg": "image/svg+xml"}
#: Headings of stages other than their names.
_STAGES = {"encode": "encoding"}

#: Passes items through, showing how far the work has come.
Progress = Callable[..., Iterator[Any]]


@dataclass(frozen=True)
class Piece:
    """Text or speech, as it stands in a prompt or a continuation."""

    text: str | None = None
    marker: str | None = None
    shown: Shown | None = None


@dataclass(frozen=True)
class Speed:
    """One line of the table of speeds.

    Attributes:
        name: of the prompt.
        prompt_tokens, new_tokens: how many the model read and wrote.
        spoken: seconds of generated speech.
        seconds: stage → how long it took.
    """

    name: str
    prompt_tokens: int
    new_tokens: int
    spoken: float
    seconds: Mapping[str, float]

    @property
    def tokens_per_second(self) -> float | None:
        """Of the language model."""
        seconds = self.seconds.get("language_model")
        return self.new_tokens / seconds if seconds else None

    @property
    def times_real_time(self) -> float | None:
        """Seconds of generated speech for each second from prompt to sound."""
        total = sum(self.seconds.values())
        return self.spoken / total if total and self.spoken else None


@dataclass(frozen=True)
class Continued:
    """A prompt and its continuation."""

    number: int
    prompt: list[Piece]
    continuation: list[Piece]
    string: str
    speed: Speed


@dataclass(frozen=True)
class Table:
    """A task's figures: a heading for each column, and rows of (name, cells)."""

    name: str
    headings: list[str]
    rows: list[tuple[str, list[str]]]
    items: int
    problems: Mapping[str, str]
    pictures: list[tuple[str, str]]


@dataclass(frozen=True)
class Section:
    """One step on the page; of the lists one is filled.

    Attributes:
        name: of the step.
        total: how many prompts or recordings there are; the page may show fewer.
    """

    name: str
    total: int
    continued: list[Continued] = field(default_factory=list)
    recordings: list[Shown] = field(default_factory=list)
    pairs: list[tuple[str, Shown, Shown]] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)

    @property
    def said(self) -> str:
        """How much the step made of what."""
        several = "" if self.total == 1 else "s"
        if self.continued:
            return f"{self.total} prompt{several} continued"
        if self.tables:
            return f"{self.total} task{several} put to the model"
        return f"{self.total} recording{several} encoded{' and spoken again' if self.pairs else ''}"

    @property
    def stages(self) -> list[tuple[str, str]]:
        """What of the prompts took time, in order, each with a heading: a cascade has other stages than a recipe."""
        stages = dict.fromkeys(stage for one in self.continued for stage in one.speed.seconds)
        return [(stage, _STAGES.get(stage, stage.replace("_", " "))) for stage in stages]

    @property
    def speeds(self) -> list[Speed]:
        """Of all prompts, and of them together if they are several."""
        speeds = [one.speed for one in self.continued]
        if len(speeds) < 2:
            return speeds
        stages = {stage: 0.0 for speed in speeds for stage in speed.seconds}
        total = {stage: sum(speed.seconds.get(stage, 0.0) for speed in speeds) for stage in stages}
        sums = (sum(one.prompt_tokens for one in speeds), sum(one.new_tokens for one in speeds))
        return [*speeds, Speed("all", *sums, sum(one.spoken for one in speeds), total)]


def has_something(folder: Path) -> bool:
    """Whether a step's folder holds anything that a report can show."""
    files = (sources.GENERATIONS, sources.UNITS, sources.RESYNTHESIZED, sources.RESULTS)
    return any((folder / name).exists() for name in files)


def known_units(folders: Iterable[Path], pipeline: Pipeline, limit: int) -> dict[Path, Units]:
    """Units that steps `tokenize.v1` have written, by the paths of the recordings, where the recipe's tokenizers are
    those that made them.
    """
    lines = [
        line
        for folder in folders
        if (folder / sources.UNITS).exists() and pipeline.has_tokenizers
        for line in sources.encoded(folder, limit)
    ]
    return {
        line.path: Units(pipeline.specs, {name: np.array(codes) for name, codes in line.codes.items()}, line.source)
        for line in lines
        if line.source == pipeline.sources and set(line.codes) == {spec.name for spec in pipeline.specs}
    }


def sections(name: str, folder: Path, studio: Studio, limit: int, progress: Progress) -> list[Section]:
    """What a step wrote, one section for each kind of thing."""
    found = []
    if (path := folder / sources.UNITS).exists():
        lines = sources.encoded(folder, limit)
        recordings = [studio.recording(line.path, line.name) for line in progress(lines, unit="recording")]
        found.append(Section(name, sources.count(path), recordings=recordings))
    if (path := folder / sources.RESYNTHESIZED).exists():
        pairs = [
            (
                line.name,
                studio.recording(line.path, "original"),
                studio.resynthesis(line.path, line.speech, "resynthesis", predicted=line.predicted),
            )
            for line in progress(sources.resynthesized(folder, limit), unit="recording")
        ]
        found.append(Section(name, sources.count(path), pairs=pairs))
    if (path := folder / sources.GENERATIONS).exists():
        prompts = sources.generations(folder, limit)
        continued = [_continued(name, index, one, studio) for index, one in enumerate(progress(prompts, unit="prompt"))]
        found.append(Section(name, sources.count(path), continued=continued))
    if (path := folder / sources.RESULTS).exists():
        tables = [_table(summary, folder) for summary in read_summaries(path)]
        found.append(Section(name, len(tables), tables=tables))
    return found


def _continued(step: str, index: int, generated: sources.Generated, studio: Studio) -> Continued:
    prompt = [
        Piece(part.text, part.marker, studio.recording(part.speech) if part.speech else None)
        for part in generated.prompt
    ]
    continuation: list[Piece] = []
    n_spoken = 0
    for number, part in enumerate(generated.spans):
        if part.text is not None:
            continuation.append(Piece(part.text))
            continue
        n_spoken += 1
        key = f"{step}/{index}.{number}"
        shown = studio.generated(part.speech, part.tokens, part.n_tokens, f"speech {n_spoken}", key)
        continuation.append(Piece(shown=shown))
    spoken = sum((piece.shown.picture.total for piece in continuation if piece.shown and piece.shown.picture), 0.0)
    speed = Speed(str(index + 1), generated.prompt_tokens, generated.new_tokens, spoken, generated.seconds)
    return Continued(index + 1, prompt, continuation, generated.prompt_string, speed)


def _table(summary: Summary, folder: Path) -> Table:
    metrics = [estimate.metric for estimate in summary.estimates]
    rows = [("this run", [cell(estimate) for estimate in summary.estimates])]
    for system, figures in summary.published.items():
        cells = [f"{figures[one.name]:.{one.digits}f}" if one.name in figures else NOTHING for one in metrics]
        if set(cells) != {NOTHING}:
            rows.append((f"{system} (published)", cells))
    # Of a picture that is there in several formats the last in `_PICTURES` is shown.
    formats = {
        file.with_suffix(""): file for end in _PICTURES for file in map(Path, summary.files) if file.suffix == end
    }
    pictures = [
        (name, sound.data_uri(_PICTURES[Path(name).suffix], (folder / name).read_bytes()))
        for name in summary.files
        if Path(name) in formats.values() and (folder / name).is_file()
    ]
    return Table(summary.name, [heading(one) for one in metrics], rows, summary.items, summary.problems, pictures)


@dataclass(frozen=True)
class Record:
    """What the run's own files say of it; empty where there are none."""

    recipe: str = ""
    run: Mapping[str, Any] = field(default_factory=dict)
    steps: Sequence[tuple[str, float]] = ()


def record(folder: Path, steps: Mapping[str, Path]) -> Record:
    """`recipe.yaml` and `run.json` of a run's folder, and the wall time of its steps.

    Raises:
        InputError: one of these files is damaged.
    """
    recipe = folder / "recipe.yaml"
    times = [(name, _json(path / "step.json").get("seconds")) for name, path in steps.items()]
    return Record(
        recipe.read_text(encoding="utf-8") if recipe.exists() else "",
        _json(folder / "run.json"),
        [(name, seconds) for name, seconds in times if isinstance(seconds, int | float)],
    )


def _json(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: not JSON ({error}); expected what a run writes") from error
    if not isinstance(value, dict):
        raise InputError(f"{path}: holds a {type(value).__name__}; expected what a run writes")
    return value
