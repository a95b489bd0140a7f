"""One network in several processes: copies whose gradients are averaged (DDP, Li et al. 2020), or shards that are put
together layer by layer while they compute (FSDP2, Zhao et al. 2023).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, Literal

import torch
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_state_dict, set_state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel
from torch.utils.checkpoint import checkpoint

from spiritkit.training.distributed import is_main, world_size

ParallelName = Literal["ddp", "fsdp2"]


def prepare_layers(layers: Sequence[torch.nn.Module], *, recompute: bool, compile: bool) -> None:
    """Make layers keep their inputs only, to be computed again for the gradient (Chen et al. 2016), and compile them.

    Their `forward` is replaced rather than the module, so that no name of a parameter changes.
    """
    for layer in layers:
        if recompute:
            layer.forward = partial(checkpoint, layer.forward, use_reentrant=False)
        if compile:
            layer.forward = torch.compile(layer.forward)


def parallelize(
    network: torch.nn.Module,
    layers: Sequence[torch.nn.Module],
    device: torch.device,
    how: ParallelName,
    precision: torch.dtype,
) -> torch.nn.Module:
    """Put a network on its device, and in step with those of the other processes; it is changed in place.

    Returns:
        What is to be called in training.
    """
    if world_size() == 1:
        return network.to(device)
    if how == "ddp":
        network.to(device)
        places = [device] if device.type == "cuda" else None
        return DistributedDataParallel(network, device_ids=places, broadcast_buffers=False)
    mesh = init_device_mesh(device.type, (world_size(),))
    # Shards are rounded before they travel; gradients are summed in float32.
    policy = MixedPrecisionPolicy(param_dtype=precision, reduce_dtype=torch.float32)
    for layer in layers:
        fully_shard(layer, mesh=mesh, mp_policy=policy)
    fully_shard(network, mesh=mesh, mp_policy=policy)
    return network


def accumulating(model: torch.nn.Module, is_last: bool) -> AbstractContextManager[Any]:
    """Around a micro-batch: copies exchange gradients after the last only. Shards do after each, as gradients that wait
    would have to be kept whole.
    """
    if isinstance(model, DistributedDataParallel) and not is_last:
        return model.no_sync()
    return nullcontext()


def summed(values: torch.Tensor) -> torch.Tensor:
    """The sum over all processes, in place."""
    if world_size() > 1:
        torch.distributed.all_reduce(values)
    return values


def make_whole(network: torch.nn.Module) -> None:
    """Put sharded parameters together again, on the first process's CPU; the network computes no more after this. All
    processes take part.
    """
    for module in network.modules():
        if isinstance(module, FSDPModule):
            module.reshard()  # some stay whole, but rounded, after validation
    whole: dict[int, torch.nn.Parameter] = {}  # tied parameters stay tied
    for module in network.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            if isinstance(parameter, DTensor):
                if id(parameter) not in whole:
                    with torch.no_grad():
                        full = parameter.full_tensor()
                    value = full.cpu() if is_main() else full.new_empty(0)
                    whole[id(parameter)] = torch.nn.Parameter(value, requires_grad=False)
                setattr(module, name, whole[id(parameter)])


class WeightsState:
    """What is trained of a network, and its optimizers' moments, as one state that does not depend on the number of
    processes. All processes take part in reading and writing it; the first has it.
    """

    def __init__(self, network: torch.nn.Module, optimizers: Sequence[torch.optim.Optimizer]):
        self._network, self._optimizers = network, tuple(optimizers)
        self._options = StateDictOptions(
            full_state_dict=True, cpu_offload=True, ignore_frozen_params=True, strict=False
        )

    def state_dict(self) -> dict[str, Any]:
        """Of the network's trained parameters by name, and of the optimizers by the same names."""
        network, optimizer = get_state_dict(self._network, self._optimizers, options=self._options)
        return {"network": network, "optimizer": optimizer}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take a state back."""
        set_state_dict(
            self._network,
            self._optimizers,
            model_state_dict=state["network"],
            optim_state_dict=state["optimizer"],
            options=self._options,
        )
