from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from spiritkit_codec.tokenizer import CodecTokenizer

from spiritkit.errors import InputError, RequestError
from spiritkit.types import Audio

HOP = {"encodec": 320, "mimi": 1920}


def codes(units):
    return np.stack(list(units.values()))


def hop(folder):
    return HOP[folder.name.rstrip("0123456789")]


def test_streams_are_the_codebooks(folder):
    streams = CodecTokenizer(checkpoint=folder, n_codebooks=3, device="cpu").streams
    assert [spec.name for spec in streams] == ["0", "1", "2"]
    assert {(spec.size, spec.rate, spec.deduplicate) for spec in streams} == {
        (64, Fraction(24_000, hop(folder)), False)
    }


@torch.inference_mode()
def test_codes_are_those_of_transformers(folder, noise, hugging_face):
    # 1.5 s: shorter than Mimi's window of attention
    audio, model = noise(36_123), hugging_face(folder)
    wave = torch.from_numpy(audio.samples)[None, None]
    if hop(folder) == HOP["mimi"]:
        theirs = model.encode(wave, num_quantizers=4).audio_codes[0]
    else:
        theirs = model.encode(wave, bandwidth=1.8).audio_codes[0, 0]
    ours = codes(CodecTokenizer(checkpoint=folder, n_codebooks=4, device="cpu").encode([audio])[0])
    assert len(np.unique(ours)) > 20
    np.testing.assert_array_equal(ours, theirs.numpy())


def test_fewer_codebooks_are_the_first_ones(folder, noise):
    audio = noise(20_000)
    four = CodecTokenizer(checkpoint=folder, n_codebooks=4, device="cpu").encode([audio])[0]
    for count in (1, 3):
        fewer = CodecTokenizer(checkpoint=folder, n_codebooks=count, device="cpu").encode([audio])[0]
        np.testing.assert_array_equal(codes(fewer), codes(four)[:count])


def test_units_do_not_depend_on_the_batch(folder, noise):
    tokenizer = CodecTokenizer(checkpoint=folder, n_codebooks=4, device="cpu")
    audios = [noise(30_000, 1), noise(5_000, 2), noise(12_345, 3)]
    for audio, together in zip(audios, tokenizer.encode(audios), strict=True):
        assert tokenizer.encode([audio])[0] == together


@pytest.mark.parametrize("samples", [0, 1, 2, 319, 320, 321, 1919, 1920, 1921, 24_000])
def test_audio_of_any_length_has_its_frames(folder, noise, samples):
    units = CodecTokenizer(checkpoint=folder, n_codebooks=2, device="cpu").encode([noise(samples)])[0]
    assert [len(row) for row in units.values()] == [math.ceil(samples / hop(folder))] * 2


def test_building_leaves_the_random_numbers_alone(folder):
    state = torch.get_rng_state()
    CodecTokenizer(checkpoint=folder, n_codebooks=2, device="cpu")
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("count", [0, 5])
def test_codebooks_that_are_not_there_are_refused(folder, count):
    with pytest.raises(RequestError, match=rf"n_codebooks is {count}; .* has 1…4"):
        CodecTokenizer(checkpoint=folder, n_codebooks=count, device="cpu")


def test_audio_at_another_rate_is_refused(folder):
    with pytest.raises(InputError, match="expected mono"):
        CodecTokenizer(checkpoint=folder, n_codebooks=1, device="cpu").encode([Audio(np.zeros(99), 16_000)])
