"""Audio → phonetic units: a layer of HuBERT, quantized (paper, section 3.1)."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence

from spiritkit.devices import DTypeName
from spiritkit.interfaces import Quantizer
from spiritkit_hubert.checkpoint import load_hubert
from spiritkit_hubert.front_end import FrontEnd
from spiritkit_hubert.layer_tokenizer import LayerTokenizer


class HubertTokenizer(LayerTokenizer):
    """Units of one HuBERT layer; one deduplicated stream, at the model's own frame rate.

    Args:
        checkpoint: the release's fairseq-format file (`mhubert_base_25hz.pt`), a Hugging Face folder, or a hub name.
        quantizer: what makes codes of the features.
        layer: the transformer layer whose output is quantized, counted from 1; those above it are dropped.
        device: where to compute.
        dtype: number format of the network, but for the first convolution and the quantizer, which stay float32.
            bfloat16 and float16 pay on GPUs and on CPUs with matrix units (AMX); other CPUs are faster in float32.
        batch_seconds: the transformer takes audio together up to so many seconds, padding counted. Longer audio runs
            alone. More is faster on a GPU, at the cost of memory.
        pad: samples of silence put before and behind each audio. SlamKit's models (Slam, SIMS) were trained on units of
            audio with 40, which makes the 25 Hz model give exactly 25 units for each second.

    Raises:
        MissingFileError, CheckpointError: the checkpoint is not there, or is no HuBERT that is understood.
        RequestError: the model has no such layer, or the quantizer takes features of another width.
    """

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
        model, config = hubert.model, hubert.model.config
        self._front_end = FrontEnd(model, self._device, self._dtype)
        self._projection = model.feature_projection.to(self._device, self._dtype)
        model.encoder.layers = model.encoder.layers[:layer]
        if config.do_stable_layer_norm and layer < config.num_hidden_layers:
            model.encoder.layer_norm = nn.Identity()  # in these models it closes the last layer only
        self._encoder = model.encoder.to(self._device, self._dtype)

    def _frames(self, waveform: torch.Tensor) -> torch.Tensor:
        """Projected features `[T, D]`."""
        return self._projection(self._front_end(waveform)[None])[0]

    def _transform(self, frames: list[torch.Tensor]) -> list[torch.Tensor]:
        lengths = torch.tensor([len(each) for each in frames], device=self._device)
        padded = pad_sequence(frames, batch_first=True)  # [B, T, D]
        mask = torch.arange(padded.shape[1], device=self._device) < lengths[:, None]  # [B, T]
        # For layer drop, transformers draws from the global generator even outside of training.
        with torch.random.fork_rng(devices=[]):
            output = self._encoder(padded, attention_mask=None if mask.all() else mask).last_hidden_state
        return [output[row, : len(each)] for row, each in enumerate(frames)]
