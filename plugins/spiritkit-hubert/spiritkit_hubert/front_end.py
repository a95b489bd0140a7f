"""HuBERT's convolutions, rewritten so that a frame depends on its own samples only.

In the released model one thing ties a frame to the rest of its file: the first layer's group norm takes the mean and
variance of each channel over all time. Both follow exactly from the mean and covariance of the waveform's windows
(the layer is linear), so they are computed from the waveform and folded into that file's weights of the first layer.
What remains is local. It runs in short blocks, which stay in the processor's cache, and as matrix products over
windows of frames `[T, C]`, which are faster than the convolutions over `[C, T]`.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from transformers import HubertModel

from spiritkit_hubert.frames import FrameGrid

#: Length of a block. On a CPU a block's largest activation should stay near the cache; elsewhere it only bounds memory.
_CPU_BLOCK_SECONDS = 2
_BLOCK_SECONDS = 20
_SAMPLE_RATE = 16_000


@dataclass(frozen=True)
class _Layer:
    weight: torch.Tensor  # [C_out, kernel · C_in], a row's columns in the order of a window's memory
    bias: torch.Tensor | None
    kernel: int
    stride: int
    norm: Callable[[torch.Tensor], torch.Tensor]  # over channels, of each frame alone
    activation: Callable[[torch.Tensor], torch.Tensor]

    def __call__(self, hidden: torch.Tensor) -> torch.Tensor:
        """`[T, C_in]` → `[T', C_out]`."""
        frames, channels = hidden.shape
        # Frames lie one after another, so a window is one piece of memory; windows overlap where kernel > stride.
        windows = hidden.as_strided(
            ((frames - self.kernel) // self.stride + 1, self.kernel * channels), (self.stride * channels, 1)
        )
        return self.activation(self.norm(F.linear(windows.contiguous(), self.weight, self.bias)))


class FrontEnd:
    """Waveform → frames of convolutional features.

    Args:
        model: whose weights to take; still in float32 on the CPU, and left as it is.
        device: where to compute.
        dtype: of all but the first layer. That stays float32: it reads the waveform and carries the group norm.
    """

    def __init__(self, model: HubertModel, device: torch.device, dtype: torch.dtype):
        self._grid = FrameGrid.of(model.config.conv_kernel, model.config.conv_stride)
        self._device, self._dtype = device, dtype
        seconds = _CPU_BLOCK_SECONDS if device.type == "cpu" else _BLOCK_SECONDS
        self._block = max(1, seconds * _SAMPLE_RATE // self._grid.stride)  # frames
        grouped = model.config.feat_extract_norm == "group"
        layers: list[Any] = list(model.feature_extractor.conv_layers)  # of types that differ by model
        first, *others = layers
        self._group_norm: nn.GroupNorm | None = deepcopy(first.layer_norm).double() if grouped else None
        # Folding is done in float64 on the CPU: not every device has it.
        self._first = (
            _layer(first, torch.device("cpu"), torch.float64, nn.Identity())
            if grouped
            else _layer(first, device, torch.float32, first.layer_norm)
        )
        self._others = [
            _layer(layer, device, dtype, nn.Identity() if grouped else layer.layer_norm) for layer in others
        ]

    def __call__(self, waveform: torch.Tensor) -> torch.Tensor:
        """Features `[T, C]`, T at least 1, of a waveform float32 `[samples]` on the CPU."""
        first = self._first if self._group_norm is None else self._folded(self._group_norm, waveform)
        waveform = waveform.to(self._device)
        stride, receptive_field = self._grid.stride, self._grid.receptive_field
        count = self._grid.frames(len(waveform))
        blocks = []
        for start in range(0, count, self._block):
            stop = min(start + self._block, count)
            samples = waveform[start * stride : (stop - 1) * stride + receptive_field]
            hidden = first(samples[:, None]).to(self._dtype)
            for layer in self._others:
                hidden = layer(hidden)
            blocks.append(hidden)
        return torch.cat(blocks)

    def _folded(self, norm: nn.GroupNorm, waveform: torch.Tensor) -> _Layer:
        """The first layer with the group norm over the whole waveform in its weights. A bias of its own cancels."""
        weight = self._first.weight  # [C, K]
        windows = waveform.unfold(0, self._first.kernel, self._first.stride).double()  # [T, K]
        mean = windows.mean(dim=0)
        windows = windows - mean
        covariance = windows.T @ windows / len(windows)
        variance = ((weight @ covariance) * weight).sum(dim=1).clamp(min=0)  # [C]
        scale = norm.weight / (variance + norm.eps).sqrt()
        bias = norm.bias - scale * (weight @ mean)
        return replace(
            self._first,
            weight=(weight * scale[:, None]).float().to(self._device),
            bias=bias.float().to(self._device),
        )


def _layer(layer: Any, device: torch.device, dtype: torch.dtype, norm: nn.Module) -> _Layer:
    convolution = layer.conv
    weight, bias = convolution.weight, convolution.bias  # [C_out, C_in, K]
    return _Layer(
        weight=weight.permute(0, 2, 1).flatten(1).contiguous().to(device, dtype),
        bias=None if bias is None else bias.to(device, dtype),
        kernel=convolution.kernel_size[0],
        stride=convolution.stride[0],
        norm=deepcopy(norm).to(device, dtype),
        activation=layer.activation,
    )
