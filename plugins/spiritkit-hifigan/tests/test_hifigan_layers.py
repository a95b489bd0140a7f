"""Layers on a whole signal and on pieces of it, against PyTorch's own."""

from __future__ import annotations

import pytest
import torch
from spiritkit_hifigan.durations import DurationPredictor, Durations
from spiritkit_hifigan.layers import Convolution, Flow, ResidualBlock, Upsampling
from torch.nn import functional


def draw(module, seed=0):
    rng = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        parameter.data.copy_(torch.randn(parameter.shape, generator=rng) / parameter[0].numel() ** 0.5)
    return module.requires_grad_(False)


def signal(length, channels):
    return torch.randn(length, channels, generator=torch.Generator().manual_seed(1))


def whole(layer, x):
    flow = Flow()
    flow.last = True
    return layer(x, flow)


def piecewise(layer, x, sizes):
    flow = Flow()
    outputs = [layer(piece, flow) for piece in x.split(sizes)]
    flow.last = True
    return [*outputs, layer(x[:0], flow)]


SPLITS = [[1] * 12, [12], [5, 0, 7], [0, 1, 11]]


@pytest.mark.parametrize(("kernel", "dilation"), [(7, 1), (3, 5), (11, 3), (1, 1)])
@pytest.mark.parametrize("sizes", SPLITS)
def test_convolution(kernel, dilation, sizes):
    layer, x = draw(Convolution(3, 4, kernel, dilation)), signal(12, 3)
    expected = functional.conv1d(x.T[None], layer.weight, layer.bias, 1, dilation * (kernel // 2), dilation)[0].T
    assert torch.allclose(whole(layer, x), expected, atol=1e-6)
    assert torch.allclose(torch.cat(piecewise(layer, x, sizes)), expected, atol=1e-6)


@pytest.mark.parametrize(("kernel", "rate"), [(11, 5), (8, 4), (4, 2), (2, 2), (16, 2)])
@pytest.mark.parametrize("sizes", SPLITS)
def test_upsampling(kernel, rate, sizes):
    layer, x = draw(Upsampling(3, 4, kernel, rate)), signal(12, 3)
    expected = functional.conv_transpose1d(x.T[None], layer.weight, layer.bias, rate, (kernel - rate) // 2)[0].T
    assert len(expected) == 12 * rate
    assert torch.allclose(whole(layer, x), expected, atol=1e-6)
    assert torch.allclose(torch.cat(piecewise(layer, x, sizes)), expected, atol=1e-6)


@pytest.mark.parametrize("sizes", SPLITS)
def test_residual_block(sizes):
    layer, x = draw(ResidualBlock(4, 3, (1, 3))), signal(12, 4)
    expected = x.T[None]
    for first, second, dilation in zip(layer.convs1, layer.convs2, (1, 3), strict=True):
        y = functional.leaky_relu(expected, 0.1)
        y = functional.conv1d(y, first.weight, first.bias, 1, dilation, dilation)
        expected = expected + functional.conv1d(functional.leaky_relu(y, 0.1), second.weight, second.bias, 1, 1)
    assert torch.allclose(whole(layer, x), expected[0].T, atol=1e-5)
    assert torch.allclose(torch.cat(piecewise(layer, x, sizes)), expected[0].T, atol=1e-5)


def test_a_value_comes_as_soon_as_it_is_settled():
    layer = draw(Convolution(1, 1, 7))
    lengths = [len(output) for output in piecewise(layer, signal(6, 1), [1] * 6)]
    assert lengths == [0, 0, 0, 1, 1, 1, 3]


@pytest.mark.parametrize("log_frames", [-3.0, 0.0, 0.9, 1.3, 2.5])
def test_a_duration_is_exp_minus_one_rounded_at_least_one(log_frames):
    predictor = draw(DurationPredictor(4, 4, 3)).double()
    predictor.proj.weight.zero_()
    predictor.proj.bias.fill_(log_frames)
    table = signal(6, 4).double()
    units = torch.arange(6).numpy()
    expected = {-3.0: 1, 0.0: 1, 0.9: 1, 1.3: 3, 2.5: 11}[log_frames]
    assert Durations(predictor, table).push(units, last=True).tolist() == [expected] * 6


def test_durations_of_pieces_are_those_of_the_whole():
    predictor = draw(DurationPredictor(4, 4, 5)).double()
    predictor.proj.weight.mul_(3)
    table = signal(9, 4).double()
    units = torch.randint(9, (40,), generator=torch.Generator().manual_seed(2)).numpy()
    expected = Durations(predictor, table).push(units, last=True)
    assert len(set(expected.tolist())) > 2
    for size in (1, 3, 40):
        durations = Durations(predictor, table)
        given = [durations.push(units[start : start + size], last=False) for start in range(0, 40, size)]
        given.append(durations.push(units[:0], last=True))
        assert [n for piece in given for n in piece.tolist()] == expected.tolist()
