"""Audio → phonetic units: a layer of HuBERT on fairseq2, quantized (paper, section 3.1)."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import torch
from spiritkit_hubert.checkpoint import load_hubert
from spiritkit_hubert.layer_tokenizer import LayerTokenizer

from spiritkit.devices import DTypeName
from spiritkit.errors import RequestError
from spiritkit.interfaces import Quantizer
from spiritkit_fairseq2.libsndfile import provide_libsndfile


class Fairseq2HubertTokenizer(LayerTokenizer):
    """Units of one HuBERT layer, as `hubert.v1` gives them; one deduplicated stream, at the model's own frame rate.

    Args:
        checkpoint: the release's fairseq-format file (`mhubert_base_25hz.pt`), a Hugging Face folder, or a hub name.
        quantizer: what makes codes of the features.
        layer: the transformer layer whose output is quantized, counted from 1; those above it are not built.
        device: where to compute.
        dtype: number format of the transformer. The convolutions over the waveform, and the quantizer, stay float32.
        batch_seconds: the transformer takes audio together up to so many seconds, padding counted. Longer audio runs
            alone. More is faster on a GPU, at the cost of memory.
        pad: samples of silence put before and behind each audio, as in `hubert.v1`.

    Raises:
        MissingFileError, CheckpointError: the checkpoint is not there, or is no HuBERT that is understood.
        RequestError: fairseq2 does not load; the model has no such layer, or the quantizer takes features of another
            width.
    """

    #: The units are those of `hubert.v1`, so they count as its units where provenance is checked.
    same_as: ClassVar[str] = "hubert.v1"

    def __init__(
        self,
        *,
        checkpoint: Path | str,
        quantizer: Quantizer,
        layer: int = 11,
        device: str = "auto",
        dtype: DTypeName = "float32",
        batch_seconds: float = 100,
        pad: int = 0,
    ):
        hubert = load_hubert(checkpoint)
        super().__init__(
            hubert,
            checkpoint=checkpoint,
            quantizer=quantizer,
            layer=layer,
            device=device,
            dtype=dtype,
            batch_seconds=batch_seconds,
            pad=pad,
        )
        # Imported here, so that recipes are checked without fairseq2.
        provide_libsndfile()
        try:
            from spiritkit_fairseq2.network import Network
        except (ImportError, OSError, RuntimeError) as error:  # a missing library; a PyTorch of another version
            raise RequestError(f"fairseq2-hubert.v1: fairseq2 does not load: {error}") from error
        self._network = Network(
            hubert.model, layer=layer, checkpoint=checkpoint, device=self._device, dtype=self._dtype
        )

    def _frames(self, waveform: torch.Tensor) -> torch.Tensor:
        """Features of the convolutions, `[T, C]`."""
        return self._network.extract(waveform.to(self._device))

    def _transform(self, frames: list[torch.Tensor]) -> list[torch.Tensor]:
        return self._network.transform(frames)
