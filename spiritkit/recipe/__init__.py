"""Recipes: YAML → merged, interpolated, checked → parts.

    file(s) ──read──▶ tree with origins ──merge, override──▶ ──interpolate──▶ ──check──▶ specs ──build──▶ objects

Every value keeps the file and line it came from, so that each fault, however deep, is reported with `file:line: key`.
"""

from __future__ import annotations

from spiritkit.recipe.loading import load
from spiritkit.recipe.recipe import Recipe, open_recipe

__all__ = ["Recipe", "load", "open_recipe"]
