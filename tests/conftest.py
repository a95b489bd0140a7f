"""Fixtures of the core's tests: stranger's plugins in a temporary folder, and the command line in a fresh process."""

from __future__ import annotations

import os
import string
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from spiritkit.cli import new_plugin


@pytest.fixture
def install(tmp_path: Path) -> Callable[[str, str], Path]:
    """Installs a module as a distribution with a `spiritkit` entry point into a folder for PYTHONPATH."""
    site = tmp_path / "site"

    def install(name: str, code: str) -> Path:
        module = name.replace("-", "_")
        information = site / f"{module}-1.0.dist-info"
        information.mkdir(parents=True)
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (information / "entry_points.txt").write_text(f"[spiritkit]\n{module} = {module}\n")
        (site / f"{module}.py").write_text(code)
        return site

    return install


@pytest.fixture
def spiritkit(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The command line in a process of its own, in a temporary folder."""

    def run(*arguments: str, site: Path | None = None, cwd: Path = tmp_path) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(site) if site else "", "OMP_NUM_THREADS": "1"}
        environment.pop("SPIRITLM_CHECKPOINTS_DIR", None)
        return subprocess.run(
            [sys.executable, "-m", "spiritkit", *arguments],
            cwd=cwd, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip

    return run


@pytest.fixture(scope="session")
def new_part() -> Callable[[str], Any]:
    """The class that `spiritkit new-plugin` writes for a kind."""

    @cache
    def load(kind: str) -> Any:
        template = Path(new_plugin.__file__).parent / "templates" / f"{kind}.py.template"
        code = string.Template(template.read_text(encoding="utf-8")).substitute(class_name="Part", component="part.v1")
        module = ModuleType(f"new_{kind}")
        sys.modules[module.__name__] = module
        exec(compile(code, str(template), "exec"), vars(module))
        return module.Part

    return load
