from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from spiritkit import Component
from spiritkit.errors import RequestError
from spiritkit.interfaces import INTERFACES
from spiritkit.registry import registry

Install = Callable[[str, str], Path]
Cli = Callable[..., subprocess.CompletedProcess[str]]

GOOD = """
import spiritkit

@spiritkit.hookimpl
def spiritkit_components():
    return [spiritkit.Component("vocoder", "buzz.v1", "nowhere:Buzz", "a buzz")]
"""


def test_every_component_loads_and_is_of_its_kind() -> None:
    for component in registry().components():
        assert issubclass(component.load(), INTERFACES[component.kind]), component
    assert not registry().broken


def test_lookup_suggests_the_nearest_name() -> None:
    with pytest.raises(RequestError, match="no step 'tokenise.v1'; did you mean 'tokenize.v1'"):
        registry().get("step", "tokenise.v1")
    with pytest.raises(RequestError, match="'tokenize.v1' is a step"):
        registry().get("vocoder", "tokenize.v1")


@pytest.mark.parametrize(("name", "target"), [("Hubert.v1", "a:b"), ("hubert", "a:b"), ("hubert.v1", "a.b")])
def test_component_names_and_targets_are_checked(name: str, target: str) -> None:
    with pytest.raises(RequestError, match="expected"):
        Component("vocoder", name, target, "")


def test_a_component_that_does_not_import_says_why() -> None:
    with pytest.raises(RequestError, match=r"'x.v1' does not load from no_such_module:X: ModuleNotFoundError"):
        Component("vocoder", "x.v1", "no_such_module:X", "").load()


def test_a_strangers_plugin_is_listed_without_being_imported(install: Install, spiritkit: Cli) -> None:
    result = spiritkit("list", "vocoder", site=install("acme", GOOD))
    assert result.returncode == 0, result.stderr
    assert "buzz.v1" in result.stdout


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("raise ValueError('bad day')", "ValueError: bad day"),
        ("import no_such_module", "ModuleNotFoundError"),
        ("import sys\nsys.exit(3)", "SystemExit"),
        ("import spiritkit\n@spiritkit.hookimpl\ndef spiritkit_components(): return ['x']", "expected a Component"),
        ("import spiritkit\n@spiritkit.hookimpl\ndef spiritkit_component(): return []", "unknown hook"),
        ("import spiritkit\n@spiritkit.hookimpl\ndef spiritkit_recipes(): return ['acme:no']", "acme"),
    ],
)
def test_a_broken_plugin_stops_nothing_else(install: Install, spiritkit: Cli, code: str, message: str) -> None:
    site = install("acme", code)
    result = spiritkit("list", site=site)
    assert result.returncode == 0, result.stderr
    assert "tokenize.v1" in result.stdout
    assert "note: plugin acme failed to load" in result.stdout
    assert message in result.stdout
    assert "failed to load" in spiritkit("plugins", site=site).stdout
    wrong = spiritkit("run", "no-such-recipe", site=site)
    assert wrong.returncode == 2
    assert "note: plugin acme failed to load" in wrong.stderr


def test_strange_parts_are_problems_and_no_tracebacks(install: Install, spiritkit: Cli, tmp_path: Path) -> None:
    site = install(
        "acme",
        "import spiritkit\n"
        "@spiritkit.hookimpl\n"
        "def spiritkit_components():\n"
        "    return [spiritkit.Component('step', 'three.v1', 'acme_parts:THREE', ''),\n"
        "            spiritkit.Component('step', 'boom.v1', 'acme_parts:Boom', '')]\n",
    )
    (site / "acme_parts.py").write_text("THREE = 3\nclass Boom:\n    def __init__(self): raise ValueError('boom')\n")
    (tmp_path / "r.yaml").write_text("steps:\n  a: {use: three.v1}\n  b: {use: boom.v1}\n")
    result = spiritkit("validate", "r.yaml", site=site)
    assert result.returncode == 2
    assert "r.yaml:2: steps.a.use: 3 is no class with parameters" in result.stderr
    assert "r.yaml:3: steps.b: boom.v1 refuses its parameters: ValueError: boom" in result.stderr


def test_two_components_of_one_name_raise(install: Install, spiritkit: Cli) -> None:
    install("acme", GOOD)
    result = spiritkit("list", site=install("other", GOOD))
    assert result.returncode == 2
    assert "vocoder 'buzz.v1' is offered twice, by acme and by other" in result.stderr
