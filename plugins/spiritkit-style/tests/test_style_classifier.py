"""wav2vec2-style.v1: against transformers' own model, batches, hard audio, and broken checkpoints."""

from __future__ import annotations

import json
import math
import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from spiritkit_style.classifier import Wav2Vec2Style

from spiritkit.errors import CheckpointError, InputError, MissingFileError
from spiritkit.types import Audio, StreamSpec


@pytest.fixture(scope="module")
def style(style_folder) -> Wav2Vec2Style:
    return Wav2Vec2Style(checkpoint=style_folder, device="cpu")


@pytest.fixture
def broken(style_folder, tmp_path) -> Path:
    """A copy of the checkpoint to be spoilt."""
    return Path(shutil.copytree(style_folder, tmp_path / "style"))


def logits_by_hand(audio, hugging_face, released) -> torch.Tensor:
    """One audio, as the release does it: project every frame, average blocks of 50, classify."""
    x = audio.samples
    x = (x - x.mean()) / np.sqrt(x.var() + 1e-7)
    with torch.no_grad():
        frames = hugging_face(torch.from_numpy(x)[None]).last_hidden_state[0]
    frames = frames @ released["projector.weight"].T + released["projector.bias"]
    rows = []
    for start in range(0, len(frames), 50):
        total, count = torch.zeros(frames.shape[1]), 0
        for frame in frames[start : start + 50]:
            total, count = total + frame, count + 1
        rows.append(released["classifier.weight"] @ (total / count) + released["classifier.bias"])
    return torch.stack(rows)


def test_codes_equal_the_release_by_hand(style, clips, hugging_face, released):
    for audio, units in zip(clips, style.encode(clips), strict=True):
        logits = logits_by_hand(audio, hugging_face, released)
        np.testing.assert_array_equal(units["style"], logits.argmax(-1))
        assert len(set(units["style"].tolist())) > 1


def test_stream(style):
    assert style.streams == (StreamSpec("style", 100, Fraction(1), False),)
    assert style.sample_rate == 16000


def test_batch_does_not_matter(style, clips, difficult):
    audios = [*difficult, *clips]
    for audio, units in zip(audios, style.encode(audios), strict=True):
        assert units == style.encode([audio])[0]


