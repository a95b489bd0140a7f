"""What the README shows works as it stands."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def block(language: str) -> str:
    found = re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)
    assert len(found) == 1, language
    return str(found[0])


@pytest.fixture
def environment(tmp_path: Path, conformance: Path, reference_checkpoints: Path) -> dict[str, str]:
    shutil.copy(conformance / "7143-88743-0029.flac", tmp_path / "clip.flac")
    return {**os.environ, "SPIRITLM_CHECKPOINTS_DIR": str(reference_checkpoints)}


def test_python_example(tmp_path: Path, environment: dict[str, str]) -> None:
    code = block("python")
    assert len([line for line in code.splitlines() if line.strip()]) <= 15
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "[St7][Pi15][Hu14][Hu170]" in result.stdout


def test_recipe_example(tmp_path: Path, environment: dict[str, str]) -> None:
    recipe = block("yaml")
    assert len([line for line in recipe.splitlines() if line.strip()]) <= 20
    (tmp_path / "mine.yaml").write_text(recipe)
    commands = re.findall(r"^\$ (spiritkit .* mine.yaml.*?)(?:  +#.*)?$", README, flags=re.MULTILINE)
    assert len(commands) == 3
    outputs = []
    for command in commands:
        result = subprocess.run(
            [sys.executable, "-m", *command.split()], cwd=tmp_path, env=environment, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        outputs.append(result.stdout)
    assert outputs[0].count(": done in") == 3
    assert outputs[1].count(": up to date") == 3
    assert (tmp_path / "runs" / "mine" / "again" / "clip.wav").exists()


def test_error_example(tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "mine.yaml").write_text(block("yaml").replace("batch_seconds", "layr"))
    result = subprocess.run(
        [sys.executable, "-m", "spiritkit", "validate", "mine.yaml"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 2
    assert result.stderr == block("text")


def test_the_table_of_parts_is_complete() -> None:
    from spiritkit.registry import registry

    for component in registry().components():
        assert f"`{component.name}`" in README, component
