"""The contract, for the likelihood tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from spiritkit.testing import TaskContract


def record(path: Path, seed: int) -> None:
    """A quarter of a second of noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.random.default_rng(seed).standard_normal(4000) * 0.1, 16_000)


def gold(folder: Path, header: str, lines: list[str]) -> None:
    """A table, and the recordings that its lines name behind the first comma."""
    for seed, line in enumerate(lines):
        record(folder / f"{line.split(',')[1]}.wav", seed)
    (folder / "gold.csv").write_text("\n".join([header, *lines, ""]))


class TestSWuggy(TaskContract):
    component = "swuggy.v1"

    @pytest.fixture
    def parameters(self, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
        folder = tmp_path_factory.mktemp("slm21")
        words = [("cat", "cet"), ("house", "houce"), ("river", "riwer")]
        lines = [
            f"{id},{voice}{id}{correct},{voice},{id * 4},{words[id][1 - correct]},k a t,3,{correct}"
            for id in range(3)
            for voice in "ab"
            for correct in (1, 0)
        ]
        gold(folder / "lexical" / "dev", "id,filename,voice,frequency,word,phones,length_phones,correct", lines)
        return {"folder": str(folder)}


class TestSBlimp(TaskContract):
    component = "sblimp.v1"

    @pytest.fixture
    def parameters(self, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
        folder = tmp_path_factory.mktemp("slm21")
        lines = [
            f"{id},{type}{id}{correct},a,{type},sub,the {type}{'' if correct else 's'} {id},{correct}"
            for type in ("agreement", "binding")
            for id in range(2)
            for correct in (1, 0)
        ]
        gold(folder / "syntactic" / "test", "id,filename,voice,type,subtype,transcription,correct", lines)
        return {"folder": str(folder), "split": "test"}


class TestStoryCloze(TaskContract):
    component = "storycloze.v1"

    @pytest.fixture
    def parameters(self, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
        folder = tmp_path_factory.mktemp("stories")
        for seed, name in enumerate(f"{n}_{part}" for n in range(3) for part in ("mutual", "correct", "incorrect")):
            record(folder / f"{name}.wav", seed)
            (folder / f"{name}.txt").write_text(f"This is {name}.\n")
        return {"folder": str(folder), "benchmark": "topic-storycloze"}


class TestSalmon(TaskContract):
    component = "salmon.v1"

    @pytest.fixture
    def parameters(self, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
        folder = tmp_path_factory.mktemp("salmon")
        for seed, name in enumerate(f"{p}/sample_{i}_{j}.wav" for p in ("a", "b") for i in range(2) for j in range(2)):
            record(folder / name, seed)
        return {"folder": str(folder), "parts": ["a", "b"]}
