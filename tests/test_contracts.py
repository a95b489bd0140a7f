"""The contract tests fail for parts that break them, and pass for the parts of new plugins."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest


@pytest.mark.slow
def test_contracts_catch_what_is_broken(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rA", "--tb=no", "-p", "no:cacheprovider", "-n", "0",
         f"--basetemp={tmp_path / 'run'}", Path(__file__).parent / "broken_parts.py"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    failed, passed = defaultdict(set), defaultdict(set)
    for outcome, case, test in re.findall(r"^(PASSED|FAILED|ERROR) \S+::(Test\w+)::(test_\w+)", done.stdout, re.M):
        (passed if outcome == "PASSED" else failed)[case].add(test)
    assert len(failed) > 35, done.stdout + done.stderr
    for case in {*failed, *passed}:
        expected = case.split("__")[1]
        if expected == "nothing":
            assert not failed[case], case
        else:
            assert expected in failed[case], case
            assert passed[case], f"{case}: the contract cannot tell it from a part that does nothing right"
