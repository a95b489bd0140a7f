"""Likelihood tasks put to a small Llama: through a recipe, in batches, in any order, beyond its context."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sentencepiece
import soundfile
import yaml

from spiritkit import Speech, Text
from spiritkit.interfaces import Result, Trial
from spiritkit.pipeline import Pipeline
from spiritkit.recipe import open_recipe
from spiritkit.registry import registry
from spiritkit.run.runner import Runner

WORDS = ["the", "cat", "dog", "king", "sat", "on", "a", "mat", "saw", "her"]


def record(path: Path, seed: int, seconds: float = 0.3) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    level = np.repeat(rng.uniform(0.01, 0.3, 100), 1280)[: int(16_000 * seconds)]
    soundfile.write(path, level * rng.standard_normal(len(level)), 16_000)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small sets of each format; one pair's recording is longer than the model's context, another's is not there."""
    folder = tmp_path_factory.mktemp("data")
    lexical = folder / "slm21" / "lexical" / "dev"
    lines = ["id,filename,voice,frequency,word,phones,length_phones,correct"]
    for id in range(5):
        for voice in ("v", "w"):
            for correct in (1, 0):
                name = f"{voice}{id}{correct}"
                record(lexical / f"{name}.wav", len(lines), seconds=8.0 if name == "v31" else 0.3 + 0.1 * id)
                word = WORDS[id] if correct else WORDS[id][::-1]
                lines.append(f"{id},{name},{voice},1,{word},x,3,{correct}")
    (lexical / "gold.csv").write_text("\n".join(lines))
    (lexical / "w40.wav").unlink()
    for n in range(3):
        for seed, part in enumerate(("mutual", "correct", "incorrect")):
            record(folder / "stories" / f"{n}_{part}.wav", 100 * n + seed, 0.4 + 0.2 * n)
            (folder / "stories" / f"{n}_{part}.txt").write_text(" ".join(WORDS[n : n + 3 + seed]))
    return folder


@pytest.fixture(scope="module")
def recipe(data: Path) -> Path:
    """A recipe of example tokens and a Llama of random weights, which scores both sets."""
    with (data / "tokenizer.model").open("wb") as file:
        lines = [" ".join(np.random.default_rng(i).choice(WORDS, 8)) for i in range(200)]
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines), model_writer=file, vocab_size=290, model_type="bpe", byte_fallback=True,
            num_threads=1, minloglevel=2, hard_vocab_limit=False,
        )  # fmt: skip
    values: dict[str, Any] = {
        "tokenizers": {"toy": {"use": "example-tokenizer.v1"}},
        "serializer": {"use": "frame-interleave.v1"},
        "text_tokenizer": {"use": "sentencepiece.v1", "model": str(data / "tokenizer.model")},
        "vocabulary": {
            "blocks": [
                {"text": True},
                {"markers": ["[Text]", "[Speech]"]},
                {"stream": "toy.0", "format": "[En{}]"},
                {"stream": "toy.1", "format": "[Ce{}]"},
            ],
            "pad_to_multiple_of": 8,
        },
        "language_model": {
            "use": "llama-init.v1", "hidden_size": 32, "layers": 2, "heads": 4, "kv_heads": 2, "context_length": 128,
            "device": "cpu", "seed": 1,
        },
        "steps": {
            "score": {
                "use": "evaluate.v1",
                "tasks": {
                    "words": {"use": "swuggy.v1", "folder": str(data / "slm21")},
                    "stories": {"use": "storycloze.v1", "folder": str(data / "stories")},
                },
                "batch_size": 2,
                "resamples": 50,
            }
        },
    }  # fmt: skip
    (data / "r.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
    return data / "r.yaml"


@pytest.fixture(scope="module")
def pipeline(recipe: Path) -> Pipeline:
    return open_recipe(recipe).pipeline()


def test_a_recipe_scores_both(recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Runner(open_recipe(recipe)).run()
    out = tmp_path / "runs" / "r" / "score"
    words, stories = json.loads((out / "results.json").read_text())["tasks"]
    assert words["items"] == 5
    assert sorted(words["problems"]) == ["3", "4"]
    assert "a sequence has 203 ids; the language model's context holds 128" in words["problems"]["3"]
    assert words["problems"]["4"].endswith("w40.wav: no such file")
    assert [metric["name"] for metric in words["metrics"]] == ["T", "S", "T raw", "S raw"]
    assert [metric["items"] for metric in words["metrics"]] == [3, 3, 3, 3]
    assert [metric["name"] for metric in stories["metrics"][:4]] == ["T", "S", "T→S", "S→T"]
    assert "words/breakdown.json" in words["files"]
    assert "Spirit LM Base (published)" in (out / "results.md").read_text()


@pytest.mark.parametrize(
    ("name", "folder"), [("swuggy.v1", "slm21"), ("storycloze.v1", "stories")], ids=["swuggy", "storycloze"]
)
def test_results_depend_neither_on_batches_nor_on_order(
    name: str, folder: str, data: Path, pipeline: Pipeline, tmp_path: Path
) -> None:
    task = registry().get("task", name).load()(folder=str(data / folder))
    items = task.items()
    whole = {one.id: one for one in task.evaluate(pipeline, items, Trial(tmp_path))}
    alone = {one.id: one for item in items[::-1] for one in task.evaluate(pipeline, [item], Trial(tmp_path))}
    assert whole.keys() == alone.keys()
    for id, result in whole.items():
        assert (result.counts, result.problem) == (alone[id].counts, alone[id].problem)
        assert flat(result) == pytest.approx(flat(alone[id]), abs=1e-4)


def flat(result: Result) -> list[float]:
    scores = result.details.get("scores", {})
    return [value for figure in scores.values() for pair in figure.values() for value in pair]


def test_scores_are_those_of_the_pipeline(data: Path, pipeline: Pipeline, tmp_path: Path) -> None:
    task = registry().get("task", "storycloze.v1").load()(folder=str(data / "stories"))
    (result,) = task.evaluate(pipeline, task.items()[:1], Trial(tmp_path))
    kept = result.details["scores"]
    stories = data / "stories"
    speech = {part: Speech(stories / f"0_{part}.wav") for part in ("mutual", "correct")}
    text = {part: (stories / f"0_{part}.txt").read_text() for part in ("mutual", "correct")}
    for figure, prompt, continuation in (
        ("T", Text(text["mutual"]), Text(f" {text['correct']}")),
        ("S", speech["mutual"], speech["correct"]),
        ("T→S", Text(text["mutual"]), speech["correct"]),
        ("S→T", speech["mutual"], Text(text["correct"])),
    ):
        score = pipeline.score([prompt], [continuation])
        assert kept[figure]["correct"] == pytest.approx([score.log_probability, score.n_tokens], abs=1e-4)
    assert kept["S"]["correct"][1] == 10  # 0.4 s: five frames of 80 ms, two codes each; the marker is not counted
