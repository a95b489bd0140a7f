from __future__ import annotations

import itertools
import json
from fractions import Fraction

import numpy as np
import pytest
import torch
from spiritkit_codec.tokenizer import CodecTokenizer
from spiritkit_codec.vocoder import CodecDecoder

from spiritkit.errors import InputError, RequestError
from spiritkit.types import StreamSpec, Tokens, Units


def units(rows, name="codec", size=64):
    """Units of `codec.0`, `codec.1`… from codes [K, T]."""
    specs = tuple(StreamSpec(f"{name}.{index}", size, Fraction(25, 2), False) for index in range(len(rows)))
    return Units(specs, {spec.name: np.asarray(row) for spec, row in zip(specs, rows, strict=True)})


def random_codes(frames, codebooks=4, seed=0):
    return np.random.default_rng(seed).integers(0, 64, (codebooks, frames))


def decoder(folder, **parameters):
    return CodecDecoder(checkpoint=folder, device="cpu", **parameters)


@pytest.mark.parametrize("codebooks", [1, 3, 4])
@torch.inference_mode()
def test_audio_is_that_of_transformers(folder, hugging_face, codebooks):
    codes, model = random_codes(20, codebooks), hugging_face(folder)
    if folder.name.startswith("mimi"):
        theirs = model.decode(torch.from_numpy(codes)[None]).audio_values[0, 0]
    else:
        theirs = model.decode(torch.from_numpy(codes)[None, None], [None]).audio_values[0, 0]
    vocoder = decoder(folder)
    audio = vocoder.decode([units(codes)])[0]
    assert audio.sample_rate == vocoder.sample_rate == 24_000
    assert audio.samples.std() > 1e-4
    np.testing.assert_allclose(audio.samples, theirs.numpy(), atol=1e-6)


