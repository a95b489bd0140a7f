"""The generator as it is trained and as it runs: the same sound."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from spiritkit_hifigan.config import HifiGanConfig, IstftConfig, config_values, read_config
from spiritkit_hifigan.istft import polar, synthesis
from spiritkit_hifigan.layers import Flow
from spiritkit_hifigan.source import Excitation, pulses, track
from spiritkit_hifigan.training.generator import Generator
from spiritkit_hifigan.weights import read_istft_network, read_network

from spiritkit.atomic import write_json

SIZES = {
    "sample_rate": 16_000, "units": 6, "pitches": 4, "style_tokens": None, "speakers": 2, "styles": 3, "width": 8,
    "channels": 32, "block_kernels": (3, 5), "block_dilations": ((1, 3), (1, 3)), "duration_width": 8,
    "duration_kernel": 3,
}  # fmt: skip
CONFIGS = {
    "waveform": HifiGanConfig(**SIZES, upsample_rates=(5, 4, 4, 4, 2), upsample_kernels=(11, 8, 8, 8, 4)),
    **{
        source: HifiGanConfig(
            **SIZES, upsample_rates=(5, 4, 4), upsample_kernels=(11, 8, 8), istft=IstftConfig(32, 8, source, 8, 8)
        )
        for source in ("none", "harmonic")
    },
}


@pytest.fixture(params=list(CONFIGS))
def written(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Generator, Path]:
    config = CONFIGS[request.param]
    torch.manual_seed(0)
    generator = Generator(config).eval().requires_grad_(False)
    for name, parameter in generator.named_parameters():
        # So that the sound is neither silence nor noise, and the source is heard, as after training.
        if "original0" in name:  # gains
            parameter.mul_(1.7)
        elif name == "source_conv.weight":
            parameter.normal_(std=0.02)
    for module in generator.modules():
        if isinstance(module, torch.nn.Embedding):
            module.weight.mul_(10)
    save_file(generator.folded(), tmp_path / "generator.safetensors")
    write_json(tmp_path / "config.json", config_values(config))
    return generator, tmp_path


def test_the_trained_network_is_the_one_that_speaks(written: tuple[Generator, Path]) -> None:
    generator, folder = written
    config = generator.config
    assert read_config(folder / "config.json") == config
    network = (read_istft_network if config.istft else read_network)(folder)
    rng = np.random.default_rng(0)
    rows = np.stack([rng.integers(0, 6, 20), rng.integers(0, 4, 20), np.zeros(20, dtype=int)], axis=1)
    flow = Flow(seed=3)
    flow.last = True
    ours = network.speak(rows, 1, 2, flow)
    codes = torch.from_numpy(np.concatenate([rows, np.tile([1, 2], (20, 1))], axis=1))[None]
    signal = None
    if config.istft and config.istft.source == "harmonic":
        hz, voiced = track(generator.f0_predictor(codes).double()[0])
        assert voiced.any()
        signal = Excitation(3, 16_000).push(hz, voiced, 80).T[None].float()
    theirs = generator(codes, signal)[0]
    assert len(ours) == 20 * 640
    # the phases of the pulses are computed from F0 in float64 there, and in float32 here
    tolerance = 2e-4 if signal is not None else 1e-5
    assert float((ours - theirs).abs().max()) < tolerance
    assert float(ours.std()) > 1e-3
    units = torch.tensor([0, 1, 5])
    assert torch.allclose(network.dur_predictor(network.dict(units)), generator.dur_predictor(generator.dict(units)))


def test_the_inverse_transform_is_torch_s() -> None:
    torch.manual_seed(0)
    x = torch.randn(1, 34, 40)
    ours = torch.nn.functional.conv_transpose1d(
        polar(x.transpose(1, 2)).transpose(1, 2), synthesis(IstftConfig(32, 8, "none", 8, 8)), stride=8, padding=12
    )[0, 0]
    height, phase = x.chunk(2, dim=1)
    spectra = torch.polar(height.exp(), phase)
    theirs = torch.istft(spectra, 32, 8, 32, torch.hann_window(32), center=True)[0]  # cut 16 from each end
    inside = slice(32, -32)  # at the ends torch divides by windows that are missing
    assert torch.allclose(ours[4:][: len(theirs)][inside], theirs[inside], atol=1e-5)


def test_pulses_are_the_harmonics_below_half_the_rate() -> None:
    time = torch.arange(1600, dtype=torch.float64) / 16_000
    hz = torch.full_like(time, 220.0)
    voiced = torch.ones_like(time, dtype=torch.bool)
    found = pulses(hz, voiced, 16_000, (hz * time) % 1)
    wanted = sum(torch.cos(2 * torch.pi * k * 220 * time) for k in range(1, 37)) * (2 / 36) ** 0.5
    assert torch.allclose(found, wanted, atol=1e-9)
    assert float(found.square().mean()) == pytest.approx(1, rel=0.02)
    assert not pulses(hz, ~voiced, 16_000, (hz * time) % 1).any()


@pytest.mark.parametrize("cuts", [[1, 2, 3], [7], list(range(1, 30))])
def test_pulses_and_noise_do_not_depend_on_pieces(cuts: list[int]) -> None:
    hz = 100 + 200 * torch.rand(30, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    voiced = torch.arange(30) % 7 > 1
    whole = Excitation(5, 16_000).push(hz, voiced, 80)
    pieces = Excitation(5, 16_000)
    parts = [
        pieces.push(hz[start:stop], voiced[start:stop], 80) for start, stop in zip([0, *cuts], [*cuts, 30], strict=True)
    ]
    assert torch.allclose(torch.cat(parts), whole, atol=1e-9)
    assert not torch.allclose(Excitation(6, 16_000).push(hz, voiced, 80)[:, 1], whole[:, 1])


def test_half_precision_keeps_the_transform_and_f0(trained: Callable[[str], Path]) -> None:
    network = read_istft_network(trained("harmonic")).place(torch.device("cpu"), torch.bfloat16)
    assert network.conv_pre.weight.dtype == torch.bfloat16
    assert network.inverse.weight.dtype == torch.float32
    assert network.f0_predictor.conv1.weight.dtype == torch.float64
    flow = Flow()
    flow.last = True
    rows = np.zeros((10, 3), dtype=np.int64)
    exact = Flow()
    exact.last = True
    spoken = network.speak(rows, 0, 0, flow)
    wanted = read_istft_network(trained("harmonic")).speak(rows, 0, 0, exact)
    assert float((spoken - wanted).square().mean()) < 0.01 * float(wanted.square().mean())
