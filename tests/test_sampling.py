"""Sampling against small computations by hand and against long runs of draws."""

from __future__ import annotations

import math

import pytest
import torch

from spiritkit.errors import RequestError, SpiritkitError
from spiritkit.generation.sampling import allowed_rows, draw, probabilities, seeded
from spiritkit.types import Constraint, Sampling

EVERYTHING = torch.ones(4, dtype=torch.bool)


def logits_of(*shares: float) -> torch.Tensor:
    return torch.tensor([math.log(share) for share in shares])


def test_allowed_rows_follow_the_ranges():
    assert allowed_rows(Constraint(((0, 2), (4, 5))), 6).tolist() == [True, True, False, False, True, False]


@pytest.mark.parametrize("ranges", [(), ((2, 2),)])
def test_a_constraint_that_allows_nothing_is_refused(ranges):
    with pytest.raises(RequestError, match="no id is allowed"):
        allowed_rows(Constraint(ranges), 6)


@pytest.mark.parametrize("ranges", [((4, 7),), ((-1, 3),), ((3, 2),)])
def test_ids_that_the_model_lacks_are_refused(ranges):
    with pytest.raises(RequestError, match=r"the model has ids 0…5"):
        allowed_rows(Constraint(ranges), 6)


def test_greedy_takes_the_highest_allowed_and_the_first_of_equals():
    greedy = Sampling(temperature=0)
    logits = torch.tensor([1.0, 3.0, 3.0, 2.0])
    assert draw(logits, EVERYTHING, greedy, seeded(0)) == 1
    assert draw(logits, torch.tensor([True, False, False, True]), greedy, seeded(0)) == 3


def test_greedy_takes_nothing_from_the_generator():
    generator = seeded(3)
    draw(torch.zeros(4), EVERYTHING, Sampling(temperature=0), generator)
    assert torch.equal(generator.get_state(), seeded(3).get_state())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_forbidden_ids_are_never_drawn(dtype):
    allowed = torch.tensor([False, True, False, True])
    logits = torch.tensor([100.0, 0.0, 100.0, 0.0], dtype=dtype)
    generator = seeded(0)
    assert {draw(logits, allowed, Sampling(temperature=1, top_p=1), generator) for _ in range(200)} == {1, 3}


def test_temperature_divides_the_logits():
    logits = logits_of(0.5, 0.3, 0.1, 0.1)
    hot = probabilities(logits, Sampling(temperature=2, top_p=1))
    assert torch.allclose(hot, torch.softmax(logits / 2, dim=0))


@pytest.mark.parametrize(
    ("top_p", "kept"),
    [
        (0.01, [0]),
        (0.49, [0]),
        (0.51, [0, 2]),
        (0.79, [0, 2]),
        (0.81, [0, 2, 3]),
        (1.0, [0, 1, 2, 3]),
    ],
)
def test_top_p_keeps_the_smallest_set_that_reaches_it(top_p, kept):
    shares = [0.5, 0.05, 0.3, 0.15]
    result = probabilities(logits_of(*shares), Sampling(temperature=1, top_p=top_p))
    total = sum(shares[id] for id in kept)
    expected = [share / total if id in kept else 0.0 for id, share in enumerate(shares)]
    assert result.tolist() == pytest.approx(expected, abs=1e-6)


def test_a_share_of_exactly_top_p_is_enough():
    assert probabilities(torch.zeros(4), Sampling(temperature=1, top_p=0.5)).tolist() == [0.5, 0.5, 0, 0]


def test_temperature_comes_before_top_p():
    logits = logits_of(0.6, 0.2, 0.1, 0.1)
    # At temperature 2 the first id holds 0.42 only, so that reaching 0.6 takes a second one.
    assert (probabilities(logits, Sampling(temperature=1, top_p=0.6)) > 0).sum() == 1
    assert (probabilities(logits, Sampling(temperature=2, top_p=0.6)) > 0).sum() == 2


@pytest.mark.parametrize("temperature", [1e-300, 1e-40, 1e-3])
def test_a_tiny_temperature_is_greedy(temperature):
    result = probabilities(torch.tensor([80.0, -80.0, 79.0, 0.0]), Sampling(temperature=temperature, top_p=0.9))
    assert result.tolist() == [1, 0, 0, 0]


def test_draws_follow_the_probabilities():
    shares = [0.55, 0.25, 0.15, 0.05]
    generator, sampling = seeded(1), Sampling(temperature=1, top_p=1)
    drawn = [draw(logits_of(*shares), EVERYTHING, sampling, generator) for _ in range(4000)]
    for id, share in enumerate(shares):
        assert drawn.count(id) / 4000 == pytest.approx(share, abs=4 * math.sqrt(share * (1 - share) / 4000))


def test_the_same_seed_gives_the_same_ids_and_leaves_the_global_generator_alone():
    logits, sampling = torch.linspace(0, 1, 50), Sampling(temperature=1, top_p=0.95)
    allowed = torch.ones(50, dtype=torch.bool)

    def run(seed: int) -> list[int]:
        generator = seeded(seed)
        return [draw(logits, allowed, sampling, generator) for _ in range(20)]

    state = torch.get_rng_state()
    first = run(7)
    torch.rand(3)
    assert run(7) == first
    assert run(8) != first
    torch.set_rng_state(state)
    run(7)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_broken_logits_are_an_error(broken, temperature):
    with pytest.raises(SpiritkitError, match="expected finite numbers"):
        draw(torch.tensor([0.0, broken, 0.0, 0.0]), EVERYTHING, Sampling(temperature=temperature), seeded(0))


def test_broken_logits_of_forbidden_ids_do_not_matter():
    allowed = torch.tensor([True, False, True, True])
    assert draw(torch.tensor([0.0, float("nan"), 2.0, 0.0]), allowed, Sampling(temperature=0), seeded(0)) == 2
