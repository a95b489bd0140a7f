"""Small HuBERT models with random weights, and tokenizers of both libraries on one checkpoint."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import save_file
from spiritkit_fairseq2.tokenizer import Fairseq2HubertTokenizer
from spiritkit_hubert.kmeans import KMeansQuantizer
from spiritkit_hubert.linear_ctc import LinearCTCQuantizer
from spiritkit_hubert.tokenizer import HubertTokenizer
from transformers import HubertConfig, HubertModel

from spiritkit.types import Audio

CONV_50HZ = [(10, 5)] + [(3, 2)] * 4 + [(2, 2)] * 2


class Pair(NamedTuple):
    """The same tokenizer on transformers (`hubert.v1`) and on fairseq2."""

    hubert: HubertTokenizer
    fairseq2: Fairseq2HubertTokenizer


def pair(**parameters: Any) -> Pair:
    return Pair(*(each(device="cpu", **parameters) for each in (HubertTokenizer, Fairseq2HubertTokenizer)))


@pytest.fixture(scope="session")
def reference(reference_checkpoints: Path) -> dict[str, Any]:
    """The parameters of Spirit LM's tokenizer: the released format, 25 Hz, layer 11 of 12."""
    folder = reference_checkpoints / "speech_tokenizer" / "hubert_25hz"
    return {
        "checkpoint": folder / "mhubert_base_25hz.pt",
        "layer": 11,
        "quantizer": LinearCTCQuantizer(checkpoint=folder / "L11_quantizer_500.pt"),
    }


@pytest.fixture(scope="session")
def released(reference: dict[str, Any]) -> Pair:
    return pair(**reference)


@pytest.fixture(scope="session")
def quantizer(tmp_path_factory: pytest.TempPathFactory) -> KMeansQuantizer:
    """20 codes for features of width 32."""
    path = tmp_path_factory.mktemp("quantizer") / "kmeans.safetensors"
    save_file({"centroids": torch.randn(20, 32, generator=torch.Generator().manual_seed(5))}, path)
    return KMeansQuantizer(checkpoint=path)


@pytest.fixture
def make_folder(tmp_path: Path) -> Callable[..., Path]:
    """A Hugging Face folder of a random 50 Hz model of width 32 with 3 layers; settings as in `HubertConfig`."""

    def make(**settings: Any) -> Path:
        defaults = {
            "hidden_size": 32,
            "num_hidden_layers": 3,
            "num_attention_heads": 2,
            "intermediate_size": 48,
            "num_feat_extract_layers": len(CONV_50HZ),
            "conv_dim": [16] * len(CONV_50HZ),
            "conv_kernel": [kernel for kernel, _ in CONV_50HZ],
            "conv_stride": [stride for _, stride in CONV_50HZ],
        }
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = HubertModel(HubertConfig(**(defaults | settings)))
            for name, parameter in model.named_parameters():
                if "norm" in name or name.endswith("bias"):  # transformers begins with 1 and 0: a mix-up would not show
                    parameter.data.add_(torch.randn_like(parameter), alpha=0.2)
                elif "layers" in name and parameter.ndim == 2:
                    parameter.data.normal_(std=0.2)
        model.save_pretrained(tmp_path / "model")
        return tmp_path / "model"

    return make


@pytest.fixture
def make_pair(make_folder: Callable[..., Path], quantizer: KMeansQuantizer) -> Callable[..., Pair]:
    """Both tokenizers on layer `layer` of such a model; `normalize` asks for normalised waveforms."""

    def make(layer: int = 3, normalize: bool = False, **settings: Any) -> Pair:
        folder = make_folder(**settings)
        (folder / "preprocessor_config.json").write_text(json.dumps({"do_normalize": normalize}))
        return pair(checkpoint=folder, quantizer=quantizer, layer=layer)

    return make


@pytest.fixture(scope="session")
def clips(conformance: Path) -> dict[str, Audio]:
    """The conformance clips by name."""
    paths = [path for path in sorted(conformance.iterdir()) if path.suffix in (".flac", ".wav")]
    return {path.stem: Audio(*soundfile.read(path, dtype="float32")) for path in paths}


@pytest.fixture(scope="session")
def noise() -> Callable[..., Audio]:
    """Audio of a length in samples: noise whose level changes, so that statistics over time matter."""

    def make(samples: int, seed: int = 0) -> Audio:
        rng = np.random.default_rng(seed)
        level = np.linspace(0.01, 0.3, samples) * rng.uniform(0.5, 2)
        return Audio((level * rng.standard_normal(samples) + 0.05).astype(np.float32), 16000)

    return make
