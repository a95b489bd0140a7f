"""What `config.json` beside the weights says about the network, checked."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from spiritkit.checkpoints import read_json
from spiritkit.errors import CheckpointError


@dataclass(frozen=True)
class HifiGanConfig:
    """Sizes of one unit HiFi-GAN. A table that the network does not have is None.

    Attributes:
        sample_rate: of the audio, in Hz.
        units, pitches, style_tokens, speakers, styles: rows of the embedding tables, in the order of the channels.
        width: channels of each embedding.
        channels: channels after the first convolution; each upsampling halves them.
        upsample_rates, upsample_kernels: of the transposed convolutions.
        block_kernels, block_dilations: of the residual blocks that follow each of them.
        duration_width, duration_kernel: of the duration predictor.
    """

    sample_rate: int
    units: int
    pitches: int | None
    style_tokens: int | None
    speakers: int | None
    styles: int | None
    width: int
    channels: int
    upsample_rates: tuple[int, ...]
    upsample_kernels: tuple[int, ...]
    block_kernels: tuple[int, ...]
    block_dilations: tuple[tuple[int, ...], ...]
    duration_width: int
    duration_kernel: int

    @property
    def hop(self) -> int:
        """Samples a frame."""
        return prod(self.upsample_rates)

    @property
    def input_width(self) -> int:
        """Channels of all embeddings, concatenated."""
        tables = (self.units, self.pitches, self.style_tokens, self.speakers, self.styles)
        return self.width * sum(rows is not None for rows in tables)


def read_config(path: Path) -> HifiGanConfig:
    """Read a released `config.json`.

    Raises:
        MissingFileError, CheckpointError: no such file; a key is missing or has a value that cannot be built.
    """
    keys = _Keys(path, read_json(path))
    if str(keys.get("resblock")) != "1":
        raise CheckpointError(path, f"'resblock' is {keys.get('resblock')!r}; expected \"1\"")
    durations = _Keys(path, keys.mapping("dur_predictor_params"), "dur_predictor_params.")
    config = HifiGanConfig(
        sample_rate=keys.count("sampling_rate"),
        units=keys.count("num_embeddings"),
        pitches=keys.count("num_f0_tokens") if keys.has("num_f0_tokens") else None,
        style_tokens=keys.count("num_style_tokens") if keys.has("num_style_tokens") else None,
        speakers=keys.count("num_speakers") if keys.has("multispkr") else None,
        styles=keys.count("num_styles") if keys.has("multistyle") else None,
        width=keys.count("embedding_dim"),
        channels=keys.count("upsample_initial_channel"),
        upsample_rates=keys.counts("upsample_rates"),
        upsample_kernels=keys.counts("upsample_kernel_sizes"),
        block_kernels=keys.counts("resblock_kernel_sizes"),
        block_dilations=tuple(
            keys.checked_counts("resblock_dilation_sizes", row) for row in keys.list("resblock_dilation_sizes")
        ),
        duration_width=durations.count("var_pred_hidden_dim"),
        duration_kernel=durations.count("var_pred_kernel_size"),
    )
    _check(path, config, model_in_dim=keys.count("model_in_dim"), duration_input=durations.count("encoder_embed_dim"))
    return config


def _check(path: Path, config: HifiGanConfig, *, model_in_dim: int, duration_input: int) -> None:
    pairs = list(zip(config.upsample_rates, config.upsample_kernels, strict=False))
    problems = []
    if len(config.upsample_rates) != len(config.upsample_kernels):
        problems.append("'upsample_rates' and 'upsample_kernel_sizes' differ in length")
    if any(kernel < rate or (kernel - rate) % 2 for rate, kernel in pairs):
        problems.append("an upsampling kernel is not its rate plus an even number, which keeps the length a multiple")
    if config.channels % 2 ** len(config.upsample_rates):
        problems.append(f"'upsample_initial_channel' is {config.channels}; expected one that can be halved each time")
    if len(config.block_kernels) != len(config.block_dilations):
        problems.append("'resblock_kernel_sizes' and 'resblock_dilation_sizes' differ in length")
    if any(kernel % 2 == 0 for kernel in (*config.block_kernels, config.duration_kernel)):
        problems.append("a kernel of a residual block or of the duration predictor is even; expected odd ones")
    if model_in_dim != config.input_width:
        problems.append(
            f"'model_in_dim' is {model_in_dim}; the inputs that it names have {config.input_width} channels"
        )
    if duration_input != config.width:
        problems.append(f"'dur_predictor_params.encoder_embed_dim' is {duration_input}; expected {config.width}")
    if problems:
        raise CheckpointError(path, "; ".join(problems))


class _Keys:
    """Values of a JSON object by key, or an error that names the key."""

    def __init__(self, path: Path, values: dict[str, Any], prefix: str = "") -> None:
        self.path, self.values, self.prefix = path, values, prefix

    def has(self, key: str) -> bool:
        """Whether the key is there and switches something on."""
        return bool(self.values.get(key))

    def get(self, key: str) -> Any:
        if key not in self.values:
            raise CheckpointError(self.path, f"has no key '{self.prefix}{key}'")
        return self.values[key]

    def _wrong(self, key: str, value: Any, wanted: str) -> CheckpointError:
        return CheckpointError(self.path, f"'{self.prefix}{key}' is {value!r}; expected {wanted}")

    def count(self, key: str) -> int:
        value = self.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise self._wrong(key, value, "a positive whole number")
        return value

    def mapping(self, key: str) -> dict[str, Any]:
        value = self.get(key)
        if not isinstance(value, dict):
            raise self._wrong(key, value, "an object")
        return value

    def list(self, key: str) -> list[Any]:
        value = self.get(key)
        if not isinstance(value, list) or not value:
            raise self._wrong(key, value, "a list")
        return value

    def counts(self, key: str) -> tuple[int, ...]:
        return self.checked_counts(key, self.list(key))

    def checked_counts(self, key: str, value: Any) -> tuple[int, ...]:
        if not isinstance(value, list) or not value or not all(type(n) is int and n > 0 for n in value):
            raise self._wrong(key, value, "a list of positive whole numbers")
        return tuple(value)
