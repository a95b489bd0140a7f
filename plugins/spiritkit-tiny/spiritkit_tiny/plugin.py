"""What this plugin offers."""

from __future__ import annotations

from spiritkit.registry import hookimpl


@hookimpl
def spiritkit_recipes() -> list[str]:
    """The parts, composed; their weights lie in `weights/`, laid out as the recipes that trained them write them."""
    return ["spiritkit_tiny:recipes"]
