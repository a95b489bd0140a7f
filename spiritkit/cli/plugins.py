"""`spiritkit plugins`."""

from __future__ import annotations

import argparse

HELP = "list the installed plugins, what each offers, and those that failed to load"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments: none."""


def main(options: argparse.Namespace) -> None:
    """Run the verb."""
    from spiritkit.registry import registry

    for plugin in registry().plugins:
        print(f"{plugin.name} {plugin.version}")
        if plugin.error:
            print(f"  failed to load: {plugin.error}")
        for component in plugin.components:
            print(f"  {component.kind:<16} {component.name}")
        for folder in plugin.recipes:
            print(f"  recipes          {folder}")
