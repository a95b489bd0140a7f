from __future__ import annotations

import re
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


@pytest.mark.slow
def test_the_loader_benchmark_runs() -> None:
    script = Path(__file__).parent.parent / "benchmarks" / "loader.py"
    options = ["--utterances", "120", "--documents", "60", "--rows", "50", "--seconds", "0.2", "--rounds", "1"]
    result = subprocess.run([sys.executable, script, *options], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    speeds = re.findall(r"^\| (base|expressive) \| (\S+) \| ([\d,]+) \|", result.stdout, re.MULTILINE)
    assert len(speeds) == 8
    assert all(int(speed.replace(",", "")) > 1000 for _, _, speed in speeds)


@pytest.mark.slow
def test_the_benchmark_of_phones_runs(tmp_path: Path) -> None:
    world = ["hours=0.01", "held_out_hours=0.01", "steps.corpus.kind=scrambled", "steps.tests=null"]
    spiritkit = [sys.executable, "-m", "spiritkit", "run", "tiny/smallworld", *world, f"output_dir={tmp_path}"]
    subprocess.run(spiritkit, capture_output=True, check=True)
    script = Path(__file__).parent.parent / "benchmarks" / "phones_from_units.py"
    options = ["--world", tmp_path / "corpus", "--utterances", "4", "--steps", "2", "tiny/base"]
    result = subprocess.run([sys.executable, script, *options], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    [(phones, wrong)] = re.findall(r"^\| all \| (\d+) \| ([\d.]+) % \|$", result.stdout, re.MULTILINE)
    assert int(phones) > 200
    assert float(wrong) > 50  # it has learnt nothing yet
