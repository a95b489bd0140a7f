"""Training of language models: the loop, its arithmetic, resumption, several processes, and what it writes."""

from __future__ import annotations

import json
import math
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import sentencepiece
import torch
import yaml
from transformers import AutoModelForCausalLM

from spiritkit.data.example import Example
from spiritkit.data.mixture import Share
from spiritkit.data.shards import Manifest, ShardEntry, shard_bytes
from spiritkit.errors import MissingFileError, ProvenanceError, RequestError, SpiritkitError
from spiritkit.hashing import hash_path
from spiritkit.interfaces import LanguageModel
from spiritkit.interleave.text_only import TextOnly
from spiritkit.pipeline import Pipeline
from spiritkit.recipe import open_recipe
from spiritkit.registry import registry
from spiritkit.run.runner import Runner
from spiritkit.testing import StepContract
from spiritkit.testing.step import FakeContext
from spiritkit.training.lm.blocks import Blocks
from spiritkit.training.lm.lora import Lora
from spiritkit.training.lm.loss import losses, targets
from spiritkit.training.lm.optimizer import optimizers
from spiritkit.training.lm.throughput import flops_per_token
from spiritkit.training.lm.train_lm import TrainLM
from spiritkit.types import Speech, Units
from spiritkit.utterances import Alignment, Word

WORDS = ["the", "cat", "dog", "king", "sat", "on", "a", "mat", "saw", "her"]
LENGTH = 32
#: Files that say when something was done.
TIMED = {"log.jsonl"}


# -- a small world ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text tokenizer, prepared data in which each word sounds its own way, and a recipe that trains on them."""
    folder = tmp_path_factory.mktemp("world")
    lines = [" ".join(np.random.default_rng(i).choice(WORDS, 8)) for i in range(200)]
    with (folder / "tokenizer.model").open("wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines), model_writer=file, vocab_size=290, model_type="bpe", byte_fallback=True,
            num_threads=1, minloglevel=2, hard_vocab_limit=False,
        )  # fmt: skip
    spans = {"use": "word-spans.v1", "text_words": [1, 3], "speech_words": [1, 3]}
    recipe = {
        "tokenizers": {"toy": {"use": "example-tokenizer.v1"}},
        "serializer": {"use": "frame-interleave.v1"},
        "text_tokenizer": {"use": "sentencepiece.v1", "model": str(folder / "tokenizer.model")},
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
            "use": "llama-init.v1", "hidden_size": 32, "layers": 2, "heads": 4, "kv_heads": 2, "context_length": 64,
            "device": "cpu", "seed": 1,
        },
        "steps": {
            "train": {
                "use": "train-lm.v1",
                "data": {
                    "both": {"shards": [str(folder / "train")], "policy": spans},
                    "speech": {"shards": [str(folder / "train")], "policy": {"use": "speech-only.v1"}, "weight": 0.5},
                },
                "validation": {"held-out": {"shards": [str(folder / "valid")], "policy": {"use": "speech-only.v1"}}},
                "steps": 20, "batch_size": 4, "micro_batch_size": 2, "sequence_length": LENGTH, "learning_rate": 3e-3,
                "precision": "float32", "device": "cpu", "save_every": 3, "validate_every": 8, "report_every": 5,
                "peak_flops": 1e12,
            }
        },
    }  # fmt: skip
    (folder / "r.yaml").write_text(yaml.safe_dump(recipe))
    pipeline = open_recipe(folder / "r.yaml").pipeline()
    write_shards(folder / "train", [spoken(pipeline, index) for index in range(24)], pipeline)
    write_shards(folder / "valid", [spoken(pipeline, index) for index in range(100, 106)], pipeline)
    return folder


def spoken(pipeline: Pipeline, index: int) -> Example:
    """A sentence: each word takes four frames of 80 ms, whose codes are its own."""
    rng = np.random.default_rng(index)
    said = rng.integers(0, len(WORDS), rng.integers(3, 9)).tolist()
    codes = np.repeat([3 * word + 1 for word in said], 4)
    codes[2::4] += rng.integers(0, 2, len(said))
    specs = pipeline.specs
    units = Units(specs, {spec.name: codes % spec.size for spec in specs}, pipeline.sources)
    times = Alignment(tuple(Word(WORDS[word], 5120 * i, 5120 * (i + 1)) for i, word in enumerate(said)), 16_000)
    return Example(f"u{index}", " ".join(WORDS[word] for word in said), units, 0.32 * len(said), times)


