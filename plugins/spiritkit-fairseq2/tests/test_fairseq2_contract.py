"""The contract of the core."""

from __future__ import annotations

from typing import Any

import pytest

from spiritkit.testing import UnitTokenizerContract


class TestFairseq2HubertTokenizer(UnitTokenizerContract):
    component = "fairseq2-hubert.v1"

    @pytest.fixture
    def parameters(self, reference: dict[str, Any]) -> dict[str, Any]:
        return reference | {"device": "cpu"}
