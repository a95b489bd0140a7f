"""The contracts of the core, for both halves and both codecs."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from spiritkit.testing import UnitTokenizerContract, VocoderContract
from spiritkit.types import StreamSpec


class TestTokenizer(UnitTokenizerContract):
    component = "codec.v1"

    @pytest.fixture
    def parameters(self, folder: Path) -> dict[str, Any]:
        return {"checkpoint": folder, "n_codebooks": 3, "device": "cpu"}


class TestDecoder(VocoderContract):
    component = "codec-decoder.v1"

    @pytest.fixture
    def parameters(self, folder: Path) -> dict[str, Any]:
        return {"checkpoint": folder, "device": "cpu"}

    @pytest.fixture
    def specs(self, folder: Path) -> tuple[StreamSpec, ...]:
        rate = Fraction(25, 2) if folder.name.startswith("mimi") else Fraction(75)
        return tuple(StreamSpec(f"codec.{index}", 64, rate, False) for index in range(4))
