"""Loading: every layout that transformers writes, and everything that can be wrong with a folder."""

from __future__ import annotations

import json
import os
import shutil

import pytest
import torch
from spiritkit_llama import checkpoint as loading
from spiritkit_llama.llama import Llama
from transformers import LlamaConfig, LlamaForCausalLM

from spiritkit.errors import CheckpointError, MissingFileError, RequestError

PROMPT = torch.tensor([[1, 7, 30, 4]])


def logits(module):
    with torch.no_grad():
        return module(PROMPT).logits


def rewrite(folder, **changes):
    path = folder / "config.json"
    settings = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in settings.items() if value is not ...}))


def bare(folder, network):
    """A folder with `pytorch_model.bin`, as the tests below change it."""
    folder.mkdir(exist_ok=True)
    network.config.save_pretrained(folder)
    state = dict(network.state_dict())
    torch.save(state, folder / "pytorch_model.bin")
    return state


def test_safetensors(llama, network):
    assert torch.equal(logits(llama.module), logits(network))
    assert (llama.rows, llama.context_length) == (50, 64)
    assert not llama.module.training


def test_pytorch_file(tmp_path, network):
    bare(tmp_path, network)
    assert torch.equal(logits(Llama(checkpoint=tmp_path, dtype="float32", device="cpu").module), logits(network))


def test_shards(tmp_path, network):
    network.save_pretrained(tmp_path, max_shard_size="10KB")
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 2
    loaded = Llama(checkpoint=str(tmp_path), dtype="float32", device="cpu")
    assert torch.equal(logits(loaded.module), logits(network))


def test_shards_of_pytorch_files(tmp_path, network):
    state = bare(tmp_path, network)
    (tmp_path / "pytorch_model.bin").unlink()
    names = list(state)
    shards = {"a.bin": names[:5], "b.bin": names[5:]}
    for file, inside in shards.items():
        torch.save({name: state[name] for name in inside}, tmp_path / file)
    index = {"metadata": {}, "weight_map": {name: file for file, inside in shards.items() for name in inside}}
    (tmp_path / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    assert torch.equal(logits(Llama(checkpoint=tmp_path, dtype="float32", device="cpu").module), logits(network))
    (tmp_path / "b.bin").unlink()
    with pytest.raises(MissingFileError, match=r"b\.bin.*shard of pytorch_model\.bin\.index\.json"):
        Llama(checkpoint=tmp_path)


def test_tied_embeddings(tmp_path):
    config = LlamaConfig(
        vocab_size=20,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        tie_word_embeddings=True,
    )
    LlamaForCausalLM(config).save_pretrained(tmp_path)
    module = Llama(checkpoint=tmp_path, device="cpu").module
    assert module.lm_head.weight is module.model.embed_tokens.weight


def test_rotary_buffers_of_old_checkpoints_are_passed_over(tmp_path, network):
    state = bare(tmp_path, network)
    state["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.ones(4)
    torch.save(state, tmp_path / "pytorch_model.bin")
    assert torch.equal(logits(Llama(checkpoint=tmp_path, dtype="float32", device="cpu").module), logits(network))


def test_the_rope_base_is_read_in_both_spellings(tmp_path, network):
    bare(tmp_path, network)
    rewrite(tmp_path, rope_theta=100_000.0, rope_scaling=None, rope_parameters=...)
    old = logits(Llama(checkpoint=tmp_path, dtype="float32", device="cpu").module)
    rewrite(tmp_path, rope_theta=..., rope_scaling=..., rope_parameters={"rope_theta": 1e5, "rope_type": "default"})
    new = logits(Llama(checkpoint=tmp_path, dtype="float32", device="cpu").module)
    assert torch.equal(old, new)
    assert not torch.allclose(old, logits(network), atol=1e-3)


def test_number_formats(checkpoint):
    assert Llama(checkpoint=checkpoint, device="cpu").module.dtype == torch.bfloat16
    assert Llama(checkpoint=checkpoint, device="cpu", dtype="float16").module.dtype == torch.float16


def test_loading_leaves_the_global_generator_alone(checkpoint):
    state = torch.get_rng_state()
    Llama(checkpoint=checkpoint, device="cpu")
    assert torch.equal(torch.get_rng_state(), state)


def test_device_map(checkpoint, network):
    pytest.importorskip("accelerate")
    loaded = Llama(checkpoint=checkpoint, dtype="float32", device_map={"model": "cpu", "lm_head": "cpu"})
    assert torch.equal(logits(loaded.module), logits(network))
    assert len(loaded.score([[1, 2, 3]])[0]) == 2
    with pytest.raises(RequestError, match="give one of them"):
        Llama(checkpoint=checkpoint, device="cpu", device_map="auto")


@pytest.mark.parametrize(
    ("absent", "arguments", "extra"),
    [
        ("bitsandbytes", {"load_in": "8bit"}, "quantized"),
        ("bitsandbytes", {"load_in": "4bit"}, "quantized"),
        ("accelerate", {"device_map": "auto"}, "device-map"),
    ],
)
def test_packages_that_are_not_installed_are_named(checkpoint, monkeypatch, absent, arguments, extra):
    monkeypatch.setattr(loading, "find_spec", lambda name: None if name == absent else object())
    with pytest.raises(RequestError, match=rf"needs the package '{absent}'.*spiritkit-llama\[{extra}\]"):
        Llama(checkpoint=checkpoint, **arguments)


def test_quantization_settings(monkeypatch):
    monkeypatch.setattr(loading, "find_spec", lambda name: object())
    monkeypatch.setattr(loading, "BitsAndBytesConfig", dict)  # the class itself wants bitsandbytes
    assert loading.quantization("8bit", torch.bfloat16) == {"load_in_8bit": True}
    assert loading.quantization("4bit", torch.float16) == {
        "load_in_4bit": True,
        "bnb_4bit_quant_type": "nf4",
        "bnb_4bit_compute_dtype": torch.float16,
    }


def test_no_folder(tmp_path):
    with pytest.raises(MissingFileError, match="Llama checkpoint folder"):
        Llama(checkpoint=tmp_path / "absent")


def test_no_configuration(tmp_path):
    with pytest.raises(CheckpointError, match=r"has no config\.json"):
        Llama(checkpoint=tmp_path)


def test_no_weights(tmp_path, network):
    network.config.save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match="has no weights"):
        Llama(checkpoint=tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "qwen2"}, "model_type is 'qwen2'; expected 'llama'"),
        ({"model_type": ...}, "model_type is None; expected 'llama'"),
        ({"max_position_embeddings": ...}, "has no entry 'max_position_embeddings'"),
        ({"rms_norm_eps": ...}, "has no entry 'rms_norm_eps'"),
        ({"num_hidden_layers": "two"}, "not a valid Llama configuration|transformers cannot load it"),
        ({"hidden_size": 48}, r"is \[50, 32\]; expected \[50, 48\]"),
    ],
)
def test_configurations_that_do_not_fit(tmp_path, network, changes, message):
    bare(tmp_path, network)
    rewrite(tmp_path, **changes)
    with pytest.raises(CheckpointError, match=message):
        Llama(checkpoint=tmp_path)


