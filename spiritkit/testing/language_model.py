"""The contract of language models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from spiritkit.interfaces import LanguageModel
from spiritkit.testing.contract import Contract
from spiritkit.testing.helpers import random_state_untouched, seed_globally
from spiritkit.types import Constraint, Sampling


class LanguageModelContract(Contract):
    """Subclass it, and set `component`. A model of a few dozen rows and layers of a few dozen units is enough.

    Attributes:
        tolerance: by how much log-probabilities and hidden states may differ between ways of computing them.
    """

    kind = "language_model"
    tolerance = 1e-3

    @pytest.fixture
    def prompts(self, part: LanguageModel) -> list[list[int]]:
        """Prompts of several lengths; override it if some ids may not stand in one."""
        rng = np.random.default_rng(0)
        return [rng.integers(0, part.rows, length).tolist() for length in (5, 1, 12)]

    @pytest.fixture
    def allowed(self, part: LanguageModel) -> list[int]:
        """A few ids that a constraint allows."""
        return sorted({part.rows // 5, part.rows // 3, part.rows // 2, part.rows - 1})

    def test_properties(self, part: LanguageModel) -> None:
        """How many ids, how long a sequence, and a network with something to train."""
        assert isinstance(part.rows, int)
        assert isinstance(part.context_length, int)
        assert part.rows >= 2
        assert part.context_length >= 1
        assert isinstance(part.module, torch.nn.Module)
        assert any(True for _ in part.module.parameters())

    # -- generate -----------------------------------------------------------------------------------------------------

    def test_only_allowed_ids_are_produced(
        self, part: LanguageModel, prompts: list[list[int]], allowed: list[int]
    ) -> None:
        """Whatever the temperature; and as many as asked for, where nothing stops them."""
        for temperature in (0.0, 1.0, 100.0):
            ids = list(part.generate(prompts[0], _only(allowed), Sampling(12, temperature, 1.0)))
            assert all(isinstance(id, int) for id in ids)
            assert set(ids) <= set(allowed)
            assert len(ids) == 12

    def test_ids_come_one_by_one(self, part: LanguageModel, prompts: list[list[int]]) -> None:
        """`generate` gives an iterator: a caller may stop early. None are asked for, none come."""
        everything = Constraint(((0, part.rows),))
        ids = part.generate(prompts[0], everything, Sampling(20, 1.0, 1.0, seed=3))
        assert isinstance(ids, Iterator)
        first = [next(ids), next(ids)]
        assert list(part.generate(prompts[0], everything, Sampling(2, 1.0, 1.0, seed=3))) == first
        assert list(part.generate(prompts[0], everything, Sampling(0))) == []

    def test_a_stop_id_ends_the_sequence(
        self, part: LanguageModel, prompts: list[list[int]], allowed: list[int]
    ) -> None:
        """It is given as the last; in a batch the other rows go on."""
        stop = allowed[0]
        assert list(part.generate(prompts[0], _only([stop]), Sampling(5, stop_ids=(stop,)))) == [stop]
        rows = part.generate_batch([prompts[0]] * 8, _only(allowed[:2]), Sampling(10, 100.0, 1.0, stop_ids=(stop,)))
        for ids in rows:
            assert stop not in ids[:-1]
            assert ids[-1] == stop or len(ids) == 10
        assert len({len(ids) for ids in rows}) > 1

    def test_a_seed_decides(
        self, part: LanguageModel, make: Callable[[], LanguageModel], prompts: list[list[int]]
    ) -> None:
        """The same seed gives the same ids, from another instance too and whatever the global seed; others differ."""

        def drawn(model: LanguageModel, seed: int) -> list[int]:
            return list(model.generate(prompts[0], Constraint(((0, model.rows),)), Sampling(10, 100.0, 1.0, seed)))

        seed_globally(1)
        first = drawn(part, 4)
        seed_globally(2)
        assert drawn(part, 4) == first
        assert drawn(make(), 4) == first
        assert len({tuple(drawn(part, seed)) for seed in range(8)}) > 1

    def test_greedy_is_the_most_probable(
        self, part: LanguageModel, prompts: list[list[int]], allowed: list[int]
    ) -> None:
        """Temperature 0 takes the best of the allowed ids, whatever the seed."""
        for prompt in prompts:
            runs = [list(part.generate(prompt, _only(allowed), Sampling(6, 0.0, seed=seed))) for seed in range(3)]
            assert runs[0] == runs[1] == runs[2]
            scores = [values[-1] for values in part.score([[*prompt, id] for id in allowed])]
            assert scores[allowed.index(runs[0][0])] >= max(scores) - self.tolerance

    def test_draws_follow_the_scores(self, part: LanguageModel, prompts: list[list[int]], allowed: list[int]) -> None:
        """At temperature 1 and top-p 1 ids are as frequent as `score` says, among those allowed."""
        scores = np.array([values[-1] for values in part.score([[*prompts[0], id] for id in allowed])], dtype=float)
        expected = np.exp(scores - scores.max())
        expected /= expected.sum()
        n_draws = 400
        rows = part.generate_batch([prompts[0]] * n_draws, _only(allowed), Sampling(1, 1.0, 1.0))
        found = np.array([sum(ids == [id] for ids in rows) for id in allowed]) / n_draws
        assert np.abs(found - expected).sum() / 2 < 0.1, (found, expected)

    def test_a_batch_is_as_its_prompts_alone(self, part: LanguageModel, prompts: list[list[int]]) -> None:
        """Row i draws from seed + i, or from its own seed; neither the others nor padding change it. No prompts give no
        rows.
        """
        everything = Constraint(((0, part.rows),))
        for temperature in (0.0, 1.0):
            rows = part.generate_batch(prompts, everything, Sampling(8, temperature, 1.0, seed=6))
            for index, (prompt, ids) in enumerate(zip(prompts, rows, strict=True)):
                sampling = Sampling(8, temperature, 1.0, seed=6 + index)
                assert list(part.generate(prompt, everything, sampling)) == ids
        seeds = tuple(100 + 7 * index for index in range(len(prompts)))
        rows = part.generate_batch(prompts, everything, Sampling(8, 1.0, 1.0, seeds=seeds))
        for prompt, ids, seed in zip(prompts, rows, seeds, strict=True):
            assert list(part.generate(prompt, everything, Sampling(8, 1.0, 1.0, seed=seed))) == ids
        assert part.generate_batch([], everything, Sampling(8)) == []

    # -- score, hidden_states -----------------------------------------------------------------------------------------

    def test_scores_are_log_probabilities(self, part: LanguageModel, prompts: list[list[int]]) -> None:
        """Float32 `[T - 1]`, natural logarithms; over all ids the probabilities sum to 1 (or less, over some)."""
        for prompt, values in zip(prompts, part.score(prompts), strict=True):
            assert values.dtype == np.float32
            assert values.shape == (len(prompt) - 1,)
            assert (values <= self.tolerance).all()
        ids = range(min(part.rows, 4096))
        last = np.array([values[-1] for values in part.score([[*prompts[1], id] for id in ids])], dtype=float)
        total = np.exp(last).sum()
        assert total <= 1 + self.tolerance * 10
        assert len(ids) < part.rows or total >= 1 - self.tolerance * 10

    def test_scores_look_back_only(self, part: LanguageModel, prompts: list[list[int]]) -> None:
        """What follows an id does not change its score, nor do the other sequences."""
        whole = part.score([prompts[2]])[0]
        cut = part.score([prompts[2][:6], prompts[0], prompts[2]])
        np.testing.assert_allclose(cut[0], whole[:5], atol=self.tolerance)
        np.testing.assert_allclose(cut[2], whole, atol=self.tolerance)
        assert part.score([]) == []

    def test_hidden_states(self, part: LanguageModel, prompts: list[list[int]]) -> None:
        """Float32 `[L + 1, T, D]`, the same in a batch as alone."""
        together = part.hidden_states(prompts)
        for prompt, states in zip(prompts, together, strict=True):
            assert states.dtype == np.float32
            assert states.ndim == 3
            assert states.shape[1] == len(prompt)
            assert states.shape[::2] == together[0].shape[::2]
            assert np.isfinite(states).all()
            np.testing.assert_allclose(part.hidden_states([prompt])[0], states, atol=self.tolerance * 10)

    def test_training_sees_what_scores_say(self, part: LanguageModel, prompts: list[list[int]], tmp_path: Path) -> None:
        """`module`, called with `training_inputs`, gives logits that have gradients; and the model can be saved."""
        if type(part).save is LanguageModel.save:
            pytest.skip("a model that is not saved is not trained")
        place = next(part.module.parameters()).device
        ids = torch.tensor(prompts[2], device=place)
        logits = part.module(**part.training_inputs(ids[None])).logits
        assert logits.shape == (1, len(ids), part.rows)
        found = logits[0, :-1].float().log_softmax(1).gather(1, ids[1:, None])[:, 0]
        np.testing.assert_allclose(found.detach().cpu(), part.score([prompts[2]])[0], atol=self.tolerance)
        found.sum().backward()
        assert any(parameter.grad is not None for parameter in part.module.parameters())
        part.module.zero_grad()
        inside = list(part.module.modules())
        for module in (*part.layers, *part.embeddings):
            assert any(module is one for one in inside)
        for module in part.embeddings:
            assert next(module.parameters()).shape[0] == part.rows
        part.save(tmp_path, {})
        assert list(tmp_path.iterdir())

    def test_global_random_numbers_are_left_alone(self, part: LanguageModel, prompts: list[list[int]]) -> None:
        """A part that drew from them would change the results of others."""
        with random_state_untouched():
            part.generate_batch(prompts, Constraint(((0, part.rows),)), Sampling(4, 1.0))
            part.score(prompts)
            part.hidden_states(prompts)


def _only(ids: list[int]) -> Constraint:
    return Constraint(tuple((id, id + 1) for id in ids))
