"""The contracts, for the core's own parts; and every part of the repository has run its contract."""

from __future__ import annotations

import ast
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import spiritkit
from spiritkit import Audio, Generation, Pipeline, Speech, StreamSpec, Text
from spiritkit.registry import registry
from spiritkit.testing import SerializerContract, StepContract

ROOT = Path(__file__).parent.parent


class TestTimeMerge(SerializerContract):
    component = "time-merge.v1"


class TestFrameInterleave(SerializerContract):
    component = "frame-interleave.v1"

    @pytest.fixture
    def layouts(self) -> list[tuple[StreamSpec, ...]]:
        streams = tuple(StreamSpec(f"codec.{index}", 8 + index, Fraction(25, 2), False) for index in range(4))
        return [streams[:1], streams[:2], streams]


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """Three short recordings."""
    folder = tmp_path / "clips"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in "abc":
        soundfile.write(folder / f"{name}.wav", rng.standard_normal(8000) * 0.1, 16_000)
    return folder


class TestTokenize(StepContract):
    component = "tokenize.v1"

    @pytest.fixture
    def parameters(self, clips: Path) -> dict[str, Any]:
        return {"audio": [str(clips)]}

    @pytest.fixture
    def pipeline(self) -> Pipeline:
        return spiritkit.load("example/units")


class TestResynthesize(TestTokenize):
    component = "resynthesize.v1"


class TestGenerate(StepContract):
    component = "generate.v1"
    varying = frozenset({"timing.jsonl"})

    @pytest.fixture
    def parameters(self, clips: Path) -> dict[str, Any]:
        return {"prompts": ["the cat", {"speech": str(clips / "a.wav")}], "max_new_tokens": 4}

    @pytest.fixture
    def pipeline(self) -> Any:
        """Stands for parts that would take seconds to build: each prompt has a continuation of text and sound."""

        class Stub:
            def generate(self, prompt: Any, *, seed: int, **options: Any) -> Generation:
                sound = Audio(np.random.default_rng(seed).uniform(-1, 1, 1600), 16_000)
                spans = [Text(f"word {seed}"), Speech(sound)]
                return Generation(str(len(prompt)), [seed], [1, 2], spans, {"vocoder": time.perf_counter()})

        return Stub()


def test_every_part_of_the_repository_has_a_contract_test() -> None:
    """A class in some test file names it: `component = "hubert.v1"`."""
    tested = set()
    for path in [*ROOT.glob("tests/test_*.py"), *ROOT.glob("plugins/*/tests/test_*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "component":
                tested.add(ast.literal_eval(node.value))
    ours = {"spiritkit", *[path.name for path in (ROOT / "plugins").iterdir()]}
    offered = {part.name for plugin in registry().plugins if plugin.name in ours for part in plugin.components}
    assert offered - tested == set()
