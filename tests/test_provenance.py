from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import spiritkit
from spiritkit import Audio, Pipeline, Speech
from spiritkit.errors import ProvenanceError, RecipeError
from spiritkit.provenance import check, fits

CLIP = Audio(np.random.default_rng(0).standard_normal(16_000).astype(np.float32) * 0.1, 16_000)


@pytest.mark.parametrize(
    ("wanted", "source", "expected"),
    [
        ("hubert.v1+linear-ctc.v1", "hubert.v1+linear-ctc.v1@0123", True),
        ("hubert.v1+linear-ctc.v1", "hubert.v1+kmeans.v1@0123", False),
        ("f0-vqvae.v1", "f0-vqvae.v1+pyin.v1@0123", True),
        ("hubert.v1+linear-ctc.v1@0123", "hubert.v1+linear-ctc.v1@0123", True),
        ("hubert.v1+linear-ctc.v1@0123", "hubert.v1+linear-ctc.v1@4567", False),
    ],
)
def test_fits(wanted: str, source: str, expected: bool) -> None:
    assert fits(wanted, source) is expected


def test_unknown_sources_pass_and_others_name_both_sides() -> None:
    check("vocoder", {"hubert": "a.v1"}, {})
    check("vocoder", {}, {"hubert": "a.v1@1"})
    with pytest.raises(ProvenanceError, match=r"'hubert' units of a.v1, but these come from b.v1@1; .*trained_on=null"):
        check("vocoder", {"hubert": "a.v1"}, {"hubert": "b.v1@1"})


@pytest.fixture
def kmeans(tmp_path: Path) -> list[str]:
    """Overrides that put k-means units in the place of the release's."""
    save_file(
        {"centroids": torch.randn(501, 96, generator=torch.Generator().manual_seed(0))}, tmp_path / "k.safetensors"
    )
    return [f"tokenizers.hubert.quantizer={{use: kmeans.v1, checkpoint: {tmp_path / 'k.safetensors'}}}"]


def load(checkpoints: Path, *overrides: str) -> Pipeline:
    return spiritkit.load("spiritlm/base", [f"checkpoints={checkpoints}", *overrides])


def test_kmeans_units_are_refused_by_a_vocoder_of_linear_ctc_units(
    reference_checkpoints: Path, kmeans: list[str]
) -> None:
    pipeline = load(reference_checkpoints, *kmeans)
    units = pipeline.encode(CLIP)
    for speech in (units, pipeline.to_tokens(units)):
        with pytest.raises(ProvenanceError) as caught:
            pipeline.decode(speech)
        assert "hubert.v1+linear-ctc.v1" in str(caught.value)
        assert "hubert.v1+kmeans.v1@" in str(caught.value)
        assert "vocoder.trained_on=null" in str(caught.value)
    with pytest.raises(ProvenanceError, match="language_model was trained on"):
        pipeline.generate(Speech(CLIP), max_new_tokens=1)
    with pytest.raises(ProvenanceError, match="language_model was trained on"):
        pipeline.score("The cat", Speech(CLIP))


def test_told_to_accept_they_pass(reference_checkpoints: Path, kmeans: list[str]) -> None:
    pipeline = load(reference_checkpoints, *kmeans, "vocoder.trained_on=null", "language_model.trained_on=null")
    assert len(pipeline.decode(pipeline.encode(CLIP)).samples) > 0
    assert len(pipeline.generate(Speech(CLIP), output="speech", max_new_tokens=2).new_ids) == 2


def test_units_of_another_recipe_are_refused_by_their_hash(reference_checkpoints: Path) -> None:
    source = load(reference_checkpoints).encode(CLIP).source["hubert"]
    mine = load(reference_checkpoints, f"vocoder.trained_on={{hubert: '{source}'}}")
    assert len(mine.decode(mine.encode(CLIP)).samples) > 0
    with pytest.raises(ProvenanceError):
        mine.decode(load(reference_checkpoints, "tokenizers.hubert.layer=9").encode(CLIP))


def test_a_default_that_is_spelled_out_is_the_same_source(reference_checkpoints: Path) -> None:
    spelled = load(reference_checkpoints, "tokenizers.hubert.batch_seconds=7")
    assert spelled.encode(CLIP).source == load(reference_checkpoints).encode(CLIP).source


def test_trained_on_is_checked_in_the_recipe(reference_checkpoints: Path) -> None:
    with pytest.raises(RecipeError, match=r"vocoder.trained_on: is 3; expected mapping to str or null"):
        load(reference_checkpoints, "vocoder.trained_on=3")
    with pytest.raises(RecipeError, match=r"serializer.trained_on: time-merge.v1 takes no parameters"):
        load(reference_checkpoints, "serializer.trained_on={hubert: x}")
