"""The contract of the core, for the vocoder with units alone and with pitch and style."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from spiritkit.testing import VocoderContract
from spiritkit.types import StreamSpec

HUBERT = StreamSpec("hubert", 501, Fraction(25), True)


class TestBase(VocoderContract):
    component = "hifigan.v1"

    @pytest.fixture
    def parameters(self, base_folder: Path) -> dict[str, Any]:
        return {"checkpoint": base_folder, "device": "cpu"}

    @pytest.fixture
    def specs(self) -> tuple[StreamSpec, ...]:
        return (HUBERT,)


class TestExpressive(VocoderContract):
    component = "hifigan.v1"

    @pytest.fixture
    def parameters(self, expressive_folder: Path) -> dict[str, Any]:
        return {"checkpoint": expressive_folder, "device": "cpu"}

    @pytest.fixture
    def specs(self) -> tuple[StreamSpec, ...]:
        style, pitch = StreamSpec("style", 100, Fraction(1), False), StreamSpec("pitch", 64, Fraction(25, 2), True)
        return (style, pitch, HUBERT)
