"""Scores and hidden states: against a plain forward pass, whatever else is in the batch."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from spiritkit_llama import llama as implementation

from spiritkit.types import Constraint, Sampling


@pytest.fixture
def batch():
    pick = random.Random(3)
    return [[pick.randrange(50) for _ in range(length)] for length in (5, 1, 40, 17, 40, 2)]


def test_scores_equal_those_of_a_plain_pass(llama, batch):
    scores = llama.score(batch)
    for ids, score in zip(batch, scores, strict=True):
        with torch.no_grad():
            expected = torch.log_softmax(llama.module(torch.tensor([ids])).logits[0].double(), dim=-1)
        wanted = [float(expected[position, id]) for position, id in enumerate(ids[1:])]
        assert score.dtype == np.float32
        assert score.shape == (len(ids) - 1,)
        np.testing.assert_allclose(score, np.array(wanted), rtol=0, atol=1e-4)


@pytest.mark.parametrize(("tokens", "logits"), [(1, 1), (45, 150), (90, 2**20)])
def test_scores_do_not_depend_on_groups_and_chunks(llama, batch, monkeypatch, tokens, logits):
    expected = [llama.score([ids])[0] for ids in batch]
    monkeypatch.setattr(implementation, "_BATCH_TOKENS", tokens)
    monkeypatch.setattr(implementation, "_LOGITS", logits)
    for score, alone in zip(llama.score(batch), expected, strict=True):
        np.testing.assert_allclose(score, alone, rtol=0, atol=1e-4)


def test_a_sequence_that_occurs_again_is_scored_once(llama, batch, monkeypatch):
    """In bfloat16 it would else have another score beside other sequences, and a tie be none."""
    plain, computed = llama._score, []
    monkeypatch.setattr(llama, "_score", lambda rows: computed.extend(rows) or plain(rows))
    scores = llama.score([batch[3], batch[2], list(batch[3]), batch[0]])
    assert sorted(map(list, computed)) == sorted([batch[3], batch[2], batch[0]])
    np.testing.assert_array_equal(scores[2], scores[0])


def test_the_score_of_what_was_generated_is_the_sum_of_its_steps(llama):
    """A cached step and a whole pass must agree: greedy picks are the most probable ids of the whole pass, too."""
    prompt = [1, 2, 3]
    new = list(llama.generate(prompt, Constraint(((0, 50),)), Sampling(max_new_tokens=10, temperature=0)))
    own = llama.score([prompt + new])[0][2:]
    for position in range(10):
        others = [[*prompt, *new[:position], id] for id in range(50)]
        best = max(float(score[-1]) for score in llama.score(others))
        assert own[position] == pytest.approx(best, abs=1e-4)


def outputs(modules, run):
    """The first output of each module while `run` runs."""
    found = []

    def keep(_, inputs, output):
        found.append((output[0] if isinstance(output, tuple) else output).detach())

    handles = [module.register_forward_hook(keep) for module in modules]
    with torch.no_grad():
        run()
    for handle in handles:
        handle.remove()
    return found


def test_hidden_states_are_the_embedding_and_each_layer(llama, batch):
    model = llama.module.model
    for ids, states in zip(batch, llama.hidden_states(batch), strict=True):
        assert states.dtype == np.float32
        assert states.shape == (3, len(ids), 32)
        expected = outputs([model.embed_tokens, *model.layers], lambda ids=ids: model(torch.tensor([ids])))
        np.testing.assert_allclose(states, torch.cat(expected).numpy(), rtol=1e-4, atol=1e-4)


def test_no_sequences(llama):
    assert llama.score([]) == []
    assert llama.hidden_states([]) == []


def test_bfloat16_scores_are_computed_in_float32(checkpoint, batch):
    loaded = implementation.Llama(checkpoint=checkpoint, device="cpu")
    with torch.no_grad():
        logits = loaded.module(torch.tensor([batch[2]])).logits[0, :-1]
    expected = torch.log_softmax(logits.float(), dim=-1).gather(1, torch.tensor(batch[2][1:])[:, None])[:, 0]
    np.testing.assert_allclose(loaded.score([batch[2]])[0], expected.numpy(), rtol=0, atol=1e-5)
