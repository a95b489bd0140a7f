"""Checkpoint folders that are not as they should be."""

from __future__ import annotations

import json
import pickle
import shutil

import numpy as np
import pytest
import torch
from spiritkit_hifigan.vocoder import HifiGan

from spiritkit.errors import CheckpointError, MissingFileError, RequestError


@pytest.fixture
def folder(base_folder, tmp_path):
    return shutil.copytree(base_folder, tmp_path / "base")


@pytest.fixture
def expressive_copy(expressive_folder, tmp_path):
    return shutil.copytree(expressive_folder, tmp_path / "expressive")


def edit_config(folder, drop=(), **changes):
    config = json.loads((folder / "config.json").read_text()) | changes
    for key in drop:
        del config[key]
    (folder / "config.json").write_text(json.dumps(config))


def edit_tensors(folder, change):
    checkpoint = torch.load(folder / "generator.pt", weights_only=True)
    change(checkpoint["generator"])
    torch.save(checkpoint, folder / "generator.pt")


def test_loading_leaves_the_global_seed_alone(folder):
    before = torch.get_rng_state()
    HifiGan(checkpoint=folder, device="cpu")
    assert torch.equal(torch.get_rng_state(), before)


def test_missing_folder(tmp_path):
    with pytest.raises(MissingFileError, match=r"nowhere: .*config\.json and generator\.pt"):
        HifiGan(checkpoint=tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["config.json", "generator.pt"])
def test_missing_file(folder, name):
    (folder / name).unlink()
    with pytest.raises(MissingFileError, match=name):
        HifiGan(checkpoint=folder)


@pytest.mark.parametrize(
    "key",
    ["resblock", "upsample_rates", "resblock_dilation_sizes", "num_embeddings", "num_speakers", "dur_predictor_params"],
)
def test_missing_key(folder, key):
    edit_config(folder, drop=[key])
    with pytest.raises(CheckpointError, match=rf"config\.json: has no key '{key}'"):
        HifiGan(checkpoint=folder)


def test_missing_key_of_the_duration_predictor(folder):
    edit_config(folder, dur_predictor_params={"encoder_embed_dim": 32, "var_pred_hidden_dim": 32})
    with pytest.raises(CheckpointError, match=r"no key 'dur_predictor_params\.var_pred_kernel_size'"):
        HifiGan(checkpoint=folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"resblock": "2"}, "'resblock' is '2'"),
        ({"num_embeddings": 0}, "'num_embeddings' is 0; expected a positive whole number"),
        ({"embedding_dim": "32"}, "'embedding_dim' is '32'"),
        ({"upsample_rates": 5}, "'upsample_rates' is 5; expected a list"),
        ({"upsample_rates": [5, 4, 4, 4, 2.0]}, "a list of positive whole numbers"),
        ({"upsample_rates": [5, 4, 4, 4]}, "differ in length"),
        ({"upsample_kernel_sizes": [10, 8, 8, 8, 4]}, "an upsampling kernel"),
        ({"upsample_initial_channel": 48}, "halved"),
        ({"resblock_kernel_sizes": [3, 7]}, "differ in length"),
        ({"resblock_kernel_sizes": [3, 7, 10]}, "is even"),
        ({"resblock_dilation_sizes": [[1, 3, 5], [1, 3, 5], 1]}, "'resblock_dilation_sizes' is 1"),
        ({"model_in_dim": 64}, "'model_in_dim' is 64; the inputs that it names have 96 channels"),
        ({"dur_predictor_params": [1]}, "expected an object"),
    ],
)
def test_wrong_value(folder, changes, message):
    edit_config(folder, **changes)
    with pytest.raises(CheckpointError, match=message):
        HifiGan(checkpoint=folder)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("dict.weight", "no tensor 'dict.weight'"),
        ("conv_pre.weight_v", "no tensor 'conv_pre.weight_v' beside 'conv_pre.weight_g'"),
        ("ups.1.weight_g", "no tensor 'ups.1.weight_g' beside 'ups.1.weight_v'"),
        ("dur_predictor.ln2.bias", "no tensor 'dur_predictor.ln2.bias'"),
    ],
)
def test_missing_tensor(folder, name, message):
    edit_tensors(folder, lambda tensors: tensors.pop(name))
    with pytest.raises(CheckpointError, match=rf"generator\.pt: {message}"):
        HifiGan(checkpoint=folder)


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("spkr.weight", (5, 32), r"'spkr.weight' is \[5, 32\]; expected \[4, 32\]"),
        ("conv_post.weight_v", (1, 2, 5), r"'conv_post.weight' is \[1, 2, 5\]; expected \[1, 2, 7\]"),
        ("conv_pre.weight_g", (1, 1, 7), r"'conv_pre.weight_g' is \[1, 1, 7\]; expected \[64, 1, 1\]"),
    ],
)
def test_wrong_shape(folder, name, shape, message):
    edit_tensors(folder, lambda tensors: tensors.update({name: torch.ones(shape)}))
    with pytest.raises(CheckpointError, match=message):
        HifiGan(checkpoint=folder)


