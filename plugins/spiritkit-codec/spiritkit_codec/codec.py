"""One codec: samples ↔ codes `[K, T]`. Shape letters: K codebooks, T frames, D width, N samples."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from fractions import Fraction
from typing import Any

import numpy as np
import torch


class Codec(ABC):
    """A neural codec with residual vector quantization: the first codebooks are coarse, later ones refine them, and any
    number of them, counted from the first, can be decoded.

    Args:
        model: of transformers, or its parts, on the device where it shall compute.
        hop: samples of a frame.
        n_codebooks: how many there are.
    """

    def __init__(self, model: Any, *, hop: int, n_codebooks: int):
        self._model = model
        self._device = next(model.parameters()).device
        self.sample_rate = int(model.config.sampling_rate)
        self.codebook_size = int(model.config.codebook_size)
        self.hop = hop
        self.n_codebooks = n_codebooks

    @property
    def rate(self) -> Fraction:
        """Frames a second, exact."""
        return Fraction(self.sample_rate, self.hop)

    @torch.inference_mode()
    def encode(self, samples: np.ndarray, n_codebooks: int) -> np.ndarray:
        """Samples float32 `[N]` → int64 `[K, ceil(N / hop)]` of the first K codebooks; the last frame is padded as the
        model does.
        """
        if not len(samples):
            return np.zeros((n_codebooks, 0), dtype=np.int64)
        wave = torch.from_numpy(samples).to(self._device)[None, None]  # [1, 1, N]
        codes: np.ndarray = self._encode(wave, n_codebooks)[:n_codebooks, 0].cpu().numpy()
        return codes

    @torch.inference_mode()
    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Codes int64 `[K, T]`, T at least 1 → samples float32 `[T * hop]`."""
        wave = self._decode(torch.from_numpy(codes).to(self._device)[:, None])
        samples: np.ndarray = wave[0, 0].cpu().numpy()
        return samples

    @abstractmethod
    def _encode(self, wave: torch.Tensor, n_codebooks: int) -> torch.Tensor:
        """`[1, 1, N]` → `[K, 1, T]`, K at least `n_codebooks`."""

    @abstractmethod
    def _decode(self, codes: torch.Tensor) -> torch.Tensor:
        """`[K, 1, T]` → `[1, 1, N]`."""


class Encodec(Codec):
    """EnCodec (Défossez et al. 2022): convolutions and an LSTM."""

    def __init__(self, model: Any):
        hop = math.prod(model.config.upsampling_ratios)
        super().__init__(model, hop=hop, n_codebooks=len(model.quantizer.layers))

    def _encode(self, wave: torch.Tensor, n_codebooks: int) -> torch.Tensor:
        # The model's own `encode` takes a bandwidth, which allows some numbers of codebooks only.
        residual = self._model.encoder(wave)  # [1, D, T]
        codes = []
        for layer in self._model.quantizer.layers[:n_codebooks]:
            codes.append(layer.encode(residual))
            residual = residual - layer.decode(codes[-1])
        return torch.stack(codes)

    def _decode(self, codes: torch.Tensor) -> torch.Tensor:
        wave: torch.Tensor = self._model.decoder(self._model.quantizer.decode(codes))
        return wave


class MimiParts(torch.nn.Module):
    """The parts of transformers' Mimi under the names that they have in files.

    In version 5 some lie in an encoder's and a decoder's model of their own, which changes the names in memory alone.
    """

    def __init__(self, model: Any):
        super().__init__()
        self.config = model.config
        halves = hasattr(model.encoder, "encoder_seanet")
        self.encoder = model.encoder.encoder_seanet if halves else model.encoder
        self.decoder = model.decoder.decoder_seanet if halves else model.decoder
        encoding, decoding = (model.encoder, model.decoder) if halves else (model, model)
        self.encoder_transformer, self.downsample = encoding.encoder_transformer, encoding.downsample
        self.decoder_transformer, self.upsample = decoding.decoder_transformer, decoding.upsample
        self.quantizer = model.quantizer


class Mimi(Codec):
    """Mimi (Défossez et al. 2024): convolutions and a transformer, which sees a window of the past.

    Version 4 of transformers applies the window of the configuration in flash attention only, and otherwise attends to
    the whole past; here, as in version 5, it always applies.

    Args:
        model: `MimiParts`.
    """

    def __init__(self, model: Any):
        # A last convolution halves the rate once more.
        hop = 2 * math.prod(model.config.upsampling_ratios)
        super().__init__(model, hop=hop, n_codebooks=model.config.num_quantizers)
        self._fewest = int(model.config.num_semantic_quantizers)

    def _encode(self, wave: torch.Tensor, n_codebooks: int) -> torch.Tensor:
        hidden = self._attend(self._model.encoder_transformer, self._model.encoder(wave))
        codes: torch.Tensor = self._model.quantizer.encode(
            self._model.downsample(hidden), max(n_codebooks, self._fewest)
        )
        return codes

    def _decode(self, codes: torch.Tensor) -> torch.Tensor:
        hidden = self._model.upsample(self._model.quantizer.decode(codes.transpose(0, 1)))
        wave: torch.Tensor = self._model.decoder(self._attend(self._model.decoder_transformer, hidden))
        return wave

    def _attend(self, transformer: Any, hidden: torch.Tensor) -> torch.Tensor:
        """`[1, D, T]` → `[1, D, T]`."""
        position = torch.arange(hidden.shape[-1], device=hidden.device)
        past = position[:, None] - position
        mask = (past >= 0) & (past < self._model.config.sliding_window)  # [T, T]
        output = transformer(hidden.transpose(1, 2), attention_mask=mask[None, None], return_dict=True)
        result: torch.Tensor = output.last_hidden_state.transpose(1, 2)
        return result