def write_shards(folder: Path, examples: list[Example], pipeline: Pipeline) -> None:
    folder.mkdir()
    entries = []
    for number, part in enumerate((examples[::2], examples[1::2])):
        path = folder / f"{number}.parquet"
        path.write_bytes(shard_bytes(part))
        entries.append(ShardEntry(path.name, len(part), path.stat().st_size, hash_path(path)))
    Manifest(tuple(entries), pipeline.specs, pipeline.sources, {"seconds": 1.0}, {}).write(folder)


@pytest.fixture
def pipeline(world: Path) -> Pipeline:
    return open_recipe(world / "r.yaml").pipeline()


@pytest.fixture
def settings(world: Path) -> dict[str, Any]:
    """The recipe's parameters of the step, built."""
    return dict(built(world))


def built(world: Path, *overrides: str) -> dict[str, Any]:
    spec = open_recipe(world / "r.yaml", overrides).checked.steps["train"]
    values = dict(spec.parameters)
    policy = registry().get
    for name in ("data", "validation"):
        values[name] = {
            key: Share(
                shards=share.parameters["shards"],
                policy=policy("span_policy", share.parameters["policy"].component.name).load()(
                    **share.parameters["policy"].parameters
                ),
                weight=share.parameters.get("weight", 1.0),
            )
            for key, share in values[name].items()
        }
    return values


def train(folder: Path, pipeline: Pipeline, settings: dict[str, Any], **changes: Any) -> Path:
    TrainLM(**{**settings, **changes}).run(FakeContext(folder, pipeline))
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in TIMED and "tensorboard" not in path.parts
    }