def test_tensors_that_do_not_fit(tmp_path, network):
    name = "model.layers.1.mlp.up_proj.weight"
    state = bare(tmp_path, network)
    whole = state.pop(name)
    torch.save(state, tmp_path / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=f"no tensor '{name}'"):
        Llama(checkpoint=tmp_path, device="cpu")
    torch.save({**state, name: whole[:40]}, tmp_path / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=rf"'{name}' is \[40, 32\]; expected \[48, 32\]"):
        Llama(checkpoint=tmp_path, device="cpu")
    torch.save({**state, name: whole, "extra": whole}, tmp_path / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="unknown tensor 'extra'"):
        Llama(checkpoint=tmp_path, device="cpu")


class _RunsCode:
    def __reduce__(self):
        return os.mkdir, (os.environ["SPIRITKIT_TEST_TRACE"],)


def test_a_pickle_that_carries_code_is_refused_and_not_run(tmp_path, network, monkeypatch):
    monkeypatch.setenv("SPIRITKIT_TEST_TRACE", str(tmp_path / "trace"))
    state = bare(tmp_path, network)
    torch.save({**state, "extra": _RunsCode()}, tmp_path / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="carries code, which is never run"):
        Llama(checkpoint=tmp_path)
    assert not (tmp_path / "trace").exists()


def test_a_cut_file(tmp_path, checkpoint):
    shutil.copytree(checkpoint, tmp_path, dirs_exist_ok=True)
    file = tmp_path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:5000])
    with pytest.raises(CheckpointError, match=r"model\.safetensors: not a readable safetensors file"):
        Llama(checkpoint=tmp_path)


@pytest.mark.parametrize(("rows", "parameters"), [(32512, 6_742_609_920), (32768, 6_744_707_072)])
def test_released_size(tmp_path, rows, parameters):
    """Llama 2 7B has 6,738,415,616 parameters with 32,000 rows; each further row adds 2 · 4096."""
    settings = {
        "model_type": "llama",
        "vocab_size": rows,
        "hidden_size": 4096,
        "intermediate_size": 11008,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 32,
        "max_position_embeddings": 4096,
        "rms_norm_eps": 1e-5,
        "tie_word_embeddings": False,
    }
    (tmp_path / "config.json").write_text(json.dumps(settings))
    with torch.device("meta"):
        module = LlamaForCausalLM(loading.configuration(tmp_path))
    shapes = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    assert sum(tensor.numel() for tensor in module.parameters()) == parameters
    assert parameters == 6_738_415_616 + (rows - 32000) * 2 * 4096
    assert shapes["model.embed_tokens.weight"] == shapes["lm_head.weight"] == (rows, 4096)
    assert shapes["model.layers.31.mlp.down_proj.weight"] == (4096, 11008)
    assert shapes["model.layers.0.self_attn.k_proj.weight"] == (4096, 4096)
    assert len(shapes) == 32 * 9 + 3
