"""Which samples a frame of convolutional features depends on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class FrameGrid:
    """Where the frames of a stack of convolutions without padding lie.

    Attributes:
        stride: samples from one frame to the next.
        receptive_field: samples that one frame depends on.
    """

    stride: int
    receptive_field: int

    @classmethod
    def of(cls, kernels: Iterable[int], strides: Iterable[int]) -> FrameGrid:
        """That of layers with these kernel widths and strides, the first next to the waveform."""
        total, receptive_field = 1, 1
        for kernel, stride in zip(kernels, strides, strict=True):
            receptive_field += (kernel - 1) * total
            total *= stride
        return cls(stride=total, receptive_field=receptive_field)

    def frames(self, samples: int) -> int:
        """How many frames so many samples give: none if fewer than `receptive_field`."""
        return max(0, (samples - self.receptive_field) // self.stride + 1)
