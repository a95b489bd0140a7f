"""Which components there are: the whole surface that a plugin sees is two hooks and one record.

A plugin is a distribution with an entry point in group `spiritkit` that names a module (or object) with these hooks:

    @spiritkit.hookimpl
    def spiritkit_components() -> list[Component]: ...

    @spiritkit.hookimpl
    def spiritkit_recipes() -> list[str]: ...        # folders of recipes, as "package:folder"
"""

from __future__ import annotations

from spiritkit.registry.component import Component
from spiritkit.registry.hooks import hookimpl
from spiritkit.registry.registry import Plugin, Registry, registry

__all__ = ["Component", "Plugin", "Registry", "hookimpl", "registry"]
