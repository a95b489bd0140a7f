"""Speed of `hifigan.v1` against the plain way to run the same checkpoint, in turns on the same input.

The plain way is one float32 pass of `[C, T]` convolutions whose weight norm is computed at every call.

    python tests/conformance/make_reference_checkpoints.py OUT --size full
    python plugins/spiritkit-hifigan/benchmarks/bench_hifigan.py OUT --seconds 10 --threads 2
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from spiritkit_hifigan.vocoder import HifiGan
from torch import nn
from torch.nn import functional
from torch.nn.utils import weight_norm

from spiritkit.types import StreamSpec, Units


class Plain:
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


def main() -> None:
    """Time the ways in turns and print each beside the plain one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoints", type=Path)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=8)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    warnings.filterwarnings("ignore", category=FutureWarning)

    folder = args.checkpoints / "speech_tokenizer" / "hifigan_spiritlm_base"
    codes = np.random.default_rng(0).integers(0, 501, round(25 * args.seconds))
    units = Units((StreamSpec("hubert", 501, Fraction(25), True),), {"hubert": codes})
    ways = {"plain": Plain(folder)}
    makers = {"float32": {}, "float32, blocks of 100": {"block_frames": 100}, "bfloat16": {"dtype": "bfloat16"}}
    for name, parameters in makers.items():
        vocoder = HifiGan(checkpoint=folder, device="cpu", **parameters)
        ways[name] = lambda _, vocoder=vocoder: vocoder.decode([units])[0].samples

    reference = ways["plain"](codes)
    wall = {name: [] for name in ways}
    for _ in range(args.rounds):  # in turns: what else the machine does hits all alike
        for name, way in ways.items():
            start = time.perf_counter()
            samples = way(codes)
            wall[name].append(time.perf_counter() - start)
    for name, way in ways.items():
        samples = way(codes)
        error = np.abs(samples - reference).max()
        noise = np.sum((samples - reference) ** 2)
        snr = 10 * np.log10(np.sum(reference**2) / noise) if noise else np.inf
        best = min(wall[name])
        print(
            f"{name:24} {best:6.3f} s, {args.seconds / best:5.1f}x real time, {min(wall['plain']) / best:4.2f}x plain "
            f"(medians {np.median(wall['plain']) / np.median(wall[name]):4.2f}x), "
            f"max error {error:.1e}, SNR {snr:.1f} dB"
        )


if __name__ == "__main__":
    main()
