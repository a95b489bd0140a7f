"""The plain way to run the released encoders: transformers' modules, float32, one file at a time, nothing folded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from spiritkit_hubert.checkpoint import load_hubert
from spiritkit_hubert.linear_ctc import LinearCTCQuantizer
from torch.nn.utils.parametrizations import weight_norm
from transformers import Wav2Vec2Config, Wav2Vec2Model


class PlainHubert:
    """HuBERT up to a layer, then the quantizer."""

    def __init__(self, folder: Path, layer: int = 11):
        self.model = load_hubert(folder / "mhubert_base_25hz.pt").model
        self.model.encoder.layers = self.model.encoder.layers[:layer]  # the release stops at this layer too
        weight_norm(self.model.encoder.pos_conv_embed.conv, dim=2)
        self.quantizer = LinearCTCQuantizer(checkpoint=folder / "L11_quantizer_500.pt")

    @torch.no_grad()
    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Samples float32 `[T]` → codes."""
        features = self.model(torch.from_numpy(samples)[None]).last_hidden_state
        return self.quantizer.quantize([features[0]])[0]


class PlainStyle:
    """wav2vec 2.0, projected, averaged over seconds, classified."""

    def __init__(self, folder: Path):
        state = torch.load(folder / "pytorch_model.bin", weights_only=True)
        self.model = Wav2Vec2Model(Wav2Vec2Config.from_json_file(folder / "config.json")).eval()
        names = {"weight_g": "parametrizations.weight.original0", "weight_v": "parametrizations.weight.original1"}
        encoder = {key.removeprefix("wav2vec2."): value for key, value in state.items() if key.startswith("wav2vec2.")}
        for old, new in names.items():
            encoder[f"encoder.pos_conv_embed.conv.{new}"] = encoder.pop(f"encoder.pos_conv_embed.conv.{old}")
        self.model.load_state_dict(encoder)
        self.projector = state["projector.weight"], state["projector.bias"]
        self.classifier = state["classifier.weight"], state["classifier.bias"]

    @torch.no_grad()
    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Samples float32 `[T]` → codes."""
        samples = (samples - samples.mean()) / np.sqrt(samples.var() + 1e-7)
        hidden = self.model(torch.from_numpy(samples)[None]).last_hidden_state[0]
        projected = torch.nn.functional.linear(hidden, *self.projector)
        blocks = torch.stack([block.mean(0) for block in projected.split(50)])
        return torch.nn.functional.linear(blocks, *self.classifier).argmax(-1).numpy()
