"""The contracts of the core; that of `resynthesis.v1` stands with its tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spiritkit.interfaces import Corpus
from spiritkit.testing import StepContract, TaskContract


class TestFewShotASR(TaskContract):
    component = "few-shot-asr.v1"

    @pytest.fixture
    def parameters(self, corpus_of: Callable[[str], Corpus]) -> dict[str, Any]:
        return {
            "data": corpus_of("test"),
            "shots_from": corpus_of("dev"),
            "shots": [0, 2],
            "temperature": 0.8,
            "benchmark": "asr-clean",
        }


class TestFewShotTTS(TaskContract):
    component = "few-shot-tts.v1"

    @pytest.fixture
    def parameters(self, corpus_of: Callable[[str], Corpus], fakes: Any) -> dict[str, Any]:
        return {
            "data": corpus_of("test"),
            "recognizer": fakes.Recognizer,
            "stop_voice": fakes.Synthesizer,
            "shots": [0, 2],
            "benchmark": "tts-other",
        }


class TestFewShotIntent(TaskContract):
    component = "few-shot-intent.v1"

    @pytest.fixture
    def parameters(self, intent_folder: Path) -> dict[str, Any]:
        return {"folder": str(intent_folder), "shots": [0, 3], "benchmark": "intent"}


class TestSTSP(TaskContract):
    component = "stsp.v1"

    @pytest.fixture
    def parameters(self, stsp_folder: Path, fakes: Any) -> dict[str, Any]:
        labels = ("positive", "negative", "neutral")
        return {
            "folder": str(stsp_folder),
            "text_classifier": lambda: fakes.Classifier("text", labels),
            "speech_classifier": lambda: fakes.Classifier("speech", ("happy", "sad", "default")),
            "shots": [0, 3],
            "runs": 2,
            "benchmark": "stsp",
        }


class TestScoreSTSP(StepContract):
    component = "score-stsp.v1"

    @pytest.fixture
    def parameters(self, stsp_folder: Path) -> dict[str, Any]:
        for name in ("a", "b"):
            (stsp_folder / f"{name}.jsonl").write_text('{"id": "p0", "pred": "positive"}\n')
        return {
            "predictions": [str(stsp_folder / "a.jsonl"), str(stsp_folder / "b.jsonl")],
            "manifest": stsp_folder / "speech.jsonl",
        }
