"""Parameters that are mappings of a dataclass's fields, and parts that are built when they are asked for."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

import spiritkit
from spiritkit.interfaces import Serializer
from spiritkit.recipe.build import build, identity
from spiritkit.recipe.read import read_text
from spiritkit.recipe.schema import Spec, check_value, type_name
from spiritkit.recipe.tree import Problem
from spiritkit.serializers.time_merge import TimeMerge


@dataclass(frozen=True, kw_only=True)
class Share:
    """Stands for a part of the data."""

    shards: list[str]
    serializer: Serializer
    weight: float = 1.0


class Work:
    """Stands for a step."""

    def __init__(self, *, data: Mapping[str, Share | None], later: Callable[[], Serializer] | None = None):
        self.data, self.later = data, later


def checked(text: str, annotation: Any) -> tuple[Any, list[str]]:
    problems: list[Problem] = []
    value = check_value(read_text(text, "r.yaml", problems).value["part"], annotation, "part", problems)
    return value, [str(problem).removeprefix("r.yaml:") for problem in problems]


def test_a_dataclass_is_built_from_a_mapping_of_its_fields() -> None:
    text = "part: {a: {shards: [x], serializer: {use: time-merge.v1}}, b: null}\n"
    value, problems = checked(text, dict[str, Share | None])
    assert problems == []
    built = build(value["a"])
    assert (built.shards, built.weight, type(built.serializer), value["b"]) == (["x"], 1.0, TimeMerge, None)
    assert [one.component.name for one in value["a"].nested()] == ["time-merge.v1"]
    assert identity(value["a"]) == {
        "use": None, "shards": ["x"], "serializer": {"use": "time-merge.v1"}, "weight": 1.0,
    }  # fmt: skip


def test_null_drops_a_part_of_a_mapping() -> None:
    text = "part: {a: {use: time-merge.v1}, b: null}\n"
    for annotation in (dict[str, Serializer], dict[str, Callable[[], Serializer]]):
        value, problems = checked(text, annotation)
        assert problems == []
        assert list(value) == ["a"]
    value, problems = checked("part: {a: {shards: [x], serializer: {use: time-merge.v1}}, b: null}\n", dict[str, Share])
    assert problems == []
    assert list(value) == ["a"]
    assert checked("part: {a: 1, b: null}\n", dict[str, int])[1] == ["1: part.b: is None; expected int"]
    assert checked("part: [null]\n", list[Serializer])[1][0].startswith("1: part.0: is None; expected {use:")


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("{shards: [x], serialiser: {use: time-merge.v1}}", [
            "1: part.serialiser: part takes shards, serializer, weight; did you mean 'serializer'?",
            "1: part: part needs serializer",
        ]),
        ("{shards: [x], serializer: {use: time-merge.v2}}", [
            "1: part.serializer.use: no serializer 'time-merge.v2'; did you mean 'time-merge.v1'?"]),
        ("{shards: x, serializer: {use: time-merge.v1}, weight: much}", [
            "1: part.shards: is 'x'; expected list of str", "1: part.weight: is 'much'; expected float"]),
        ("[x]", ["1: part: is ['x']; expected {shards, serializer, weight} or null"]),
    ],
)  # fmt: skip
def test_faults_in_a_dataclass_are_named_where_they_are(part: str, expected: list[str]) -> None:
    value, problems = checked(f"part: {part}\n", Share | None)
    assert problems == expected
    assert value is None


def test_a_part_may_be_built_later() -> None:
    annotation = Callable[[], Serializer] | None
    value, problems = checked("part: {use: time-merge.v1}\n", annotation)
    assert isinstance(value, Spec)
    assert problems == []
    work = build(Spec(None, Work, {"data": {}, "later": value}, value.node, "work"))
    assert isinstance(work.later, Callable)  # type: ignore[arg-type]
    assert isinstance(work.later(), TimeMerge)
    assert type_name(annotation) == "a serializer or null"
    assert checked("part: {use: no.v1}\n", annotation)[1][0].startswith("1: part.use: no serializer 'no.v1'")


def test_a_pipeline_is_built_again_in_another_process() -> None:
    pipeline = spiritkit.load("example/units")
    copy = pickle.loads(pickle.dumps(pipeline))
    assert copy.specs == pipeline.specs
    assert copy.sources == pipeline.sources
