"""Reading a network of any kind in Hugging Face format: every tensor that it needs there, none made up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from spiritkit_llama.checkpoint import weight_files
from transformers import AutoConfig, PretrainedConfig, PreTrainedModel

from spiritkit import checkpoints, devices
from spiritkit.devices import DTypeName
from spiritkit.errors import CheckpointError

#: Tensors that only training uses, and which released files have or lack.
_TRAINING_ONLY = ("masked_spec_embed",)


def configuration(folder: Path, wanted: str) -> PretrainedConfig:
    """The `config.json` of a folder.

    Args:
        folder: in Hugging Face format.
        wanted: what should be there, for the message.

    Raises:
        CheckpointError: there is none, or transformers does not know it.
    """
    path = folder / "config.json"
    if not path.exists():
        raise CheckpointError(folder, f"has no config.json; expected {wanted} in Hugging Face format")
    checkpoints.read_json(path)  # says what is wrong with the file
    try:
        return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # its checks raise types that differ between versions
        raise CheckpointError(path, f"transformers cannot read it: {first_line(error)}") from error


def network(
    folder: Path, config: PretrainedConfig, model_class: Any, *, device: str, dtype: DTypeName = "float32"
) -> PreTrainedModel:
    """The network with its weights, in evaluation mode. Tensors that it has no use for are passed over.

    Args:
        folder: where the weights are.
        config: of the network.
        model_class: of the network, or an `AutoModelFor…`.
        device: as `spiritkit.devices.device` takes it.
        dtype: number format of the weights and of the arithmetic.

    Raises:
        CheckpointError: no or unreadable weights, or a tensor is missing or of another shape (transformers alone would
            draw it at random and only warn); a network that `model_class` does not know.
        RequestError: no such device.
    """
    place, files = devices.device(device), weight_files(folder)
    try:
        module, info = model_class.from_pretrained(
            folder,
            config=config,
            dtype=devices.dtype(dtype),
            local_files_only=True,
            trust_remote_code=False,
            ignore_mismatched_sizes=True,  # they are refused below, by name
            output_loading_info=True,
        )
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # transformers raises whatever the broken file leads it to
        for file in files:
            checkpoints.read_tensors(file, "weights")  # says which file it is and why
        raise CheckpointError(folder, f"transformers cannot load it: {first_line(error)}") from error
    # Version 4 of transformers gives names, version 5 names with both shapes.
    mismatched = {key if isinstance(key, str) else key[0] for key in info["mismatched_keys"]}
    problems = [f"no tensor {name!r}" for name in sorted(set(info["missing_keys"]) - mismatched) if _needed(name)]
    problems += [f"{name!r} is not {list(module.state_dict()[name].shape)}" for name in sorted(mismatched)]
    if problems:
        more = f" (and {len(problems) - 5} more)" if len(problems) > 5 else ""
        raise CheckpointError(folder, "; ".join(problems[:5]) + more)
    return module.to(place).eval()


def processor(read: Callable[..., Any], folder: Path, wanted: str) -> Any:
    """What makes a network's inputs: a tokenizer or feature extractor.

    Args:
        read: the `from_pretrained` of its class.
        folder: in Hugging Face format.
        wanted: what should be there, for the message.

    Raises:
        CheckpointError: there is none that transformers can read.
    """
    try:
        return read(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # transformers raises whatever the files lead it to
        raise CheckpointError(folder, f"transformers finds no {wanted} in it: {first_line(error)}") from error


def first_line(error: Exception) -> str:
    """What an error of transformers says, without the pages that may follow."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _needed(name: str) -> bool:
    return not name.endswith(_TRAINING_ONLY)
