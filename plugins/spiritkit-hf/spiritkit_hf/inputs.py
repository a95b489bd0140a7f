"""Texts and recordings as what networks of transformers take."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from transformers import ASTFeatureExtractor, WhisperFeatureExtractor

#: Seconds: a shorter recording is followed by silence, for networks need some frames.
_SHORTEST = 0.25


def padded(rows: Sequence[Sequence[int]], pad_id: int) -> dict[str, torch.Tensor]:
    """Ids of B texts as one batch: `input_ids` and `attention_mask`, int64 `[B, T]`."""
    longest = max(map(len, rows))
    return {
        "input_ids": torch.tensor([[*row, *[pad_id] * (longest - len(row))] for row in rows]),
        "attention_mask": torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows]),
    }


def heard_at_once(features: Any) -> int | None:
    """How many samples a feature extractor keeps of a recording; None for all."""
    if isinstance(features, WhisperFeatureExtractor):
        return int(features.n_samples)
    if isinstance(features, ASTFeatureExtractor):  # frames of 25 ms, one every 10 ms
        return ((features.max_length - 1) * 10 + 25) * features.sampling_rate // 1000
    return None


def sounds(features: Any, waves: Sequence[np.ndarray]) -> dict[str, torch.Tensor]:
    """Recordings as one batch.

    Args:
        features: the feature extractor of the network.
        waves: float32 `[T]` each, at its rate, and no longer than it keeps.
    """
    shortest = round(_SHORTEST * features.sampling_rate)
    waves = [np.pad(wave, (0, max(0, shortest - len(wave)))) for wave in waves]
    # Fixed lengths are padded to already; the others only where lengths differ, and then the network is told.
    several = len({len(wave) for wave in waves}) > 1 and heard_at_once(features) is None
    options = {"padding": True, "return_attention_mask": True} if several else {}
    found = features(waves, sampling_rate=features.sampling_rate, return_tensors="pt", **options)
    return {name: value for name, value in found.items() if name != "attention_mask" or several}


@torch.inference_mode()
def sound_logits(model: Any, features: Any, samples: np.ndarray) -> torch.Tensor:
    """Logits `[1, K]` of one recording float32 `[T]`. Of one that is longer than the network hears at once, those of as
    many windows as it takes, evenly spaced from beginning to end, are averaged.
    """
    limit = heard_at_once(features) or max(1, len(samples))
    starts = np.linspace(0, max(0, len(samples) - limit), max(1, math.ceil(len(samples) / limit)))
    windows = [samples[start : start + limit] for start in starts.astype(int)]
    with torch.random.fork_rng(devices=[]):  # some networks draw a number for each layer, even in inference
        logits = [
            model(**{name: value.to(model.device) for name, value in sounds(features, [window]).items()}).logits
            for window in windows
        ]
    return torch.cat(logits).float().mean(0, keepdim=True)
