"""What a model may emit, at random: strings and ids through `parse` and `decode`."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

import spiritkit
from spiritkit import Pipeline, Speech, Text

CASES = 1100  # of each kind, for each model: more than 2,000 strings and 2,000 id sequences in all


@pytest.fixture(scope="module", params=["base", "expressive"])
def pipeline(request: pytest.FixtureRequest, reference_checkpoints: Path) -> Pipeline:
    return spiritkit.load(f"spiritlm/{request.param}", [f"checkpoints={reference_checkpoints}"])


def random_string(pick: random.Random) -> str:
    pieces = []
    for _ in range(pick.randrange(6)):
        code = pick.choice([pick.randrange(700), pick.randrange(110), -1, 10**30])
        name = pick.choice(["Hu", "Hu", "Hu", "Pi", "St", "hu", "Xx", ""])
        token = f"[{name}{code}]"
        pieces.append(
            pick.choice([token, token, token, token[: pick.randrange(len(token))], "[Text]", "[Speech]", "[Spee",
                         "words [and] brackets ", "</s>", "�", "\x00", "[[Hu1]]", "[Hu 1]", "[Hu01]", "[Hu１]"])
        )  # fmt: skip
    return "".join(pieces)


def test_random_strings(pipeline: Pipeline) -> None:
    spoken = 0
    for seed in range(CASES):
        string = random_string(random.Random(seed))
        tokens = pipeline.parse(string)
        assert pipeline.parse(pipeline.to_string(tokens)) == tokens
        audio = pipeline.decode(string, seed=seed)
        check(audio, len(tokens["hubert"]))
        spoken += len(audio.samples) > 0
    assert spoken > CASES // 8


def test_random_ids(pipeline: Pipeline) -> None:
    first, rows = pipeline.vocabulary.text_size, pipeline.vocabulary.rows
    for seed in range(CASES):
        pick = random.Random(seed)
        ids = [pick.choice([pick.randrange(rows + 50), pick.randrange(first, rows)]) for _ in range(pick.randrange(7))]
        ids = [pick.choice([id, 0, 1, 2]) if pick.random() < 0.1 else id for id in ids]
        tokens = pipeline.parse(ids)
        assert pipeline.to_ids(tokens) == [id for id in ids if first + 2 <= id < pipeline.vocabulary.size]
        check(pipeline.decode(ids, seed=seed), len(tokens["hubert"]))
        pipeline.to_string(ids)
        if seed % 8 == 0:
            for span in pipeline.spans(ids):
                assert isinstance(span, Text) or (isinstance(span, Speech) and span.audio is not None)


def check(audio: spiritkit.Audio, n_units: int) -> None:
    assert len(audio.samples) % 640 == 0
    assert len(audio.samples) >= 640 * n_units
    assert (len(audio.samples) > 0) == (n_units > 0)
    assert np.isfinite(audio.samples).all()
