"""The tasks keep the contract of tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from spiritkit.testing import TaskContract


class TestMMLU(TaskContract):
    component = "mmlu.v1"

    @pytest.fixture
    def parameters(self, mmlu: Path) -> dict[str, Any]:
        return {"data": str(mmlu), "subjects": ["anatomy", "high_school_us_history"]}


class TestLMEval(TaskContract):
    component = "lm-eval.v1"

    @pytest.fixture
    def parameters(self, own_tasks: Path) -> dict[str, Any]:
        return {"tasks": ["capitals", "written", "ended", "read"], "include_path": [str(own_tasks)]}
