"""The contracts of the core, for each part of this plugin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from spiritkit_f0.fcpe import FCPE

from spiritkit.testing import F0ExtractorContract, UnitTokenizerContract


class TestFCPE(F0ExtractorContract):
    component = "fcpe.v1"

    @pytest.fixture
    def parameters(self) -> dict[str, Any]:
        return {"device": "cpu"}


class TestPYIN(F0ExtractorContract):
    component = "pyin.v1"


class TestF0VQVAE(UnitTokenizerContract):
    component = "f0-vqvae.v1"

    @pytest.fixture
    def parameters(self, vqvae_folder: Path, fcpe: FCPE) -> dict[str, Any]:
        return {"checkpoint": vqvae_folder, "f0": fcpe, "device": "cpu"}
