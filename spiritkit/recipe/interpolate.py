"""`${key}` and `${oc.env:NAME}` → values, by OmegaConf, and `${package:name:path}` → a path."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from spiritkit.errors import RequestError
from spiritkit.recipe.tree import UNRESOLVED, Node, Origin, Problem, join
from spiritkit.registry.folders import folder

_REFERENCE = re.compile(r"\$\{\s*([A-Za-z_][\w.-]*)\s*\}")
#: What an installed package ships. It is put in here: OmegaConf's own resolvers are shared by the whole process.
_PACKAGE = re.compile(r"\$\{package:([^${}]+)\}")


def referenced(tree: Node) -> set[str]:
    """The top-level keys that some `${key…}` refers to."""
    return {name.split(".")[0] for _, leaf in tree.leaves() for name in _names(leaf.value)}


def _names(value: Any) -> set[str]:
    return set(_REFERENCE.findall(value)) if isinstance(value, str) else set()


def interpolated(tree: Node, problems: list[Problem]) -> Node:
    """The tree with every interpolation resolved; what cannot be resolved is added to `problems`, and is `UNRESOLVED`
    in the tree.
    """
    found: list[Problem] = []
    tree = _without_broken(tree, "", found)
    resolved = _resolve(tree, OmegaConf.create(tree.plain()), "", found)
    # A key that cannot be resolved fails everything that refers to it: its own line is the one to read.
    expressions = {key: leaf.value for key, leaf in tree.leaves()}
    failed = {problem.key: _names(expressions.get(problem.key)) for problem in found}
    causes = {key for key, names in failed.items() if not _leads_to(names, failed)}
    problems += [problem for problem in found if problem.key in causes or not _caused(problem.key, failed, causes)]
    return resolved


def _leads_to(names: set[str], keys: Iterable[str]) -> set[str]:
    """The keys that some of the names mean, or are part of."""
    return {
        key for key in keys for name in names if f"{name}.".startswith(f"{key}.") or f"{key}.".startswith(f"{name}.")
    }


def _caused(key: str, failed: dict[str, set[str]], causes: set[str]) -> bool:
    """Whether following references from a failed key ends at a cause, and not only in a circle."""
    reached, new = set[str](), {key}
    while new:
        reached |= new
        new = {found for one in new for found in _leads_to(failed[one], failed)} - reached
    return bool(reached & causes)


def _without_broken(node: Node, key: str, problems: list[Problem]) -> Node:
    """The tree without expressions that cannot even be read: OmegaConf would refuse all for one. What packages ship is
    put in.
    """
    if isinstance(node.value, dict):
        return Node(
            {name: _without_broken(child, join(key, name), problems) for name, child in node.items()}, node.origin
        )
    if isinstance(node.value, list):
        return Node([_without_broken(child, join(key, name), problems) for name, child in node.items()], node.origin)
    if isinstance(node.value, str) and "${" in node.value:
        broken = Node("???", node.origin, expression=node.value)  # OmegaConf's mark of a value that is not there
        try:
            text = _PACKAGE.sub(lambda match: str(folder(match[1])), node.value)
            OmegaConf.create({"value": text})
        except RequestError as error:
            problems.append(Problem(node.origin, key, _explain(node.value, error)))
            return broken
        except OmegaConfBaseException as error:
            problems.append(Problem(node.origin, key, f"{node.value!r} cannot be read: {_line(error)}"))
            return broken
        return Node(text, node.origin)
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
                if child.expression is None:  # else it is reported already, as unreadable
                    problems.append(Problem(child.origin, below, _explain(child.value, error)))
                children[name] = Node(UNRESOLVED, child.origin, child.value)
        return Node(list(children.values()) if isinstance(node.value, list) else children, node.origin)
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


def _explain(expression: Any, error: Exception) -> str:
    if expression == "???":
        return "must be given"
    if isinstance(error, RecursionError):
        return f"{expression!r} leads back to itself"
    return f"{expression!r} cannot be resolved: {_line(error)}"


def _line(error: Exception) -> str:
    text = str(error).strip().splitlines()[0]
    return re.sub(r"^\w+ raised while resolving interpolation: ", "", text).strip('"')
