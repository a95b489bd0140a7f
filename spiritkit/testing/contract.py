"""What the contracts of all kinds share."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from spiritkit.interfaces import INTERFACES
from spiritkit.registry import registry

#: Parts by test class, and the case of a parametrised one.
_BUILT: dict[tuple[type, str], Any] = {}


class Contract:
    """The tests of every kind.

    Attributes:
        kind: set by the contract of the kind.
        component: the versioned name of yours, e.g. `energy.v1`.
    """

    kind: ClassVar[str]
    component: ClassVar[str]

    @pytest.fixture
    def parameters(self) -> dict[str, Any]:
        """What a recipe would say beside `use`. Override it if your constructor has parameters without defaults."""
        return {}

    @pytest.fixture
    def make(self, parameters: dict[str, Any]) -> Callable[[], Any]:
        """Builds the part anew."""
        target = registry().get(self.kind, self.component).load()
        return lambda: target(**parameters)

    @pytest.fixture
    def part(self, make: Callable[[], Any], request: pytest.FixtureRequest) -> Any:
        """The part, built once for all tests of the class: loading a model for each would be slow."""
        key = type(self), getattr(getattr(request.node, "callspec", None), "id", "")
        if key not in _BUILT:
            _BUILT[key] = make()
        return _BUILT[key]

    def test_is_of_its_kind(self, part: Any) -> None:
        """The class implements the interface of the kind under which it is registered."""
        assert isinstance(part, INTERFACES[self.kind])

    def test_constructor_takes_annotated_keywords_only(self, part: Any) -> None:
        """The signature is the recipe's schema, so each parameter has a name and a type."""
        constructor = type(part).__init__
        given = list(inspect.signature(type(part)).parameters.values())
        hints = typing.get_type_hints(constructor) if given else {}
        for parameter in given:
            assert parameter.kind is parameter.KEYWORD_ONLY, f"{parameter.name}: put `*` before it"
            assert parameter.name in hints, f"{parameter.name}: annotate it"
