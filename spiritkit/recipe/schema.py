"""What a component's constructor accepts, and whether a recipe's values fit it.

The keyword-only signature is the schema: names and defaults from the parameters, types from the annotations, and the
kind of a nested component from the interface that annotates it; `Callable[[], Interface]` is given a function that
builds it when it is called. A parameter that is annotated with a dataclass takes a mapping of that dataclass's fields.
"""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, Literal, Union

from spiritkit.errors import RequestError
from spiritkit.interfaces import INTERFACES
from spiritkit.recipe.tree import UNRESOLVED, Node, Origin, Problem, join
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
    recipe says of the units that a vocoder or a language model was trained on; None where it says nothing. A dataclass
    among a component's parameters is a spec without a component.
    """

    component: Component | None
    target: Callable[..., Any]
    parameters: dict[str, Any]
    node: Node
    key: str
    trained_on: dict[str, str] | None = None
    lazy: bool = False

    def nested(self) -> Iterator[Spec]:
        """The specs among its parameters, and in lists and mappings there, and theirs in turn."""
        yield from _specs_in(list(self.parameters.values()))


def _specs_in(value: Any) -> Iterator[Spec]:
    if isinstance(value, Spec):
        yield value
        yield from value.nested()
    elif isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _specs_in(item)


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
    if _built_later(annotation) in _KINDS:
        return type_name(_built_later(annotation))
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
    if _is_record(annotation):
        return f"{{{', '.join(parameter.name for parameter in parameters(annotation))}}}"
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
        parameters(target)
    except RequestError as error:
        problems.append(Problem(use.origin, join(key, "use"), str(error)))
        return None
    before = len(problems)
    trained_on: dict[str, str] | None = None
    given = {name: child for name, child in node.items() if name != "use"}
    if kind in TRAINED and "trained_on" in given:
        said = check_value(given.pop("trained_on"), dict[str, str] | None, join(key, "trained_on"), problems)
        trained_on = said or {}
    values = _check_parameters(given, target, problems, owner=component.name, origin=use.origin, key=key)
    return Spec(component, target, values, node, key, trained_on) if len(problems) == before else None


def _check_record(node: Node, record: type, key: str, problems: list[Problem]) -> Spec | None:
    """Check a mapping of a dataclass's fields."""
    if not isinstance(node.value, dict):
        problems.append(Problem(node.origin, key, f"is {node.plain()!r}; expected {type_name(record)}"))
        return None
    before = len(problems)
    values = _check_parameters(node.value, record, problems, owner=key.rpartition(".")[2], origin=node.origin, key=key)
    return Spec(None, record, values, node, key) if len(problems) == before else None


def _check_parameters(
    given: Mapping[str, Node],
    target: Callable[..., Any],
    problems: list[Problem],
    *,
    owner: str,
    origin: Origin,
    key: str,
) -> dict[str, Any]:
    """Check the values of `owner`'s parameters; what is missing is said to be so at `origin`."""
    accepted = {parameter.name: parameter for parameter in parameters(target)}
    values: dict[str, Any] = {}
    for name, child in given.items():
        if name not in accepted:
            takes = f"takes {', '.join(accepted)}" if accepted else "takes no parameters"
            problems.append(Problem(child.origin, join(key, name), f"{owner} {takes}{suggestion(name, accepted)}"))
        else:
            values[name] = check_value(child, accepted[name].annotation, join(key, name), problems)
    missing = [name for name, parameter in accepted.items() if parameter.required and name not in given]
    if missing:
        problems.append(Problem(origin, key, f"{owner} needs {', '.join(missing)}"))
    return values


def check_value(node: Node, annotation: Any, key: str, problems: list[Problem]) -> Any:
    """Check a value against an annotation, and convert it (`Path`, `Fraction`, specs of nested components).

    In a mapping of components or dataclasses null drops an inherited one, as it drops a section of the recipe.
    """
    if node.value is UNRESOLVED:
        return None
    if annotation in _KINDS:
        return check_component(node, _KINDS[annotation], key, problems)
    built_later = _built_later(annotation)
    if built_later in _KINDS:
        spec = check_component(node, _KINDS[built_later], key, problems)
        return replace(spec, lazy=True) if spec else None
    if _is_record(annotation):
        return _check_record(node, annotation, key, problems)
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (Union, types.UnionType):
        return _check_union(node, annotation, arguments, key, problems)
    if _is_sequence(origin) and isinstance(node.value, list):
        return [check_value(child, arguments[0], join(key, name), problems) for name, child in node.items()]
    if _is_mapping(origin) and isinstance(node.value, dict):
        item = arguments[1]
        dropped = {name for name, child in node.items() if child.value is None and _takes_mapping(item)}
        given = {name: child for name, child in node.items() if name not in dropped}
        return {name: check_value(child, item, join(key, name), problems) for name, child in given.items()}
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
        if deeper or (_takes_mapping(argument) and isinstance(node.value, dict)):
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


def _built_later(annotation: Any) -> Any:
    """What the function that a `Callable[[], T]` annotates returns; None of other annotations."""
    arguments = typing.get_args(annotation)
    return arguments[1] if typing.get_origin(annotation) is Callable and arguments[:1] == ([],) else None


def _takes_mapping(annotation: Any) -> bool:
    return annotation in _KINDS or _built_later(annotation) in _KINDS or _is_record(annotation)


def _is_record(annotation: Any) -> bool:
    return inspect.isclass(annotation) and dataclasses.is_dataclass(annotation)


def _is_sequence(origin: Any) -> bool:
    return inspect.isclass(origin) and issubclass(origin, Collection) and not issubclass(origin, Mapping | str)


def _is_mapping(origin: Any) -> bool:
    return inspect.isclass(origin) and issubclass(origin, Mapping)
