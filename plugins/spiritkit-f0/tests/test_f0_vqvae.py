"""f0-vqvae.v1: against the network written out by hand, its length law, and broken checkpoints."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from spiritkit_f0.f0_vqvae import F0VQVAE, normalise
from torch.nn import functional as F

from spiritkit.errors import CheckpointError, InputError, MissingFileError
from spiritkit.interfaces import F0
from spiritkit.types import Audio, StreamSpec


def silent(samples: int) -> Audio:
    return Audio(np.zeros(samples, dtype=np.float32), 16000)


def residual(x: torch.Tensor, w: dict[str, torch.Tensor], name: str) -> torch.Tensor:
    for depth, dilation in enumerate((1, 3)):
        p = f"{name}.model.{depth}.model."
        y = F.conv1d(x.relu(), w[p + "1.weight"], w[p + "1.bias"], padding=dilation, dilation=dilation)
        x = x + F.conv1d(y.relu(), w[p + "3.weight"], w[p + "3.bias"])
    return x


def encode_by_hand(x: torch.Tensor, w: dict[str, torch.Tensor]) -> torch.Tensor:
    p = "encoder.level_blocks.0.model."
    for level in range(4):
        x = F.conv1d(x, w[f"{p}{level}.0.weight"], w[f"{p}{level}.0.bias"], stride=2, padding=1)
        x = residual(x, w, f"{p}{level}.1")
    x = F.conv1d(x, w[p + "4.weight"], w[p + "4.bias"], padding=1)
    codebook = w["vq.level_blocks.0.k"]
    return (x[0].T[:, None] - codebook).pow(2).sum(-1).argmin(-1)


def decode_by_hand(codes: torch.Tensor, w: dict[str, torch.Tensor]) -> torch.Tensor:
    p = "decoder.level_blocks.0.model."
    x = F.conv1d(w["vq.level_blocks.0.k"][codes].T[None], w[p + "0.weight"], w[p + "0.bias"], padding=1)
    for level in range(1, 5):
        x = residual(x, w, f"{p}{level}.0")
        x = F.conv_transpose1d(x, w[f"{p}{level}.1.weight"], w[f"{p}{level}.1.bias"], stride=2, padding=1)
    return F.conv1d(x, w["decoder.out.weight"], w["decoder.out.bias"], padding=1)[0]


@pytest.fixture
def weights(vqvae_folder) -> dict[str, torch.Tensor]:
    return torch.load(vqvae_folder / "model.pt", weights_only=True)["model"]


@pytest.fixture
def broken(vqvae_folder, tmp_path) -> Path:
    """A copy of the checkpoint to be spoilt."""
    return Path(shutil.copytree(vqvae_folder, tmp_path / "vqvae"))


def test_codes_equal_the_network_by_hand(vqvae_folder, weights, fixed_f0):
    f0 = fixed_f0(slice(20, 150))
    units = F0VQVAE(checkpoint=vqvae_folder, f0=f0, device="cpu").encode([silent(16000)])[0]
    track = f0.track(201)
    signal = np.stack([track.hz - track.hz[20:150].mean(), track.voiced])
    expected = encode_by_hand(torch.from_numpy(signal)[None], weights)
    np.testing.assert_array_equal(units["pitch"], expected)
    assert len(set(expected.tolist())) > 2


def test_decoder_equals_the_network_by_hand(vqvae, weights):
    codes = np.random.default_rng(0).integers(0, 64, 20)
    decoded = vqvae.decode(codes)
    assert decoded.shape == (2, 20 * 16)
    np.testing.assert_allclose(decoded, decode_by_hand(torch.from_numpy(codes), weights), rtol=1e-4, atol=1e-5)


def test_decode_of_nothing_and_of_unknown_codes(vqvae):
    assert vqvae.decode([]).shape == (2, 0)
    with pytest.raises(InputError, match="pitch code 64; expected 0…63"):
        vqvae.decode([1, 64])


def test_stream(vqvae):
    assert vqvae.streams == (StreamSpec("pitch", 64, Fraction(25, 2), True),)
    assert vqvae.sample_rate == 16000


@pytest.mark.parametrize("samples", [0, 1, 1199, 1200, 1280, 2479, 2480, 16000, 16001])
def test_one_code_for_every_16_frames(vqvae, samples):
    assert len(vqvae.encode([silent(samples)])[0]["pitch"]) == (samples // 80 + 1) // 16


def test_batch_does_not_matter(vqvae):
    audios = [silent(n) for n in (16000, 800, 5000, 32000)]
    for audio, units in zip(audios, vqvae.encode(audios), strict=True):
        assert units == vqvae.encode([audio])[0]


def test_mean_is_that_of_voiced_frames_and_zeros_stay():
    track = F0(np.array([0, 100, 150, 200], dtype=np.float32), np.array([0, 1, 0, 1], dtype=np.float32))
    np.testing.assert_array_equal(normalise(track), [[0, -50, 0, 50], [0, 1, 0, 1]])


def test_track_with_one_or_no_voiced_frame_has_no_nan():
    one = F0(np.full(4, 90, dtype=np.float32), np.array([0, 0, 1, 0], dtype=np.float32))
    np.testing.assert_array_equal(normalise(one), [[0, 0, 0, 0], [0, 0, 1, 0]])
    none = F0(np.zeros(4, dtype=np.float32), np.zeros(4, dtype=np.float32))
    np.testing.assert_array_equal(normalise(none), np.zeros((2, 4)))


@pytest.mark.parametrize("voiced", [slice(0, 0), slice(50, 51)])
def test_almost_unvoiced_audio_has_codes(vqvae_folder, fixed_f0, voiced):
    units = F0VQVAE(checkpoint=vqvae_folder, f0=fixed_f0(voiced), device="cpu").encode([silent(16000)])[0]
    assert len(units["pitch"]) == 12


def test_with_fcpe_on_speechlike_audio(vqvae_folder, fcpe, vibrato):
    units = F0VQVAE(checkpoint=vqvae_folder, f0=fcpe, device="cpu").encode([vibrato])[0]
    assert len(units["pitch"]) == 37
    assert len(set(units["pitch"].tolist())) > 2


def test_seed_is_left_alone(vqvae_folder, fixed_f0):
    state = torch.get_rng_state()
    F0VQVAE(checkpoint=vqvae_folder, f0=fixed_f0(), device="cpu")
    assert torch.equal(torch.get_rng_state(), state)


def load(folder, fixed_f0):
    return F0VQVAE(checkpoint=folder, f0=fixed_f0(), device="cpu")


@pytest.mark.parametrize("name", ["config.yaml", "model.pt"])
def test_missing_file_is_named(broken, fixed_f0, name):
    (broken / name).unlink()
    with pytest.raises(MissingFileError, match=name):
        load(broken, fixed_f0)


def test_missing_folder_is_named(tmp_path, fixed_f0):
    with pytest.raises(MissingFileError, match=r"nowhere.*config\.yaml and model\.pt"):
        load(tmp_path / "nowhere", fixed_f0)


def spoil_weights(folder, change):
    checkpoint = torch.load(folder / "model.pt", weights_only=True)
    change(checkpoint["model"])
    torch.save(checkpoint, folder / "model.pt")


def test_missing_tensor_is_named(broken, fixed_f0):
    spoil_weights(broken, lambda w: w.pop("decoder.out.bias"))
    with pytest.raises(CheckpointError, match=r"no tensor 'decoder\.out\.bias'"):
        load(broken, fixed_f0)


def test_unknown_tensor_is_named(broken, fixed_f0):
    spoil_weights(broken, lambda w: w.update(extra=torch.zeros(1)))
    with pytest.raises(CheckpointError, match="unknown tensor 'extra'"):
        load(broken, fixed_f0)


def test_wrong_shape_is_named(broken, fixed_f0):
    spoil_weights(broken, lambda w: w.update({"vq.level_blocks.0.k": torch.zeros(32, 128)}))
    with pytest.raises(CheckpointError, match=r"'vq\.level_blocks\.0\.k' is \[32, 128\]; expected \[64, 128\]"):
        load(broken, fixed_f0)


@pytest.mark.parametrize("content", [{"weights": {}}, {"model": 3}])
def test_other_content_is_refused(broken, fixed_f0, content):
    torch.save(content, broken / "model.pt")
    with pytest.raises(CheckpointError, match="'model'"):
        load(broken, fixed_f0)


class Exploit:
    def __reduce__(self):
        return Path.touch, (Path("exploited"),)


def test_pickle_with_code_is_refused(broken, fixed_f0, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"model": Exploit()}, broken / "model.pt")
    with pytest.raises(CheckpointError, match="carries code"):
        load(broken, fixed_f0)
    assert not Path("exploited").exists()


@pytest.mark.parametrize(
    ("section", "key"),
    [
        (None, "features"),
        (None, "speaker_norm"),
        (None, "encoder_params"),
        (None, "vq_params"),
        ("encoder_params", "width"),
        ("decoder_params", "dilation_growth_rate"),
        ("encoder_params", "strides_t"),
        ("vq_params", "l_bins"),
    ],
)
def test_missing_key_is_named(broken, fixed_f0, section, key):
    config = yaml.safe_load((broken / "config.yaml").read_text())
    (config[section] if section else config).pop(key)
    (broken / "config.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(CheckpointError, match=rf"config\.yaml: has no entry '{key}'"):
        load(broken, fixed_f0)


@pytest.mark.parametrize(
    ("section", "key", "value", "message"),
    [
        (None, "features", "f0,vuv", "features is 'f0,vuv'"),
        (None, "speaker_norm", False, "speaker_norm is False"),
        (None, "vq_params", 7, "vq_params is 7; expected a mapping"),
        ("encoder_params", "levels", 2, "levels 2"),
        ("encoder_params", "width", "wide", "width is 'wide'; expected a positive whole number"),
        ("encoder_params", "downs_t", [4, 1], "downs_t is"),
        ("encoder_params", "strides_t", [3], "expected an even stride"),
        ("encoder_params", "downs_t", [3], "strides 8 and 16"),
        ("encoder_params", "m_conv", 0, "m_conv is 0"),
        ("decoder_params", "res_scale", True, "res_scale is not implemented"),
        ("vq_params", "emb_width", 64, "64 .vq."),
    ],
)
def test_wrong_value_is_named(broken, fixed_f0, section, key, value, message):
    config = yaml.safe_load((broken / "config.yaml").read_text())
    (config[section] if section else config)[key] = value
    (broken / "config.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(CheckpointError, match=message):
        load(broken, fixed_f0)


@pytest.mark.parametrize(("text", "message"), [("a: [", "not YAML"), ("- 1", "holds a list")])
def test_broken_yaml_is_refused(broken, fixed_f0, text, message):
    (broken / "config.yaml").write_text(text)
    with pytest.raises(CheckpointError, match=message):
        load(broken, fixed_f0)
