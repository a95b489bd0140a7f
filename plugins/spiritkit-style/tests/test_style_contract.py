"""The contract of the core, for each part of this plugin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from spiritkit.testing import UnitTokenizerContract


class TestWav2Vec2Style(UnitTokenizerContract):
    component = "wav2vec2-style.v1"

    @pytest.fixture
    def parameters(self, style_folder: Path) -> dict[str, Any]:
        return {"checkpoint": style_folder, "device": "cpu"}


class TestWav2Vec2KMeans(UnitTokenizerContract):
    component = "wav2vec2-kmeans.v1"

    @pytest.fixture
    def parameters(self, style_folder: Path, hugging_face: Any, sign_bits: type) -> dict[str, Any]:
        quantizer = sign_bits(hugging_face.config.hidden_size)
        return {"checkpoint": style_folder, "layer": 2, "quantizer": quantizer, "device": "cpu"}
