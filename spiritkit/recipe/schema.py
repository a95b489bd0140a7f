"""What a component's constructor accepts, and whether a recipe's values fit it.

The keyword-only signature is the schema: names and defaults from the parameters, types from the annotations, and the
kind of a nested component from the interface that annotates it.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, Literal, Union

from spiritkit.errors import RequestError
from spiritkit.interfaces import INTERFACES
from spiritkit.recipe.tree import UNRESOLVED, Node, Problem, join
from spiritkit.registry import Component, registry
from spiritkit.suggest import suggestion

#: Kinds that are trained on units: their recipe entry may say which, beside the constructor's parameters.
TRAINED = frozenset({"vocoder", "language_model"})
_KINDS = {interface: kind for kind, interface in INTERFACES.items()}


@dataclass(frozen=True)
class Parameter:
    """One parameter of a component."""

    name: str
    annotation: Any
    required: bool
    default: Any = None


@dataclass(frozen=True)
class Spec:
    """A checked component of a recipe, ready to be built: nested components are specs too. `trained_on` is what the
    recipe says of the units that a vocoder or a language model was trained on; None where it says nothing.
    """

    component: Component
    target: Callable[..., Any]
    parameters: dict[str, Any]
    node: Node
    key: str
    trained_on: dict[str, str] | None = None


@cache
def parameters(target: Callable[..., Any]) -> tuple[Parameter, ...]:
    """The parameters of a component's constructor, in order."""
    if inspect.isclass(target) and target.__init__ is object.__init__:
        return ()
    try:
        hints = typing.get_type_hints(target.__init__ if inspect.isclass(target) else target)
    except Exception:  # an annotation imported for type checkers only: the value is not checked then
        hints = {}
    try:
        signature = inspect.signature(target)
    except (TypeError, ValueError) as error:
        raise RequestError(f"{target!r} is no class with parameters: {error}") from error
    return tuple(
        Parameter(name, hints.get(name, Any), given.default is given.empty, given.default)
        for name, given in signature.parameters.items()
        if given.kind in (given.KEYWORD_ONLY, given.POSITIONAL_OR_KEYWORD)
    )


def type_name(annotation: Any) -> str:
    """An annotation as messages and `spiritkit show` spell it."""
    if annotation in _KINDS:
        return f"a {_KINDS[annotation]}"
    if annotation is type(None):
        return "null"
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return " or ".join(map(repr, arguments))
    if origin in (Union, types.UnionType):
        return " or ".join(type_name(argument) for argument in arguments)
    if _is_sequence(origin) or annotation in (list, tuple):
        return f"list of {type_name(arguments[0])}" if arguments else "list"
    if _is_mapping(origin) or annotation is dict:
        return f"mapping to {type_name(arguments[1])}" if arguments else "mapping"
    if annotation is Path:
        return "path"
    return getattr(annotation, "__name__", str(annotation))


def check_component(node: Node, kind: str, key: str, problems: list[Problem]) -> Spec | None:
    """Check a `{use: name.v1, parameter: …}` mapping; faults are added to `problems`."""
    if node.value is UNRESOLVED or (
        isinstance(node.value, dict) and "use" in node.value and node.value["use"].value is UNRESOLVED
    ):
        return None
    if not isinstance(node.value, dict) or "use" not in node.value:
        text = f"is {node.plain()!r}" if not isinstance(node.value, dict) else "has no 'use'"
        names = ", ".join(component.name for component in registry().components(kind))
        problems.append(Problem(node.origin, key, f"{text}; expected {{use: {names or 'name.v1'}, …}}, a {kind}"))
        return None
    use = node.value["use"]
    try:
        component = registry().get(kind, use.value if isinstance(use.value, str) else str(use.plain()))
        target = component.load()
        accepted = {parameter.name: parameter for parameter in parameters(target)}
    except RequestError as error:
        problems.append(Problem(use.origin, join(key, "use"), str(error)))
        return None
    values: dict[str, Any] = {}
    trained_on: dict[str, str] | None = None
    before = len(problems)
    for name, child in node.value.items():
        if name == "use":
            continue
        if name == "trained_on" and kind in TRAINED:
            trained_on = check_value(child, dict[str, str] | None, join(key, name), problems) or {}
        elif name not in accepted:
            takes = f"takes {', '.join(accepted)}" if accepted else "takes no parameters"
            problems.append(
                Problem(child.origin, join(key, name), f"{component.name} {takes}{suggestion(name, accepted)}")
            )
        else:
            values[name] = check_value(child, accepted[name].annotation, join(key, name), problems)
    missing = [name for name, parameter in accepted.items() if parameter.required and name not in node.value]
    if missing:
        problems.append(Problem(use.origin, key, f"{component.name} needs {', '.join(missing)}"))
    return Spec(component, target, values, node, key, trained_on) if len(problems) == before else None


