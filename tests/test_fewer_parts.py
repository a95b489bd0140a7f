"""Recipes with less than all parts: of text alone, and of speech alone."""

from __future__ import annotations

from pathlib import Path

import pytest

import spiritkit
from spiritkit import Pipeline, Speech
from spiritkit.errors import InputError, RecipeError, RequestError

RECIPE = """
text_tokenizer: {{use: sentencepiece.v1, model: "{model}/tokenizer.model"}}
vocabulary: {{blocks: [{blocks}], pad_to_multiple_of: 8}}
language_model: {{use: llama-init.v1, hidden_size: 32, layers: 1, heads: 2}}
"""


def load(tmp_path: Path, checkpoints: Path, blocks: str) -> Pipeline:
    model = checkpoints / "spiritlm_model" / "spirit-lm-base-7b"
    (tmp_path / "text.yaml").write_text(RECIPE.format(model=model, blocks=blocks))
    return spiritkit.load(tmp_path / "text.yaml")


def test_it_scores_and_continues_text(tmp_path: Path, reference_checkpoints: Path) -> None:
    pipeline = load(tmp_path, reference_checkpoints, "{text: true}")
    assert pipeline.prompt("The cat")[0] == "The cat"
    score = pipeline.score("The cat", " sat on the mat")
    assert score.log_probability < 0
    assert score.n_tokens >= 4
    generation = pipeline.generate("The cat", "text", max_new_tokens=4, temperature=0)
    assert 1 <= len(generation.new_ids) <= 4
    assert generation.spans[0].text == generation.text  # type: ignore[union-attr]


def test_what_it_cannot_do_is_said(tmp_path: Path, reference_checkpoints: Path) -> None:
    pipeline = load(tmp_path, reference_checkpoints, "{text: true}")
    with pytest.raises(RequestError, match="the recipe has no tokenizers"):
        pipeline.encode("a.wav")
    with pytest.raises(RecipeError, match="no tokenizer 'hubert'"):
        load(tmp_path, reference_checkpoints, '{text: true}, {stream: hubert, format: "[Hu{}]"}')


def test_the_first_token_of_all_has_no_probability() -> None:
    llama = "language_model={use: llama-init.v1, hidden_size: 32, layers: 1, heads: 2}"
    pipeline = spiritkit.load("example/units", [llama])  # nothing opens a sequence of its vocabulary
    assert pipeline.score([], Speech(tokens=pipeline.parse("[En1][Ce2]"))).n_tokens == 1
    with pytest.raises(InputError, match="is the first token of all"):
        pipeline.score([], Speech(tokens=pipeline.parse("[En1]")))
