"""From a recipe to a pipeline in one call."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from spiritkit.errors import RequestError
from spiritkit.pipeline import Pipeline
from spiritkit.recipe.recipe import open_recipe


def load(recipe: str | Path, overrides: Sequence[str] = ()) -> Pipeline:
    """The pipeline of a recipe.

    Args:
        recipe: a path, a name such as `spiritlm/base`, or `package:path`.
        overrides: each `key=value`, as on the command line.

    Raises:
        RecipeError: everything that is wrong with it, each with `file:line: key`, and the files it names that are
            not there.
    """
    if isinstance(overrides, str):
        raise RequestError(f"overrides is the string {overrides!r}; expected a list of 'key=value'")
    opened = open_recipe(recipe, overrides)
    opened.check_files()
    return opened.pipeline()
