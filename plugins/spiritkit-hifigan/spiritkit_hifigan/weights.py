"""Reading a checkpoint folder into a network that is ready to run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from spiritkit.checkpoints import entry, load_weights, read_tensors
from spiritkit.errors import CheckpointError
from spiritkit_hifigan.config import read_config
from spiritkit_hifigan.istft import IstftNetwork, synthesis
from spiritkit_hifigan.network import Network

#: Begins the names of the F0 predictor's tensors.
_F0 = "f0_predictor."


def read_network(folder: Path) -> Network:
    """The HiFi-GAN of `config.json` with the weights of `generator.safetensors`, as `train-hifigan.v1` writes it, or of
    `generator.pt`, as released; float32 on CPU, weight norm folded.

    Raises:
        MissingFileError, CheckpointError: what is not there, or not as it should be.
    """
    config = read_config(folder / "config.json")
    if config.istft:
        raise CheckpointError(folder / "config.json", "is of an iSTFT network; istft-hifigan.v1 loads it")
    # no random initialisation: it would cost time and disturb the caller's seed
    with torch.device("meta"):
        network = Network(config)
    path, tensors = read_folded(folder)
    network.to_empty(device="cpu")
    load_weights(network, tensors, path)
    return network.eval().requires_grad_(False)


def read_istft_network(folder: Path) -> IstftNetwork:
    """The iSTFT network of `config.json` with the weights of `generator.safetensors`, float32 on CPU; its F0 predictor
    in float64.

    Raises:
        MissingFileError, CheckpointError: what is not there, or not as it should be.
    """
    config = read_config(folder / "config.json")
    if config.istft is None:
        raise CheckpointError(folder / "config.json", "is of a HiFi-GAN, without 'istft'; hifigan.v1 loads it")
    with torch.device("meta"):
        network = IstftNetwork(config)
    path, tensors = read_folded(folder)
    network.to_empty(device="cpu")
    own = {name: tensor for name, tensor in tensors.items() if not name.startswith(_F0)}
    load_weights(network, own | {"inverse.weight": synthesis(config.istft), "inverse.bias": torch.zeros(1)}, path)
    if network.f0_predictor is not None:
        predictor = network.f0_predictor.to_empty(device="cpu")
        load_weights(predictor, {name.removeprefix(_F0): tensors[name] for name in tensors if name not in own}, path)
        predictor.double().eval().requires_grad_(False)
    return network.eval().requires_grad_(False)


def read_folded(folder: Path) -> tuple[Path, dict[str, torch.Tensor]]:
    """The weights' file, and the tensors in it, weight norm folded.

    Raises:
        MissingFileError, CheckpointError: what is not there, or not as it should be.
    """
    path = folder / "generator.safetensors"
    if path.exists():
        return path, read_tensors(path, "the weights of a vocoder")
    path = folder / "generator.pt"
    tensors = entry(read_tensors(path, "the weights of a unit HiFi-GAN"), "generator", path)
    if not isinstance(tensors, Mapping) or not all(isinstance(value, torch.Tensor) for value in tensors.values()):
        raise CheckpointError(path, "entry 'generator' is not a dictionary of tensors")
    return path, fold_weight_norm(tensors, path)


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
