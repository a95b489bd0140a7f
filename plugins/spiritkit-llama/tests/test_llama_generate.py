"""Generation: against transformers' own, one by one against together, and at its limits."""

from __future__ import annotations

import random

import pytest
import torch

from spiritkit.errors import InputError, RequestError
from spiritkit.types import Constraint, Sampling

ANY = Constraint(((0, 50),))
GREEDY = Sampling(max_new_tokens=20, temperature=0)


def prompts(count, longest=30):
    pick = random.Random(2)
    return [[pick.randrange(50) for _ in range(pick.randint(1, longest))] for _ in range(count)]


def test_greedy_equals_transformers(llama):
    for ids in prompts(5):
        expected = llama.module.generate(
            torch.tensor([ids]), max_new_tokens=20, do_sample=False, eos_token_id=None, pad_token_id=0
        )
        assert list(llama.generate(ids, ANY, GREEDY)) == expected[0, len(ids) :].tolist()


def test_only_allowed_ids(llama):
    constraint = Constraint(((2, 3), (20, 30)))
    for temperature in (0, 1.5):
        sampling = Sampling(max_new_tokens=60, temperature=temperature, top_p=1)
        assert all(id in constraint for id in llama.generate([1], constraint, sampling))


def test_a_stop_id_is_the_last(llama):
    free = list(llama.generate([1, 2, 3], ANY, GREEDY))
    stop = free[5]
    stopped = list(llama.generate([1, 2, 3], ANY, Sampling(max_new_tokens=20, temperature=0, stop_ids=(49, stop))))
    assert stopped == free[: free.index(stop) + 1]


@pytest.mark.parametrize("temperature", [0, 1.0])
def test_together_equals_one_by_one(llama, temperature):
    batch = prompts(6)
    first = list(llama.generate(batch[0], ANY, GREEDY))
    sampling = Sampling(max_new_tokens=20, temperature=temperature, top_p=0.9, seed=5, stop_ids=(first[3],))
    alone = [
        list(llama.generate(ids, ANY, Sampling(**{**vars(sampling), "seed": 5 + row}))) for row, ids in enumerate(batch)
    ]
    assert llama.generate_batch(batch, ANY, sampling) == alone
    assert len({len(ids) for ids in alone}) > 1  # some stopped, others did not
    assert llama.generate_batch([], ANY, sampling) == []


def test_positions_count_from_the_first_id_of_each_row(llama, monkeypatch):
    """Rotary attention hardly shows a shifted position; scaled variants and the end of the context do."""
    seen = []
    forward = llama.module.forward
    monkeypatch.setattr(
        llama.module, "forward", lambda **given: seen.append(given["position_ids"].tolist()) or forward(**given)
    )
    llama.generate_batch([[1, 2, 3], [4]], ANY, Sampling(max_new_tokens=3, temperature=0))
    assert seen == [[[0, 1, 2], [0, 0, 0]], [[3], [1]], [[4], [2]]]


def test_the_seed_decides_and_the_global_generator_does_not(llama):
    def run(seed):
        return list(llama.generate([1, 2], ANY, Sampling(max_new_tokens=20, temperature=1.5, top_p=1, seed=seed)))

    first = run(0)
    torch.manual_seed(99)
    state = torch.get_rng_state()
    assert run(0) == first
    assert torch.equal(torch.get_rng_state(), state)
    assert run(1) != first


def test_ids_come_as_they_are_drawn(llama, monkeypatch):
    passes = []
    forward = llama.module.forward
    monkeypatch.setattr(
        llama.module, "forward", lambda **arguments: passes.append(arguments["input_ids"].shape) or forward(**arguments)
    )
    stream = llama.generate([1, 2, 3], ANY, GREEDY)
    assert passes == []
    next(stream)
    assert passes == [(1, 3)]
    next(stream)
    assert passes == [(1, 3), (1, 1)]  # the cache holds the rest
    assert not torch.is_inference_mode_enabled()


def test_generation_ends_where_the_context_is_full(llama):
    sampling = Sampling(max_new_tokens=100, temperature=0)
    assert len(list(llama.generate([1] * 60, ANY, sampling))) == 4
    assert list(llama.generate([1] * 64, ANY, sampling)) == []
    together = llama.generate_batch([[1] * 60, [1] * 50, [1] * 64], ANY, sampling)
    assert [len(ids) for ids in together] == [4, 14, 0]
    assert together[1] == list(llama.generate([1] * 50, ANY, sampling))


def test_nothing_is_asked_for(llama):
    assert list(llama.generate([1], ANY, Sampling(max_new_tokens=0))) == []


@pytest.mark.parametrize("call", ["generate", "generate_batch", "score", "hidden_states"])
def test_sequences_that_the_model_cannot_take(llama, call):
    def run(ids):
        if call.startswith("generate"):
            getattr(llama, call)(ids if call == "generate" else [[1], ids], ANY, GREEDY)
        else:
            getattr(llama, call)([[1], ids])

    with pytest.raises(InputError, match=r"65 ids.*64"):
        run([1] * 65)
    with pytest.raises(InputError, match="no ids"):
        run([])
    with pytest.raises(InputError, match=r"id 50 .*expected 0…49"):
        run([3, 50, 4])
    with pytest.raises(InputError, match="id -1"):
        run([-1])


def test_a_constraint_beyond_the_rows_is_refused(llama):
    with pytest.raises(RequestError, match=r"ids 0…50"):
        llama.generate([1], Constraint(((0, 51),)), GREEDY)


def test_generation_in_the_middle_of_training(llama):
    expected = list(llama.generate([1, 2, 3], ANY, GREEDY))
    llama.module.gradient_checkpointing_enable()
    llama.module.train()
    try:
        assert list(llama.generate([1, 2, 3], ANY, GREEDY)) == expected
        assert llama.module.training
        loss = llama.module(torch.tensor([[1, 2, 3]]), labels=torch.tensor([[1, 2, 3]])).loss
        loss.backward()
        assert llama.module.lm_head.weight.grad.abs().sum() > 0
    finally:
        llama.module.zero_grad()
        llama.module.gradient_checkpointing_disable()
        llama.module.eval()
