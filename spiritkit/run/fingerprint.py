"""What decides a step's result, as a hash."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from spiritkit.checkpoints import require
from spiritkit.hashing import hash_json, hash_paths
from spiritkit.interfaces import Step
from spiritkit.recipe.build import build, identity
from spiritkit.recipe.recipe import Recipe
from spiritkit.recipe.schema import Spec
from spiritkit.registry import Component, registry


@dataclass(frozen=True)
class Fingerprint:
    """Over a step's parameters, the sections of the recipe that it reads, its components' versions, the seed, the
    earlier steps that it reads, and its files.

    Attributes:
        step: of the whole.
        entries: of each entry of `Step.entries`: what the step's would be if it had that entry alone.
    """

    step: str
    entries: Mapping[str, str]


def fingerprint(recipe: Recipe, spec: Spec, step: Step, earlier: Mapping[str, str]) -> Fingerprint:
    """What decides the result of a step.

    Args:
        recipe: the step's.
        spec: the step's entry of it.
        step: built from it.
        earlier: fingerprints of the steps before it.

    Raises:
        MissingFileError: a file that the step reads is not there.
    """
    # Once for all entries: hashing weights may take long.
    own = identity(spec, leave_out=frozenset(step.runtime))
    sections = {key: _section(recipe, key) for key in step.sections}

    def over(spec: Spec, step: Step, own: Mapping[str, Any]) -> str:
        parts = [spec, *_specs_of(recipe, step.sections)]
        used = [one.component for part in parts for one in [part, *part.nested()] if one.component]
        read = inputs(recipe, spec, earlier, step.reads(list(earlier)))
        return hash_json(
            {
                "step": own,
                "sections": sections,
                "seed": recipe.seed,
                "components": {component.name: _provider(component) for component in used},
                "inputs": {name: earlier[name] for name in read},
                "files": _hash_inputs(step.input_files()),
            }
        )

    entries: dict[str, str] = {}
    if step.entries is not None:
        shared = {name: value for name, value in own.items() if name not in step.over_entries}
        for name, value in (own[step.entries] or {}).items():
            alone = _alone(spec, step.entries, name, step.over_entries)
            entries[name] = over(alone, build(alone), {**shared, step.entries: {name: value}})
    return Fingerprint(over(spec, step, own), entries)


def inputs(recipe: Recipe, spec: Spec, earlier: Iterable[str], read: Collection[str] = ()) -> dict[str, Path]:
    """Name → folder of the earlier steps that a step reads: those that it says, and those into whose folders its
    parameters point.
    """
    paths = [_as_path(leaf.value) for _, leaf in spec.node.leaves() if isinstance(leaf.value, str)]
    folders = {name: recipe.output_dir / name for name in earlier}
    return {
        name: folder
        for name, folder in folders.items()
        if name in read or any(path.is_relative_to(folder) for path in paths)
    }


def packages(spec: Spec) -> dict[str, str]:
    """The versions of the libraries that decide the results of a component and of those nested in it."""
    used = {one.component for one in [spec, *spec.nested()] if one.component}
    return {package: found for component in used for package, found in _packages(component).items()}


def _alone(spec: Spec, entries: str, name: str, left_out: Collection[str]) -> Spec:
    """A step with one of its entries."""
    values = {key: value for key, value in spec.parameters.items() if key not in left_out}
    nodes = {key: node for key, node in spec.node.items() if key not in left_out}
    values[entries] = {name: values[entries][name]}
    nodes[entries] = replace(nodes[entries], value={name: nodes[entries].value[name]})
    return replace(spec, parameters=values, node=replace(spec.node, value=nodes))


def _section(recipe: Recipe, key: str) -> Any:
    checked = recipe.checked
    if key == "tokenizers":  # a list: their order matters
        return [[name, identity(spec)] for name, spec in checked.tokenizers.items()]
    if key in checked.parts:
        return identity(checked.parts[key])
    return {"chunking": checked.chunking, "vocabulary": checked.vocabulary}.get(key)


def _specs_of(recipe: Recipe, sections: Iterable[str]) -> list[Spec]:
    parts = [recipe.checked.parts[key] for key in sections if key in recipe.checked.parts]
    return parts + (list(recipe.checked.tokenizers.values()) if "tokenizers" in sections else [])


def _provider(component: Component) -> str:
    plugin = registry().plugin_of(component)
    libraries = [f"{package} {found}" for package, found in _packages(component).items()]
    return ", ".join([f"{plugin.name} {plugin.version}", *libraries])


def _packages(component: Component) -> dict[str, str]:
    found = {}
    for package in getattr(component.load(), "packages", ()):
        with suppress(PackageNotFoundError):  # the component says itself what it needs
            found[package] = version(package)
    return found


def _hash_inputs(paths: list[Path]) -> list[tuple[str, str]]:
    for path in paths:
        require(path, "an input of the step")
    return list(zip(map(str, paths), hash_paths(paths), strict=True))


def _as_path(text: str) -> Path:
    """Any string as the path that it may be."""
    try:
        return Path(text).expanduser()
    except RuntimeError:  # "~nobody": there is no such user
        return Path(text)
