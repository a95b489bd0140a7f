"""Reading a Llama in Hugging Face format: every tensor there, none made up."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import torch
import transformers
from transformers import BitsAndBytesConfig, LlamaConfig, LlamaForCausalLM

from spiritkit import checkpoints
from spiritkit.errors import CheckpointError, RequestError

#: What decides the model's shape or arithmetic; transformers would fill in a default for each that is missing.
_NEEDED = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "max_position_embeddings",
    "rms_norm_eps",
)


def configuration(folder: Path) -> LlamaConfig:
    """The `config.json` of a checkpoint.

    Raises:
        CheckpointError: there is none, it is not a Llama's, or it lacks a key.
    """
    path = folder / "config.json"
    if not path.exists():
        raise CheckpointError(folder, "has no config.json; expected a Llama checkpoint in Hugging Face format")
    settings = checkpoints.read_json(path)
    if settings.get("model_type") != "llama":
        raise CheckpointError(path, f"model_type is {settings.get('model_type')!r}; expected 'llama'")
    for key in _NEEDED:
        checkpoints.entry(settings, key, path)
    if transformers.__version__.startswith("4.") and "rope_parameters" in settings:
        # Version 4 ignores what version 5 writes, and would silently take the default base.
        rope = dict(settings.pop("rope_parameters"))
        settings["rope_theta"] = rope.pop("rope_theta")
        settings["rope_scaling"] = rope if rope.get("rope_type", "default") != "default" else None
    try:
        return LlamaConfig.from_dict(settings)
    except Exception as error:  # its checks raise types that differ between versions
        raise CheckpointError(path, f"not a valid Llama configuration: {error}") from error


def weight_files(folder: Path) -> list[Path]:
    """The files that hold the weights: one, or the shards of an index; safetensors before `pytorch_model.bin`.

    Raises:
        MissingFileError, CheckpointError: a shard is not there; there are no weights.
    """
    for name in ("model.safetensors", "pytorch_model.bin"):
        if (folder / name).exists():
            return [folder / name]
        index = folder / f"{name}.index.json"
        if index.exists():
            shards = checkpoints.entry(checkpoints.read_json(index), "weight_map", index)
            return [
                checkpoints.require(folder / file, f"a shard of {index.name}") for file in sorted({*shards.values()})
            ]
    raise CheckpointError(
        folder, "has no weights; expected model.safetensors or pytorch_model.bin, or the index of their shards"
    )


def quantization(load_in: Literal["8bit", "4bit"], dtype: torch.dtype) -> BitsAndBytesConfig:
    """How bitsandbytes is to store the weights: 8-bit integers (Dettmers et al. 2022) or 4-bit NF4 (2023)."""
    _need("bitsandbytes", f"load_in: {load_in}", "quantized")
    _need("accelerate", f"load_in: {load_in}", "quantized")
    if load_in == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype)


def load(
    folder: Path,
    *,
    dtype: torch.dtype,
    stored_dtype: torch.dtype,
    device: torch.device,
    device_map: str | dict[str, int | str] | None,
    load_in: Literal["8bit", "4bit"] | None,
) -> LlamaForCausalLM:
    """The network with its weights, in evaluation mode, on `device` unless `device_map` spreads it. Weights are rounded
    to `stored_dtype`, then take `dtype`.

    Raises:
        CheckpointError: as for `configuration` and `weight_files`; a file is unreadable or carries code; a tensor is
            missing, unknown or of another shape (transformers alone would draw it at random and only warn).
        RequestError: `device_map` or `load_in` needs a package that is not installed.
    """
    config = configuration(folder)
    files = weight_files(folder)
    options: dict[str, Any] = {}
    if device_map is not None:
        _need("accelerate", "device_map", "device-map")
        options["device_map"] = device_map
    if load_in is not None:
        options["quantization_config"] = quantization(load_in, dtype)
        options.setdefault("device_map", {"": str(device)})
    try:
        module, info = LlamaForCausalLM.from_pretrained(
            folder,
            config=config,
            dtype=stored_dtype,
            local_files_only=True,
            trust_remote_code=False,
            ignore_mismatched_sizes=True,  # they are refused below, by name
            output_loading_info=True,
            **options,
        )
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # transformers raises whatever the broken file leads it to
        for file in files:
            checkpoints.read_tensors(file, "weights")  # says which file it is and why
        raise CheckpointError(folder, f"transformers cannot load it: {type(error).__name__}: {error}") from error
    _check_complete(module, info, files, folder)
    if load_in is None:
        for parameter in module.parameters():  # not buffers: the rotary frequencies are float32 always
            parameter.data = parameter.data.to(dtype)
    return module if options else module.to(device)


def _check_complete(module: LlamaForCausalLM, info: dict[str, Any], files: list[Path], folder: Path) -> None:
    # Version 4 of transformers gives names, version 5 names with both shapes.
    mismatched = {key if isinstance(key, str) else key[0] for key in info["mismatched_keys"]}
    problems = [f"no tensor {name!r}" for name in sorted(set(info["missing_keys"]) - mismatched)]
    problems += [f"unknown tensor {name!r}" for name in sorted(info["unexpected_keys"])]
    if mismatched:
        wanted = module.state_dict()
        for file in files:
            tensors = checkpoints.read_tensors(file, "weights")
            for name in sorted(mismatched & set(tensors)):
                problems.append(f"{name!r} is {list(tensors[name].shape)}; expected {list(wanted[name].shape)}")
    if problems:
        more = f" (and {len(problems) - 5} more)" if len(problems) > 5 else ""
        raise CheckpointError(folder, "; ".join(problems[:5]) + more)


def _need(package: str, parameter: str, extra: str) -> None:
    if find_spec(package) is None:
        raise RequestError(
            f"llama.v1: {parameter} needs the package {package!r}, which is not installed; "
            f"pip install 'spiritkit-llama[{extra}]'"
        )
