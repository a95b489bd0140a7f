"""Arguments that several verbs share."""

from __future__ import annotations

import argparse


def recipe_arguments(parser: argparse.ArgumentParser) -> None:
    """RECIPE and key=value."""
    parser.add_argument("recipe", metavar="RECIPE", help="a YAML file, or the name of a recipe such as spiritlm/base")
    parser.add_argument(
        "overrides", metavar="key=value", nargs="*", help="change a value of it, e.g. language_model.dtype=float32"
    )
