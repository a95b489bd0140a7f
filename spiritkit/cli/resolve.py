"""`spiritkit resolve`."""

from __future__ import annotations

import argparse

from spiritkit.cli.common import recipe_arguments

HELP = "print a recipe merged and resolved, each value with its origin"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    recipe_arguments(parser)
    parser.add_argument("--no-origins", action="store_true", help="leave the origins out")


def main(options: argparse.Namespace) -> None:
    """Run the verb."""
    from spiritkit.recipe import open_recipe
    from spiritkit.recipe.show import with_origins

    recipe = open_recipe(options.recipe, options.overrides)
    print(recipe.to_yaml() if options.no_origins else with_origins(recipe.tree), end="")
