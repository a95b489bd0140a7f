"""Logits → the next id: what is allowed, greedy choice, temperature and nucleus sampling."""

from __future__ import annotations

import torch

from spiritkit.errors import RequestError, SpiritkitError
from spiritkit.types import Constraint, Sampling


def allowed_rows(constraint: Constraint, rows: int) -> torch.Tensor:
    """Which of a model's ids a constraint allows: bool `[rows]`, on the CPU.

    Raises:
        RequestError: the constraint allows nothing, or ids that the model does not have.
    """
    allowed = torch.zeros(rows, dtype=torch.bool)
    for start, stop in constraint.ranges:
        if not 0 <= start <= stop <= rows:
            raise RequestError(f"allowed ids {start}…{stop - 1}; the model has ids 0…{rows - 1}")
        allowed[start:stop] = True
    if not allowed.any():
        raise RequestError("no id is allowed; expected at least one")
    return allowed


def seeded(seed: int) -> torch.Generator:
    """The source of randomness of one sequence. It lives on the CPU, so that a seed means the same on any device."""
    return torch.Generator().manual_seed(seed)


def draw(logits: torch.Tensor, allowed: torch.Tensor, sampling: Sampling, generator: torch.Generator) -> int:
    """Draw one id; greedy where the temperature is 0, and then nothing is taken from the generator.

    Args:
        logits: `[rows]`, any float type, on any device.
        allowed: bool `[rows]`, on the same device.
        sampling: temperature and top-p, applied in this order.
        generator: on the CPU.

    Raises:
        SpiritkitError: a logit of an allowed id is NaN or infinite.
    """
    logits = logits.float().masked_fill(~allowed, float("-inf"))
    best, index = logits.max(dim=0)  # the first of equals
    if not torch.isfinite(best):
        raise SpiritkitError(
            f"the language model's highest logit is {best.item()}; expected finite numbers: the weights are broken, or "
            "the number format overflows (float16: try bfloat16)"
        )
    if sampling.temperature == 0:
        return int(index)
    return int(torch.multinomial(probabilities(logits, sampling).cpu(), 1, generator=generator))


def probabilities(logits: torch.Tensor, sampling: Sampling) -> torch.Tensor:
    """Temperature, then top-p: float32 `[rows]`, summing to 1, 0 for all ids that are not kept.

    Args:
        logits: float32 `[rows]`, -inf for what is not allowed.
        sampling: with a temperature above 0. Top-p keeps the smallest set of most probable ids whose probability
            is at least `top_p` (Holtzman et al. 2020), at the least one.
    """
    # The highest logit becomes 0: no overflow at low temperatures, which float32 itself must be able to divide by.
    temperature = max(sampling.temperature, torch.finfo(torch.float32).tiny)
    kept = torch.softmax((logits - logits.max()) / temperature, dim=0)
    if sampling.top_p == 1:
        return kept
    ordered, order = kept.sort(descending=True, stable=True)
    before = ordered.cumsum(dim=0) - ordered
    kept[order[before >= sampling.top_p]] = 0
    return kept / kept.sum()