def test_difficult_audio_has_a_code_for_each_second_begun(style, difficult):
    for audio, units in zip(difficult, style.encode(difficult), strict=True):
        frames = max(0, (len(audio.samples) - 400) // 320 + 1)
        assert len(units["style"]) == math.ceil(frames / 50)


def test_only_too_short_audio(style):
    units = style.encode([Audio(np.zeros(n, dtype=np.float32), 16000) for n in (0, 399)])
    assert [len(u["style"]) for u in units] == [0, 0]
    assert style.encode([]) == []


def test_bfloat16_is_close(style, style_folder, clips):
    half = Wav2Vec2Style(checkpoint=style_folder, device="cpu", dtype="bfloat16").encode(clips[:1])[0]
    same = half["style"] == style.encode(clips[:1])[0]["style"]
    assert same.mean() >= 0.7


def test_random_state_is_left_alone(style_folder, clips):
    state = torch.get_rng_state()
    Wav2Vec2Style(checkpoint=style_folder, device="cpu").encode(clips[1:])
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(("shape", "rate"), [((2, 16000), 16000), ((16000,), 8000)])
def test_other_audio_is_refused(style, shape, rate):
    with pytest.raises(InputError, match=rf"{rate} Hz; expected mono \[T\] at 16000 Hz"):
        style.encode([Audio(np.zeros(shape, dtype=np.float32), rate)])


def test_safetensors_with_new_names_of_weight_norm(style, broken, released, clips):
    names = {"weight_g": "parametrizations.weight.original0", "weight_v": "parametrizations.weight.original1"}
    renamed = {}
    for name, tensor in released.items():
        stem, _, last = name.rpartition(".")
        renamed[f"{stem}.{names[last]}" if last in names else name] = tensor
    save_file(renamed, broken / "model.safetensors")
    (broken / "pytorch_model.bin").unlink()
    other = Wav2Vec2Style(checkpoint=broken, device="cpu").encode(clips)
    assert other == style.encode(clips)


def test_number_of_labels_from_their_names(broken, style, clips):
    edit_config(broken, lambda config: config.pop("num_labels"))
    assert Wav2Vec2Style(checkpoint=broken, device="cpu").streams == style.streams


def edit_config(folder, change):
    config = json.loads((folder / "config.json").read_text())
    change(config)
    (folder / "config.json").write_text(json.dumps(config))


def edit_weights(folder, released, change):
    tensors = dict(released)
    change(tensors)
    torch.save(tensors, folder / "pytorch_model.bin")


@pytest.mark.parametrize("name", ["config.json", "pytorch_model.bin"])
def test_missing_file_is_named(broken, name):
    (broken / name).unlink()
    with pytest.raises(MissingFileError, match=name):
        Wav2Vec2Style(checkpoint=broken, device="cpu")


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(MissingFileError, match="nowhere"):
        Wav2Vec2Style(checkpoint=tmp_path / "nowhere", device="cpu")


@pytest.mark.parametrize(
    "name",
    [
        "classifier.bias",
        "wav2vec2.encoder.layers.1.feed_forward.output_dense.weight",
        "wav2vec2.feature_extractor.conv_layers.0.layer_norm.bias",
    ],
)
def test_missing_tensor_is_named(broken, released, name):
    edit_weights(broken, released, lambda tensors: tensors.pop(name))
    with pytest.raises(CheckpointError, match=f"no tensor '{name}'"):
        Wav2Vec2Style(checkpoint=broken, device="cpu")


def test_half_a_weight_norm_is_named(broken, released):
    edit_weights(broken, released, lambda tensors: tensors.pop("wav2vec2.encoder.pos_conv_embed.conv.weight_v"))
    with pytest.raises(CheckpointError, match=r"no tensor 'wav2vec2\.encoder\.pos_conv_embed\.conv\.weight'"):
        Wav2Vec2Style(checkpoint=broken, device="cpu")


def test_weight_norm_over_another_axis_is_refused(broken, released):
    name = "wav2vec2.encoder.pos_conv_embed.conv.weight_g"
    edit_weights(broken, released, lambda tensors: tensors.update({name: torch.ones(64, 1, 1)}))
    with pytest.raises(CheckpointError, match=r"weight_g' is \[64, 1, 1\].*expected \[1, 1, K\]"):
        Wav2Vec2Style(checkpoint=broken, device="cpu")


def test_unknown_tensor_is_named(broken, released):
    edit_weights(broken, released, lambda tensors: tensors.update(layer_weights=torch.ones(3)))
    with pytest.raises(CheckpointError, match="unknown tensor 'layer_weights'"):
        Wav2Vec2Style(checkpoint=broken, device="cpu")


def test_wrong_shape_is_named(broken, released):
    edit_weights(broken, released, lambda tensors: tensors.update({"classifier.weight": torch.ones(50, 64)}))
    with pytest.raises(CheckpointError, match=r"'classifier\.weight' is \[50, 64\]; expected \[100, 64\]"):
        Wav2Vec2Style(checkpoint=broken, device="cpu")


@pytest.mark.parametrize(
    "key", ["model_type", "hidden_size", "num_attention_heads", "conv_stride", "classifier_proj_size"]
)
def test_missing_key_is_named(broken, key):
    edit_config(broken, lambda config: config.pop(key))
    with pytest.raises(CheckpointError, match=rf"config\.json: has no entry '{key}'"):
        Wav2Vec2Style(checkpoint=broken, device="cpu")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("model_type", "hubert", "model_type is 'hubert'; expected 'wav2vec2'"),
        ("hidden_size", "wide", "hidden_size is 'wide'; expected a positive whole number"),
        ("classifier_proj_size", 0, "classifier_proj_size is 0"),
        ("num_labels", None, "num_labels is None"),
        ("num_attention_heads", 7, "that transformers can build"),
        ("conv_stride", [5, 2, 2, 2, 2, 2, 3], "480 samples a frame; expected a divisor of 16000"),
    ],
)
def test_wrong_value_is_named(broken, key, value, message):
    edit_config(broken, lambda config: config.update({key: value}))
    with pytest.raises(CheckpointError, match=message):
        Wav2Vec2Style(checkpoint=broken, device="cpu")


class Exploit:
    def __reduce__(self):
        return Path.touch, (Path("exploited"),)


def test_pickle_with_code_is_refused(broken, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"classifier.bias": Exploit()}, broken / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="carries code"):
        Wav2Vec2Style(checkpoint=broken, device="cpu")
    assert not Path("exploited").exists()
