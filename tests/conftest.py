"""Fixtures of the core's tests: stranger's plugins in a temporary folder, and the command line in a fresh process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest


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
