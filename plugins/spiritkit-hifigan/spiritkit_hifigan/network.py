"""The generator with its embedding tables, under the names of the released checkpoint."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from spiritkit_hifigan.config import HifiGanConfig
from spiritkit_hifigan.durations import DurationPredictor
from spiritkit_hifigan.layers import SLOPE, Convolution, Flow, ResidualBlock, Upsampling


class Network(nn.Module):
    """Unit HiFi-GAN (Polyak et al. 2021, on Kong et al. 2020): embeddings → convolution → upsampling stages, each
    followed by the mean of residual blocks → waveform.
    """

    def __init__(self, config: HifiGanConfig) -> None:
        super().__init__()
        self.config = config
        self.dict = nn.Embedding(config.units, config.width)
        self.f0_dict = nn.Embedding(config.pitches, config.width) if config.pitches else None
        self.style_dict = nn.Embedding(config.style_tokens, config.width) if config.style_tokens else None
        self.spkr = nn.Embedding(config.speakers, config.width) if config.speakers else None
        self.style = nn.Embedding(config.styles, config.width) if config.styles else None
        channels = config.channels
        self.conv_pre = Convolution(config.input_width, channels, 7)
        self.ups, self.resblocks = nn.ModuleList(), nn.ModuleList()
        for rate, kernel in zip(config.upsample_rates, config.upsample_kernels, strict=True):
            self.ups.append(Upsampling(channels, channels // 2, kernel, rate))
            channels //= 2
            for block_kernel, dilations in zip(config.block_kernels, config.block_dilations, strict=True):
                self.resblocks.append(ResidualBlock(channels, block_kernel, dilations))
        self.conv_post = Convolution(channels, 1, 7)
        self.dur_predictor = DurationPredictor(config.width, config.duration_width, config.duration_kernel)

    def embed(self, rows: np.ndarray, speaker: int, style: int) -> torch.Tensor:
        """Input channels of frames.

        Args:
            rows: int64 `[T, 3]`: unit, pitch, style token; a column whose table is not there is not read.
            speaker: row of the table of speakers; not read either where there is none.
            style: the same for the table of styles.

        Returns:
            `[T, C]`.
        """
        codes = torch.from_numpy(rows).to(self.dict.weight.device)
        constant = torch.ones_like(codes[:, 0])
        tables = [
            (self.dict, codes[:, 0]),
            (self.f0_dict, codes[:, 1]),
            (self.style_dict, codes[:, 2]),
            (self.spkr, constant * speaker),
            (self.style, constant * style),
        ]
        return torch.cat([table(index) for table, index in tables if table is not None], dim=1)

    def forward(self, x: torch.Tensor, flow: Flow) -> torch.Tensor:
        """Frames `[T, C]` of one piece → the samples `[T']` that are settled with it, in -1…1."""
        x = self.conv_pre(x, flow)
        per_stage = len(self.config.block_kernels)
        for stage, upsampling in enumerate(self.ups):
            x = upsampling(functional.leaky_relu_(x, SLOPE), flow)
            blocks = self.resblocks[stage * per_stage : (stage + 1) * per_stage]
            total = blocks[0](x, flow)
            for block in blocks[1:]:
                total = flow.add(block, total, block(x, flow))
            x = total.div_(per_stage)
        return torch.tanh(self.conv_post(functional.leaky_relu_(x, 0.01), flow))[:, 0]
