"""What the training of `linear-ctc.v1`'s network needs: the loss, its codes, its file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save
from torch import nn
from torch.nn.utils.rnn import pad_sequence

from spiritkit.atomic import write_bytes, write_json
from spiritkit_hubert.linear_ctc import replace_blanks
from spiritkit_hubert.quality import deduplicated


def ctc_loss(
    network: nn.Sequential, features: list[torch.Tensor], codes: list[np.ndarray], blank: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """CTC loss of the changed sound's features against the deduplicated units of the sound as it was.

    Args:
        network: features → classes, the last of which is the blank.
        features: each `[T, D]`.
        codes: for each, int64 `[T']`; frames that are blank count for nothing.
        blank: the code of the blank.

    Returns:
        The loss for each unit, and the share of crops that have a path: faster speech may have fewer frames than units,
        and counts for nothing.
    """
    device = features[0].device
    wanted = [torch.from_numpy(units[units != blank]) for units in map(deduplicated, codes)]
    lengths = torch.tensor([len(each) for each in features])
    target_lengths = torch.tensor([len(each) for each in wanted])
    logits = network(pad_sequence([each.float().clone() for each in features], batch_first=True))
    losses = F.ctc_loss(
        logits.log_softmax(dim=-1).transpose(0, 1),
        torch.cat(wanted).to(device),
        lengths,
        target_lengths,
        blank=blank,
        reduction="none",
        zero_infinity=True,  # else their gradients would be NaN
    )
    has_path = (lengths >= target_lengths) & (target_lengths > 0)
    there = has_path.to(device)
    loss = losses.where(there, 0.0).sum() / target_lengths[has_path].sum().clamp(min=1)
    return loss, has_path.float().mean()


@torch.no_grad()
def quantize(network: nn.Sequential, features: list[torch.Tensor], blank: int) -> list[np.ndarray]:
    """Codes as `linear-ctc.v1` gives them."""
    return [replace_blanks(network(each.float()).argmax(dim=-1).cpu().numpy(), blank) for each in features]


def write_linear_ctc(network: nn.Sequential, folder: Path, *, units: int, upstream: int, layer: int) -> None:
    """Write the folder that `linear-ctc.v1` loads."""
    weights = {name: tensor.cpu().contiguous() for name, tensor in network.state_dict().items()}
    write_bytes(folder / "model.safetensors", save(weights))
    config = {"vocab_size": units, "dim": network[0].in_features, "upstream_dim": upstream, "layer": layer}
    write_json(folder / "config.json", config)
