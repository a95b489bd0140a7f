"""Causal models: against transformers' own passes, whatever the architecture; loading; other embeddings."""

from __future__ import annotations

import json
import os
import random
import shutil
from functools import cache

import numpy as np
import pytest
import torch
from spiritkit_hf.causal import HFCausal
from spiritkit_hf.text_tokenizer import HFTokenizer
from spiritkit_llama import llama as shared

from spiritkit.errors import CheckpointError, InputError, MissingFileError, RequestError
from spiritkit.testing import LanguageModelContract
from spiritkit.types import Constraint, Sampling

KINDS = ["llama", "qwen", "opt", "gpt2", "gemma"]
ANY = Constraint(((0, 50),))
GREEDY = Sampling(max_new_tokens=12, temperature=0)


@pytest.fixture(scope="module")
def models(checkpoints):
    """The small models through the component."""
    return cache(lambda kind: HFCausal(checkpoint=checkpoints(kind), dtype="float32", device="cpu"))


def batch(count=5, longest=30):
    pick = random.Random(2)
    return [[pick.randrange(50) for _ in range(pick.randint(1, longest))] for _ in range(count)]


def logits(module, ids):
    with torch.no_grad():
        return module(torch.tensor([ids])).logits[0]


class Contract(LanguageModelContract):
    component = "hf-causal.v1"

    @pytest.fixture
    def parameters(self, checkpoints):
        return {"checkpoint": checkpoints(self.model), "dtype": "float32", "device": "cpu"}


class TestQwen(Contract):
    model = "qwen"


class TestOPT(Contract):
    model = "opt"


# -- generating and scoring -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_greedy_equals_transformers(models, kind):
    model = models(kind)
    assert (model.rows, model.context_length) == (50, 64)
    for ids in batch(3):
        expected = model.module.generate(
            torch.tensor([ids]),
            attention_mask=torch.ones(1, len(ids), dtype=torch.int64),
            max_new_tokens=12,
            do_sample=False,
            eos_token_id=None,
            pad_token_id=0,
        )
        assert list(model.generate(ids, ANY, GREEDY)) == expected[0, len(ids) :].tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_together_equals_one_by_one(models, kind):
    model, prompts = models(kind), batch()
    sampling = Sampling(max_new_tokens=12, temperature=1.0, top_p=0.9, seed=5)
    seeded = [Sampling(**{**vars(sampling), "seed": 5 + row}) for row in range(len(prompts))]
    alone = [list(model.generate(ids, ANY, own)) for ids, own in zip(prompts, seeded, strict=True)]
    assert model.generate_batch(prompts, ANY, sampling) == alone


@pytest.mark.parametrize("kind", KINDS)
def test_scores_equal_those_of_a_plain_pass(models, kind, monkeypatch):
    monkeypatch.setattr(shared, "_LOGITS", 350)  # seven positions at once
    model, sequences = models(kind), batch()
    for ids, score in zip(sequences, model.score(sequences), strict=True):
        expected = torch.log_softmax(logits(model.module, ids).double(), dim=-1)
        wanted = [float(expected[position, id]) for position, id in enumerate(ids[1:])]
        np.testing.assert_allclose(score, np.array(wanted), rtol=0, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_hidden_states_are_the_embedding_and_each_layer(checkpoints, kind):
    model = HFCausal(checkpoint=checkpoints(kind), dtype="float32", device="cpu")
    layers = next(part for part in model.module.base_model.modules() if isinstance(part, torch.nn.ModuleList))
    found, seen = model.hidden_states(batch()), []
    layers[0].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    for layer in layers:
        layer.register_forward_hook(lambda _, given, output: seen.append(output))
    for ids, states in zip(batch(), found, strict=True):
        seen.clear()
        logits(model.module, ids)
        expected = [(one if isinstance(one, torch.Tensor) else one[0]).detach().numpy()[0] for one in seen]
        np.testing.assert_allclose(states, np.stack(expected), rtol=1e-4, atol=1e-4)


def test_the_context_is_never_exceeded(models):
    for kind in ("opt", "gpt2"):  # these have a table of positions
        assert len(list(models(kind).generate([1] * 60, ANY, Sampling(max_new_tokens=100, temperature=0)))) == 4
        with pytest.raises(InputError, match=r"65 ids.*64"):
            models(kind).score([[1] * 65])
    with pytest.raises(InputError, match="id 50 "):
        models("opt").score([[50]])


# -- loading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["llama", "qwen", "opt", "gpt2"])
def test_slamkit_checkpoints(make_network, make_slamkit, tmp_path, kind):
    module = make_network(kind)
    make_slamkit(module, tmp_path)
    model = HFCausal(checkpoint=tmp_path, dtype="float32", device="cpu")
    assert torch.equal(logits(model.module, [1, 2, 3]), logits(module, [1, 2, 3]))
    assert (model.rows, model.context_length) == (50, 64)


def test_the_size_of_a_slamkit_embedding_is_said_outside(make_network, make_slamkit, tmp_path):
    make_slamkit(make_network("qwen"), tmp_path)
    path = tmp_path / "config.json"
    settings = json.loads(path.read_text())
    settings["base_config"]["vocab_size"] = 151936
    path.write_text(json.dumps(settings))
    assert HFCausal(checkpoint=tmp_path, device="cpu").rows == 50
    for key in ("vocab_size", "base_config"):
        path.write_text(json.dumps({name: value for name, value in settings.items() if name != key}))
        with pytest.raises(CheckpointError, match=f"has no entry '{key}'"):
            HFCausal(checkpoint=tmp_path, device="cpu")


def change(folder, **changes):
    path = folder / "config.json"
    settings = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in settings.items() if value is not ...}))


