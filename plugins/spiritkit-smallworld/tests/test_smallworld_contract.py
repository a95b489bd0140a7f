"""The contracts of the core, for each part of this plugin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from spiritkit_smallworld.make_corpus import MakeSmallworld

from spiritkit.pipeline import Parts, Pipeline
from spiritkit.testing import CorpusContract, StepContract, SynthesizerContract
from spiritkit.testing.step import FakeContext


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    step = MakeSmallworld(train_hours=10 / 3600, validation_hours=0, test_hours=0, workers=1)
    step.run(FakeContext(folder, Pipeline(Parts())))
    return folder


class TestSmallworld(CorpusContract):
    component = "smallworld.v1"

    @pytest.fixture
    def parameters(self, world: Path) -> dict[str, Any]:
        return {"folder": str(world)}


class TestSmallworldText(CorpusContract):
    component = "smallworld-text.v1"

    @pytest.fixture
    def parameters(self) -> dict[str, Any]:
        return {"size": 20}


class TestMakeSmallworld(StepContract):
    component = "make-smallworld.v1"

    @pytest.fixture
    def parameters(self) -> dict[str, Any]:
        second = 1 / 3600
        return {
            "train_hours": second,
            "validation_hours": second,
            "test_hours": second,
            "kind": "sentences",
            "workers": 1,
        }


class TestMakeSmallworldTests(StepContract):
    component = "make-smallworld-tests.v1"

    @pytest.fixture
    def parameters(self) -> dict[str, Any]:
        none = dict.fromkeys(("words", "stories", "prompts", "commands"), 0)
        return {"sentences": 1, "utterances": 1, "workers": 1, **none}


class TestHibari(SynthesizerContract):
    component = "hibari.v1"
