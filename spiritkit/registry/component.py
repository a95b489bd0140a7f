"""The record by which a plugin offers a part."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from spiritkit.errors import RequestError

_NAME = re.compile(r"[a-z0-9][a-z0-9-]*\.v[0-9]+")


@dataclass(frozen=True)
class Component:
    """One part that recipes can use.

    Attributes:
        kind: the interface in snake case, e.g. `unit_tokenizer`.
        name: versioned, e.g. `hubert.v1`. A version is raised when the same parameters would give other results.
        target: `module:attribute` of the class; imported only when the part is looked at or built.
        summary: one line for `spiritkit list`.
    """

    kind: str
    name: str
    target: str
    summary: str

    def __post_init__(self) -> None:
        for name in ("kind", "name", "target", "summary"):
            if not isinstance(getattr(self, name), str):
                raise RequestError(f"component: {name} is {getattr(self, name)!r}; expected a string")
        if not _NAME.fullmatch(self.name):
            raise RequestError(f"component name {self.name!r}; expected lower-case-words.vN, e.g. 'hubert.v1'")
        if self.target.count(":") != 1:
            raise RequestError(f"component {self.name}: target {self.target!r}; expected 'module:attribute'")

    def load(self) -> Any:
        """Import the class behind it.

        Raises:
            RequestError: the module does not import or has no such attribute.
        """
        module, attribute = self.target.split(":")
        try:
            return getattr(import_module(module), attribute)
        except (Exception, SystemExit) as error:  # a plugin's module may raise anything
            raise RequestError(
                f"{self.kind} {self.name!r} does not load from {self.target}: {type(error).__name__}: {error}"
            ) from error
