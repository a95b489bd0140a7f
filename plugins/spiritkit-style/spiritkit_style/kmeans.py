"""Style units by clustering (paper, section 3.1: k-means over features of one second)."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import torch

from spiritkit.devices import DTypeName
from spiritkit.errors import RequestError
from spiritkit.interfaces import Quantizer, UnitTokenizer
from spiritkit.types import Audio, StreamSpec, Units
from spiritkit_style.wav2vec2 import SAMPLE_RATE, Checkpoint, SecondMeans


class Wav2Vec2KMeans(UnitTokenizer):
    """A code a second: the output of one wav2vec 2.0 layer, mean of the second, the quantizer's code.

    The paper's features (Speechprop) are such a model's, trained to tell styles, and its quantizer a k-means of 100.

    Args:
        checkpoint: a folder of a wav2vec 2.0 model in Hugging Face format, or a hub name.
        layer: the transformer layer, counted from 1; those above it are not run.
        quantizer: made for features of that layer.
        device: where the model runs.
        dtype: its number format.

    Raises:
        MissingFileError, CheckpointError: the folder lacks a file, a key or a tensor.
        RequestError: no such layer, or a quantizer for features of another width.
    """

    sample_rate = SAMPLE_RATE

    def __init__(
        self,
        *,
        checkpoint: Path | str,
        layer: int,
        quantizer: Quantizer,
        device: str = "auto",
        dtype: DTypeName = "float32",
    ):
        read = Checkpoint.read(checkpoint)
        if quantizer.dimension != read.config["hidden_size"]:
            raise RequestError(
                f"the quantizer takes features of width {quantizer.dimension}; "
                f"those of {checkpoint} are {read.config['hidden_size']} wide"
            )
        self._means = SecondMeans(read, layer=layer, device=device, dtype=dtype)
        self._quantizer = quantizer

    @property
    def streams(self) -> tuple[StreamSpec, ...]:
        """One stream, `style`, at 1 Hz."""
        return (StreamSpec("style", self._quantizer.size, Fraction(1), deduplicate=False),)

    @torch.inference_mode()
    def encode(self, audios: list[Audio]) -> list[Units]:
        """One code for each second begun; none for audio shorter than a frame (25 ms).

        Raises:
            InputError: audio that is not mono at 16 kHz.
        """
        return [Units(self.streams, {"style": codes}) for codes in self._quantizer.quantize(self._means(audios))]
