"""Fixtures that every test folder shares: the conformance cases and the checkpoints they were made with."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

ROOT = Path(__file__).parent
#: fairseq2 has no wheels for some platforms; there `make test` does not install its plugin, and has no tests of it.
collect_ignore = [] if importlib.util.find_spec("spiritkit_fairseq2") else ["plugins/spiritkit-fairseq2"]
# Random cases are the same in every run, and a busy machine is no failure.
settings.register_profile("spiritkit", deadline=None, derandomize=True)
settings.load_profile("spiritkit")
CONFORMANCE = ROOT / "tests" / "conformance"


@pytest.fixture(scope="session")
def conformance() -> Path:
    """The folder of conformance clips and expected values."""
    return CONFORMANCE


@pytest.fixture(scope="session")
def reference_checkpoints(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder in the release's format with small random weights; made once for all test processes. Read only."""
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    folder = shared / "reference_checkpoints"
    with FileLock(shared / "reference_checkpoints.lock"):
        if not (folder / "complete").exists():
            script = CONFORMANCE / "make_reference_checkpoints.py"
            subprocess.run([sys.executable, script, folder, "--seed", "0", "--size", "small"], check=True)
            (folder / "complete").touch()
    return folder
