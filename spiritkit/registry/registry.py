"""Finding plugins and looking components up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points

import pluggy

from spiritkit.errors import RequestError
from spiritkit.registry import hooks
from spiritkit.registry.component import Component
from spiritkit.registry.folders import folder
from spiritkit.suggest import suggestion

GROUP = "spiritkit"


@dataclass(frozen=True)
class Plugin:
    """An installed plugin: what it offers, or the error with which it failed to load."""

    name: str
    version: str
    components: tuple[Component, ...] = ()
    recipes: tuple[str, ...] = ()
    error: str | None = None


class Registry:
    """All components of all plugins.

    A plugin that fails to load is kept with its error and stops nothing else. Two components of one kind and name
    raise: which of them a recipe means would depend on the order of installation.
    """

    def __init__(self, found: Iterable[EntryPoint]):
        self.plugins = tuple(_load(point) for point in sorted(found, key=lambda point: point.name))
        self._components: dict[tuple[str, str], tuple[Component, Plugin]] = {}
        for plugin in self.plugins:
            for component in plugin.components:
                key = component.kind, component.name
                if key in self._components:
                    raise RequestError(
                        f"{component.kind} {component.name!r} is offered twice, by {self._components[key][1].name} and "
                        f"by {plugin.name}; uninstall one, or ask its author for another name"
                    )
                self._components[key] = component, plugin

    @property
    def broken(self) -> list[Plugin]:
        """The plugins that failed to load."""
        return [plugin for plugin in self.plugins if plugin.error]

    def kinds(self) -> list[str]:
        """All kinds that have a component."""
        return sorted({kind for kind, _ in self._components})

    def components(self, kind: str | None = None) -> list[Component]:
        """All components, or those of one kind, sorted."""
        return [component for key, (component, _) in sorted(self._components.items()) if kind in (None, key[0])]

    def get(self, kind: str, name: str) -> Component:
        """Look a component up.

        Raises:
            RequestError: there is none; the message gives the nearest names and the plugins that failed to load.
        """
        if (kind, name) in self._components:
            return self._components[kind, name][0]
        raise RequestError(f"no {kind} {name!r}{self._hint(kind, name)}")

    def plugin_of(self, component: Component) -> Plugin:
        """The plugin that offers a component."""
        return self._components[component.kind, component.name][1]

    def _hint(self, kind: str, name: str) -> str:
        names = [component.name for component in self.components(kind)]
        elsewhere = [component.kind for component in self.components() if component.name == name]
        if elsewhere:
            return f"; {name!r} is a {elsewhere[0]}"
        return suggestion(name, names, f"; there are {', '.join(names)}" if names else f"; no plugin offers a {kind}")


def _load(point: EntryPoint) -> Plugin:
    distribution = point.dist
    name = distribution.name if distribution else point.name
    version = distribution.version if distribution else "unknown"
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hooks)
    try:
        manager.register(point.load())
        manager.check_pending()
        components = [component for group in manager.hook.spiritkit_components() for component in group]
        recipes = [folder for group in manager.hook.spiritkit_recipes() for folder in group]
        for component in components:
            if not isinstance(component, Component):
                raise TypeError(f"spiritkit_components gave {component!r}; expected a Component")
        for reference in recipes:
            folder(reference)  # raises if it is not there
    except (Exception, SystemExit) as error:  # a stranger's module may raise anything, and must not stop the others
        return Plugin(name, version, error=f"{type(error).__name__}: {error}")
    return Plugin(name, version, tuple(components), tuple(recipes))


@cache
def registry() -> Registry:
    """The registry of what is installed in this environment, read once."""
    return Registry(entry_points(group=GROUP))
