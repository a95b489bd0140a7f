"""Figures that others have published, to stand beside one's own."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

_FILE = Path(__file__).parent / "published.yaml"


@cache
def _all() -> dict[str, dict[str, dict[str, float]]]:
    import yaml

    with _FILE.open(encoding="utf-8") as file:
        tables: dict[str, dict[str, dict[str, float]]] = yaml.safe_load(file)
    return tables


def benchmarks() -> tuple[str, ...]:
    """Names of the benchmarks of which figures are known, e.g. `swuggy`, `topic-storycloze`."""
    return tuple(_all())


def published(benchmark: str | None) -> Mapping[str, Mapping[str, float]]:
    """System → metric → value, in the units of the task's table; nothing for None."""
    return MappingProxyType({} if benchmark is None else _all()[benchmark])
