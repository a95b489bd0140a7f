"""A tiny VITS with random weights, written to disk as the hub has them."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import VitsConfig, VitsModel, VitsTokenizer

SMALL: dict[str, Any] = {
    "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "ffn_dim": 16, "flow_size": 8,
    "spectrogram_bins": 9, "prior_encoder_num_flows": 2, "prior_encoder_num_wavenet_layers": 1,
    "posterior_encoder_num_wavenet_layers": 1, "duration_predictor_num_flows": 2,
    "duration_predictor_filter_channels": 16, "duration_predictor_flow_bins": 4, "upsample_initial_channel": 16,
    "upsample_rates": [8, 4], "upsample_kernel_sizes": [16, 8], "resblock_kernel_sizes": [3],
    "resblock_dilation_sizes": [[1, 3]], "depth_separable_num_layers": 1, "sampling_rate": 4000,
    "initializer_range": 0.3, "noise_scale": 0.667, "noise_scale_duration": 0.8, "speaking_rate": 0.5,
}  # fmt: skip


@pytest.fixture(scope="session")
def vits_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A folder with a model of so many speakers. Read only."""

    @cache
    def folder(speakers: int = 1, **tokenizer: Any) -> Path:
        path = tmp_path_factory.mktemp("vits")
        letters = ["k", *"'abcdefghijlmnopqrstuvwxyz", " ", "<unk>"]
        (path / "vocab.json").write_text(json.dumps({letter: id for id, letter in enumerate(letters)}))
        settings = {"add_blank": True, "normalize": True, "phonemize": False, "is_uroman": False, **tokenizer}
        VitsTokenizer(path / "vocab.json", pad_token="k", **settings).save_pretrained(path)
        several = {"num_speakers": speakers, "speaker_embedding_size": 8} if speakers > 1 else {}
        config = VitsConfig(vocab_size=len(letters), **SMALL, **several)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = VitsModel(config)
            for parameter in model.decoder.parameters():
                parameter.data *= 3  # so that something is heard
        model.save_pretrained(path)
        return path

    return folder
