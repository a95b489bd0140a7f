"""Audio → phonetic units: a layer of HuBERT, quantized (paper, section 3.1)."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence

from spiritkit import devices
from spiritkit.devices import DTypeName
from spiritkit.errors import InputError, RequestError
from spiritkit.interfaces import Quantizer, UnitTokenizer
from spiritkit.types import Audio, StreamSpec, Units
from spiritkit_hubert.checkpoint import load_hubert
from spiritkit_hubert.front_end import FrontEnd

#: The release chunks at 100 s and places unit i at i / (frames of a whole chunk / 100) seconds.
_CHUNK_SECONDS = 100
#: Share of a batch that may be padding: more costs more than taking audio together saves.
_MOST_PADDING = 0.1


class HubertTokenizer(UnitTokenizer):
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
    ):
        if not batch_seconds > 0:
            raise RequestError(f"batch_seconds is {batch_seconds}; expected more than 0")
        self._device, self._dtype = devices.device(device), devices.dtype(dtype)
        hubert = load_hubert(checkpoint)
        model, config = hubert.model, hubert.model.config
        if not 1 <= layer <= config.num_hidden_layers:
            raise RequestError(f"layer is {layer}; {checkpoint} has layers 1…{config.num_hidden_layers}")
        if quantizer.dimension != config.hidden_size:
            raise RequestError(
                f"the quantizer takes features of width {quantizer.dimension}; those of {checkpoint} have width "
                f"{config.hidden_size}"
            )
        self._quantizer = quantizer
        self._normalize_epsilon = hubert.normalize_epsilon
        self._front_end = FrontEnd(model, self._device, self._dtype)
        self._projection = model.feature_projection.to(self._device, self._dtype)
        model.encoder.layers = model.encoder.layers[:layer]
        if config.do_stable_layer_norm and layer < config.num_hidden_layers:
            model.encoder.layer_norm = nn.Identity()  # in these models it closes the last layer only
        self._encoder = model.encoder.to(self._device, self._dtype)
        frames = self._front_end.frames(_CHUNK_SECONDS * self.sample_rate)
        self._streams = (
            StreamSpec("units", size=quantizer.size, rate=Fraction(frames, _CHUNK_SECONDS), deduplicate=True),
        )
        self._width = config.hidden_size
        self._batch_frames = batch_seconds * self.sample_rate / self._front_end.stride

    @property
    def streams(self) -> tuple[StreamSpec, ...]:
        """One stream."""
        return self._streams

    def encode(self, audios: list[Audio]) -> list[Units]:
        """Units of a batch of mono audio at 16 kHz; audio shorter than one frame has none.

        Raises:
            InputError: audio that is not mono or not at 16 kHz.
        """
        codes = self._quantizer.quantize(self.features(audios))
        return [Units(specs=self._streams, codes={self._streams[0].name: each}) for each in codes]

    @torch.inference_mode()
    def features(self, audios: list[Audio]) -> list[torch.Tensor]:
        """The layer's output, before it is quantized.

        Args:
            audios: mono, at 16 kHz.

        Returns:
            For each, `[T, D]` on the tokenizer's device in its dtype. They do not depend on the rest of the batch, but
            for rounding.

        Raises:
            InputError: audio that is not mono or not at 16 kHz.
        """
        counts = []
        for index, audio in enumerate(audios):
            if audio.samples.ndim != 1 or audio.sample_rate != self.sample_rate:
                raise InputError(
                    f"audio {index} has shape {list(audio.samples.shape)} at {audio.sample_rate} Hz; hubert.v1 takes "
                    f"mono [T] at {self.sample_rate} Hz"
                )
            counts.append(self._front_end.frames(len(audio.samples)))
        features = [torch.zeros(0, self._width, device=self._device, dtype=self._dtype)] * len(audios)
        for batch in self._batches(counts):
            hidden = [self._projection(self._front_end(self._waveform(audios[index]))[None])[0] for index in batch]
            for index, output in zip(batch, self._transform(hidden), strict=True):
                features[index] = output
        return features

    def _batches(self, counts: list[int]) -> Iterator[list[int]]:
        """Indices of audio to take together, of similar length so that little is padded."""
        batch: list[int] = []
        for index in sorted(range(len(counts)), key=lambda index: -counts[index]):
            if counts[index] == 0:
                break
            padded = (len(batch) + 1) * counts[batch[0]] if batch else 0
            used = sum(counts[other] for other in batch) + counts[index]
            if padded > self._batch_frames or padded * (1 - _MOST_PADDING) > used:
                yield batch
                batch = []
            batch.append(index)
        if batch:
            yield batch

    def _waveform(self, audio: Audio) -> torch.Tensor:
        waveform = torch.from_numpy(audio.samples)
        if self._normalize_epsilon is not None:
            variance, mean = torch.var_mean(waveform, correction=0)
            waveform = (waveform - mean) / (variance + self._normalize_epsilon).sqrt()
        return waveform

    def _transform(self, hidden: list[torch.Tensor]) -> list[torch.Tensor]:
        """Run the transformer over projected frames, each `[T, D]`."""
        lengths = torch.tensor([len(each) for each in hidden], device=self._device)
        padded = pad_sequence(hidden, batch_first=True)  # [B, T, D]
        mask = torch.arange(padded.shape[1], device=self._device) < lengths[:, None]  # [B, T]
        # For layer drop, transformers draws from the global generator even outside of training.
        with torch.random.fork_rng(devices=[]):
            output = self._encoder(padded, attention_mask=None if mask.all() else mask).last_hidden_state
        return [output[row, : len(each)] for row, each in enumerate(hidden)]
