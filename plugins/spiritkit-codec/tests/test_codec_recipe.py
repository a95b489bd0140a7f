"""The whole way through a pipeline, as `recipes/open/codec.yaml` sets it up."""

from __future__ import annotations

import numpy as np
import pytest

import spiritkit
from spiritkit.types import Units


@pytest.fixture
def pipeline(folder):
    blocks = ", ".join(f"{{stream: codec.{index}, format: '<c{index}_{{}}>'}}" for index in range(4))
    return spiritkit.load(
        "open/codec",
        [
            f"checkpoints={folder}",
            "tokenizers.codec.n_codebooks=4",
            "tokenizers.codec.device=cpu",
            "vocoder.device=cpu",
            f"vocabulary.blocks=[{blocks}]",
            "chunking.chunk_seconds=1",
        ],
    )


def test_a_string_of_tokens_sounds_exactly_as_the_units(pipeline, noise):
    units = pipeline.encode(noise(40_000))
    string = pipeline.to_string(units)
    assert string.startswith("".join(f"<c{index}_{units[f'codec.{index}'][0]}>" for index in range(4)))
    audio = pipeline.decode(units)
    assert len(audio.samples) >= 40_000
    for speech in (string, pipeline.parse(string), pipeline.to_ids(string), pipeline.to_tokens(units)):
        np.testing.assert_array_equal(pipeline.decode(speech).samples, audio.samples)


def test_recordings_are_encoded_chunk_by_chunk(pipeline, noise):
    audio = noise(2 * 24_000)
    samples = audio.samples.reshape(2, 24_000)
    halves = [pipeline.encode(spiritkit.Audio(half, 24_000)) for half in samples]
    whole = pipeline.encode(audio)
    for name in whole:
        np.testing.assert_array_equal(whole[name], np.concatenate([half[name] for half in halves]))


def test_whatever_a_model_writes_is_spoken(pipeline):
    assert len(pipeline.decode("").samples) == 0
    frame = len(pipeline.decode("<c0_1><c1_2><c2_3><c3_4>").samples)
    # One frame without its last codebook, one that begins anew, one of the last codebook alone.
    assert len(pipeline.decode("<c0_1><c1_2><c2_3>, <c0_4> hm <c3_1><c3_2>").samples) == 3 * frame
    expected = Units(
        pipeline.specs, {"codec.0": [1, 4, 4], "codec.1": [2] * 3, "codec.2": [3] * 3, "codec.3": [0, 1, 2]}
    )
    spoken = pipeline.decode("<c0_1><c1_2><c2_3>, <c0_4> hm <c3_1><c3_2>")
    np.testing.assert_array_equal(spoken.samples, pipeline.decode(expected).samples)
