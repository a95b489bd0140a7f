"""The released HiFi-GAN run as it is: one float32 pass of `[C, T]` convolutions, weight norm computed at every call."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import weight_norm


class PlainHifiGan:
    """The released checkpoint of Base, run as it is."""

    def __init__(self, folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text())
        self.tensors = torch.load(folder / "generator.pt", weights_only=True)["generator"]
        self.rates, self.kernels = config["upsample_rates"], config["upsample_kernel_sizes"]
        self.block_kernels, self.dilations = config["resblock_kernel_sizes"], config["resblock_dilation_sizes"]
        self.pre, self.post = self.conv("conv_pre"), self.conv("conv_post")
        self.ups = [
            self.conv(f"ups.{i}", rate=rate, padding=(kernel - rate) // 2)
            for i, (rate, kernel) in enumerate(zip(self.rates, self.kernels, strict=True))
        ]
        self.blocks = [
            [
                (self.conv(f"resblocks.{i}.convs1.{j}", dilation=d), self.conv(f"resblocks.{i}.convs2.{j}"))
                for j, d in enumerate(self.dilations[i % len(self.dilations)])
            ]
            for i in range(len(self.rates) * len(self.block_kernels))
        ]

    def conv(self, name: str, *, dilation: int = 1, rate: int = 0, padding: int = 0) -> nn.Module:
        """One convolution, transposed where it has a rate, its weight norm left in place."""
        direction = self.tensors[f"{name}.weight_v"]
        first, second, kernel = direction.shape
        module = (
            nn.ConvTranspose1d(first, second, kernel, rate, padding)
            if rate
            else nn.Conv1d(second, first, kernel, dilation=dilation, padding=dilation * (kernel // 2))
        )
        module = weight_norm(module)
        module.load_state_dict({k: self.tensors[f"{name}.{k}"] for k in ("weight_g", "weight_v", "bias")})
        return module

    @torch.no_grad()
    def __call__(self, units: np.ndarray) -> np.ndarray:
        """Units int64 `[T]` → samples float32 `[640 T]`."""
        codes = torch.from_numpy(units)
        rows = [
            self.tensors["dict.weight"][codes],
            self.tensors["spkr.weight"][2].expand(len(codes), -1),
            self.tensors["style.weight"][8].expand(len(codes), -1),
        ]
        x = self.pre(torch.cat(rows, dim=1).t()[None])
        per_stage = len(self.block_kernels)
        for stage, up in enumerate(self.ups):
            x = up(functional.leaky_relu(x, 0.1))
            total = 0
            for block in self.blocks[stage * per_stage : (stage + 1) * per_stage]:
                y = x
                for dilated, plain in block:
                    y = y + plain(functional.leaky_relu(dilated(functional.leaky_relu(y, 0.1)), 0.1))
                total = total + y
            x = total / per_stage
        return torch.tanh(self.post(functional.leaky_relu(x)))[0, 0].numpy()