def test_a_tensor_too_many(folder):
    edit_tensors(folder, lambda tensors: tensors.update({"f0_dict.weight": torch.ones(64, 32)}))
    with pytest.raises(CheckpointError, match=r"unknown tensor 'f0_dict\.weight'"):
        HifiGan(checkpoint=folder)


def test_not_tensors(folder):
    torch.save({"generator": {"dict.weight": 3}}, folder / "generator.pt")
    with pytest.raises(CheckpointError, match="not a dictionary of tensors"):
        HifiGan(checkpoint=folder)


def test_no_generator(folder):
    torch.save({"model": {}}, folder / "generator.pt")
    with pytest.raises(CheckpointError, match="no entry 'generator'"):
        HifiGan(checkpoint=folder)


def test_code_in_the_file_is_not_run(folder, tmp_path):
    class Harm:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    with (folder / "generator.pt").open("wb") as file:
        pickle.dump({"generator": Harm()}, file, protocol=2)
    with pytest.raises(CheckpointError, match="never run"):
        HifiGan(checkpoint=folder)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"speaker": "nobody"}, "no speaker 'nobody'"),
        ({"style": 99}, "no style 99"),
        ({"default_styles": [1]}, "reads no style tokens"),
        ({"block_frames": 0}, "block_frames is 0"),
    ],
)
def test_defaults_that_are_not_there(folder, parameters, message):
    with pytest.raises(RequestError, match=message):
        HifiGan(checkpoint=folder, **parameters)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"default_pitch": 64}, "has pitch codes 0…63"),
        ({"default_styles": [100]}, "codes of 0…99"),
        ({"default_styles": []}, "codes of 0…99"),
    ],
)
def test_expressive_defaults_that_are_not_there(expressive_copy, parameters, message):
    with pytest.raises(RequestError, match=message):
        HifiGan(checkpoint=expressive_copy, **parameters)


def test_smaller_tables_have_defaults_too(expressive_copy, tokens):
    def shrink(tensors):
        tensors["spkr.weight"] = tensors["spkr.weight"][:1]
        tensors["style_dict.weight"] = tensors["style_dict.weight"][:10]

    edit_tensors(expressive_copy, shrink)
    edit_config(expressive_copy, num_speakers=1, num_style_tokens=10)
    small = HifiGan(checkpoint=expressive_copy, device="cpu")
    made, expected = small.decode([tokens("Pi1 Hu1 Hu2"), tokens("St0 Pi1 Hu1 Hu2")])
    assert np.array_equal(made.samples, expected.samples)


def test_without_files_of_names_there_are_indices(folder, tokens):
    (folder / "speakers.txt").unlink()
    vocoder = HifiGan(checkpoint=folder, device="cpu")
    assert len(vocoder.decode([tokens("Hu1")], speaker=3)[0].samples)
    with pytest.raises(RequestError, match="without names"):
        vocoder.decode([tokens("Hu1")], speaker="speaker3")


def test_without_tables_there_is_nothing_to_choose(folder, tokens):
    def drop(tensors):
        del tensors["spkr.weight"], tensors["style.weight"]
        tensors["conv_pre.weight_v"] = tensors["conv_pre.weight_v"][:, :32]

    edit_tensors(folder, drop)
    edit_config(folder, drop=["multispkr", "multistyle"], model_in_dim=32)
    vocoder = HifiGan(checkpoint=folder, device="cpu")
    assert len(vocoder.decode([tokens("Hu1")])[0].samples)
    with pytest.raises(RequestError, match="this vocoder has no speakers to choose from"):
        vocoder.decode([tokens("Hu1")], speaker=0)
