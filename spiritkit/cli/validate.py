"""`spiritkit validate`."""

from __future__ import annotations

import argparse

from spiritkit.cli.common import recipe_arguments

HELP = "check a recipe, whole, and say everything that is wrong with it"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    recipe_arguments(parser)
    parser.add_argument("--files", action="store_true", help="also see that every file its parts name is there")


def main(options: argparse.Namespace) -> None:
    """Run the verb."""
    from spiritkit.recipe import open_recipe

    recipe = open_recipe(options.recipe, options.overrides)
    if options.files:
        recipe.check_files()
    parts, steps = len(recipe.components()), len(recipe.checked.steps)
    print(f"{recipe.path}: valid; {parts} parts, {steps} step{'s' if steps != 1 else ''}")