@pytest.mark.parametrize(
    ("kind", "changes", "message"),
    [
        ("qwen", {"model_type": "mine"}, "model_type is 'mine'; expected one that transformers knows"),
        ("qwen", {"model_type": ...}, "model_type is None"),
        ("qwen", {"model_type": ["qwen2"]}, r"model_type is \['qwen2'\]"),
        ("qwen", {"model_type": "hubert"}, "model_type is 'hubert'; expected a causal language model's"),
        ("qwen", {"num_attention_heads": ...}, "has no entry 'num_attention_heads'"),
        ("gpt2", {"n_positions": ...}, "has no entry 'n_positions'"),
        ("qwen", {"hidden_size": "wide"}, "not a valid qwen2 configuration|transformers cannot load it"),
        ("qwen", {"hidden_size": 48}, r"is \[50, 32\]; expected \[50, 48\]"),
        ("gpt2", {"n_embd": 48}, r"is \[50, 32\]; expected \[50, 48\]|is \[32\]; expected \[48\]"),
        ("opt", {"num_hidden_layers": 3}, r"no tensor 'model\.decoder\.layers\.2"),
        ("opt", {"num_hidden_layers": 1}, r"unknown tensor 'model\.decoder\.layers\.1"),
        ("qwen", {"vocab_size": 49}, r"is \[50, 32\]; expected \[49, 32\]"),
    ],
)
def test_configurations_that_do_not_fit(checkpoints, tmp_path, kind, changes, message):
    shutil.copytree(checkpoints(kind), tmp_path, dirs_exist_ok=True)
    change(tmp_path, **changes)
    with pytest.raises(CheckpointError, match=message):
        HFCausal(checkpoint=tmp_path, device="cpu")


def test_shapes_that_do_not_fit_under_other_names(make_network, make_slamkit, tmp_path):
    """A GPT-2 saved without its head has no `transformer.` before its names, SlamKit's have `lm.` there."""
    bare, wrapped = tmp_path / "bare", tmp_path / "wrapped"
    network = make_network("gpt2")
    network.transformer.save_pretrained(bare)
    loaded = HFCausal(checkpoint=bare, dtype="float32", device="cpu")
    assert torch.equal(logits(loaded.module, [1, 2, 3]), logits(network, [1, 2, 3]))
    make_slamkit(network, wrapped)
    for folder in (bare, wrapped):
        change(folder, vocab_size=40)
        with pytest.raises(CheckpointError, match=r"wte\.weight' is \[50, 32\]; expected \[40, 32\]"):
            HFCausal(checkpoint=folder, device="cpu")


def test_folders_without_a_model(tmp_path, checkpoints):
    with pytest.raises(MissingFileError, match="causal model in Hugging Face format"):
        HFCausal(checkpoint=tmp_path / "absent")
    with pytest.raises(CheckpointError, match=r"has no config\.json"):
        HFCausal(checkpoint=tmp_path)
    shutil.copy(checkpoints("opt") / "config.json", tmp_path)
    with pytest.raises(CheckpointError, match="has no weights"):
        HFCausal(checkpoint=tmp_path)


class _RunsCode:
    def __reduce__(self):
        return os.mkdir, (os.environ["SPIRITKIT_TEST_TRACE"],)


def test_code_beside_or_in_a_checkpoint_is_not_run(checkpoints, make_network, tmp_path, monkeypatch):
    monkeypatch.setenv("SPIRITKIT_TEST_TRACE", str(tmp_path / "trace"))
    folder = tmp_path / "model"
    shutil.copytree(checkpoints("qwen"), folder)
    (folder / "mine.py").write_text("import os\nos.mkdir(os.environ['SPIRITKIT_TEST_TRACE'])\n")
    change(folder, auto_map={"AutoConfig": "mine.Config", "AutoModelForCausalLM": "mine.Model"})
    assert HFCausal(checkpoint=folder, device="cpu").rows == 50
    change(folder, model_type="mine")
    with pytest.raises(CheckpointError, match="model_type is 'mine'"):
        HFCausal(checkpoint=folder, device="cpu")
    change(folder, model_type="qwen2")
    (folder / "model.safetensors").unlink()
    torch.save({**make_network("qwen").state_dict(), "extra": _RunsCode()}, folder / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="carries code, which is never run"):
        HFCausal(checkpoint=folder, device="cpu")
    assert not (tmp_path / "trace").exists()


