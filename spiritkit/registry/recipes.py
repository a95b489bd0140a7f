"""Recipe names → files."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from spiritkit.errors import MissingFileError, RequestError
from spiritkit.registry.registry import registry
from spiritkit.suggest import suggestion


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


def names() -> dict[str, Path]:
    """All recipes by name, e.g. `spiritlm/base`, of the core and of every plugin."""
    found: dict[str, Path] = {}
    for plugin in registry().plugins:
        for reference in plugin.recipes:
            root = folder(reference)
            for path in sorted(root.rglob("*.yaml")):
                found.setdefault(path.relative_to(root).with_suffix("").as_posix(), path)
    return found


def find(reference: str, beside: Path | None = None) -> Path:
    """The file of a recipe given by path, by name, or as `package:path`.

    Args:
        reference: as a user or an `extends` gives it.
        beside: the folder of the recipe that extends it; relative paths start there, else in the current folder.

    Raises:
        RequestError: there is none; the message gives the nearest recipe name.
    """
    path = (beside or Path()) / Path(reference).expanduser()
    try:
        if path.is_file():
            return path
    except OSError as error:  # a name that is too long
        raise RequestError(f"no recipe {reference!r}: {error.strerror}") from error
    known = names()
    if reference in known:
        return known[reference]
    if ":" in reference:
        return folder(reference)
    hint = suggestion(reference, known, f"; recipes: {', '.join(known) or 'none'}")
    raise RequestError(f"no recipe {reference!r}: neither the file {path} nor a recipe of that name{hint}")
