"""Small HuBERT models with random weights, as transformers has them and in the release's format."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from spiritkit_hubert.kmeans import KMeansQuantizer
from transformers import HubertConfig, HubertModel

from spiritkit.types import Audio

CONV_25HZ = [(10, 5)] + [(3, 2)] * 4 + [(2, 2)] * 3
CONV_50HZ = CONV_25HZ[:-1]


@dataclass
class Twins:
    """One model three times: in memory, as a Hugging Face folder, and as a file in the release's format."""

    model: HubertModel
    folder: Path
    file: Path

    @torch.inference_mode()
    def features(self, audio: Audio, layer: int) -> torch.Tensor:
        """What transformers computes for one audio alone."""
        output = self.model(torch.from_numpy(audio.samples)[None], output_hidden_states=True)
        # Version 5 of transformers leaves the norm that closes the last layer out of its hidden state.
        last = layer == self.model.config.num_hidden_layers
        return output.last_hidden_state[0] if last else output.hidden_states[layer][0]


def random_model(conv=CONV_25HZ, channels: int = 16, seed: int = 0, **config) -> HubertModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        settings = {
            "hidden_size": 32,
            "num_hidden_layers": 3,
            "num_attention_heads": 2,
            "intermediate_size": 48,
            "num_feat_extract_layers": len(conv),
            "conv_dim": [channels] * len(conv),
            "conv_kernel": [kernel for kernel, _ in conv],
            "conv_stride": [stride for _, stride in conv],
            "mask_time_prob": 0.0,
        }
        model = HubertModel(HubertConfig(**(settings | config))).eval()
        for name, parameter in model.named_parameters():
            if "norm" in name or name.endswith("bias"):  # transformers begins with 1 and 0, which would hide mistakes
                parameter.data.add_(torch.randn_like(parameter), alpha=0.2)
            elif "layers" in name and parameter.ndim == 2:
                parameter.data.normal_(std=0.2)
    return model


def release_contents(model: HubertModel) -> dict:
    """The model as the release's file holds one."""
    config = model.config
    weights = {}
    for name, tensor in model.state_dict().items():
        for pattern, replacement in (
            (r"(conv_layers\.\d+)\.conv\.", r"\1.0."),
            (r"(conv_layers\.\d+)\.layer_norm\.", r"\1.2."),
            (r"feature_projection\.layer_norm", "layer_norm"),
            (r"feature_projection\.projection", "post_extract_proj"),
            (r"pos_conv_embed\.conv\.parametrizations\.weight\.original0", "pos_conv.0.weight_g"),
            (r"pos_conv_embed\.conv\.parametrizations\.weight\.original1", "pos_conv.0.weight_v"),
            (r"pos_conv_embed\.conv\.", "pos_conv.0."),
            (r"(encoder\.layers\.\d+)\.layer_norm", r"\1.self_attn_layer_norm"),
            (r"\.attention\.", ".self_attn."),
            (r"feed_forward\.intermediate_dense", "fc1"),
            (r"feed_forward\.output_dense", "fc2"),
        ):
            name = re.sub(pattern, replacement, name)
        weights[name] = tensor.clone()
    weights["mask_emb"] = torch.zeros(config.hidden_size)
    convolutions = zip(config.conv_dim, config.conv_kernel, config.conv_stride, strict=True)
    return {
        "model_cfg": {
            "extractor_mode": "default",
            "encoder_layers": config.num_hidden_layers,
            "encoder_embed_dim": config.hidden_size,
            "encoder_ffn_embed_dim": config.intermediate_size,
            "encoder_attention_heads": config.num_attention_heads,
            "activation_fn": "gelu",
            "layer_norm_first": False,
            "conv_bias": config.conv_bias,
            "conv_pos": config.num_conv_pos_embeddings,
            "conv_pos_groups": config.num_conv_pos_embedding_groups,
            "conv_feature_layers": " + ".join(f"[{layer}]" for layer in convolutions),
        },
        "task_cfg": {"sample_rate": 16000, "normalize": False},
        "model_weight": weights,
        "dictionaries_symbols": [],
    }


def write_twins(folder: Path, model: HubertModel) -> Twins:
    model.save_pretrained(folder / "folder")
    torch.save(release_contents(model), folder / "release.pt")
    return Twins(model, folder / "folder", folder / "release.pt")


@pytest.fixture(scope="session", params=["25Hz", "50Hz"])
def twins(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Twins:
    conv = {"25Hz": CONV_25HZ, "50Hz": CONV_50HZ}[request.param]
    return write_twins(tmp_path_factory.mktemp(request.param), random_model(conv))


@pytest.fixture
def make_twins(tmp_path: Path) -> Callable[..., Twins]:
    """Twins of a model with other settings (`HubertConfig`'s names, `conv`, `channels`, `seed`)."""
    return lambda **settings: write_twins(tmp_path, random_model(**settings))


@pytest.fixture(scope="session")
def quantizer(tmp_path_factory: pytest.TempPathFactory) -> KMeansQuantizer:
    """20 codes for features of width 32."""
    path = tmp_path_factory.mktemp("quantizer") / "kmeans.safetensors"
    save_file({"centroids": torch.randn(20, 32, generator=torch.Generator().manual_seed(5))}, path)
    return KMeansQuantizer(checkpoint=path)


@pytest.fixture(scope="session")
def noise() -> Callable[..., Audio]:
    """Audio of a length in samples: noise whose level changes, so that statistics over time matter."""

    def make(samples: int, seed: int = 0) -> Audio:
        rng = np.random.default_rng(seed)
        level = np.linspace(0.01, 0.3, samples) * rng.uniform(0.5, 2)
        return Audio((level * rng.standard_normal(samples) + 0.05).astype(np.float32), 16000)

    return make
