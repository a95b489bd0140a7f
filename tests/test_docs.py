"""The documentation does what it says: its code runs, its recipes are valid, its commands parse, its names exist."""

from __future__ import annotations

import importlib.util
import inspect
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from spiritkit.cli import VERBS, parser
from spiritkit.interfaces import INTERFACES
from spiritkit.recipe import open_recipe
from spiritkit.registry import hooks, registry

ROOT = Path(__file__).parent.parent
PLUGINS = [
    folder for folder in sorted(ROOT.glob("plugins/*")) if importlib.util.find_spec(folder.name.replace("-", "_"))
]
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *[folder / "README.md" for folder in PLUGINS],
]


def blocks(language: str) -> list[tuple[str, str]]:
    """(page, code) of every fenced block of a language."""
    found = []
    for page in PAGES:
        for code in re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), flags=re.DOTALL | re.MULTILINE):
            if "--8<--" not in code:
                found.append((str(page.relative_to(ROOT)), code))
    return found


def id_of(block: tuple[str, str]) -> str:
    return block[0]


@pytest.mark.parametrize("block", blocks("python"), ids=id_of)
def test_python_blocks_run(
    block: tuple[str, str], tmp_path: Path, conformance: Path, reference_checkpoints: Path
) -> None:
    shutil.copy(conformance / "7143-88743-0029.flac", tmp_path / "clip.flac")
    environment = {**os.environ, "SPIRITLM_CHECKPOINTS_DIR": str(reference_checkpoints)}
    result = subprocess.run(
        [sys.executable, "-c", block[1]], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("block", blocks("yaml"), ids=id_of)
def test_yaml_blocks_are_valid(block: tuple[str, str], tmp_path: Path) -> None:
    code = block[1]
    value = yaml.safe_load(code)
    assert isinstance(value, dict)
    if "extends" in value:  # a whole recipe; the others are fragments
        (tmp_path / "r.yaml").write_text(code)
        # The released models are asked for; a recipe with weights of its own knows no `checkpoints`.
        released = "spiritlm/" in str(value["extends"])
        open_recipe(tmp_path / "r.yaml", ["checkpoints=/c"] if released else [])
    else:
        for section in value.values():
            check_parts(section)


def check_parts(value: object) -> None:
    """Every part that a fragment names exists, and takes the parameters it is given."""
    if isinstance(value, list):
        for item in value:
            check_parts(item)
    if not isinstance(value, dict):
        return
    if "use" in value:
        found = [component for component in registry().components() if component.name == value["use"]]
        assert found, value["use"]
        accepted = set(inspect.signature(found[0].load()).parameters) | {"use", "trained_on"}
        assert set(value) <= accepted, (value["use"], set(value) - accepted)
    for item in value.values():
        check_parts(item)


@pytest.mark.parametrize("block", blocks("console"), ids=id_of)
def test_commands_parse(block: tuple[str, str]) -> None:
    for line in re.findall(r"^\$ (?:\S+/)?spiritkit (.*)$", block[1], flags=re.MULTILINE):
        words = shlex.split(line, comments=True)
        options, rest = parser().parse_known_args(words)
        assert options.verb in VERBS
        assert not rest, (line, rest)


def test_hooks_in_the_documentation_are_those_of_the_code() -> None:
    shown = [code for page, code in blocks("python") if page == "docs/concepts.md" and "hookimpl" in code]
    assert len(shown) == 1
    names = {name: value for name, value in vars(hooks).items() if name.startswith("spiritkit_")}
    assert {"spiritkit_components", "spiritkit_recipes"} == set(names)
    for name, hook in names.items():
        returns = inspect.signature(hook).return_annotation
        assert f"def {name}() -> {returns}:" in shown[0]


def test_every_interface_is_documented() -> None:
    page = (ROOT / "docs" / "reference" / "interfaces.md").read_text()
    for interface in INTERFACES.values():
        assert f"::: {interface.__module__}.{interface.__name__}" in page


@pytest.fixture(scope="module")
def pages() -> ModuleType:
    spec = importlib.util.spec_from_file_location("documentation_hooks", ROOT / "docs" / "hooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_pages_have_every_verb_and_component(pages: ModuleType) -> None:
    cli, components = pages.cli(), pages.components()
    for verb in VERBS:
        assert f"\n## {verb}\n" in cli
    for component in registry().components():
        assert f"### {component.name}\n" in components
    for mark in pages.MARKS:
        assert any(mark in page.read_text() for page in PAGES), mark


def test_every_plugin_has_its_page() -> None:
    page = (ROOT / "docs" / "plugins.md").read_text()
    for readme in ROOT.glob("plugins/*/README.md"):
        assert f'"plugins/{readme.parent.name}/README.md"' in page