def test_number_formats(checkpoints):
    assert HFCausal(checkpoint=checkpoints("opt"), device="cpu").module.dtype == torch.bfloat16
    rounded = HFCausal(checkpoint=checkpoints("opt"), device="cpu", dtype="float32", stored_dtype="bfloat16").module
    weight = rounded.get_input_embeddings().weight
    assert weight.dtype == torch.float32
    assert torch.equal(weight, weight.bfloat16().float())


# -- another embedding ------------------------------------------------------------------------------------------------


def test_without_extend_the_embedding_stays(checkpoints):
    model = HFCausal(checkpoint=checkpoints("qwen"), device="cpu")
    assert not model.resize(60)
    assert model.rows == 50


@pytest.mark.parametrize("kind", KINDS)
def test_further_rows(checkpoints, kind):
    def extended(rows=60, **arguments):
        model = HFCausal(checkpoint=checkpoints(kind), dtype="float32", device="cpu", extend=True, **arguments)
        before = logits(model.module, [1, 2, 3])
        assert model.resize(rows)
        assert model.rows == rows
        return model, before

    state = torch.get_rng_state()
    model, before = extended()
    module = model.module
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.allclose(logits(module, [1, 2, 3])[:, :50], before, atol=1e-5)
    assert all(0 <= id < 60 for id in model.generate([55, 59], Constraint(((50, 60),)), GREEDY))
    assert np.isfinite(model.score([[1, 55, 59]])[0]).all()
    tied = module.config.tie_word_embeddings
    assert (module.get_input_embeddings().weight is module.get_output_embeddings().weight) == tied
    torch.manual_seed(99)
    again, other = extended()[0].module, extended(seed=1)[0].module
    for name in ("get_input_embeddings", "get_output_embeddings"):
        weight, same, new = (getattr(one, name)().weight.detach() for one in (module, again, other))
        assert torch.equal(weight, same)
        assert torch.equal(weight[:50], new[:50])
        assert not torch.isclose(weight[50:], new[50:]).any()


def test_further_rows_have_the_mean_and_covariance_of_the_old_ones(tmp_path, make_network):
    network = make_network("llama", vocab_size=500, hidden_size=8, num_attention_heads=2, num_key_value_heads=2)
    mixing = torch.randn(8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        for weight, shift in ((network.model.embed_tokens.weight, 1.0), (network.lm_head.weight, -2.0)):
            weight.copy_(weight @ mixing + shift)
    network.save_pretrained(tmp_path)
    model = HFCausal(checkpoint=tmp_path, dtype="float32", device="cpu", extend=True)
    model.resize(20_500)
    for weight in (model.module.model.embed_tokens.weight, model.module.lm_head.weight):
        old, new = weight.detach()[:500], weight.detach()[500:]
        scale = float(old.std())
        assert torch.allclose(new.mean(0), old.mean(0), atol=0.05 * scale)
        assert torch.allclose(new.T.cov(), old.T.cov(), atol=0.05 * scale**2)
    assert not torch.allclose(model.module.model.embed_tokens.weight[500:], model.module.lm_head.weight[500:])


def test_surplus_rows_are_cut_off(checkpoints):
    model = HFCausal(checkpoint=checkpoints("qwen"), dtype="float32", device="cpu", extend=True)
    before = logits(model.module, [1, 2, 3])
    assert model.resize(40)
    assert torch.allclose(logits(model.module, [1, 2, 3]), before[:, :40], atol=1e-5)
    assert model.resize(40)  # nothing to do


def test_an_extended_model_is_saved_whole(checkpoints, tmp_path):
    model = HFCausal(checkpoint=checkpoints("qwen"), dtype="float32", device="cpu", extend=True)
    model.resize(60)
    model.module.save_pretrained(tmp_path)
    again = HFCausal(checkpoint=tmp_path, dtype="float32", device="cpu")
    assert again.rows == 60
    assert torch.equal(logits(again.module, [1, 55]), logits(model.module, [1, 55]))


@pytest.mark.parametrize("kind", KINDS)
def test_documents_are_kept_apart_or_refused(checkpoints, kind):
    model = HFCausal(checkpoint=checkpoints(kind), dtype="float32", device="cpu")
    one, other = torch.tensor([[3, 4, 5]]), torch.tensor([[6, 7, 8, 9]])
    documents = torch.tensor([[0] * 3 + [1] * 4])
    try:
        inputs = model.training_inputs(torch.cat([one, other], dim=1), documents)
    except RequestError as error:
        assert "train it without document_mask" in str(error)
        return
    with torch.no_grad():
        together = model.module(**inputs).logits
        alone = [model.module(ids).logits for ids in (one, other)]
    torch.testing.assert_close(together, torch.cat(alone, dim=1), atol=1e-4, rtol=1e-4)


def test_the_tokenizers_files_are_saved_beside_the_model(tokenizers, tmp_path):
    folder = tokenizers("qwen")
    tokenizer = HFTokenizer(checkpoint=folder)
    tokenizer.save(tmp_path)
    again = HFTokenizer(checkpoint=tmp_path)
    assert again.encode("the cat 12") == tokenizer.encode("the cat 12")
