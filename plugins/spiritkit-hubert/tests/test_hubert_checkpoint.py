from __future__ import annotations

import json
import os

import pytest
import torch
from spiritkit_hubert.checkpoint import load_hubert

from spiritkit.errors import CheckpointError, MissingFileError


@pytest.fixture
def contents(make_twins):
    """A good file's contents, to be spoilt, and the function that loads them."""
    file = make_twins().file
    value = torch.load(file, weights_only=True)

    def load():
        torch.save(value, file)
        return load_hubert(file)

    return value, load


def test_good_file_loads(contents):
    hubert = contents[1]()
    assert hubert.normalize_epsilon is None
    assert not hubert.model.training


@pytest.mark.parametrize("text", ["[(16,10,5)] * 2 + __import__('os')", "[(16,10)]", "[]", "(", "", 7, None])
def test_conv_feature_layers_that_are_not_layers(contents, text):
    value, load = contents
    value["model_cfg"]["conv_feature_layers"] = text
    with pytest.raises(CheckpointError, match=r"release\.pt: model_cfg conv_feature_layers is "):
        load()


@pytest.mark.parametrize(
    ("key", "wrong", "message"),
    [
        ("activation_fn", "relu", "only 'gelu' is read"),
        ("layer_norm_first", True, "only False is read"),
        ("extractor_mode", "layer_norm", "only 'default' is read"),
        ("encoder_layers", "3", "expected a positive whole number"),
        ("encoder_embed_dim", 0, "expected a positive whole number"),
        ("encoder_attention_heads", 5, "not a multiple"),
        ("conv_pos_groups", 5, "not a multiple"),
    ],
)
def test_unsupported_settings(contents, key, wrong, message):
    value, load = contents
    value["model_cfg"][key] = wrong
    with pytest.raises(CheckpointError, match=f"{key}.*{message}|{message}.*{key}"):
        load()


@pytest.mark.parametrize("key", ["encoder_layers", "conv_feature_layers", "conv_bias", "activation_fn"])
def test_missing_setting(contents, key):
    value, load = contents
    del value["model_cfg"][key]
    with pytest.raises(CheckpointError, match=f"has no entry '{key}'"):
        load()


@pytest.mark.parametrize("key", ["model_cfg", "task_cfg", "model_weight"])
def test_missing_or_wrong_section(contents, key):
    value, load = contents
    value[key] = "text"
    with pytest.raises(CheckpointError, match=f"{key} is a str"):
        load()
    del value[key]
    with pytest.raises(CheckpointError, match=f"has no entry '{key}'"):
        load()


def test_other_sample_rate(contents):
    value, load = contents
    value["task_cfg"]["sample_rate"] = 8000
    with pytest.raises(CheckpointError, match="sample_rate is 8000; expected 16000"):
        load()


def test_missing_tensor(contents):
    value, load = contents
    del value["model_weight"]["encoder.layers.1.fc1.bias"]
    with pytest.raises(CheckpointError, match=r"no tensor 'encoder\.layers\.1\.feed_forward\.inter.*bias'"):
        load()


def test_wrong_shape(contents):
    value, load = contents
    value["model_weight"]["encoder.pos_conv.0.weight_g"] = torch.ones(32, 1, 1)
    with pytest.raises(CheckpointError, match=r"is \[32, 1, 1\]; expected \[1, 1, 128\]"):
        load()


def test_unknown_tensor(contents):
    value, load = contents
    value["model_weight"]["adapter.weight"] = torch.ones(1)
    with pytest.raises(CheckpointError, match=r"unknown tensor 'adapter\.weight'"):
        load()


def test_weight_that_is_no_tensor(contents):
    value, load = contents
    value["model_weight"]["mask_emb"] = 3
    with pytest.raises(CheckpointError, match="'mask_emb' is a int; expected a tensor"):
        load()


class _Code:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (self.marker,)


def test_code_in_a_file_is_not_run(tmp_path):
    torch.save({"model_cfg": _Code(str(tmp_path / "ran"))}, tmp_path / "evil.pt")
    with pytest.raises(CheckpointError, match=r"evil\.pt: .*never run"):
        load_hubert(tmp_path / "evil.pt")
    assert not (tmp_path / "ran").exists()


def test_code_in_a_folder_is_not_run(make_twins, tmp_path):
    folder = make_twins().folder
    (folder / "model.safetensors").unlink()
    torch.save({"encoder": _Code(str(tmp_path / "ran"))}, folder / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="cannot load a HubertModel"):
        load_hubert(folder)
    assert not (tmp_path / "ran").exists()


def test_nothing_there(tmp_path):
    with pytest.raises(MissingFileError, match="expected a HuBERT checkpoint"):
        load_hubert(tmp_path / "absent.pt")
    with pytest.raises(MissingFileError, match=r"config\.json"):
        load_hubert(tmp_path)


def test_folder_of_another_model(make_twins):
    folder = make_twins().folder
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "wav2vec2"}))
    with pytest.raises(CheckpointError, match="model_type is 'wav2vec2'; expected 'hubert'"):
        load_hubert(folder)


def test_folder_with_a_batch_norm_before_the_positions(make_twins):
    with pytest.raises(CheckpointError, match="conv_pos_batch_norm"):
        load_hubert(make_twins(conv_pos_batch_norm=True).folder)


def test_folder_that_lacks_tensors(make_twins):
    twins = make_twins()
    config = json.loads((twins.folder / "config.json").read_text())
    (twins.folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 4}))
    with pytest.raises(CheckpointError, match=r"no tensor 'encoder\.layers\.3\..* \(16 missing\)"):
        load_hubert(twins.folder)


def test_folder_with_other_shapes(make_twins):
    twins = make_twins()
    config = json.loads((twins.folder / "config.json").read_text())
    (twins.folder / "config.json").write_text(json.dumps(config | {"intermediate_size": 50}))
    with pytest.raises(CheckpointError, match="cannot load a HubertModel"):
        load_hubert(twins.folder)
