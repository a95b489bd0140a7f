"""Reading a released checkpoint folder into a network that is ready to run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from spiritkit.checkpoints import entry, load_weights, read_tensors
from spiritkit.errors import CheckpointError
from spiritkit_hifigan.config import read_config
from spiritkit_hifigan.network import Network


def read_network(folder: Path) -> Network:
    """The network of `config.json` with the weights of `generator.pt`, float32 on CPU, weight norm folded.

    Raises:
        MissingFileError, CheckpointError: what is not there, or not as it should be.
    """
    config = read_config(folder / "config.json")
    path = folder / "generator.pt"
    tensors = entry(read_tensors(path, "the weights of a unit HiFi-GAN"), "generator", path)
    if not isinstance(tensors, Mapping) or not all(isinstance(value, torch.Tensor) for value in tensors.values()):
        raise CheckpointError(path, "entry 'generator' is not a dictionary of tensors")
    # no random initialisation: it would cost time and disturb the caller's seed
    with torch.device("meta"):
        network = Network(config)
    network.to_empty(device="cpu")
    load_weights(network, fold_weight_norm(tensors, path), path)
    return network.eval().requires_grad_(False)


def fold_weight_norm(tensors: Mapping[str, torch.Tensor], path: Path) -> dict[str, torch.Tensor]:
    """Tensors with each pair `weight_g`, `weight_v` (weight norm over axis 0) replaced by the `weight` it stands for.

    Raises:
        CheckpointError: one of a pair is missing, or their shapes do not go together.
    """
    folded = {}
    for name, tensor in tensors.items():
        stem, _, kind = name.rpartition(".")
        if kind not in ("weight_g", "weight_v"):
            folded[name] = tensor
            continue
        other = f"{stem}.weight_{'v' if kind == 'weight_g' else 'g'}"
        if other not in tensors:
            raise CheckpointError(path, f"no tensor {other!r} beside {name!r}")
        if kind == "weight_v":
            gain, wanted = tensors[other], [len(tensor), *[1] * (tensor.dim() - 1)]
            if list(gain.shape) != wanted:
                raise CheckpointError(path, f"{other!r} is {list(gain.shape)}; expected {wanted}")
            norm = torch.linalg.vector_norm(tensor, dim=tuple(range(1, tensor.dim())), keepdim=True)
            folded[f"{stem}.weight"] = tensor * (gain / norm)
    return folded
