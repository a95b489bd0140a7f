"""A folder in Hugging Face format → a codec with its weights, every tensor accounted for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch.nn.utils import parametrize
from transformers import EncodecConfig, EncodecModel, MimiConfig, MimiModel

from spiritkit.checkpoints import entry, load_weights, read_json, read_tensors, resolve
from spiritkit.errors import CheckpointError
from spiritkit_codec.codec import Codec, Encodec, Mimi, MimiParts

#: What a configuration must say: of these, a wrong default would not show in the shapes of the weights.
_KEYS = {
    "encodec": ("sampling_rate", "audio_channels", "use_causal_conv", "pad_mode", "trim_right_ratio"),
    "mimi": ("sampling_rate", "audio_channels", "use_causal_conv", "pad_mode", "trim_right_ratio", "sliding_window"),
}
_COUNTS = ("sampling_rate", "sliding_window")
#: Keys of Mimi that only version 5 of transformers knows.
_VERSION_5 = ("rope_parameters", "encoder_config", "decoder_config")
#: Names of weight norm's magnitude and direction in older files, and PyTorch's now.
_WEIGHT_NORM = {"weight_g": "parametrizations.weight.original0", "weight_v": "parametrizations.weight.original1"}


def load_codec(checkpoint: Path | str, device: torch.device) -> Codec:
    """Read EnCodec or Mimi from a folder with `config.json` and weights, or from the Hugging Face hub.

    Raises:
        MissingFileError: no such folder, hub model or file.
        CheckpointError: of another model, or of one that takes more than mono audio in one piece; a tensor is missing,
            unknown or of another shape.
    """
    folder = resolve(checkpoint, "a folder (or hub name) of EnCodec or Mimi with config.json and weights")
    path = folder / "config.json"
    config = read_json(path)
    kind = entry(config, "model_type", path)
    if kind not in _KEYS:
        raise CheckpointError(path, f"model_type is {kind!r}; expected 'encodec' or 'mimi'")
    for key in _KEYS[kind]:
        value = entry(config, key, path)
        if key in _COUNTS and (type(value) is not int or value < 1):
            raise CheckpointError(path, f"{key} is {value!r}; expected a positive whole number")
    for key, supported, why in (
        ("audio_channels", 1, "stereo is not supported"),
        ("chunk_length_s", None, "overlapping chunks are not supported"),
        ("normalize", False, "loudness beside the codes is not supported"),
    ):
        if config.get(key) not in (supported, None):
            raise CheckpointError(path, f"{key} is {config[key]!r}; expected {supported!r}: {why}")
    model = _build(kind, config, path)
    weights = folder / "model.safetensors"
    if not weights.exists():
        weights = folder / "pytorch_model.bin"
    tensors = read_tensors(weights, "the weights: model.safetensors or pytorch_model.bin")
    load_weights(model, _renamed(tensors), weights)
    for module in model.modules():
        if parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight")
    model.eval().requires_grad_(False).to(device)
    return Encodec(model) if kind == "encodec" else Mimi(model)


def _build(kind: str, config: dict[str, Any], path: Path) -> torch.nn.Module:
    """The network with random weights. (Not on "meta": it computes with buffers that no file has.)"""
    try:
        with torch.random.fork_rng(devices=[]):
            if kind == "encodec":
                return EncodecModel(EncodecConfig.from_dict(config))
            settings = MimiConfig.from_dict(_common(config))
            settings._attn_implementation = "sdpa"
            model = MimiParts(MimiModel(settings))
    except Exception as error:  # transformers checks little: a wrong value may fail anywhere in its constructors
        raise CheckpointError(path, f"not a codec that transformers can build: {error}") from error
    if model.downsample is None or settings.frame_rate * settings.frame_size != settings.sampling_rate:
        raise CheckpointError(
            path,
            f"frame_rate is {settings.frame_rate:g}; upsampling_ratios {settings.upsampling_ratios} and a last halving "
            f"of {settings.sampling_rate} Hz give {settings.sampling_rate / settings.frame_size:g}",
        )
    return model


def _common(config: dict[str, Any]) -> dict[str, Any]:
    """A configuration of Mimi as versions 4 and 5 of transformers both read it. Version 4 ignores the key in which
    version 5 writes the rotary base, and would silently take its default. Version 5 builds no encoder or decoder where
    one is null; here both are built, so that the file's missing tensors are named.
    """
    rope = config.get("rope_parameters") or {}
    if rope.get("rope_type", "default") != "default":
        raise ValueError(f"rope_type is {rope['rope_type']!r}; expected 'default'")
    common = {key: value for key, value in config.items() if key not in _VERSION_5}
    return {**common, "rope_theta": rope["rope_theta"]} if "rope_theta" in rope else common


def _renamed(tensors: Mapping[str, Any]) -> dict[str, Any]:
    renamed = {}
    for name, tensor in tensors.items():
        module, _, last = str(name).rpartition(".")
        renamed[f"{module}.{_WEIGHT_NORM[last]}" if last in _WEIGHT_NORM else name] = tensor
    return renamed
