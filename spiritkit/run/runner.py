"""Running a recipe's steps in order, each once for each state of what decides its result."""

from __future__ import annotations

import json
import platform
import shutil
import sys
import time
from collections.abc import Callable, Collection, Iterable
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from spiritkit.atomic import write_json, write_text
from spiritkit.checkpoints import require
from spiritkit.errors import RequestError
from spiritkit.hashing import hash_json, hash_paths
from spiritkit.interfaces import Step
from spiritkit.pipeline import Pipeline
from spiritkit.recipe.build import build, identity
from spiritkit.recipe.recipe import Recipe
from spiritkit.recipe.schema import Spec
from spiritkit.registry import Component, registry
from spiritkit.run.context import RunContext
from spiritkit.run.processes import Processes
from spiritkit.suggest import suggestion
from spiritkit.training.distributed import is_main

_DONE, _STARTED = "step.json", "unfinished.json"
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
        fingerprints: dict[str, str] = {}
        for name, spec in steps.items():
            if only not in (None, name):  # what an earlier run left is taken as it is
                fingerprints[name] = _recorded(self.folder / name / _DONE) or "not run"
                continue
            step: Step = build(spec)
            inputs = self._inputs(spec, fingerprints, step.reads(list(fingerprints)))
            fingerprints[name] = "decided by the first process"
            if is_main():
                fingerprints[name] = self._fingerprint(spec, step, {key: fingerprints[key] for key in inputs})
            self._run_step(name, step, inputs, fingerprints[name], force=force, processes=processes)
            if only == name:
                break
        processes.close()

    def _run_step(
        self,
        name: str,
        step: Step,
        inputs: dict[str, Path],
        fingerprint: str,
        *,
        force: bool,
        processes: Processes,
    ) -> None:
        if not processes.told(self._begin(name, step, fingerprint, force) if is_main() else None):
            return
        context = RunContext(name, lambda: self.pipeline, self.folder / name, self.recipe.seed, inputs)
        started = time.perf_counter()
        if is_main() or step.distributed:
            step.run(context)
        if is_main():
            self._end(name, fingerprint, round(time.perf_counter() - started, 3))
        processes.told(True)  # the next step may read what this one wrote

    def _begin(self, name: str, step: Step, fingerprint: str, force: bool) -> bool:
        """Make a step's folder ready; False if its result is there already."""
        folder = self.folder / name
        marker, started_marker = folder / _DONE, folder / _STARTED
        if not force and _recorded(marker) == fingerprint:
            self._say(f"{name}: up to date in {folder}")
            return False
        if folder.exists() and not folder.is_dir():
            raise RequestError(f"{folder}: is a file; expected a folder for the step's results")
        if folder.exists() and (force or _recorded(started_marker) != fingerprint):
            _clear(folder, marker.exists() or started_marker.exists())
        marker.unlink(missing_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(started_marker, {"fingerprint": fingerprint})
        self._say(f"{name}: {type(step).__name__} → {folder}")
        return True

    def _end(self, name: str, fingerprint: str, seconds: float) -> None:
        """Mark a step's folder as whole."""
        folder = self.folder / name
        write_json(folder / _DONE, {"fingerprint": fingerprint, "seconds": seconds, "versions": _versions()})
        (folder / _STARTED).unlink()  # last: a folder with neither would not be known as a run's
        self._say(f"{name}: done in {seconds:.1f} s")

    def _inputs(self, spec: Spec, earlier: Iterable[str], read: Collection[str] = ()) -> dict[str, Path]:
        """The earlier steps that a step reads, and those into whose folders its parameters point."""
        paths = [_as_path(leaf.value) for _, leaf in spec.node.leaves() if isinstance(leaf.value, str)]
        folders = {name: self.folder / name for name in earlier}
        return {
            name: folder
            for name, folder in folders.items()
            if name in read or any(path.is_relative_to(folder) for path in paths)
        }

    def _fingerprint(self, spec: Spec, step: Step, inputs: dict[str, str]) -> str:
        sections = {key: self._section(key) for key in step.sections}
        parts = [spec, *_specs_of(self.recipe, step.sections)]
        used = [one.component for part in parts for one in [part, *part.nested()] if one.component]
        return hash_json(
            {
                "step": identity(spec, leave_out=frozenset(step.runtime)),
                "sections": sections,
                "seed": self.recipe.seed,
                "components": {component.name: _provider(component) for component in used},
                "inputs": inputs,
                "files": _hash_inputs(step.input_files()),
            }
        )

    def _section(self, key: str) -> Any:
        checked = self.recipe.checked
        if key == "tokenizers":  # a list: their order matters
            return [[name, identity(spec)] for name, spec in checked.tokenizers.items()]
        if key in checked.parts:
            return identity(checked.parts[key])
        return {"audio": checked.audio, "vocabulary": checked.vocabulary}.get(key)

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


def _as_path(text: str) -> Path:
    """Any string as the path that it may be."""
    try:
        return Path(text).expanduser()
    except RuntimeError:  # "~nobody": there is no such user
        return Path(text)


def _specs_of(recipe: Recipe, sections: Iterable[str]) -> list[Spec]:
    parts = [recipe.checked.parts[key] for key in sections if key in recipe.checked.parts]
    return parts + (list(recipe.checked.tokenizers.values()) if "tokenizers" in sections else [])


def _provider(component: Component) -> str:
    plugin = registry().plugin_of(component)
    return f"{plugin.name} {plugin.version}"


def _clear(folder: Path, is_ours: bool) -> None:
    """Empty a step's folder of another state: the parts of two results must not mix."""
    if not is_ours and any(folder.iterdir()):
        raise RequestError(f"{folder}: not written by a run; move it away, or give another output_dir")
    # Renamed first, so that what an interruption leaves of it is not taken for a step's folder.
    folder = folder.resolve()  # a link stays, what it leads to is cleared
    doomed = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(doomed, ignore_errors=True)
    folder.rename(doomed)
    folder.mkdir()
    shutil.rmtree(doomed)


def _hash_inputs(paths: list[Path]) -> list[tuple[str, str]]:
    for path in paths:
        require(path, "an input of the step")
    return list(zip(map(str, paths), hash_paths(paths), strict=True))


def _recorded(path: Path) -> str | None:
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["fingerprint"])
    except (OSError, json.JSONDecodeError, KeyError, TypeError):
        return None


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
