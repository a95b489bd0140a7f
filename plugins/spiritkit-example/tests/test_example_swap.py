"""Three lines over Spirit LM's recipe put the example in the place of HuBERT; everything else follows."""

from __future__ import annotations

import numpy as np
import pytest

import spiritkit
from spiritkit.errors import ProvenanceError, RequestError

RECIPE = """\
extends: spiritlm/base
tokenizers: {hubert: {use: example-tokenizer.v1}}
vocoder: {use: example-vocoder.v1, energy_stream: hubert.0, centroid_stream: hubert.1}
"""


@pytest.fixture
def pipeline(tmp_path, reference_checkpoints):
    (tmp_path / "swap.yaml").write_text(RECIPE)
    return spiritkit.load(tmp_path / "swap.yaml", [f"checkpoints={reference_checkpoints}"])


def test_vocabulary_ids_and_constraints_follow(pipeline, conformance):
    units = pipeline.encode(conformance / "vibrato.wav")
    energy, centroid = units["hubert.0"], units["hubert.1"]
    size = pipeline.specs[0].size
    string = pipeline.to_string(units)
    assert string.startswith(f"[Hu0_{energy[0]}][Hu1_{centroid[0]}][Hu0_{energy[1]}]")
    ids = pipeline.to_ids(units)
    assert ids[:2] == [32_002 + energy[0], 32_002 + size + centroid[0]]
    assert pipeline.to_ids(string) == ids
    vocabulary = pipeline.vocabulary
    assert vocabulary.constraint("speech", [2]).ranges == ((2, 3), (32_002, vocabulary.size))


def test_a_string_sounds_as_its_units(pipeline, conformance):
    units = pipeline.encode(conformance / "vibrato.wav")
    spoken, read = pipeline.decode(units), pipeline.decode(pipeline.to_string(units))
    np.testing.assert_array_equal(spoken.samples, read.samples)
    assert len(spoken.samples) == 1280 * len(units["hubert.0"])


def test_the_language_model_of_other_units_refuses(pipeline, conformance):
    with pytest.raises((RequestError, ProvenanceError)):
        pipeline.generate(spiritkit.Speech(conformance / "vibrato.wav"))
