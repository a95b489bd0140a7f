"""The sizes of a vocoder that is to be trained."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain

from spiritkit.checks import check_range
from spiritkit.errors import RequestError
from spiritkit_hifigan.config import HifiGanConfig, IstftConfig, SourceName, istft_problems


@dataclass(frozen=True, kw_only=True)
class Istft:
    """The end of an `istft-hifigan.v1` network.

    Attributes:
        n_fft: samples of a spectrum; an even multiple of `hop`, four times it or more.
        hop: samples from one spectrum to the next.
        source: `harmonic`: pulses at a predicted F0, and noise, enter before the last residual blocks. Needs an F0
            extractor in training.
        f0_width: channels of the F0 predictor.
        f0_per_frame: values of F0 that it gives for each frame.
    """

    n_fft: int = 32
    hop: int = 8
    source: SourceName = "none"
    f0_width: int = 128
    f0_per_frame: int = 8


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """Sizes of a generator; the defaults are the released one's.

    Attributes:
        embedding: width of each embedding.
        channels: after the first convolution; each upsampling halves them.
        upsample_rates: their product, with an iSTFT times its hop, is samples a frame.
        upsample_kernels: each its rate plus an even number.
        block_kernels: of the residual blocks behind each upsampling; odd.
        block_dilations: of each block.
        duration_width: of the duration predictor.
        duration_kernel: of the duration predictor; odd.
        duration_dropout: of the duration predictor, in training.
        istft: for an `istft-hifigan.v1`; null for a `hifigan.v1`.

    Raises:
        RequestError: the sizes do not go together.
    """

    embedding: int = 128
    channels: int = 512
    upsample_rates: list[int] = field(default_factory=lambda: [5, 4, 4, 4, 2])
    upsample_kernels: list[int] = field(default_factory=lambda: [11, 8, 8, 8, 4])
    block_kernels: list[int] = field(default_factory=lambda: [3, 7, 11])
    block_dilations: list[list[int]] = field(default_factory=lambda: [[1, 3, 5], [1, 3, 5], [1, 3, 5]])
    duration_width: int = 128
    duration_kernel: int = 3
    duration_dropout: float = 0.5
    istft: Istft | None = None

    def __post_init__(self) -> None:
        lists = [self.upsample_rates, self.upsample_kernels, self.block_kernels, *self.block_dilations]
        sizes = [self.embedding, self.channels, self.duration_width, self.duration_kernel, *chain(*lists)]
        if self.istft:
            sizes += [self.istft.n_fft, self.istft.hop, self.istft.f0_width, self.istft.f0_per_frame]
        if min(sizes) < 1 or not all([*lists, self.block_dilations]):
            raise RequestError("architecture: expected sizes of 1 or more, and no empty list")
        check_range("architecture", {"duration_dropout": self.duration_dropout}, at_least=0, below=1)
        problems = []
        pairs = list(zip(self.upsample_rates, self.upsample_kernels, strict=False))
        if len(self.upsample_rates) != len(self.upsample_kernels):
            problems.append("upsample_rates and upsample_kernels differ in length")
        if any(kernel < rate or (kernel - rate) % 2 for rate, kernel in pairs):
            problems.append(f"upsample_kernels are {self.upsample_kernels}; expected each rate plus an even number")
        if self.channels % 2 ** len(self.upsample_rates):
            problems.append(f"channels is {self.channels}; expected a number that each upsampling can halve")
        if len(self.block_kernels) != len(self.block_dilations):
            problems.append("block_kernels and block_dilations differ in length")
        if any(kernel % 2 == 0 for kernel in (*self.block_kernels, self.duration_kernel)):
            problems.append("block_kernels and duration_kernel: expected odd numbers")
        config = self.config(sample_rate=1, units=1)
        if config.istft:
            problems += istft_problems(config.istft, config.hop)
        if problems:
            raise RequestError(f"architecture: {'; '.join(problems)}")

    def config(
        self,
        *,
        sample_rate: int,
        units: int,
        pitches: int | None = None,
        style_tokens: int | None = None,
        speakers: int | None = None,
        styles: int | None = None,
    ) -> HifiGanConfig:
        """A network of these sizes with these tables."""
        return HifiGanConfig(
            sample_rate=sample_rate,
            units=units,
            pitches=pitches,
            style_tokens=style_tokens,
            speakers=speakers,
            styles=styles,
            width=self.embedding,
            channels=self.channels,
            upsample_rates=tuple(self.upsample_rates),
            upsample_kernels=tuple(self.upsample_kernels),
            block_kernels=tuple(self.block_kernels),
            block_dilations=tuple(tuple(row) for row in self.block_dilations),
            duration_width=self.duration_width,
            duration_kernel=self.duration_kernel,
            istft=IstftConfig(**vars(self.istft)) if self.istft else None,
        )