def test_sound_comes_back_with_the_length_of_its_frames(folder, noise):
    tokenizer = CodecTokenizer(checkpoint=folder, n_codebooks=4, device="cpu")
    encoded = tokenizer.encode([noise(10_000)])[0].renamed([f"codec.{index}" for index in range(4)])
    audio = decoder(folder).decode([encoded])[0]
    hop = 1920 if folder.name.startswith("mimi") else 320
    assert len(audio.samples) == -(-10_000 // hop) * hop


def test_attention_sees_its_window_only(codecs, copied):
    """Two layers of a window of 4 at 25 Hz reach 6 positions, 3 frames, back; the convolutions a few more."""
    codes = random_codes(60)
    other = codes.copy()
    other[:, 0] = (other[:, 0] + 1) % 64
    narrow = copied("mimi")
    config = json.loads((narrow / "config.json").read_text())
    (narrow / "config.json").write_text(json.dumps({**config, "sliding_window": 4}))
    for folder, differs in ((narrow, False), (codecs["mimi"], True)):
        one, two = (audio.samples for audio in decoder(folder).decode([units(codes), units(other)]))
        assert not np.array_equal(one[:1920], two[:1920])
        # Frame 20 is 40 positions on: within the window of 50 that the untouched folder has.
        assert np.allclose(one[20 * 1920 : 22 * 1920], two[20 * 1920 : 22 * 1920], rtol=0, atol=1e-9) != differs


def test_decoding_does_not_depend_on_the_batch(folder):
    vocoder = decoder(folder)
    speech = [units(random_codes(frames, seed=frames)) for frames in (9, 0, 3)]
    for one, together in zip(speech, vocoder.decode(speech), strict=True):
        np.testing.assert_array_equal(vocoder.decode([one])[0].samples, together.samples)


def test_long_speech_is_decoded_in_chunks_each_as_if_alone(folder):
    rate = 12.5 if folder.name.startswith("mimi") else 75
    codes = random_codes(25)
    whole = decoder(folder, chunk_seconds=10 / rate).decode([units(codes)])[0].samples
    alone = decoder(folder).decode([units(codes[:, start : start + 10]) for start in (0, 10, 20)])
    np.testing.assert_array_equal(whole, np.concatenate([audio.samples for audio in alone]))


@pytest.mark.parametrize("pieces", [[25], [0, 1, 9, 0, 15], [12, 13], [1] * 25, []])
def test_streaming_equals_decoding_the_whole(folder, pieces):
    rate = 12.5 if folder.name.startswith("mimi") else 75
    vocoder = decoder(folder, chunk_seconds=10 / rate)
    codes = random_codes(sum(pieces))
    ends = np.cumsum([0, *pieces])
    parts = (units(codes[:, start:end]) for start, end in itertools.pairwise(ends))
    streamed = [audio.samples for audio in vocoder.decode_stream(parts)]
    whole = vocoder.decode([units(codes)])[0].samples
    np.testing.assert_array_equal(np.concatenate([np.zeros(0, np.float32), *streamed]), whole)
    assert len(streamed) == -(-sum(pieces) // 10)


def test_a_chunk_is_given_as_soon_as_its_frames_are_there(codecs):
    read = []

    def pieces():
        for number in range(4):
            read.append(number)
            yield units(random_codes(5))

    stream = decoder(codecs["mimi"], chunk_seconds=0.8).decode_stream(pieces())
    assert len(next(stream).samples) == 10 * 1920
    assert read == [0, 1]


def test_one_codebook_may_have_the_tokenizers_own_name(codecs):
    vocoder = decoder(codecs["mimi"], stream="c")
    numbered = units(random_codes(4, 1), "c")
    np.testing.assert_array_equal(
        vocoder.decode([numbered])[0].samples, vocoder.decode([numbered.renamed(["c"])])[0].samples
    )


def test_other_streams_are_passed_over(codecs):
    vocoder = decoder(codecs["mimi"])
    codes = random_codes(4, 2)
    more = units([*codes, codes[0]]).renamed(["codec.0", "codec.1", "pitch"])
    np.testing.assert_array_equal(vocoder.decode([more])[0].samples, vocoder.decode([units(codes)])[0].samples)


def test_an_empty_codebook_is_left_out_with_those_after_it(codecs):
    vocoder = decoder(codecs["mimi"])
    codes = random_codes(4)
    np.testing.assert_array_equal(
        vocoder.decode([units([codes[0], codes[1], [], codes[3]])])[0].samples,
        vocoder.decode([units(codes[:2])])[0].samples,
    )


def test_accepts_every_codebook(codecs):
    vocoder = decoder(codecs["encodec"], stream="k")
    assert vocoder.accepts == ("k.0", "k.1", "k.2", "k.3")
    assert vocoder.needs_units


@pytest.mark.parametrize(
    ("speech", "message"),
    [
        (Tokens((), [], []), "decodes units, not tokens"),
        (units(random_codes(3), "other"), r"streams other.0, .*; codec-decoder.v1 needs codec.0"),
        (units(random_codes(3, 2)).renamed(["codec.0", "codec.2"]), "without gaps"),
        (units(random_codes(3, 5)), "up to codec.3"),
        (units([[1, 2], [1]]), "1 to 2 frames"),
        (units([[64]], size=65), "code 64; this codec knows 0…63"),
    ],
)
def test_units_that_cannot_be_decoded(codecs, speech, message):
    with pytest.raises(InputError, match=message):
        decoder(codecs["mimi"]).decode([speech])


def test_a_piece_with_other_codebooks_is_refused(codecs):
    stream = decoder(codecs["mimi"]).decode_stream([units(random_codes(2, 3)), units(random_codes(2, 2))])
    with pytest.raises(InputError, match="2 codebooks, the first 3"):
        list(stream)


def test_what_a_codec_has_not_is_refused(codecs):
    vocoder = decoder(codecs["mimi"])
    for wish in ({"speaker": 1}, {"style": "happy"}):
        with pytest.raises(RequestError, match="a codec has no"):
            vocoder.decode([], **wish)
        with pytest.raises(RequestError, match="a codec has no"):
            vocoder.decode_stream([], **wish)
    with pytest.raises(RequestError, match=r"at least one frame, 0.08 s"):
        decoder(codecs["mimi"], chunk_seconds=0.03)
