"""`spiritkit show`."""

from __future__ import annotations

import argparse

HELP = "show a component: what it does, its parameters and their defaults"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("name", metavar="NAME", help="e.g. hubert.v1, or a recipe name")


def main(options: argparse.Namespace) -> None:
    """Run the verb."""
    import inspect

    from spiritkit.errors import RequestError
    from spiritkit.recipe.schema import parameters, type_name
    from spiritkit.registry import registry
    from spiritkit.registry.recipes import names
    from spiritkit.suggest import suggestion

    recipes = names()
    if options.name in recipes:
        print(f"# {recipes[options.name]}")
        print(recipes[options.name].read_text(encoding="utf-8"), end="")
        return
    found = [component for component in registry().components() if component.name == options.name]
    if not found:
        known = [component.name for component in registry().components()] + list(recipes)
        raise RequestError(f"no component or recipe {options.name!r}{suggestion(options.name, known)}")
    for component in found:
        target = component.load()
        plugin = registry().plugin_of(component)
        print(f"{component.kind} {component.name}: {component.summary}")
        print(f"from {plugin.name} {plugin.version}, {component.target}\n")
        if target.__doc__:
            print(inspect.cleandoc(target.__doc__) + "\n")
        print("parameters")
        for parameter in parameters(target):
            default = "(required)" if parameter.required else f"= {parameter.default!r}"
            print(f"  {parameter.name:<18} {type_name(parameter.annotation)}  {default}")
