"""The contracts of the core, for both parts of this plugin."""

from __future__ import annotations

from typing import Any

import pytest
from spiritkit_example.tokenizer import ExampleTokenizer

from spiritkit.testing import UnitTokenizerContract, VocoderContract
from spiritkit.types import StreamSpec


class TestExampleTokenizer(UnitTokenizerContract):
    component = "example-tokenizer.v1"


class TestExampleVocoder(VocoderContract):
    component = "example-vocoder.v1"

    @pytest.fixture
    def parameters(self) -> dict[str, Any]:
        return {"energy_stream": "energy", "centroid_stream": "centroid"}

    @pytest.fixture
    def specs(self) -> tuple[StreamSpec, ...]:
        return ExampleTokenizer().streams
