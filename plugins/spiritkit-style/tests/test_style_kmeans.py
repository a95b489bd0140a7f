"""wav2vec2-kmeans.v1 and the features it shares with the classifier."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from spiritkit_style.kmeans import Wav2Vec2KMeans
from spiritkit_style.wav2vec2 import Checkpoint, SecondMeans, block_means
from transformers import Wav2Vec2Config, Wav2Vec2Model

from spiritkit.errors import RequestError
from spiritkit.types import StreamSpec


def layer_by_hand(model, samples: np.ndarray, layer: int) -> torch.Tensor:
    """Means of blocks of what the layer itself returns inside transformers' whole model."""
    caught = []
    hook = model.encoder.layers[layer - 1].register_forward_hook(lambda module, inputs, output: caught.append(output))
    with torch.no_grad():
        model(torch.from_numpy(samples)[None])
    hook.remove()
    output = caught[0][0] if isinstance(caught[0], tuple) else caught[0]
    return torch.stack([block.mean(0) for block in output[0].split(50)])


def standard(samples: np.ndarray) -> np.ndarray:
    return (samples - samples.mean()) / np.sqrt(samples.var() + 1e-7)


@pytest.fixture(scope="module")
def large(tmp_path_factory) -> tuple[Path, Wav2Vec2Model]:
    """A bare model of the large kind (layer norm before attention, in every convolution), as transformers saves it."""
    folder = tmp_path_factory.mktemp("large")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = Wav2Vec2Config(
            hidden_size=32,
            num_hidden_layers=3,
            num_attention_heads=2,
            intermediate_size=48,
            conv_dim=[24] * 7,
            conv_bias=True,
            feat_extract_norm="layer",
            do_stable_layer_norm=True,
        )
        model = Wav2Vec2Model(config).eval()
    model.save_pretrained(folder)
    return folder, model


@pytest.mark.parametrize("layer", [1, 2])
def test_features_are_those_of_the_layer(style_folder, hugging_face, clips, sign_bits, layer):
    quantizer = sign_bits(64)
    tokenizer = Wav2Vec2KMeans(checkpoint=style_folder, layer=layer, quantizer=quantizer, device="cpu")
    units = tokenizer.encode(clips)
    for audio, means, unit in zip(clips, quantizer.seen, units, strict=True):
        expected = layer_by_hand(hugging_face, standard(audio.samples), layer)
        torch.testing.assert_close(means, expected, rtol=1e-4, atol=1e-4)
        np.testing.assert_array_equal(unit["style"], sign_bits(64).quantize([expected])[0])
    assert tokenizer.streams == (StreamSpec("style", 8, Fraction(1), False),)


@pytest.mark.parametrize("layer", [1, 3])
def test_features_of_the_large_kind(large, clips, sign_bits, layer):
    folder, model = large
    quantizer = sign_bits(32)
    Wav2Vec2KMeans(checkpoint=folder, layer=layer, quantizer=quantizer, device="cpu").encode(clips)
    for audio, means in zip(clips, quantizer.seen, strict=True):
        expected = layer_by_hand(model, standard(audio.samples), layer)
        torch.testing.assert_close(means, expected, rtol=1e-4, atol=1e-4)


def test_waveform_is_left_as_it_is_where_the_model_says_so(large, clips, tmp_path):
    folder, model = large
    for file in folder.iterdir():
        (tmp_path / file.name).symlink_to(file)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"do_normalize": False}))
    means = SecondMeans(Checkpoint.read(tmp_path), layer=2, device="cpu", dtype="float32")(clips[1:])[0]
    torch.testing.assert_close(means, layer_by_hand(model, clips[1].samples, 2), rtol=1e-4, atol=1e-4)


def test_layers_above_are_not_loaded(style_folder, sign_bits):
    first = SecondMeans(Checkpoint.read(style_folder), layer=1, device="cpu", dtype="float32")
    assert len(first._model.encoder.layers) == 1


def test_batch_does_not_matter(style_folder, clips, difficult):
    means = SecondMeans(Checkpoint.read(style_folder), device="cpu", dtype="float32")
    audios = [*difficult, *clips]
    for audio, together in zip(audios, means(audios), strict=True):
        alone = means([audio])[0]
        assert torch.isfinite(together).all()
        assert len(together) == math.ceil(max(0, (len(audio.samples) - 400) // 320 + 1) / 50)
        torch.testing.assert_close(
            together, alone, rtol=1e-4, atol=1e-4 * float(alone.abs().max() if len(alone) else 1)
        )


@pytest.mark.parametrize("length", [1, 49, 50, 51, 100, 149])
def test_block_means_equal_a_plain_loop(length):
    frames = torch.from_numpy(np.random.default_rng(length).normal(size=(length, 5)).astype(np.float32))
    expected = []
    for start in range(0, length, 50):
        block = [frames[i] for i in range(start, min(start + 50, length))]
        expected.append(sum(block[1:], block[0]) / len(block))
    torch.testing.assert_close(block_means(frames, 50), torch.stack(expected))


@pytest.mark.parametrize("layer", [0, 3, -1])
def test_layer_that_is_not_there(style_folder, sign_bits, layer):
    with pytest.raises(RequestError, match=f"layer is {layer}; .* has layers 1…2"):
        Wav2Vec2KMeans(checkpoint=style_folder, layer=layer, quantizer=sign_bits(64), device="cpu")


def test_quantizer_of_another_width(style_folder, sign_bits):
    with pytest.raises(RequestError, match=r"features of width 96; .* are 64 wide"):
        Wav2Vec2KMeans(checkpoint=style_folder, layer=1, quantizer=sign_bits(96), device="cpu")