def log(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def reported(folder: Path, name: str) -> list[float]:
    return [line[name] for line in log(folder) if name in line]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return dict(AutoModelForCausalLM.from_pretrained(folder / "model", dtype="float32").state_dict())


def distance(one: Path, other: Path) -> float:
    """The largest difference of two models' weights."""
    a, b = weights(one), weights(other)
    assert a.keys() == b.keys()
    return max(float((a[name] - b[name]).abs().max()) for name in a)


# -- what is written --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def trained(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run. Read only."""
    folder = tmp_path_factory.mktemp("trained")
    return train(folder, open_recipe(world / "r.yaml").pipeline(), built(world))


def test_the_loss_falls(trained: Path) -> None:
    losses = reported(trained, "loss")
    assert len(losses) == 4
    assert losses[-1] < losses[0] - 1
    held_out = reported(trained, "validation/loss")
    assert [line["step"] for line in log(trained) if "validation/loss" in line] == [8, 16, 20]
    assert held_out[-1] < held_out[0]


def test_the_log_says_how_fast_and_how_far(trained: Path) -> None:
    line = log(trained)[0]
    assert line["step"] == 5
    assert line["learning_rate"] == pytest.approx(3e-3)
    assert line["gradient_norm"] > 0
    assert line["tokens_per_second"] == pytest.approx(4 * LENGTH / line["seconds_per_step"])
    per_token = line["model_flop_utilisation"] * 1e12 / line["tokens_per_second"]
    assert 1e4 < per_token < 1e6
    assert list((trained / "tensorboard").iterdir())


def test_the_model_loads_as_a_hugging_face_folder(trained: Path, world: Path, pipeline: Pipeline) -> None:
    ids = [[1, 5, 9, 300, 301, 302, 310]]
    reference = AutoModelForCausalLM.from_pretrained(trained / "model", dtype="float32")
    expected = reference(input_ids=torch.tensor(ids)).logits.log_softmax(-1)[0, :-1].gather(1, torch.tensor(ids).T[1:])
    for name in ("llama.v1", "hf-causal.v1"):
        part = (
            registry().get("language_model", name).load()(checkpoint=trained / "model", dtype="float32", device="cpu")
        )
        np.testing.assert_allclose(part.score(ids)[0], expected.detach()[:, 0], atol=1e-6)
        assert part.trained_on == pipeline.sources
        assert part.rows == pipeline.vocabulary.rows
    assert (trained / "model" / "tokenizer.model").read_bytes() == (world / "tokenizer.model").read_bytes()
    assert all(path.stat().st_mode & 0o777 == 0o644 for path in (trained / "model").iterdir())
    card = (trained / "model" / "README.md").read_text()
    assert "- steps: 20" in card
    assert "both: " in card
    assert pipeline.sources["toy.0"] in card


def test_a_recipe_generates_with_the_trained_model(world: Path, trained: Path, tmp_path: Path) -> None:
    steps = {"train": None, "try": {"use": "generate.v1", "prompts": ["the cat"], "max_new_tokens": 5,
             "language_model": {"use": "llama.v1", "checkpoint": str(trained / "model"), "device": "cpu"}}}  # fmt: skip
    (tmp_path / "try.yaml").write_text(yaml.safe_dump({"extends": str(world / "r.yaml"), "steps": steps}))
    Runner(open_recipe(tmp_path / "try.yaml", [f"output_dir={tmp_path / 'out'}"]), say=lambda _: None).run()
    assert (tmp_path / "out" / "try" / "generations.jsonl").exists()


def test_a_model_of_text_alone(tmp_path: Path, world: Path, settings: dict[str, Any]) -> None:
    """Prepared speech has text too; nothing of the speech side is asked for."""
    blocks = "vocabulary={blocks: [{text: true}]}"
    pipeline = open_recipe(world / "r.yaml", ["tokenizers=null", "serializer=null", blocks]).pipeline()
    share = Share(shards=[str(world / "train")], policy=TextOnly())
    folder = train(tmp_path, pipeline, settings, data={"text": share}, validation={}, steps=12)
    assert reported(folder, "loss")[-1] < reported(folder, "loss")[0]
    model = AutoModelForCausalLM.from_pretrained(folder / "model")
    assert model.get_input_embeddings().weight.shape[0] == pipeline.vocabulary.rows == 296  # 290 of text, padded
    with pytest.raises(RequestError, match=r"^share 'both' .*: is to be read as speech, but the recipe has no tokeniz"):
        train(tmp_path / "speech", pipeline, settings)


def test_validation_is_the_mean_over_the_tokens_of_each_block(trained: Path, world: Path, pipeline: Pipeline) -> None:
    """By hand: every document of the held-out share, one behind the other in rows of `LENGTH`."""
    model = AutoModelForCausalLM.from_pretrained(trained / "model", dtype="float32")
    vocabulary, stream = pipeline.vocabulary, []
    examples = [spoken(pipeline, index) for index in range(100, 106)]
    for example in examples[::2] + examples[1::2]:
        assert example.units is not None
        stream += [*pipeline.prompt(Speech(tokens=pipeline.to_tokens(example.units)))[1], 2]
    by_block: dict[str, list[float]] = {"text": [], "toy.0": [], "toy.1": [], "markers": []}
    for start in range(0, len(stream), LENGTH):
        row = stream[start : start + LENGTH]
        found = model(input_ids=torch.tensor([row])).logits.detach().log_softmax(-1)[0]
        for position, id in enumerate(row[1:]):
            at = [block.spec.name for block in vocabulary.streams if block.start <= id < block.stop]
            name = at[0] if at else ("text" if id < vocabulary.text_size else "markers")
            by_block[name].append(-float(found[position, id]))
    figures = json.loads((trained / "validation.json").read_text())
    for name, values in by_block.items():
        assert figures[name] == pytest.approx(np.mean(values), abs=1e-5), name
    everything = [value for values in by_block.values() for value in values]
    assert figures["loss"] == pytest.approx(np.mean(everything), abs=1e-5)
    assert figures["shares"]["held-out"]["loss"] == figures["loss"]


class TestContract(StepContract):
    component = "train-lm.v1"
    varying = frozenset(TIMED)

    @pytest.fixture
    def parameters(self, settings: dict[str, Any]) -> dict[str, Any]:
        return {**settings, "steps": 3, "save_every": 1}

    @pytest.fixture
    def pipeline(self, world: Path) -> Pipeline:
        return open_recipe(world / "r.yaml").pipeline()

    def _files(self, folder: Path) -> dict[str, bytes]:
        return files(folder)


def test_a_finished_run_is_left_as_it_is(trained: Path, pipeline: Pipeline, settings: dict[str, Any]) -> None:
    before = {path: path.stat().st_mtime_ns for path in trained.rglob("*") if path.is_file()}
    train(trained, pipeline, settings)
    assert {path: path.stat().st_mtime_ns for path in trained.rglob("*") if path.is_file()} == before


def test_the_pipelines_own_model_is_not_changed(tmp_path: Path, pipeline: Pipeline, settings: dict[str, Any]) -> None:
    before = {name: value.clone() for name, value in pipeline.language_model.module.state_dict().items()}
    train(tmp_path, pipeline, settings, steps=2)
    after = pipeline.language_model.module.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


# -- arithmetic -------------------------------------------------------------------------------------------------------


def test_accumulation_does_not_change_the_result(tmp_path: Path, pipeline: Pipeline, settings: dict[str, Any]) -> None:
    whole = train(tmp_path / "whole", pipeline, settings, micro_batch_size=4, loss_weights={"toy.1": 0.3})
    parts = train(tmp_path / "parts", pipeline, settings, micro_batch_size=1, loss_weights={"toy.1": 0.3})
    uneven = train(tmp_path / "uneven", pipeline, settings, micro_batch_size=3, loss_weights={"toy.1": 0.3})
    for other in (parts, uneven):
        assert reported(other, "loss") == pytest.approx(reported(whole, "loss"), rel=1e-5)
        assert distance(other, whole) < 1e-4


def test_recomputed_layers_do_not_change_the_result(
    tmp_path: Path, trained: Path, pipeline: Pipeline, settings: dict[str, Any]
) -> None:
    other = train(tmp_path, pipeline, settings, activation_checkpointing=True)
    assert distance(other, trained) == 0


@pytest.mark.slow
def test_compiled_layers_do_not_change_the_result(
    tmp_path: Path, trained: Path, pipeline: Pipeline, settings: dict[str, Any]
) -> None:
    other = train(tmp_path, pipeline, settings, compile=True, activation_checkpointing=True)
    assert reported(other, "loss") == pytest.approx(reported(trained, "loss"), rel=1e-4)


def test_masked_documents_are_as_documents_alone(pipeline: Pipeline) -> None:
    part = pipeline.new_language_model()
    one, other = torch.tensor([[1, 290, 7, 8, 9]]), torch.tensor([[1, 300, 301, 302]])
    ids, documents = torch.cat([one, other], dim=1), torch.tensor([[0] * 5 + [1] * 4])

    def found(ids: torch.Tensor, documents: torch.Tensor) -> list[float]:
        wanted, counted = targets(ids, documents, separate=True)
        values = losses(part.module(**part.training_inputs(ids, documents)).logits, wanted)
        return values[counted].tolist()

    alone = found(one, torch.zeros_like(one)) + found(other, torch.zeros_like(other))
    assert found(ids, documents) == pytest.approx(alone, abs=1e-6)
    joined = losses(part.module(**part.training_inputs(ids)).logits, ids[:, 1:])[0, -3:].tolist()
    assert joined != pytest.approx(alone[-3:], abs=1e-4)  # without the mask it is another


def test_a_masked_run_learns_and_differs(
    tmp_path: Path, trained: Path, pipeline: Pipeline, settings: dict[str, Any]
) -> None:
    folder = train(tmp_path, pipeline, settings, document_mask=True)
    assert reported(folder, "loss")[-1] < reported(folder, "loss")[0] - 1
    assert distance(folder, trained) > 1e-3


def test_targets_leave_out_padding_and_the_first_token_of_a_masked_document() -> None:
    ids, documents = torch.arange(6)[None], torch.tensor([[0, 0, 1, 1, -1, -1]])
    assert targets(ids, documents, separate=False).counted.tolist() == [[True, True, True, False, False]]
    assert targets(ids, documents, separate=True).counted.tolist() == [[True, False, True, False, False]]
    assert targets(ids, documents, separate=True).ids.tolist() == [[1, 2, 3, 4, 5]]


def test_blocks_and_their_weights(pipeline: Pipeline) -> None:
    vocabulary = pipeline.vocabulary
    blocks = Blocks.of(vocabulary)
    weights = blocks.weights({"toy.1": 0.25, "markers": 2.0})
    second = vocabulary.stream("toy.1")
    assert len(weights) == vocabulary.rows
    assert weights[: vocabulary.text_size].eq(1).all()
    assert weights[second.start : second.stop].eq(0.25).all()
    assert weights[vocabulary.markers[0].id] == 2
    ids = torch.tensor([0, 3, second.start, vocabulary.markers[1].id])
    sums = blocks.sums(torch.tensor([1.0, 2.0, 4.0, 8.0]), ids)
    assert sums.tolist() == [[3, 0, 4, 8], [2, 0, 1, 1]]
    with pytest.raises(RequestError, match=r"'toy.2'.*did you mean 'toy\.[01]'"):
        blocks.weights({"toy.2": 1.0})


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_weight_decay_spares_norms_and_embeddings(
    optimizer: str, tmp_path: Path, pipeline: Pipeline, settings: dict[str, Any]
) -> None:
    """With no weight on any block there is no gradient, and weight decay alone moves the weights, by the learning rate
    of the step."""
    nothing = {"text": 0.0, "markers": 0.0, "toy.0": 0.0, "toy.1": 0.0}
    changes = {"optimizer": optimizer, "steps": 2, "warmup_steps": 1, "weight_decay": 0.5}
    train(tmp_path, pipeline, settings, **changes, loss_weights=nothing, validation={})
    before, after = pipeline.language_model.module.state_dict(), weights(tmp_path)
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved == {name for name in before if "proj" in name}
    name = "model.layers.0.mlp.up_proj.weight"
    torch.testing.assert_close(after[name], before[name] * (1 - 1.5e-3 * 0.5) * (1 - 3e-3 * 0.5))


def test_muon_has_the_matrices_of_the_layers_alone() -> None:
    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.positions = torch.nn.Embedding(4, 8)
            self.tokens = torch.nn.Embedding(16, 8)
            self.layer = torch.nn.ModuleDict({"mix": torch.nn.Conv1d(8, 8, 3), "out": torch.nn.Linear(8, 8)})

    model = Model()
    muon, adamw = optimizers(
        "muon", model, [model.layer], [model.tokens], learning_rate=1.0, betas=(0.9, 0.95), weight_decay=0.5
    )
    assert [tuple(one.shape) for group in muon.param_groups for one in group["params"]] == [(8, 8)]
    decay = {id(one): group["weight_decay"] for group in adamw.param_groups for one in group["params"]}
    mix, out = model.layer["mix"], model.layer["out"]
    expected = {model.positions.weight: 0.5, mix.weight: 0.5, model.tokens.weight: 0.0, mix.bias: 0.0, out.bias: 0.0}
    assert decay == {id(parameter): value for parameter, value in expected.items()}


def test_muon_turns_matrices_and_leaves_the_rest_to_adamw(
    tmp_path: Path, pipeline: Pipeline, settings: dict[str, Any]
) -> None:
    """An update of Muon is nearly orthogonal, of the size that AdamW's have: 0.2 of the learning rate (root of the mean
    square; Liu et al. 2025, section 2.2)."""
    changes = {"steps": 1, "weight_decay": 0.0, "validation": {}}
    before = pipeline.language_model.module.state_dict()
    after = {
        name: weights(train(tmp_path / name, pipeline, settings, optimizer=name, **changes))
        for name in ("muon", "adamw")
    }
    for name, old in before.items():
        update = (after["muon"][name] - old) / 3e-3
        if "proj" not in name:
            assert torch.equal(after["muon"][name], after["adamw"][name])
            continue
        scale = 0.2 * max(update.shape) ** 0.5
        singular = torch.linalg.svdvals(update) / scale
        assert 0.3 < float(singular.median()) < 1.3, name
        assert float(update.square().mean().sqrt()) == pytest.approx(0.2, rel=0.5)


def test_the_learning_rate_follows_the_schedule(tmp_path: Path, pipeline: Pipeline, settings: dict[str, Any]) -> None:
    folder = train(tmp_path, pipeline, settings, steps=4, warmup_steps=2, schedule="linear", report_every=1)
    expected = [3e-3 / 3, 3e-3 * 2 / 3, 3e-3, 3e-3 / 2]
    assert reported(folder, "learning_rate") == pytest.approx(expected)


def test_bfloat16_stays_near_float32(
    tmp_path: Path, trained: Path, pipeline: Pipeline, settings: dict[str, Any]
) -> None:
    folder = train(tmp_path, pipeline, settings, precision="bfloat16")
    assert reported(folder, "loss") == pytest.approx(reported(trained, "loss"), rel=0.02)
    assert distance(folder, trained) > 0


def test_operations_per_token(pipeline: Pipeline) -> None:
    part = pipeline.new_language_model()
    rows = pipeline.vocabulary.rows
    inside = sum(p.numel() for name, p in part.module.named_parameters() if "embed_tokens" not in name)
    assert flops_per_token(part, 10) == 6 * inside + 12 * 2 * 32 * 10
    for parameter in part.layers[0].parameters():
        parameter.requires_grad_(False)
    frozen = sum(parameter.numel() for parameter in part.layers[0].parameters())
    assert flops_per_token(part, 10) == 6 * inside - 2 * frozen + 12 * 2 * 32 * 10
    assert inside > rows * 32  # the output embedding is among them


# -- LoRA -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("embeddings", [True, False])
def test_lora(tmp_path: Path, pipeline: Pipeline, settings: dict[str, Any], embeddings: bool) -> None:
    lora = Lora(rank=4, alpha=8.0, dropout=0.1, targets=["q_proj", "v_proj"], embeddings=embeddings)
    folder = train(tmp_path / "whole", pipeline, settings, lora=lora, learning_rate=1e-2)
    assert reported(folder, "loss")[-1] < reported(folder, "loss")[0]
    before, after = pipeline.language_model.module.state_dict(), weights(folder)
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    expected = {name for name in before if "q_proj" in name or "v_proj" in name}
    assert moved == expected | ({"model.embed_tokens.weight", "lm_head.weight"} if embeddings else set())
    name = "model.layers.1.self_attn.q_proj.weight"
    assert torch.linalg.matrix_rank((after[name] - before[name]).double(), rtol=1e-4) <= 4
    with pytest.raises(KeyboardInterrupt):
        TrainLM(**{**settings, "lora": lora, "learning_rate": 1e-2}).run(FakeContext(tmp_path / "cut", pipeline, 11))
    assert files(train(tmp_path / "cut", pipeline, settings, lora=lora, learning_rate=1e-2)) == files(folder)


def test_muon_trains_adapters(tmp_path: Path, pipeline: Pipeline, settings: dict[str, Any]) -> None:
    """The first gradient of one matrix of each pair is zero, which Muon divides by its norm."""
    lora = Lora(rank=4, alpha=8.0, dropout=0.0, targets=["q_proj", "v_proj"])
    folder = train(tmp_path, pipeline, settings, lora=lora, learning_rate=1e-2, optimizer="muon")
    assert reported(folder, "loss")[-1] < reported(folder, "loss")[0]
    assert all(torch.isfinite(tensor).all() for tensor in weights(folder).values())


def test_lora_targets_that_are_not_there(tmp_path: Path, pipeline: Pipeline, settings: dict[str, Any]) -> None:
    with pytest.raises(RequestError, match=r"lora\.targets: .*kju_proj"):
        train(tmp_path, pipeline, settings, lora=Lora(targets=["kju_proj"]))


def test_lora_without_peft(
    tmp_path: Path, pipeline: Pipeline, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(RequestError, match=r'pip install "spiritkit\[train\]"'):
        train(tmp_path, pipeline, settings, lora=Lora())


# -- resumption -------------------------------------------------------------------------------------------------------


def test_muon_learns_and_goes_on_where_it_stopped(tmp_path: Path, pipeline: Pipeline, settings: dict[str, Any]) -> None:
    whole = train(tmp_path / "whole", pipeline, settings, optimizer="muon")
    losses = reported(whole, "loss")
    assert losses[-1] < losses[0] - 1
    with pytest.raises(KeyboardInterrupt):
        TrainLM(**{**settings, "optimizer": "muon"}).run(FakeContext(tmp_path / "cut", pipeline, 8))
    assert files(train(tmp_path / "cut", pipeline, settings, optimizer="muon")) == files(whole)


@pytest.mark.parametrize("stop", [1, 4, 13, 19])
def test_an_interrupted_run_ends_as_if_it_had_not_been(
    tmp_path: Path, trained: Path, pipeline: Pipeline, settings: dict[str, Any], stop: int
) -> None:
    with pytest.raises(KeyboardInterrupt):
        TrainLM(**settings).run(FakeContext(tmp_path, pipeline, stop))
    train(tmp_path, pipeline, settings)
    assert files(tmp_path) == files(trained)
    assert reported(tmp_path, "loss") == reported(trained, "loss")
    assert [line["step"] for line in log(tmp_path)] == [line["step"] for line in log(trained)]


def test_a_run_goes_on_with_tied_embeddings_and_in_bfloat16(
    tmp_path: Path, world: Path, settings: dict[str, Any]
) -> None:
    overrides = ["language_model.tie_embeddings=true", "language_model.dtype=bfloat16"]
    pipeline = open_recipe(world / "r.yaml", overrides).pipeline()
    changes = {"precision": "bfloat16", "document_mask": True, "steps": 8}
    whole = train(tmp_path / "whole", pipeline, settings, **changes)
    with pytest.raises(KeyboardInterrupt):
        TrainLM(**{**settings, **changes}).run(FakeContext(tmp_path / "cut", pipeline, 5))
    assert files(train(tmp_path / "cut", pipeline, settings, **changes)) == files(whole)
    config = json.loads((whole / "model" / "config.json").read_text())
    assert config["tie_word_embeddings"] is True
    assert config.get("dtype", config.get("torch_dtype")) == "bfloat16"


def spiritkit_run(recipe: Path, out: Path, *overrides: str, processes: int = 1, wait: bool = True) -> Any:
    """The command line in processes of its own; with several, as `torchrun` starts them."""
    command = [sys.executable, "-m", "spiritkit", "run", str(recipe), f"output_dir={out}", *overrides]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    if processes > 1:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command[1:3] = ["-m", "torch.distributed.run", "--nproc-per-node", str(processes), "--master-port", str(port),
                        "-m", "spiritkit"]  # fmt: skip
    if wait:
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )


@pytest.mark.slow
def test_killed_at_five_random_moments(tmp_path: Path, world: Path) -> None:
    overrides = ["steps.train.steps=400", "steps.train.save_every=10"]
    assert spiritkit_run(world / "r.yaml", tmp_path / "whole", *overrides).returncode == 0
    killed_at = []
    for more in (random.uniform(0, 1.2) for _ in range(5)):
        process = spiritkit_run(world / "r.yaml", tmp_path / "cut", *overrides, wait=False)
        seen = _step(tmp_path / "cut")
        while _step(tmp_path / "cut") == seen and process.poll() is None:
            time.sleep(0.01)
        end = time.monotonic() + more
        # However fast the machine is, the last kill comes before the last step.
        while time.monotonic() < end and _step(tmp_path / "cut") < seen + 60 and process.poll() is None:
            time.sleep(0.005)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            killed_at.append(_step(tmp_path / "cut"))
        process.wait()
    assert len(killed_at) == 5, "it was done before it was killed five times"
    assert spiritkit_run(world / "r.yaml", tmp_path / "cut", *overrides).returncode == 0
    assert files(tmp_path / "cut" / "train" / "model") == files(tmp_path / "whole" / "train" / "model")
    assert not (tmp_path / "cut" / "train" / "state").exists()


def _step(out: Path) -> int:
    """Of the newest state; 0 where there is none."""
    found = [path.name for path in (out / "train" / "state").glob("step-*")]
    return max((int(name.removeprefix("step-")) for name in found), default=0)


# -- several processes ------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("how", ["ddp", "fsdp2"])
def test_two_processes_follow_one(tmp_path: Path, world: Path, trained: Path, how: str) -> None:
    overrides = [f"steps.train.parallel={how}", "steps.train.report_every=1", "steps.train.micro_batch_size=1"]
    done = spiritkit_run(world / "r.yaml", tmp_path / "two", *overrides, processes=2)
    assert done.returncode == 0, done.stderr
    one = spiritkit_run(world / "r.yaml", tmp_path / "one", *overrides)
    assert one.returncode == 0, one.stderr
    for name in ("loss", "gradient_norm", "validation/loss", "validation/toy.0"):
        expected = reported(tmp_path / "one" / "train", name)
        assert len(expected) in (3, 20)
        assert reported(tmp_path / "two" / "train", name) == pytest.approx(expected, rel=1e-4), name
    assert distance(tmp_path / "two" / "train", tmp_path / "one" / "train") < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "overrides", "apart"),
    [
        ("fsdp2", ["steps.train.lora={rank: 4}", "steps.train.learning_rate=0.01"], 1e-3),
        ("ddp", ["steps.train.optimizer=muon"], 5e-3),  # it turns matrices in bfloat16
    ],
)
def test_a_run_goes_on_with_another_number_of_processes(
    tmp_path: Path, world: Path, trained: Path, how: str, overrides: list[str], apart: float
) -> None:
    """To step 9 or so in two processes, sharded and with adapters or with two optimizers, then to the end in one."""
    out = tmp_path / "out"
    parallel = f"steps.train.parallel={how}"
    process = spiritkit_run(world / "r.yaml", out, *overrides, parallel, processes=2, wait=False)
    while _step(out) not in {6, 9, 12, 15} and process.poll() is None:
        time.sleep(0.005)
    assert process.poll() is None
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert _step(out)
    assert spiritkit_run(world / "r.yaml", out, *overrides).returncode == 0
    assert spiritkit_run(world / "r.yaml", tmp_path / "one", *overrides).returncode == 0
    assert reported(out / "train", "loss") == pytest.approx(reported(tmp_path / "one" / "train", "loss"), rel=1e-4)
    assert distance(out / "train", tmp_path / "one" / "train") < apart


