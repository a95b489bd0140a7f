"""What the codec tests share: small codecs with random weights, in folders as transformers writes them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from spiritkit_codec.codec import MimiParts
from transformers import EncodecConfig, EncodecModel, MimiConfig, MimiModel

from spiritkit.types import Audio

CODECS = ("encodec", "mimi")


def make_encodec() -> EncodecModel:
    config = EncodecConfig(
        num_filters=4,
        hidden_size=16,
        codebook_size=64,
        num_lstm_layers=1,
        target_bandwidths=[0.9, 1.8],  # 2 and 4 codebooks of 6 bits at 75 Hz
    )
    model = EncodecModel(config)
    with torch.no_grad():  # codebooks where the encoder's output lies, for many codes to occur
        output = model.encoder(torch.randn(1, 1, 24_000) * 0.2)[0]  # [D, T]
        for index, layer in enumerate(model.quantizer.layers):
            layer.codebook.embed.normal_().mul_(output.std(1) / 2**index)
        model.quantizer.layers[0].codebook.embed.add_(output.mean(1))
    return model


def make_mimi() -> MimiModel:
    config = MimiConfig(
        num_filters=2,
        hidden_size=16,
        codebook_size=64,
        codebook_dim=8,
        vector_quantization_hidden_dimension=8,
        num_quantizers=4,
        upsample_groups=16,
        num_hidden_layers=2,
        intermediate_size=16,
        num_attention_heads=2,
        num_key_value_heads=2,
        sliding_window=50,  # 2 s at 25 Hz
        layer_scale_initial_scale=1.0,
        initializer_range=0.5,  # with 0.02, attention would hardly depend on what it sees
    )
    model = MimiModel(config)
    parts = MimiParts(model)
    with torch.no_grad():  # as above
        hidden = parts.encoder(torch.randn(1, 1, 24_000) * 0.2).transpose(1, 2)
        latents = parts.downsample(parts.encoder_transformer(hidden)[0].transpose(1, 2))
        for half in (
            parts.quantizer.semantic_residual_vector_quantizer,
            parts.quantizer.acoustic_residual_vector_quantizer,
        ):
            output = half.input_proj(latents)[0]  # [D, T]
            for index, layer in enumerate(half.layers):
                layer.codebook.embed_sum.normal_().mul_(output.std(1) / 2**index)
            half.layers[0].codebook.embed_sum.add_(output.mean(1))
    return model


@pytest.fixture(scope="session")
def codecs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of an EnCodec and a Mimi. Read only."""
    folders = {}
    for name, make in (("encodec", make_encodec), ("mimi", make_mimi)):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            model = make()
        folders[name] = tmp_path_factory.mktemp(name)
        model.save_pretrained(folders[name])
    return folders


@pytest.fixture(params=CODECS)
def folder(request: pytest.FixtureRequest, codecs: dict[str, Path]) -> Path:
    """Each of them. Read only."""
    return codecs[request.param]


@pytest.fixture
def copied(codecs: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    """A copy to spoil."""
    return lambda name: Path(shutil.copytree(codecs[name], tmp_path / "copy" / name))


@pytest.fixture(scope="session")
def noise() -> Callable[..., Audio]:
    """So many samples of noise that comes and goes, at 24 kHz."""

    def make(samples: int, seed: int = 0) -> Audio:
        rng = np.random.default_rng(seed)
        loudness = np.sin(np.arange(samples) / 3000) ** 2
        return Audio((rng.standard_normal(samples) * loudness * 0.3).astype(np.float32), 24_000)

    return make


@pytest.fixture(scope="session")
def hugging_face() -> Callable[[Path], torch.nn.Module]:
    """The codec of a folder as transformers itself loads it."""

    def load(folder: Path) -> torch.nn.Module:
        kind = MimiModel if folder.name.startswith("mimi") else EncodecModel
        return kind.from_pretrained(folder).eval()

    return load
