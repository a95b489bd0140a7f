from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import soundfile
import torch
from spiritkit_hubert.linear_ctc import LinearCTCQuantizer
from spiritkit_hubert.tokenizer import HubertTokenizer

from spiritkit.errors import InputError, RequestError
from spiritkit.types import Audio


def relative(actual: torch.Tensor, expected: torch.Tensor) -> float:
    assert actual.shape == expected.shape
    return float((actual - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize("layer", [1, 2, 3])
def test_features_are_those_of_transformers(twins, quantizer, noise, layer):
    audio = noise(80_123)  # longer than two blocks of the front end
    expected = twins.features(audio, layer)
    for checkpoint in (twins.file, twins.folder):
        tokenizer = HubertTokenizer(checkpoint=checkpoint, quantizer=quantizer, layer=layer, device="cpu")
        [features] = tokenizer.features([audio])
        assert relative(features, expected) < 1e-5


def test_released_file_and_folder_give_equal_units(twins, quantizer, noise):
    audios = [noise(50_000), noise(20_000, seed=1)]
    from_file, from_folder = (
        HubertTokenizer(checkpoint=checkpoint, quantizer=quantizer, layer=2, device="cpu").encode(audios)
        for checkpoint in (twins.file, twins.folder)
    )
    assert from_file == from_folder
    assert len(np.unique(from_file[0]["units"])) > 1


def test_stream(twins, quantizer):
    tokenizer = HubertTokenizer(checkpoint=twins.file, quantizer=quantizer, layer=2, device="cpu")
    [stream] = tokenizer.streams
    frames = 2499 if twins.model.config.num_feat_extract_layers == 8 else 4999
    assert (stream.size, stream.rate, stream.deduplicate) == (20, Fraction(frames, 100), True)


def test_features_do_not_depend_on_the_batch(twins, quantizer, noise):
    lengths = (np.array([0.1, 8, 0.5, 3, 3.01, 0.01, 7.9, 1.3, 2.9, 3]) * 16_000).astype(int)
    audios = [noise(length, seed) for seed, length in enumerate(lengths)]
    tokenizer = HubertTokenizer(checkpoint=twins.file, quantizer=quantizer, layer=3, device="cpu")
    together = tokenizer.features(audios)
    for audio, features in zip(audios, together, strict=True):
        if len(features):
            assert relative(features, tokenizer.features([audio])[0]) < 1e-5
            assert relative(features, twins.features(audio, 3)) < 1e-5
    assert [len(features) == 0 for features in together] == [length == 160 for length in lengths]
    for audio, units in zip(audios, tokenizer.encode(audios), strict=True):
        assert units == tokenizer.encode([audio])[0]


def test_silence_around_the_audio(twins, quantizer, noise):
    audios = [noise(32_000), noise(9_000, seed=1)]
    padded = [Audio(np.pad(audio.samples, 40), 16_000) for audio in audios]
    tokenizer = HubertTokenizer(checkpoint=twins.file, quantizer=quantizer, layer=2, pad=40, device="cpu")
    for features, audio in zip(tokenizer.features(audios), padded, strict=True):
        assert relative(features, twins.features(audio, 2)) < 1e-5
    rate = 25 if twins.model.config.num_feat_extract_layers == 8 else 50
    assert tokenizer.streams[0].rate == rate
    assert len(tokenizer.encode(audios)[0]["units"]) == 2 * rate
    with pytest.raises(RequestError, match="pad is -1"):
        HubertTokenizer(checkpoint=twins.file, quantizer=quantizer, layer=2, pad=-1)


def test_audio_is_padded_and_taken_together(twins, quantizer, noise, monkeypatch):
    tokenizer = HubertTokenizer(checkpoint=twins.file, quantizer=quantizer, layer=2, device="cpu", batch_seconds=9)
    sizes = []
    transform = tokenizer._transform
    monkeypatch.setattr(tokenizer, "_transform", lambda hidden: sizes.append(len(hidden)) or transform(hidden))
    tokenizer.features([noise(length) for length in (47_000, 16_000, 48_000, 200_000, 46_000, 16_100)])
    assert sizes == [1, 3, 2]  # 12.5 s alone, three of 3 s, two of 1 s


def test_audio_shorter_than_a_frame_has_no_units(twins, quantizer, noise):
    tokenizer = HubertTokenizer(checkpoint=twins.file, quantizer=quantizer, layer=2, device="cpu")
    receptive_field = 720 if twins.model.config.num_feat_extract_layers == 8 else 400
    audios = [noise(receptive_field - 1), noise(receptive_field), Audio(np.zeros(0, np.float32), 16_000)]
    assert [len(units["units"]) for units in tokenizer.encode(audios)] == [0, 1, 0]
    assert [list(features.shape) for features in tokenizer.features(audios)] == [[0, 32], [1, 32], [0, 32]]
    assert tokenizer.encode([]) == []


def test_silence_is_finite(twins, quantizer):
    tokenizer = HubertTokenizer(checkpoint=twins.file, quantizer=quantizer, layer=2, device="cpu")
    audio = Audio(np.zeros(16_000, np.float32), 16_000)
    [features] = tokenizer.features([audio])
    assert relative(features, twins.features(audio, 2)) < 1e-5


@pytest.mark.parametrize("layer", [1, 3])
def test_large_models_normalise_each_layer(make_twins, quantizer, noise, layer):
    twins = make_twins(do_stable_layer_norm=True, feat_extract_norm="layer", conv_bias=True)
    audios = [noise(70_000), noise(9_000)]
    tokenizer = HubertTokenizer(checkpoint=twins.folder, quantizer=quantizer, layer=layer, device="cpu")
    for audio, features in zip(audios, tokenizer.features(audios), strict=True):
        assert relative(features, twins.features(audio, layer)) < 1e-5


def test_biases_of_the_convolutions(make_twins, quantizer, noise):
    twins = make_twins(conv_bias=True)
    audio = noise(9_000)
    for checkpoint in (twins.file, twins.folder):
        tokenizer = HubertTokenizer(checkpoint=checkpoint, quantizer=quantizer, layer=2, device="cpu")
        assert relative(tokenizer.features([audio])[0], twins.features(audio, 2)) < 1e-5


def test_missing_projection_is_the_identity(make_twins, quantizer, noise):
    twins = make_twins(channels=32)
    contents = torch.load(twins.file, weights_only=True)
    for name in ("weight", "bias"):
        del contents["model_weight"][f"post_extract_proj.{name}"]
    torch.save(contents, twins.file)
    projection = twins.model.feature_projection.projection
    with torch.no_grad():
        projection.weight.copy_(torch.eye(32))
        projection.bias.zero_()
    tokenizer = HubertTokenizer(checkpoint=twins.file, quantizer=quantizer, layer=2, device="cpu")
    assert relative(tokenizer.features([noise(9_000)])[0], twins.features(noise(9_000), 2)) < 1e-5


def test_waveform_is_normalised_where_the_model_wants_it(make_twins, quantizer, noise):
    # No group norm here, which would hide the level.
    twins = make_twins(feat_extract_norm="layer", conv_bias=True)
    (twins.folder / "preprocessor_config.json").write_text('{"do_normalize": true}')
    audio = noise(9_000)
    samples = audio.samples.astype(np.float64)
    normal = Audio(((samples - samples.mean()) / np.sqrt(samples.var() + 1e-7)).astype(np.float32), 16_000)
    tokenizer = HubertTokenizer(checkpoint=twins.folder, quantizer=quantizer, layer=2, device="cpu")
    [features] = tokenizer.features([audio])
    assert relative(features, twins.features(normal, 2)) < 1e-5
    assert relative(features, twins.features(audio, 2)) > 1e-2
    (twins.folder / "preprocessor_config.json").write_text('{"do_normalize": false}')
    tokenizer = HubertTokenizer(checkpoint=twins.folder, quantizer=quantizer, layer=2, device="cpu")
    assert relative(tokenizer.features([audio])[0], twins.features(audio, 2)) < 1e-5


def test_released_file_may_ask_for_normalised_waveforms(make_twins, quantizer, noise):
    twins = make_twins()
    contents = torch.load(twins.file, weights_only=True)
    contents["task_cfg"]["normalize"] = True
    torch.save(contents, twins.file)
    samples = noise(9_000).samples * 1e-3  # so quiet that the group norm's epsilon matters
    normal = torch.nn.functional.layer_norm(torch.from_numpy(samples), samples.shape).numpy()
    tokenizer = HubertTokenizer(checkpoint=twins.file, quantizer=quantizer, layer=2, device="cpu")
    [features] = tokenizer.features([Audio(samples, 16_000)])
    assert relative(features, twins.features(Audio(normal, 16_000), 2)) < 1e-5
    assert relative(features, twins.features(Audio(samples, 16_000), 2)) > 1e-3


@pytest.mark.parametrize(("dtype", "share"), [("bfloat16", 0.9), ("float16", 0.97)])
def test_half_precision_gives_nearly_the_same_units(reference_checkpoints, conformance, dtype, share):
    folder = reference_checkpoints / "speech_tokenizer" / "hubert_25hz"
    audio = Audio(*soundfile.read(conformance / "7143-88743-0029.flac", dtype="float32"))
    quantizer = LinearCTCQuantizer(checkpoint=folder / "L11_quantizer_500.pt")
    full, half = (
        HubertTokenizer(
            checkpoint=folder / "mhubert_base_25hz.pt", quantizer=quantizer, device="cpu", dtype=each
        ).encode([audio])[0]["units"]
        for each in ("float32", dtype)
    )
    assert len(full) == 228
    assert (full == half).mean() > share


def test_global_random_state_is_left_alone(twins, quantizer, noise):
    for checkpoint in (twins.file, twins.folder):
        before = torch.get_rng_state()
        HubertTokenizer(checkpoint=checkpoint, quantizer=quantizer, layer=2, device="cpu").encode([noise(9_000)])
        assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("layer", [0, 4, -1])
def test_no_such_layer(twins, quantizer, layer):
    with pytest.raises(RequestError, match=rf"layer is {layer}; .* has layers 1…3"):
        HubertTokenizer(checkpoint=twins.file, quantizer=quantizer, layer=layer)


def test_quantizer_of_another_width(make_twins, quantizer):
    twins = make_twins(hidden_size=48)
    with pytest.raises(RequestError, match="takes features of width 32; those of .* have width 48"):
        HubertTokenizer(checkpoint=twins.file, quantizer=quantizer, layer=2)


def test_quantizer_of_another_layer(twins, quantizer, monkeypatch):
    monkeypatch.setattr(quantizer, "layer", 3)
    HubertTokenizer(checkpoint=twins.file, quantizer=quantizer, layer=3)
    with pytest.raises(RequestError, match="trained on layer 3 of its HuBERT, not on layer 2"):
        HubertTokenizer(checkpoint=twins.file, quantizer=quantizer, layer=2)


def test_batch_seconds_must_be_positive(twins, quantizer):
    with pytest.raises(RequestError, match="batch_seconds is 0"):
        HubertTokenizer(checkpoint=twins.file, quantizer=quantizer, layer=2, batch_seconds=0)


@pytest.mark.parametrize(
    "audio", [Audio(np.zeros((2, 1600), np.float32), 16_000), Audio(np.zeros(1600, np.float32), 8_000)]
)
def test_audio_that_is_not_mono_at_16_khz(twins, quantizer, noise, audio):
    tokenizer = HubertTokenizer(checkpoint=twins.file, quantizer=quantizer, layer=2, device="cpu")
    with pytest.raises(InputError, match=r"audio is \[.*1600\] at \d+ Hz; expected mono"):
        tokenizer.encode([noise(1600), audio])
