"""`spiritkit list`."""

from __future__ import annotations

import argparse

HELP = "list components, or those of one kind, and recipes"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("kind", metavar="KIND", nargs="?", help="e.g. unit_tokenizer, vocoder, step; or 'recipe'")


def main(options: argparse.Namespace) -> None:
    """Run the verb."""
    from spiritkit.errors import RequestError
    from spiritkit.registry import registry
    from spiritkit.registry.recipes import names
    from spiritkit.suggest import suggestion

    kinds = registry().kinds()
    if options.kind not in (None, "recipe", *kinds):
        hint = suggestion(options.kind, [*kinds, "recipe"]) or f"; there are {', '.join([*kinds, 'recipe'])}"
        raise RequestError(f"no kind {options.kind!r}{hint}")
    for kind in [kind for kind in kinds if options.kind in (None, kind)]:
        print(kind)
        for component in registry().components(kind):
            print(f"  {component.name:<22} {component.summary}")
    if options.kind in (None, "recipe"):
        print("recipe")
        for name in names():
            print(f"  {name}")
    for plugin in registry().broken:
        print(f"note: plugin {plugin.name} failed to load: {plugin.error}")
