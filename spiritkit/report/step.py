"""Step `report.v1`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from spiritkit.atomic import write_text
from spiritkit.checks import check_range
from spiritkit.errors import RequestError
from spiritkit.interfaces import Context, Panel, Step
from spiritkit.report.clips import Studio
from spiritkit.report.overview import overview
from spiritkit.report.page import page
from spiritkit.report.sections import has_something, known_units, record, sections
from spiritkit.suggest import suggestion


class Report(Step):
    """Shows what earlier steps made: prompts with their continuations (`generate.v1`), recordings with their units
    (`tokenize.v1`), originals beside resyntheses (`resynthesize.v1`), tables of figures (`evaluate.v1`).

    Writes `report.html`, one page that needs no other file and no network: text, players, and over one time axis
    waveform, spectrogram, the tokens of every stream, and what panels add; then counts and speeds, the resolved recipe,
    the versions and the seed.

    Args:
        steps: names of the earlier steps to show; null for all that have something to show.
        title: of the page; null for the recipe's name.
        panels: what is drawn besides, each under a name of your choice, e.g. `{f0: {use: f0.v1}}`.
        max_seconds: of each stretch of speech so much is shown and can be heard.
        limit: of each step at most so many prompts or recordings.

    Raises:
        RequestError: a number out of its range.
    """

    def __init__(
        self,
        *,
        steps: list[str] | None = None,
        title: str | None = None,
        panels: dict[str, Panel] | None = None,
        max_seconds: float = 30.0,
        limit: int = 20,
    ):
        check_range("report.v1", {"max_seconds": max_seconds}, above=0)
        check_range("report.v1", {"limit": limit}, at_least=1)
        self._steps, self._title, self._panels = steps, title, panels or {}
        self._max_seconds, self._limit = max_seconds, limit

    def input_files(self) -> list[Path]:
        """The panels' files."""
        return [path for panel in self._panels.values() for path in panel.input_files()]

    def reads(self, earlier: Sequence[str]) -> list[str]:
        """Those that `steps` names, or all."""
        if self._steps is None:
            return list(earlier)
        for name in self._steps:
            if name not in earlier:
                there = suggestion(name, earlier) or f"; there are {', '.join(earlier) or 'none'}"
                raise RequestError(f"report.v1: no step {name!r} before the report{there}")
        return self._steps

    def run(self, context: Context) -> None:
        """See `Step.run`.

        Raises:
            RequestError: no step has anything to show, or one of those that are named has not.
            InputError: what a step wrote is damaged; the message has file and line.
        """
        folders = self._folders(context.inputs)
        known = known_units(folders.values(), context.pipeline, self._limit)
        studio = Studio(context.pipeline, self._panels.values(), self._max_seconds, known)
        shown = [
            section
            for name, folder in folders.items()
            for section in sections(name, folder, studio, self._limit, context.progress)
        ]
        run = record(context.folder.parent, context.inputs)
        title = self._title or str(run.run.get("name") or "Report")
        path = context.folder / "report.html"
        write_text(path, page(title, shown, run))
        print("\n".join(part for part in (overview(shown), f"  {path}") if part))

    def _folders(self, inputs: dict[str, Path]) -> dict[str, Path]:
        names = list(inputs) if self._steps is None else self._steps
        found = {name: inputs[name] for name in names if has_something(inputs[name])}
        missing = [name for name in names if name not in found]
        if not found or (self._steps and missing):
            nothing = f"step {missing[0]!r} has" if self._steps and missing else "the steps before the report have"
            raise RequestError(
                f"report.v1: {nothing} nothing to show; expected a finished generate.v1, tokenize.v1, resynthesize.v1 "
                "or evaluate.v1"
            )
        return found
