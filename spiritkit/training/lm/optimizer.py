"""What changes the weights: AdamW (Loshchilov and Hutter 2019), as Llama 2 was trained with it, or Muon (Jordan et al.
2024) for the matrices of the layers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import torch

OptimizerName = Literal["adamw", "muon"]


def optimizers(
    name: OptimizerName,
    network: torch.nn.Module,
    layers: Iterable[torch.nn.Module],
    embeddings: Iterable[torch.nn.Module],
    *,
    learning_rate: float,
    betas: tuple[float, float],
    weight_decay: float,
) -> list[torch.optim.Optimizer]:
    """Optimizers that together have every parameter that is trained.

    Weight decay draws on matrices; norms and biases have none, nor have input and output embeddings, in which a rare
    token's row would only be drawn to zero. Muon has the matrices of the layers, with steps of the size that AdamW's
    have (Liu et al. 2025), so that one learning rate serves both; weights of three dimensions are none that it knows.
    """
    rows, in_layers = _parameters_of(embeddings), _parameters_of(layers)
    turned: list[torch.nn.Parameter] = []
    drawn: list[torch.nn.Parameter] = []
    others: list[torch.nn.Parameter] = []
    for parameter in network.parameters():
        if not parameter.requires_grad:
            continue
        if parameter.dim() < 2 or id(parameter) in rows:
            others.append(parameter)
        elif name == "muon" and parameter.dim() == 2 and id(parameter) in in_layers:
            turned.append(parameter)
        else:
            drawn.append(parameter)
    found: list[torch.optim.Optimizer] = []
    if turned:
        found.append(
            torch.optim.Muon(turned, lr=learning_rate, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw")
        )
    groups = [{"params": drawn, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    if groups := [group for group in groups if group["params"]]:
        found.append(torch.optim.AdamW(groups, lr=learning_rate, betas=betas))
    return found


def _parameters_of(modules: Iterable[torch.nn.Module]) -> set[int]:
    return {id(parameter) for module in modules for parameter in module.parameters()}
