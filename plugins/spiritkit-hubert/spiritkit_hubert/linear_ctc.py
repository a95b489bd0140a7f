"""The quantizer that Spirit LM released: a small network trained with CTC."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from spiritkit.checkpoints import load_weights, positive, read_json, read_tensors, section
from spiritkit.errors import CheckpointError
from spiritkit.interfaces import Quantizer


class LinearCTCQuantizer(Quantizer):
    """Codes of a feed-forward network over `vocab_size` units and a CTC blank.

    The network is Linear – LeakyReLU(0.01) – Linear – LeakyReLU – Linear. Class `vocab_size` is the blank; a blank
    frame takes the code of the nearest frame to its left that is none (see `replace_blanks`). It computes in float32,
    on the device of the features.

    Args:
        checkpoint: the release's file (`L11_quantizer_500.pt`): `model_cfg` with `vocab_size`, `dim` and
            `upstream_dim`, and `model_weight`. Or the folder that `train-linear-quantizer.v1` writes: the same numbers
            and the `layer` in `config.json`, the weights in `model.safetensors`.

    Raises:
        MissingFileError, CheckpointError: no such file; it does not hold that.
    """

    def __init__(self, *, checkpoint: Path):
        path = Path(checkpoint).expanduser()
        if path.is_dir():
            config_path, weights_path, within = path / "config.json", path / "model.safetensors", ""
            config, weights = read_json(config_path), read_tensors(weights_path, "weights of a linear CTC quantizer")
        else:
            loaded = read_tensors(path, "a linear CTC quantizer (.pt, or a folder)")
            config, weights = section(loaded, "model_cfg", path), section(loaded, "model_weight", path)
            config_path, weights_path, within = path, path, "model_cfg "
        units, width, upstream = (
            positive(config, key, config_path, within) for key in ("vocab_size", "dim", "upstream_dim")
        )
        widths = layer_widths(units, width, upstream)
        if min(widths) < 1:
            raise CheckpointError(
                config_path,
                f"{within}dim {width}, upstream_dim {upstream}, vocab_size {units} give layer widths {widths}",
            )
        with torch.device("meta"):  # so that no random numbers are drawn for weights that are replaced at once
            network = new_network(widths)
        self._network = network.to_empty(device="cpu").requires_grad_(False)
        load_weights(self._network, weights, weights_path)
        self._blank = units
        self._width = width
        self.layer = positive(config, "layer", config_path, within) if "layer" in config else None

    @property
    def size(self) -> int:
        """Units and the blank, which stays where a whole chunk is blank."""
        return self._blank + 1

    @property
    def dimension(self) -> int:
        """Width of the features."""
        return self._width

    @torch.inference_mode()
    def quantize(self, features: list[torch.Tensor]) -> list[np.ndarray]:
        """Codes `[T]` of each `[T, D]`."""
        codes = []
        for frames in features:
            network = self._network.to(frames.device)
            codes.append(replace_blanks(network(frames.float()).argmax(dim=-1).cpu().numpy(), self._blank))
        return codes


def layer_widths(units: int, width: int, upstream: int) -> list[int]:
    """Widths from the features to the classes: they change in steps of a quarter of what `upstream` has more than the
    classes.
    """
    surplus = upstream - (units + 1)
    return [width, width - surplus // 4, width - surplus // 2, units + 1]


def new_network(widths: list[int]) -> nn.Sequential:
    """The network, with weights drawn from PyTorch's global random numbers."""
    return nn.Sequential(
        nn.Linear(widths[0], widths[1]),
        nn.LeakyReLU(0.01),
        nn.Linear(widths[1], widths[2]),
        nn.LeakyReLU(0.01),
        nn.Linear(widths[2], widths[3]),
    )


def replace_blanks(codes: np.ndarray, blank: int) -> np.ndarray:
    """Give each blank the code to its left.

    The released system lets every blank take the code of the frame before it, the first frame that of the last, and
    repeats this until no blank is left. That ends with each blank holding the nearest code to its left, going round
    from the first frame to the last; codes that are all blank stay as they are.

    Args:
        codes: `[T]`.
        blank: the code of a blank.

    Returns:
        int64 `[T]`.
    """
    nearest = np.maximum.accumulate(np.where(codes != blank, np.arange(len(codes)), -1))
    if len(codes) and nearest[-1] >= 0:
        nearest[nearest < 0] = nearest[-1]
        codes = codes[nearest]
    return codes.astype(np.int64)
