"""Masked prediction (Hsu et al. 2021, sections III-B and III-C)."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn
from transformers import HubertModel

from spiritkit_hubert.frames import FrameGrid


class Prediction(NamedTuple):
    """What a batch gives.

    Attributes:
        loss: what is trained on; a scalar.
        masked_loss: mean cross-entropy of the hidden frames; a scalar.
        masked_accuracy: share of the hidden frames whose class is the most probable one; a scalar.
    """

    loss: torch.Tensor
    masked_loss: torch.Tensor
    masked_accuracy: torch.Tensor


class MaskedPrediction(nn.Module):
    """An encoder with what only pretraining needs: what stands for a hidden frame, and the classes.

    Args:
        model: the encoder.
        n_classes: classes of the targets.
        parts: P, of a frame's time, whose classes are predicted each by itself.
        projection: width in which frames and classes are compared.
        temperature: the cosines are divided by it.
        unmasked_weight: weight of the frames that are seen; hidden ones have 1.

    Attributes:
        grid: of the encoder's frames.
    """

    def __init__(
        self,
        model: HubertModel,
        *,
        n_classes: int,
        parts: int = 1,
        projection: int = 256,
        temperature: float = 0.1,
        unmasked_weight: float = 0.0,
    ):
        super().__init__()
        self.model = model
        width = model.config.hidden_size
        self.mask_embedding = nn.Parameter(torch.rand(width))
        self.projection = nn.Linear(width, parts * projection)
        self._parts = parts
        self.classes = nn.Parameter(torch.randn(n_classes, projection))
        self._temperature, self._unmasked_weight = temperature, unmasked_weight
        self.grid = FrameGrid.of(model.config.conv_kernel, model.config.conv_stride)
        self._alone = model.config.feat_extract_norm == "group"

    def forward(
        self, waveforms: torch.Tensor, lengths: torch.Tensor, targets: torch.Tensor, hidden: torch.Tensor
    ) -> Prediction:
        """Predict the classes of the hidden frames.

        Args:
            waveforms: float32 `[B, samples]`; each row followed by silence.
            lengths: int64 `[B]`, on the CPU: samples of each row, enough for a frame.
            targets: int64 `[B, T, P]`.
            hidden: bool `[B, T]`.
        """
        features = self._features(waveforms, lengths)  # [B, T, C]
        width = features.shape[1]
        n_frames = torch.tensor([self.grid.frames(int(length)) for length in lengths], device=features.device)
        valid = torch.arange(width, device=features.device) < n_frames[:, None]
        frames = self.model.feature_projection(features)
        frames = torch.where(hidden[..., None], self.mask_embedding.to(frames.dtype), frames)
        output = self.model.encoder(frames, attention_mask=None if bool(valid.all()) else valid).last_hidden_state
        masked_loss, accuracy = self._cross_entropy(output[hidden], targets[hidden])
        loss = masked_loss
        seen = valid & ~hidden
        if self._unmasked_weight and bool(seen.any()):
            loss = loss + self._unmasked_weight * self._cross_entropy(output[seen], targets[seen])[0]
        return Prediction(loss, masked_loss.detach(), accuracy)

    def _features(self, waveforms: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        extractor = self.model.feature_extractor
        if not self._alone:
            return extractor(waveforms[:, : int(lengths.max())]).transpose(1, 2)
        # A group norm takes its statistics over all time: silence behind a row must not count.
        rows: list[torch.Tensor | None] = [None] * len(lengths)
        for length in lengths.unique().tolist():
            same = (lengths == length).nonzero()[:, 0].tolist()
            for row, features in zip(same, extractor(waveforms[same, :length]).transpose(1, 2), strict=True):
                rows[row] = features
        return nn.utils.rnn.pad_sequence([row for row in rows if row is not None], batch_first=True)

    def _cross_entropy(self, output: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Of frames `[N, C]` with classes `[N, P]`, and the accuracy."""
        projected = F.normalize(self.projection(output).float().unflatten(-1, (self._parts, -1)), dim=-1)
        with torch.autocast(output.device.type, enabled=False):  # at this temperature bfloat16 is too coarse
            logits = projected @ F.normalize(self.classes, dim=-1).T / self._temperature
            accuracy = (logits.detach().argmax(dim=-1) == targets).float().mean()
            return F.cross_entropy(logits.flatten(0, 1), targets.flatten()), accuracy
