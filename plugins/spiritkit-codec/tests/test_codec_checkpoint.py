from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from spiritkit_codec.tokenizer import CodecTokenizer
from spiritkit_codec.vocoder import CodecDecoder

from spiritkit.errors import CheckpointError, MissingFileError
from spiritkit.types import Units


def build(folder):
    return CodecTokenizer(checkpoint=folder, n_codebooks=4, device="cpu")


def change(folder, **values):
    path = folder / "config.json"
    config = {**json.loads(path.read_text()), **values}
    path.write_text(json.dumps({key: value for key, value in config.items() if value != "left out"}))


def resave(folder, edit):
    tensors = load_file(folder / "model.safetensors")
    edit(tensors)
    save_file(tensors, folder / "model.safetensors")


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("mimi", {"model_type": "dac"}, "model_type is 'dac'; expected 'encodec' or 'mimi'"),
        ("mimi", {"model_type": "left out"}, "has no entry 'model_type'"),
        ("encodec", {"use_causal_conv": "left out"}, "has no entry 'use_causal_conv'"),
        ("mimi", {"sliding_window": None}, "sliding_window is None; expected a positive whole number"),
        ("encodec", {"sampling_rate": "24k"}, "sampling_rate is '24k'"),
        ("encodec", {"audio_channels": 2}, "audio_channels is 2; expected 1: stereo"),
        ("encodec", {"chunk_length_s": 1.0}, "chunk_length_s is 1.0; expected None"),
        ("encodec", {"normalize": True}, "normalize is True; expected False"),
        ("mimi", {"upsampling_ratios": "many"}, "not a codec that transformers can build"),
        ("mimi", {"frame_rate": 10.0, "_frame_rate": "left out"}, "frame_rate is 10; .* give 12.5"),
        ("mimi", {"rope_parameters": {"rope_type": "yarn"}}, "rope_type is 'yarn'; expected 'default'"),
        ("encodec", {"codebook_size": 32}, r"codebook.* is \[64"),
    ],
)
def test_configurations_that_do_not_hold(copied, name, values, message):
    folder = copied(name)
    change(folder, **values)
    with pytest.raises(CheckpointError, match=message):
        build(folder)


def test_every_tensor_is_accounted_for(copied):
    folder = copied("mimi")
    resave(folder, lambda tensors: tensors.pop("downsample.conv.weight"))
    with pytest.raises(CheckpointError, match="no tensor 'downsample.conv.weight'"):
        build(folder)
    folder = copied("encodec")
    resave(folder, lambda tensors: tensors.update(extra=torch.zeros(1)))
    with pytest.raises(CheckpointError, match="unknown tensor 'extra'"):
        build(folder)


def test_half_a_codec(copied):
    """As version 5 of transformers writes one."""
    folder = copied("mimi")
    change(folder, decoder_config=None)
    resave(folder, lambda tensors: [tensors.pop(name) for name in list(tensors) if name.startswith("decoder")])
    with pytest.raises(CheckpointError, match="no tensor 'decoder"):
        build(folder)


def test_the_rotary_base_of_either_version(copied, codecs):
    """Version 4 of transformers writes it at the top, version 5 in a dictionary."""
    specs = build(codecs["mimi"]).streams
    units = Units(specs, {spec.name: np.arange(40) + index for index, spec in enumerate(specs)}).renamed(
        [f"codec.{spec.name}" for spec in specs]
    )

    def decode(folder):
        return CodecDecoder(checkpoint=folder, device="cpu").decode([units])[0].samples

    folder, decoded = copied("mimi"), []
    for top, inner in ((4.0, "left out"), ("left out", {"rope_theta": 4.0, "rope_type": "default"})):
        change(folder, rope_theta=top, rope_parameters=inner)
        decoded.append(decode(folder))
    np.testing.assert_array_equal(*decoded)
    usual = decode(codecs["mimi"])
    assert np.abs(decoded[0] - usual).max() > 1e-2 * np.abs(usual).max()


def test_missing_files(codecs, copied, tmp_path):
    with pytest.raises(MissingFileError, match="EnCodec or Mimi"):
        build(tmp_path / "nowhere")
    folder = copied("mimi")
    (folder / "model.safetensors").unlink()
    with pytest.raises(MissingFileError, match="model.safetensors or pytorch_model.bin"):
        build(folder)


@pytest.mark.parametrize("names", ["old", "new"])
def test_weights_of_older_files(codecs, copied, noise, names):
    """`pytorch_model.bin`, with the names that weight norm had before PyTorch 2."""
    folder = copied("encodec")
    tensors = load_file(folder / "model.safetensors")
    if names == "old":
        for new, old in (("original0", "weight_g"), ("original1", "weight_v")):
            tensors = {name.replace(f"parametrizations.weight.{new}", old): tensor for name, tensor in tensors.items()}
        assert any(name.endswith("weight_g") for name in tensors)
    (folder / "model.safetensors").unlink()
    torch.save(tensors, folder / "pytorch_model.bin")
    audio = noise(9_000)
    assert build(folder).encode([audio])[0] == build(codecs["encodec"]).encode([audio])[0]


def test_code_in_a_pickle_is_never_run(copied, tmp_path):
    class Evil:
        def __reduce__(self):
            return (np.save, (str(tmp_path / "ran.npy"), np.zeros(1)))

    folder = copied("encodec")
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({"x": Evil()}, protocol=2))
    with pytest.raises(CheckpointError, match="plain tensors"):
        build(folder)
    assert not (tmp_path / "ran.npy").exists()
