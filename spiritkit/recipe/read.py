"""YAML text → tree, with the line of every value."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import yaml

from spiritkit.errors import MissingFileError, RecipeError
from spiritkit.recipe.tree import Node, Origin, Problem, join, shown


class _Loader(yaml.SafeLoader):
    """YAML as people expect it: `1e-3` is a number; `no`, `1:30` and dates are strings; and no tag makes objects."""


_Loader.yaml_implicit_resolvers = {
    first: kept
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    if (kept := [(tag, pattern) for tag, pattern in resolvers if tag.endswith(":null")])
}
for _tag, _pattern, _first in (
    ("bool", r"true|True|false|False", "tTfF"),
    ("int", r"[-+]?(0|[1-9][0-9_]*|0x[0-9a-fA-F]+)", "-+0123456789"),
    ("float", r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?|[-+]?\.inf|\.nan", "-+.0123456789"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first))
_SCALARS = {f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str")}
_DEEPEST = 64


def read_file(path: Path) -> Node:
    """Read a recipe file.

    Raises:
        MissingFileError, RecipeError: no such file; not YAML, or not a mapping.
    """
    if not path.is_file():
        raise MissingFileError(path, "a recipe (YAML)")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise RecipeError([f"{shown(path)}:1: not a text file: {error}"]) from error
    problems: list[Problem] = []
    tree = read_text(text, shown(path), problems)
    if not isinstance(tree.value, dict):
        problems.append(Problem(tree.origin, "", f"the recipe is {_kind(tree)}; expected a mapping"))
    if problems:
        raise RecipeError([str(problem) for problem in problems])
    return tree


def read_text(text: str, file: str, problems: list[Problem]) -> Node:
    """Read YAML text; faults are added to `problems`."""
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        return _Reader(loader, file, problems).node(root, "", 0) if root is not None else Node({}, Origin(file, 1))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else text.count("\n", 0, getattr(error, "position", 0)) + 1
        what = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
        problems.append(Problem(Origin(file, line), "", f"not YAML: {what}"))
    except RecursionError:
        problems.append(Problem(Origin(file, 1), "", "nested too deeply"))
    return Node({}, Origin(file, 1))


def read_value(text: str, origin: Origin, key: str, problems: list[Problem]) -> Node:
    """The value of an override. Only what begins like a list, mapping or quoted string is read as more than one plain
    scalar, so that `prompt=Well: go on` is a sentence.
    """
    plain = text.strip()
    if plain[:1] not in ("[", "{", '"', "'"):
        loader = _Loader("")
        tag = loader.resolve(yaml.ScalarNode, plain, (True, False)) if plain else "tag:yaml.org,2002:str"  # type: ignore[no-untyped-call]
        try:
            return Node(_scalar(loader, yaml.ScalarNode(tag, plain)), origin)
        except (ValueError, yaml.YAMLError):
            return Node(plain, origin)
    found: list[Problem] = []
    value = read_text(text, origin.file, found)
    if found and plain[:1] == "[":  # `[Text]The cat` is a prompt, not a broken list
        return Node(plain, origin)
    problems += [Problem(origin, key, problem.message) for problem in found]
    return _placed(value, origin)


def _placed(node: Node, origin: Origin) -> Node:
    if isinstance(node.value, dict):
        return Node({key: _placed(child, origin) for key, child in node.value.items()}, origin)
    if isinstance(node.value, list):
        return Node([_placed(child, origin) for child in node.value], origin)
    return Node(node.value, origin)


class _Reader:
    """Turns PyYAML's nodes, which know their lines, into ours."""

    def __init__(self, loader: _Loader, file: str, problems: list[Problem]):
        self._loader = loader
        self._file = file
        self._problems = problems

    def node(self, node: yaml.Node, key: str, depth: int) -> Node:
        """One node with all below it."""
        origin = Origin(self._file, node.start_mark.line + 1)
        if depth > _DEEPEST:
            return self._fault(origin, key, f"nested deeper than {_DEEPEST} levels (an alias of itself?)")
        if isinstance(node, yaml.MappingNode):
            return Node(self._mapping(node, key, depth), origin)
        if isinstance(node, yaml.SequenceNode):
            children = enumerate(node.value)
            return Node([self.node(child, join(key, str(index)), depth + 1) for index, child in children], origin)
        if node.tag not in _SCALARS:
            return self._fault(origin, key, f"has the tag {node.tag}; recipes hold plain values only")
        try:
            return Node(_scalar(self._loader, node), origin)
        except (ValueError, yaml.YAMLError) as error:
            return self._fault(origin, key, f"{node.value!r} cannot be read: {error}")

    def _mapping(self, node: yaml.MappingNode, key: str, depth: int) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        for key_node, value_node in node.value:
            origin = Origin(self._file, key_node.start_mark.line + 1)
            name = key_node.value
            if not isinstance(key_node, yaml.ScalarNode) or not name:
                self._fault(origin, key, "a key is not a word")
            elif name in entries:
                first = entries[name].origin.line
                self._fault(origin, join(key, name), f"given twice; the first is on line {first}")
            else:
                # A nested mapping begins on the line after its key; people look for the key.
                entries[name] = Node(self.node(value_node, join(key, name), depth + 1).value, origin)
        return entries

    def _fault(self, origin: Origin, key: str, message: str) -> Node:
        self._problems.append(Problem(origin, key, message))
        return Node(None, origin)


def _scalar(loader: _Loader, node: yaml.Node) -> Any:
    value = loader.construct_object(node)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("expected a finite number")
    return value


def _kind(node: Node) -> str:
    names = {dict: "a mapping", list: "a list", str: "a string", type(None): "empty"}
    return names.get(type(node.value), f"the value {node.value!r}")
