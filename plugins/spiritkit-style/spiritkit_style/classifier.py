"""Style units by the released classifier (Spirit LM model release; the paper's section 3.1 has what it imitates)."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import torch

from spiritkit.checkpoints import entry, positive
from spiritkit.devices import DTypeName
from spiritkit.interfaces import UnitTokenizer
from spiritkit.types import Audio, StreamSpec, Units
from spiritkit_style.wav2vec2 import SAMPLE_RATE, Checkpoint, SecondMeans


class Wav2Vec2Style(UnitTokenizer):
    """A code a second: wav2vec 2.0, mean of the second, projector, classifier, the most probable class.

    The waveform is brought to zero mean and unit variance over each audio given.

    Args:
        checkpoint: a folder with `config.json` and `pytorch_model.bin` (or `model.safetensors`), as released, or a
            hub name.
        device: where the model runs.
        dtype: its number format.

    Raises:
        MissingFileError, CheckpointError: the folder lacks a file, a key or a tensor.
    """

    sample_rate = SAMPLE_RATE

    def __init__(self, *, checkpoint: Path | str, device: str = "auto", dtype: DTypeName = "float32"):
        read = Checkpoint.read(checkpoint)
        path = read.folder / "config.json"
        self._labels = _labels(read.config, path)
        width, projected = read.config["hidden_size"], positive(read.config, "classifier_proj_size", path)
        with torch.device("meta"):
            head = torch.nn.ModuleDict(
                {
                    "projector": torch.nn.Linear(width, projected),
                    "classifier": torch.nn.Linear(projected, self._labels),
                }
            )
        self._head = head.to_empty(device="cpu").eval()
        self._means = SecondMeans(read, head=self._head, device=device, dtype=dtype)

    @property
    def streams(self) -> tuple[StreamSpec, ...]:
        """One stream, `style`; 100 codes at 1 Hz in the release."""
        return (StreamSpec("style", self._labels, Fraction(1), deduplicate=False),)

    @torch.inference_mode()
    def encode(self, audios: list[Audio]) -> list[Units]:
        """One code for each second begun; none for audio shorter than a frame (25 ms).

        Raises:
            InputError: audio that is not mono at 16 kHz.
        """
        return [self._units(means) for means in self._means(audios)]

    def _units(self, means: torch.Tensor) -> Units:
        # Few vectors: on the CPU in float32 whatever the model runs in. The projector is affine, so the mean of
        # projected frames is the projected mean.
        logits = self._head["classifier"](self._head["projector"](means.cpu()))
        return Units(self.streams, {"style": logits.argmax(-1).numpy()})


def _labels(config: dict[str, Any], path: Path) -> int:
    """How many classes: transformers writes the number, or only the table of their names."""
    if "num_labels" in config:
        return positive(config, "num_labels", path)
    return len(entry(config, "id2label", path))