def check_value(node: Node, annotation: Any, key: str, problems: list[Problem]) -> Any:
    """Check a value against an annotation, and convert it (`Path`, `Fraction`, specs of nested components)."""
    if node.value is UNRESOLVED:
        return None
    if annotation in _KINDS:
        return check_component(node, _KINDS[annotation], key, problems)
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (Union, types.UnionType):
        return _check_union(node, annotation, arguments, key, problems)
    if _is_sequence(origin) and isinstance(node.value, list):
        return [check_value(child, arguments[0], join(key, name), problems) for name, child in node.items()]
    if _is_mapping(origin) and isinstance(node.value, dict):
        return {name: check_value(child, arguments[1], join(key, name), problems) for name, child in node.items()}
    fits, value = _scalar(node.plain(), annotation, origin, arguments)
    if not fits:
        problems.append(Problem(node.origin, key, f"is {node.plain()!r}; expected {type_name(annotation)}"))
    return value


def _check_union(node: Node, annotation: Any, arguments: Iterable[Any], key: str, problems: list[Problem]) -> Any:
    nearest: list[Problem] | None = None
    for argument in arguments:
        found: list[Problem] = []
        value = check_value(node, argument, key, found)
        if not found:
            return value
        deeper = any(problem.key != key for problem in found)
        if deeper or (argument in _KINDS and isinstance(node.value, dict)):
            nearest = nearest or found  # the value has the shape of this alternative: its faults are the helpful ones
    problems += nearest or [Problem(node.origin, key, f"is {node.plain()!r}; expected {type_name(annotation)}")]
    return None


def _scalar(value: Any, annotation: Any, origin: Any, arguments: Sequence[Any]) -> tuple[bool, Any]:
    """Whether a plain value fits an annotation that is no union, component or typed collection; and it, converted."""
    if annotation is bool:
        return isinstance(value, bool), value
    if annotation is int:
        return isinstance(value, int) and not isinstance(value, bool), value
    if annotation is float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number, float(value) if number else value
    if annotation is str:
        return isinstance(value, str), value
    if annotation is Path:
        return isinstance(value, str), Path(value).expanduser() if isinstance(value, str) else value
    if annotation is Fraction:
        try:
            return True, Fraction(value)
        except (ValueError, TypeError, ZeroDivisionError):
            return False, value
    if annotation in (None, type(None)):
        return value is None, value
    if origin is Literal:
        return any(value == allowed and type(value) is type(allowed) for allowed in arguments), value
    if _is_sequence(origin) or annotation in (list, tuple):
        return isinstance(value, list), value
    if _is_mapping(origin) or annotation is dict:
        return isinstance(value, dict), value
    return True, value


def _is_sequence(origin: Any) -> bool:
    return inspect.isclass(origin) and issubclass(origin, Collection) and not issubclass(origin, Mapping | str)


def _is_mapping(origin: Any) -> bool:
    return inspect.isclass(origin) and issubclass(origin, Mapping)
