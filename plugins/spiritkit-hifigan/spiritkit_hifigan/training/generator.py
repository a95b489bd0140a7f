"""The generator as it is trained: batched, with weight norm, under the names of `spiritkit_hifigan.network`."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm
from torch.nn.utils.parametrize import is_parametrized

from spiritkit_hifigan.config import HifiGanConfig
from spiritkit_hifigan.durations import DurationPredictor
from spiritkit_hifigan.istft import polar, synthesis
from spiritkit_hifigan.layers import SLOPE
from spiritkit_hifigan.network import Tables
from spiritkit_hifigan.source import CHANNELS


class Generator(Tables):
    """Codes → waveform, with the F0 predictor of a source beside it. Activations are `[B, C, T]`.

    Args:
        config: of the network.
        duration_dropout: of the duration predictor.
    """

    synthesis: torch.Tensor
    source_conv: nn.Conv1d
    f0_predictor: F0Head

    def __init__(self, config: HifiGanConfig, duration_dropout: float = 0.0) -> None:
        super().__init__(config.tables, config.width)
        _start_small(self)
        self.config = config
        channels = config.channels
        self.conv_pre = _convolution(config.input_width, channels, 7)
        self.ups, self.resblocks = nn.ModuleList(), nn.ModuleList()
        for rate, kernel in zip(config.upsample_rates, config.upsample_kernels, strict=True):
            up = nn.ConvTranspose1d(channels, channels // 2, kernel, rate, padding=(kernel - rate) // 2)
            self.ups.append(weight_norm(up))
            channels //= 2
            for block_kernel, dilations in zip(config.block_kernels, config.block_dilations, strict=True):
                self.resblocks.append(_Block(channels, block_kernel, dilations))
        self.conv_post = _convolution(channels, config.outputs, 7)
        self.dur_predictor = DurationPredictor(
            config.width, config.duration_width, config.duration_kernel, duration_dropout
        )
        if config.istft:
            self.register_buffer("synthesis", synthesis(config.istft), persistent=False)
            if config.istft.source == "harmonic":
                self.source_conv = nn.Conv1d(CHANNELS * config.istft.hop, channels, 7, padding=3)
                # Pulses are loud, and would drown what the units say until the network has learnt to filter them: so
                # they come in no further than they help.
                nn.init.zeros_(self.source_conv.weight)
                self.f0_predictor = F0Head(config)

    def forward(self, codes: torch.Tensor, signal: torch.Tensor | None = None) -> torch.Tensor:
        """Speak segments.

        Args:
            codes: int64 `[B, T, 5]`: unit, pitch, style token, speaker, style; only columns with a table are read.
            signal: `[B, 2, T · hop]`, pulses and noise, for a network with a source.

        Returns:
            float32 `[B, T · hop]`, in -1…1.
        """
        x = self.conv_pre(torch.cat(self.look_up(codes), dim=-1).transpose(1, 2))
        per_stage = len(self.config.block_kernels)
        for stage, upsampling in enumerate(self.ups):
            x = upsampling(functional.leaky_relu(x, SLOPE))
            if signal is not None and stage == len(self.ups) - 1:
                x = x + self.source_conv(self._by_spectrum(signal))
            blocks = self.resblocks[stage * per_stage : (stage + 1) * per_stage]
            x = torch.stack([block(x) for block in blocks]).mean(0)
        x = self.conv_post(functional.leaky_relu(x, 0.01)).float()
        if self.config.istft is None:
            return torch.tanh(x)[:, 0]
        istft = self.config.istft
        with torch.autocast(x.device.type, enabled=False):
            spectra = polar(x.transpose(1, 2)).transpose(1, 2)
            samples = functional.conv_transpose1d(
                spectra, self.synthesis, stride=istft.hop, padding=(istft.n_fft - istft.hop) // 2
            )
        return samples[:, 0].clamp(-1, 1)

    def _by_spectrum(self, signal: torch.Tensor) -> torch.Tensor:
        """`[B, 2, T · hop]` → `[B, 2 · hop, T]`, in the order of `Excitation`."""
        assert self.config.istft is not None
        return signal.unflatten(2, (-1, self.config.istft.hop)).permute(0, 3, 1, 2).flatten(1, 2)

    def folded(self) -> dict[str, torch.Tensor]:
        """Its tensors without weight norm, on the CPU, as `spiritkit_hifigan.weights` reads them."""
        tensors = {name: tensor for name, tensor in self.state_dict().items() if ".parametrizations." not in name}
        for name, module in self.named_modules():
            if is_parametrized(module):
                tensors[f"{name}.weight"] = module.weight
        return {name: tensors[name].detach().cpu().clone().contiguous() for name in sorted(tensors)}


class F0Head(Tables):
    """`spiritkit_hifigan.source.F0Predictor` as it is trained."""

    def __init__(self, config: HifiGanConfig) -> None:
        assert config.istft is not None
        width = config.istft.f0_width
        super().__init__(config.tables, width)
        _start_small(self)
        self.conv1 = nn.Conv1d(width, width, 7, padding=3)
        self.conv2 = nn.Conv1d(width, width, 7, padding=3)
        self.proj = nn.Linear(width, 2 * config.istft.f0_per_frame)

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        """Codes int64 `[B, T, 5]` → what `spiritkit_hifigan.source.track` reads, `[B, T, 2 · P]`."""
        x = torch.stack(self.look_up(codes)).sum(0).transpose(1, 2)
        x = functional.leaky_relu(self.conv1(x), SLOPE)
        x = functional.leaky_relu(self.conv2(x), SLOPE)
        result: torch.Tensor = self.proj(x.transpose(1, 2))
        return result


class _Block(nn.Module):
    def __init__(self, channels: int, kernel: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.convs1 = nn.ModuleList(_convolution(channels, channels, kernel, dilation) for dilation in dilations)
        self.convs2 = nn.ModuleList(_convolution(channels, channels, kernel) for _ in dilations)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for dilated, plain in zip(self.convs1, self.convs2, strict=True):
            x = x + plain(functional.leaky_relu(dilated(functional.leaky_relu(x, SLOPE)), SLOPE))
        return x


def _start_small(tables: nn.Module) -> None:
    """Draw embeddings of a standard deviation of 0.1: an optimizer that moves every weight by as much a step takes ten
    times as long to tell units apart that begin with PyTorch's 1.
    """
    for module in tables.modules():
        if isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=0.1)


def _convolution(inputs: int, outputs: int, kernel: int, dilation: int = 1) -> nn.Module:
    conv = nn.Conv1d(inputs, outputs, kernel, dilation=dilation, padding=dilation * (kernel // 2))
    return weight_norm(conv)
