"""Results of items → figures with bootstrap confidence intervals (Efron 1979; Koehn 2004 for paired differences)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spiritkit.interfaces import Metric, Result
from spiritkit.seeding import numpy_generator

_LEVEL = 95.0
_DRAWS_AT_ONCE = 4_000_000  # indices that are held in memory


@dataclass(frozen=True)
class Estimate:
    """One figure of a task, in the metric's unit.

    Attributes:
        value: the sum over items divided by the sum of their weights (times 100 for `%`); None without any weight.
        low: lower end of the 95 % percentile interval over resampled items; None where items do not count singly.
        high: its upper end.
        items: how many items counted.
    """

    metric: Metric
    value: float | None
    low: float | None
    high: float | None
    items: int


def estimate(results: Sequence[Result], metric: Metric, *, resamples: int, seed: int) -> Estimate:
    """A metric over results. It does not depend on their order."""
    counted = _counted(results, metric)
    if not counted[:, 1].sum():
        return Estimate(metric, None, None, None, 0)
    scale = 100.0 if metric.unit == "%" else 1.0
    low, high = _interval(counted, metric.name, resamples, seed)
    return Estimate(metric, scale * float(_quotient(counted.sum(axis=0))), scale * low, scale * high, len(counted))


@dataclass(frozen=True)
class Difference:
    """By how much one run is above another on the same items, in the metric's unit, with its 95 % interval."""

    value: float
    low: float
    high: float
    items: int


def difference(
    first: Sequence[Result], second: Sequence[Result], metric: Metric, *, resamples: int, seed: int
) -> Difference | None:
    """`second` minus `first` over the items that both have, resampled together; None if there are none."""
    ours = {result.id: result for result in first if metric.name in result.counts}
    theirs = {result.id: result for result in second if metric.name in result.counts}
    common = sorted(ours.keys() & theirs.keys())
    pairs = np.array([[*ours[id].counts[metric.name], *theirs[id].counts[metric.name]] for id in common], dtype=float)
    if not common or not pairs[:, 1].sum() or not pairs[:, 3].sum():
        return None
    scale = 100.0 if metric.unit == "%" else 1.0
    low, high = _interval(pairs, metric.name, resamples, seed)
    return Difference(scale * float(_quotient(pairs.sum(axis=0))), scale * low, scale * high, len(common))


def _counted(results: Sequence[Result], metric: Metric) -> np.ndarray:
    """Sums and weights of the items that count, in the order of their ids: float64 `[n, 2]`."""
    ordered = sorted((result for result in results if metric.name in result.counts), key=lambda result: result.id)
    return np.array([result.counts[metric.name] for result in ordered], dtype=float).reshape(-1, 2)


def _interval(counts: np.ndarray, name: str, resamples: int, seed: int) -> tuple[float, float]:
    """Percentiles of the quotient over resampled rows of `counts` `[n, 2]`, or `[n, 4]` for a difference."""
    rng = numpy_generator(seed, "bootstrap", name)
    found: list[np.ndarray] = []
    n = len(counts)
    at_once = max(1, _DRAWS_AT_ONCE // n)
    for start in range(0, resamples, at_once):
        chosen = rng.integers(n, size=(min(at_once, resamples - start), n))
        found.append(_quotient(counts[chosen].sum(axis=1)))
    values = np.concatenate(found)
    tail = (100 - _LEVEL) / 2
    low, high = np.nanpercentile(values, [tail, 100 - tail])  # a resample without any weight has no quotient
    return float(low), float(high)


def _quotient(sums: np.ndarray) -> np.ndarray:
    """Sum over weight of `[…, 2]`, or the second such quotient minus the first of `[…, 4]`; NaN without any weight."""
    totals, weights = sums[..., 0::2], sums[..., 1::2]
    quotients = np.divide(totals, weights, out=np.full_like(totals, np.nan), where=weights > 0)
    result: np.ndarray = quotients[..., -1] - (quotients[..., 0] if quotients.shape[-1] == 2 else 0)
    return result
