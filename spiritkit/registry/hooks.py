"""The two hooks."""

from __future__ import annotations

import pluggy

from spiritkit.registry.component import Component

hookspec = pluggy.HookspecMarker("spiritkit")
hookimpl = pluggy.HookimplMarker("spiritkit")


@hookspec
def spiritkit_components() -> list[Component]:  # type: ignore[empty-body]
    """The parts that this plugin offers."""


@hookspec
def spiritkit_recipes() -> list[str]:  # type: ignore[empty-body]
    """Folders of recipes, each as `package:folder`; `folder/a/b.yaml` becomes the recipe `a/b`."""
