"""`spiritkit copy`."""

from __future__ import annotations

import argparse

HELP = "copy a recipe here, to change it"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("recipe", metavar="RECIPE", help="e.g. spiritlm/base")
    parser.add_argument("target", metavar="PATH", nargs="?", help="where to; default: its file name, here")


def main(options: argparse.Namespace) -> None:
    """Run the verb."""
    from pathlib import Path

    from spiritkit.atomic import write_text
    from spiritkit.errors import RequestError
    from spiritkit.registry.recipes import find

    path = find(options.recipe)
    target = Path(options.target or path.name)
    if target.is_dir():
        target /= path.name
    if target.exists():
        raise RequestError(f"{target} exists; give another path")
    write_text(target, path.read_text(encoding="utf-8"))
    print(f"wrote {target}; run it with: spiritkit run {target}")
