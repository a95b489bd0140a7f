from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_the_encoding_benchmark_runs(reference_checkpoints: Path) -> None:
    script = Path(__file__).parent.parent / "benchmarks" / "encode.py"
    result = subprocess.run(
        [sys.executable, script, "--checkpoints", reference_checkpoints, "--rounds", "1", "--seconds", "2", "1"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    # Float32 gives the codes of the plain path, whatever the speed.
    for way in ("float32, one by one", "float32, batch"):
        lines = [line for line in result.stdout.splitlines() if line.startswith(f"| {way} ")]
        assert len(lines) == 2
        assert all("100.00% of codes" in line for line in lines)
