"""`${key}` and `${oc.env:NAME}` → values, by OmegaConf."""

from __future__ import annotations

import re
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from spiritkit.recipe.tree import UNRESOLVED, Node, Origin, Problem, join

_REFERENCE = re.compile(r"\$\{\s*([A-Za-z_][\w.-]*)\s*\}")


def references(tree: Node) -> set[str]:
    """The top-level keys that some `${key…}` refers to."""
    return {name.split(".")[0] for _, leaf in tree.leaves() for name in _names(leaf.value)}


def _names(value: Any) -> set[str]:
    return set(_REFERENCE.findall(value)) if isinstance(value, str) else set()


def interpolated(tree: Node, problems: list[Problem]) -> Node:
    """The tree with every interpolation resolved; what cannot be resolved is added to `problems`, and is `UNRESOLVED`
    in the tree.
    """
    tree = _without_broken(tree, "", problems)
    found: list[Problem] = []
    resolved = _resolve(tree, OmegaConf.create(tree.plain()), "", found)
    # A key that cannot be resolved fails everything that refers to it: its own line is the one to read.
    failed = {problem.key: _names(_at(tree, problem.key)) for problem in found}
    causes = [problem for problem in found if not _leads_to(failed[problem.key], set(failed) - {problem.key})]
    problems += causes or found
    return resolved


def _leads_to(names: set[str], keys: set[str]) -> bool:
    return any(f"{name}.".startswith(f"{key}.") or f"{key}.".startswith(f"{name}.") for name in names for key in keys)


def _without_broken(node: Node, key: str, problems: list[Problem]) -> Node:
    """The tree without expressions that cannot even be read: OmegaConf would refuse all for one."""
    if isinstance(node.value, dict):
        return Node(
            {name: _without_broken(child, join(key, name), problems) for name, child in node.items()}, node.origin
        )
    if isinstance(node.value, list):
        return Node([_without_broken(child, join(key, name), problems) for name, child in node.items()], node.origin)
    if isinstance(node.value, str) and "${" in node.value:
        try:
            OmegaConf.create({"value": node.value})
        except OmegaConfBaseException as error:
            problems.append(Problem(node.origin, key, f"{node.value!r} cannot be read: {_line(error)}"))
            return Node(None, node.origin, expression=node.value)
    return node


def _resolve(node: Node, value: Any, key: str, problems: list[Problem]) -> Node:
    """Resolve a node of which OmegaConf's counterpart is `value`."""
    if isinstance(node.value, dict | list):
        children: dict[str, Node] = {}
        for name, child in node.items():
            below = join(key, name)
            try:
                # Indexing is where OmegaConf resolves, and raises.
                children[name] = _resolve(
                    child, value[int(name) if isinstance(node.value, list) else name], below, problems
                )
            except (OmegaConfBaseException, RecursionError) as error:
                problems.append(Problem(child.origin, below, _explain(child.value, error)))
                children[name] = Node(UNRESOLVED, child.origin, child.value)
        return Node(list(children.values()) if isinstance(node.value, list) else children, node.origin)
    if node.expression is not None:
        return Node(UNRESOLVED, node.origin, node.expression)
    if isinstance(node.value, str) and "${" in node.value:
        plain = OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
        return Node(_tree(plain, node.origin).value, node.origin, expression=node.value)
    return node


def _tree(value: Any, origin: Origin) -> Node:
    if isinstance(value, dict):
        return Node({str(key): _tree(child, origin) for key, child in value.items()}, origin)
    if isinstance(value, list):
        return Node([_tree(child, origin) for child in value], origin)
    return Node(value, origin)


def _at(tree: Node, key: str) -> Any:
    for name, node in tree.leaves():
        if name == key:
            return node.value
    return None


def _explain(expression: Any, error: Exception) -> str:
    if expression == "???":
        return "must be given"
    if isinstance(error, RecursionError):
        return f"{expression!r} leads back to itself"
    return f"{expression!r} cannot be resolved: {_line(error)}"


def _line(error: Exception) -> str:
    text = str(error).strip().splitlines()[0]
    return re.sub(r"^\w+ raised while resolving interpolation: ", "", text).strip('"')
