"""`extends` and overrides: several trees → one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from spiritkit.errors import RecipeError, RequestError
from spiritkit.recipe.interpolate import referenced
from spiritkit.recipe.read import read_file, read_value
from spiritkit.recipe.tree import Node, Origin, Problem, join
from spiritkit.registry.recipes import find


def merged(path: Path, references: set[str], within: tuple[Path, ...] = ()) -> Node:
    """A recipe file with everything that it extends, bases first.

    Args:
        path: the file.
        references: the top-level keys that some interpolation of some file refers to are added here. (One whose every
            use has been overridden is still a variable.)
        within: the files that extend this one.

    Raises:
        RequestError: a base is missing, or a recipe extends itself.
    """
    path = path.resolve()
    tree = read_file(path)
    references |= referenced(tree)
    extends = tree.value.pop("extends", None)
    result = Node({}, tree.origin)
    for base in _bases(extends):
        try:
            base_path = find(base.value, beside=path.parent).resolve()
        except RequestError as error:
            raise RecipeError([f"{base.origin}: extends: {error}"]) from error
        if base_path in (*within, path):
            raise RecipeError([f"{base.origin}: extends: {base.value!r} extends itself"])
        result = merge(result, merged(base_path, references, (*within, path)))
    return merge(result, tree)


def _bases(extends: Node | None) -> list[Node]:
    if extends is None or extends.value is None:
        return []
    bases = extends.value if isinstance(extends.value, list) else [extends]
    for base in bases:
        if not isinstance(base.value, str):
            raise RecipeError([f"{base.origin}: extends: is {base.plain()!r}; expected a recipe or a list of recipes"])
    return list(bases)


def merge(base: Node, over: Node) -> Node:
    """Deep merge: mappings merge, anything else replaces.

    A mapping that changes `use` starts afresh: the parameters of another component mean nothing to it. Keys keep the
    order of the base and new ones follow, unless `over` names all of the base's: then its order holds (the order of
    tokenizers decides ties).
    """
    if not isinstance(base.value, dict) or not isinstance(over.value, dict):
        return over
    if "use" in over.value and "use" in base.value and over.value["use"].value != base.value["use"].value:
        return over
    restated = set(base.value) <= set(over.value)
    order = dict.fromkeys([*over.value] if restated else [*base.value, *over.value])
    return Node(
        {
            key: merge(base.value[key], over.value[key])
            if key in base.value and key in over.value
            else (over.value[key] if key in over.value else base.value[key])
            for key in order
        },
        over.origin,
    )


def override(tree: Node, overrides: Sequence[str], problems: list[Problem]) -> Node:
    """Apply `key=value` overrides in order; the key is dotted, and a number indexes a list."""
    for text in overrides:
        key, equals, value = text.partition("=")
        origin = Origin(f"override {key!r}")
        names = key.strip().split(".")
        if not equals or not all(names):
            problems.append(Problem(Origin("override"), "", f"{text!r}; expected key=value"))
            continue
        node = read_value(value, origin, key, problems)
        tree = _put(tree, names, node, "", problems)
    return tree


def _put(tree: Node, names: list[str], value: Node, key: str, problems: list[Problem]) -> Node:
    name, rest = names[0], names[1:]
    if isinstance(tree.value, list):
        if not name.isdecimal() or int(name) >= len(tree.value):
            there = f"0…{len(tree.value) - 1}" if tree.value else "no items"
            problems.append(Problem(value.origin, join(key, name), f"no such item; the list has {there}"))
            return tree
        items = list(tree.value)
        index = int(name)
        items[index] = (
            _put(items[index], rest, value, join(key, name), problems) if rest else merge(items[index], value)
        )
        return Node(items, tree.origin)
    if not isinstance(tree.value, dict):
        tree = Node({}, value.origin)
    if rest:
        child = tree.value.get(name, Node({}, value.origin))
        value = _put(child, rest, value, join(key, name), problems)
        return Node({**tree.value, name: value}, tree.origin)
    return merge(tree, Node({name: value}, tree.origin))
