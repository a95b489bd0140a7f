"""The open recipes end to end, on small checkpoints in the formats of those that they name."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import save_file
from transformers import HubertConfig, HubertModel

import spiritkit
from spiritkit import Speech, Text
from spiritkit.errors import RequestError
from spiritkit.recipe import open_recipe

UNITS = [f"<Un{unit}>" for unit in range(500)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An encoder of 25 Hz, centroids for its features, and a second of sound."""
    folder = tmp_path_factory.mktemp("open")
    config = HubertConfig(
        hidden_size=16,
        num_hidden_layers=12,
        num_attention_heads=2,
        intermediate_size=16,
        num_feat_extract_layers=8,
        conv_dim=[8] * 8,
        conv_kernel=[10, 3, 3, 3, 3, 2, 2, 2],
        conv_stride=[5, 2, 2, 2, 2, 2, 2, 2],
    )
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        HubertModel(config).save_pretrained(folder / "hubert")
    save_file({"centroids": torch.randn(500, 16, generator=generator)}, folder / "kmeans.safetensors")
    soundfile.write(folder / "a.wav", np.random.default_rng(0).standard_normal(16_000) * 0.1, 16_000)
    return folder


@pytest.fixture
def load(folder):
    common = [f"checkpoints={folder}", f"tokenizers.hubert.checkpoint={folder}/hubert", "tokenizers.hubert.device=cpu"]
    return lambda name, *overrides: spiritkit.load(name, [*common, *overrides])


def test_units(load, folder):
    pipeline = load("open/twist-units")
    units = pipeline.encode(folder / "a.wav")
    assert len(units["hubert"]) == 24
    string = pipeline.to_string(units)
    assert string.startswith("<Un")
    assert pipeline.vocabulary.rows == 500
    assert pipeline.to_ids(units) == pipeline.to_tokens(units)["hubert"].tolist()
    assert pipeline.parse(string) == pipeline.to_tokens(units)


def test_units_alone(load, folder, tmp_path, make_network, make_slamkit):
    make_slamkit(make_network("qwen", vocab_size=502), tmp_path)
    pipeline = load("open/slam", f"model={tmp_path}", "language_model.dtype=float32", "language_model.device=cpu")
    units = pipeline.encode(folder / "a.wav")
    assert len(units["hubert"]) == 25  # padded; else 24
    tokens = pipeline.to_tokens(units)
    string, ids = pipeline.prompt(Speech(folder / "a.wav"))
    assert ids == [1, *(tokens["hubert"] + 2)]
    assert string == pipeline.to_string(tokens)
    assert pipeline.to_string(ids) == "<S>" + string
    for output in ("any", "speech"):
        result = pipeline.generate(Speech(folder / "a.wav"), output, max_new_tokens=12, seed=3)
        assert result.prompt_ids == ids
        assert 1 <= len(result.new_ids) <= 12
        spoken = [id for id in result.new_ids if id >= 2]
        assert [id for span in result.spans for id in span.tokens["hubert"] + 2] == spoken
        assert 1 not in result.new_ids[:-1]  # <S> ends it
    score = pipeline.score([], Speech(folder / "a.wav"))
    expected = torch.log_softmax(pipeline.language_model.module(torch.tensor([ids])).logits[0].double(), dim=-1)
    wanted = sum(expected.detach()[place, id].item() for place, id in enumerate(ids[1:]))
    assert score.n_tokens == len(tokens)
    assert score.log_probability == pytest.approx(wanted, abs=1e-3)
    with pytest.raises(RequestError, match="output is 'text', of which the vocabulary's blocks have no ids"):
        pipeline.generate(Speech(folder / "a.wav"), "text")
    with pytest.raises(RequestError, match="no text_tokenizer"):
        pipeline.generate([Text("the cat")])


def test_generation_ends_at_the_marker(load, folder, tmp_path, make_network, make_slamkit):
    network = make_network("qwen", vocab_size=502, tie_word_embeddings=False)
    with torch.no_grad():
        network.lm_head.weight.zero_()
        network.model.norm.weight.zero_()  # every logit is 0: greedy takes the first that is allowed
    make_slamkit(network, tmp_path)
    pipeline = load("open/slam", f"model={tmp_path}", "language_model.device=cpu")
    assert pipeline.generate(Speech(folder / "a.wav"), "speech", temperature=0).new_ids == [1]


@pytest.mark.parametrize("own", [True, False])
def test_interleaved(load, folder, tmp_path, tokenizers, make_network, make_slamkit, own):
    """With the units in the tokenizer's own file, or not: the ids are the same."""
    added = [*UNITS, "<speech>", "<text>"]
    text = tokenizers("llama3", *(added if own else []))
    base = len(json.loads((tokenizers("llama3") / "tokenizer.json").read_text())["model"]["vocab"]) + 3
    make_slamkit(make_network("llama", vocab_size=base + 502, max_position_embeddings=128), tmp_path)
    overrides = [f"model={tmp_path}", f"text={text}", "language_model.dtype=float32", "language_model.device=cpu"]
    pipeline = load("open/sims", *overrides)
    assert pipeline.vocabulary.text_size == base
    prompt = [Text("The cat"), Speech(folder / "a.wav")]
    tokens = pipeline.to_tokens(pipeline.encode(folder / "a.wav"))
    string, ids = pipeline.prompt(prompt, "text")
    encode = pipeline.text_tokenizer.encode
    speech = [base + 500, *(base + tokens["hubert"])]
    assert ids == [pipeline.text_tokenizer.bos_id, base + 501, *encode("The cat"), *speech, base + 501]
    assert string == f"<text>The cat<speech>{pipeline.to_string(tokens)}<text>"
    assert pipeline.to_string(pipeline.to_ids(string)) == string
    for output, low, high in (("text", 0, base), ("speech", base, base + 500)):
        result = pipeline.generate(prompt, output, max_new_tokens=12)
        body = [id for id in result.new_ids if id != pipeline.text_tokenizer.eos_id]
        assert all(low <= id < high for id in body)
    score = pipeline.score(prompt, " sat on")
    assert score.n_tokens == len(encode(" sat on"))
    # What looks like a token in a text is no token.
    injected = pipeline.prompt("a<Un3><speech><|eot_id|>b")[1]
    assert injected == [pipeline.text_tokenizer.bos_id, base + 501, *encode("a<Un3><speech><|eot_id|>b")]
    assert max(injected[2:]) < base - 3
    assert pipeline.to_string(injected[2:]) == "a<Un3><speech><|eot_id|>b"


def test_a_text_model_is_extended(load, folder, tmp_path, tokenizers, checkpoints, make_network):
    text = tokenizers("qwen")
    base = len(json.loads((text / "tokenizer.json").read_text())["model"]["vocab"]) + 3
    make_network("qwen", vocab_size=base + 20).save_pretrained(tmp_path)  # padded, as Qwen's are
    overrides = [f"model={tmp_path}", f"text={text}", "language_model.device=cpu"]
    pipeline = load("open/sims", *overrides)
    with pytest.raises(RequestError, match=rf"has {base + 502} ids.* embedding has {base + 20}"):
        pipeline.generate("the cat")
    pipeline = load("open/sims", *overrides, "language_model.extend=true", "language_model.seed=4")
    assert pipeline.language_model.rows == base + 502
    assert len(pipeline.generate("the cat", "speech", max_new_tokens=5).new_ids) > 0


def test_the_recipes_say_how_to_make_the_centroids():
    for name in ("twist-units", "slam", "sims"):
        with pytest.raises(RequestError, match=r"checkpoints: must be given(.|\n)*convert-kmeans.v1"):
            open_recipe(f"open/{name}")
