"""`spiritkit run`."""

from __future__ import annotations

import argparse

from spiritkit.cli.common import recipe_arguments

HELP = "run the steps of a recipe that are not up to date"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    recipe_arguments(parser)
    parser.add_argument("--only", metavar="STEP", help="run this step alone")
    parser.add_argument("--force", action="store_true", help="run steps even if they are up to date")


def main(options: argparse.Namespace) -> None:
    """Run the verb."""
    from spiritkit.errors import MissingFileError, RequestError
    from spiritkit.recipe import open_recipe
    from spiritkit.run.runner import Runner

    recipe = open_recipe(options.recipe, options.overrides)
    try:
        Runner(recipe).run(only=options.only, force=options.force)
    except MissingFileError as error:
        raise RequestError(recipe.explain(error)) from error
