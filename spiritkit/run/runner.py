"""Running a recipe's steps in order, each once for each state of what decides its result."""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable, Iterable
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from spiritkit.atomic import write_json, write_text
from spiritkit.errors import RequestError
from spiritkit.interfaces import Step
from spiritkit.pipeline import Pipeline
from spiritkit.recipe.build import build, identity
from spiritkit.recipe.recipe import Recipe
from spiritkit.recipe.schema import Spec
from spiritkit.registry import registry
from spiritkit.run.context import RunContext
from spiritkit.run.fingerprint import Fingerprint, fingerprint, inputs, packages
from spiritkit.run.folder import StepFolder
from spiritkit.run.processes import Processes
from spiritkit.suggest import suggestion
from spiritkit.training.distributed import is_main

_ELSEWHERE = "decided by the first process"
_PACKAGES = ("spiritkit", "torch", "torchaudio", "transformers", "numpy", "soundfile", "omegaconf", "sentencepiece")


class Runner:
    """One run of a recipe.

    Its folder holds `recipe.yaml` (resolved), `run.json` (versions, seed, hashes), and a folder for each step with the
    step's files and `step.json` (fingerprint, time). A step whose `step.json` has the present fingerprint is skipped.
    """

    def __init__(self, recipe: Recipe, say: Callable[[str], None] = print):
        self.recipe = recipe
        self.folder = recipe.output_dir
        self._say = say

    @cached_property
    def pipeline(self) -> Pipeline:
        """The recipe's parts, shared by all steps."""
        return self.recipe.pipeline()

    def run(self, only: str | None = None, force: bool = False) -> None:
        """Run the steps that are not up to date.

        Args:
            only: run this step alone, on what earlier ones left.
            force: run steps even if they are up to date.

        Raises:
            RequestError: no such step, nothing to do, or a file that the recipe names is missing.
        """
        steps = self.recipe.checked.steps
        if only is not None and only not in steps:
            raise RequestError(f"no step {only!r}{suggestion(only, steps) or f'; there are {_listed(steps)}'}")
        if not steps:
            raise RequestError(f"{self.recipe.path}: the recipe has no steps; add 'steps: {{name: {{use: …}}}}'")
        self.recipe.check_files()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RequestError(f"output_dir {self.folder}: {error.strerror}; expected a folder to write to") from error
        if is_main():
            write_text(self.folder / "recipe.yaml", self.recipe.to_yaml())
            write_json(self.folder / "run.json", self._record())
        processes = Processes()
        earlier: dict[str, str] = {}
        for name, spec in steps.items():
            if only not in (None, name):  # what an earlier run left is taken as it is
                earlier[name] = StepFolder(self.folder / name).finished or "not run"
                continue
            earlier[name] = self._run_step(name, spec, earlier, force=force, processes=processes)
            if only == name:
                break
        processes.close()

    def _run_step(self, name: str, spec: Spec, earlier: dict[str, str], *, force: bool, processes: Processes) -> str:
        """Run a step if it is not up to date; the fingerprint of its result."""
        step: Step = build(spec)
        folder = StepFolder(self.folder / name)
        read = inputs(self.recipe, spec, earlier, step.reads(list(earlier)))
        present = fingerprint(self.recipe, spec, step, earlier) if is_main() else None
        if not processes.told(self._begin(step, folder, present, force) if present else None):
            return present.step if present else _ELSEWHERE
        context = RunContext(name, lambda: self.pipeline, folder.path, self.recipe.seed, read)
        started = time.perf_counter()
        if present or step.distributed:
            step.run(context)
        if present:
            seconds = round(time.perf_counter() - started, 3)
            folder.end(present.step, {"seconds": seconds, "versions": _versions() | packages(spec)})
            self._say(f"{name}: done in {seconds:.1f} s")
        processes.told(True)  # the next step may read what this one wrote
        return present.step if present else _ELSEWHERE

    def _begin(self, step: Step, folder: StepFolder, present: Fingerprint, force: bool) -> bool:
        """Make a step's folder ready; False if its result is there already."""
        name = folder.path.name
        if not force and folder.finished == present.step:
            self._say(f"{name}: up to date in {folder.path}")
            return False
        folder.begin(present, force=force)
        self._say(f"{name}: {type(step).__name__} → {folder.path}")
        return True

    def _record(self) -> dict[str, Any]:
        return {
            "recipe": str(self.recipe.path),
            "name": self.recipe.name,
            "seed": self.recipe.seed,
            "command": sys.argv,
            "versions": _versions(),
            "plugins": {plugin.name: plugin.version for plugin in registry().plugins},
            "python": platform.python_version(),
            "platform": platform.platform(),
            "parts": {spec.key: identity(spec) for spec in self.recipe.components()},
        }


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
