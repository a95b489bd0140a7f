"""`package:path` → a path."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from spiritkit.errors import MissingFileError, RequestError


def folder(reference: str) -> Path:
    """The folder or file that `package:path` names.

    Raises:
        RequestError: no such package, or nothing there.
    """
    package, _, inside = reference.partition(":")
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):  # of a package within one that is not there; of no name at all
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise RequestError(f"{reference}: no package {package!r} is installed")
    root = Path(spec.submodule_search_locations[0])
    # In a source checkout the core's recipes lie beside the package, in a wheel inside it.
    for place in (root / inside, root.parent / inside):
        if place.exists():
            return place
    raise MissingFileError(root / inside, f"what {reference!r} names")