# -- requests that cannot be met --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "train-lm.v1: steps is 0; expected at least 1"),
        ({"sequence_length": 1}, "sequence_length is 1"),
        ({"learning_rate": -1.0}, "learning_rate is -1.0"),
        ({"learning_rate": math.nan}, "learning_rate is nan"),
        ({"clip_norm": 0.0}, "clip_norm is 0.0"),
        ({"betas": (0.9, 1.0)}, "betas are"),
        ({"betas": [0.9]}, "expected two numbers"),
        ({"loss_weights": {"text": -1.0}}, "loss_weights.text is -1.0"),
        ({"optimizer": "muon", "parallel": "fsdp2"}, "optimizer is muon.*not fsdp2"),
        ({"data": {"a": Share(shards=["x"], policy=TextOnly(), weight=0)}}, "data has no share"),
        ({"data": {"a": Share(shards=["x"], policy=TextOnly(), weight=-1.0)}}, "share 'a': weight is -1.0"),
        ({"validation": {"b": Share(shards=[], policy=TextOnly())}}, "share 'b': shards is empty"),
    ],
)
def test_parameters_out_of_range(settings: dict[str, Any], changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        TrainLM(**{**settings, **changes})


def test_data_that_was_not_prepared(tmp_path: Path, settings: dict[str, Any]) -> None:
    shares = {"a": Share(shards=[str(tmp_path / "gone")], policy=TextOnly())}
    for name in ("data", "validation"):
        message = r"gone/manifest\.json: no such file .* share 'a'; run a step prepare\.v1 to its end first"
        with pytest.raises(MissingFileError, match=message):
            TrainLM(**{**settings, name: shares}).input_files()


def test_lora_out_of_range() -> None:
    for wrong in ({"rank": 0}, {"alpha": 0.0}, {"dropout": 1.0}):
        with pytest.raises(RequestError, match=rf"lora\.{next(iter(wrong))}"):
            Lora(**wrong)  # type: ignore[arg-type]


def test_a_sequence_longer_than_the_context(tmp_path: Path, pipeline: Pipeline, settings: dict[str, Any]) -> None:
    with pytest.raises(RequestError, match="sequence_length is 65; the language model's context holds 64"):
        train(tmp_path, pipeline, settings, sequence_length=65)


def test_units_of_another_tokenizer(tmp_path: Path, pipeline: Pipeline, settings: dict[str, Any]) -> None:
    others = dict.fromkeys(pipeline.sources, "other.v1@0")
    example = spoken(pipeline, 0)
    assert example.units is not None
    units = Units(example.units.specs, example.units.codes, others)
    folder = tmp_path / "shards"
    fake = SimpleNamespace(specs=pipeline.specs, sources=others)
    write_shards(folder, [Example("a", "x", units), Example("b", "x", units)], fake)  # type: ignore[arg-type]
    share = Share(shards=[str(folder)], policy=settings["data"]["speech"].policy)
    with pytest.raises(ProvenanceError, match=r"other\.v1@0"):
        train(tmp_path / "out", pipeline, settings, data={"speech": share})


def test_a_model_that_cannot_be_saved_is_refused_at_once(
    tmp_path: Path, pipeline: Pipeline, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    part = pipeline.new_language_model()
    monkeypatch.setattr(type(part), "save", LanguageModel.save)
    with pytest.raises(RequestError, match="cannot be saved"):
        train(tmp_path, pipeline, settings)
    assert not (tmp_path / "log.jsonl").exists()


def test_a_loss_that_is_no_number_stops_the_run(
    tmp_path: Path, pipeline: Pipeline, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    build: Callable[[], LanguageModel] = pipeline.new_language_model

    def broken() -> LanguageModel:
        part = build()
        with torch.no_grad():
            next(part.module.parameters())[1] = math.inf  # of <s>
        return part

    monkeypatch.setattr(pipeline, "new_language_model", broken)
    with pytest.raises(SpiritkitError, match="step 1: the norm of the gradient is nan; try a lower learning_rate"):
        train(tmp_path, pipeline, settings)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
