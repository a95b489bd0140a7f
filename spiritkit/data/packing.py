"""Documents packed into rows of one length: the batches of language-model training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spiritkit.checks import check_range
from spiritkit.data.lane import Lane
from spiritkit.data.mixture import Mixture
from spiritkit.errors import RequestError


@dataclass(frozen=True, eq=False)
class PackedBatch:
    """Rows of ids.

    Attributes:
        ids: int64 `[B, T]`; 0 where a row is padded.
        documents: int64 `[B, T]`: which document of its row an id belongs to, from 0 on; -1 where the row is padded.
    """

    ids: np.ndarray
    documents: np.ndarray


@dataclass(frozen=True)
class Visited:
    """What has been read of one share.

    Attributes:
        documents: how many.
        tokens: how many ids these have.
        epochs: how often the examples of the share have been visited, on average.
        skipped: how many examples were left out, by what they lack.
    """

    documents: int
    tokens: int
    epochs: float
    skipped: Mapping[str, int]


class PackedBatches:
    """An endless row of batches of a mixture.

    Row b of every batch belongs to lane b (see `Lane`), whatever process makes it: the batches are the same for any
    number of processes, of which number r of W makes the rows r, r + W, …

    Args:
        mixture: what is read.
        sequence_length: T, ids of a row.
        rows_per_batch: B of the whole batch, over all processes.
        lanes: which rows are made here; None for all.

    Raises:
        RequestError: a length or number that is not positive; a lane that is not there.
    """

    def __init__(self, mixture: Mixture, sequence_length: int, rows_per_batch: int, lanes: Sequence[int] | None = None):
        self._mixture, self._length, self._n_rows = mixture, sequence_length, rows_per_batch
        self._lanes = {
            number: Lane(mixture, number, rows_per_batch) for number in _checked(sequence_length, rows_per_batch, lanes)
        }

    def next_batch(self) -> PackedBatch:
        """The next batch's rows of these lanes, in order."""
        batch = _empty(len(self._lanes), self._length)
        for row, lane in enumerate(self._lanes.values()):
            lane.fill(batch.ids[row], batch.documents[row])
        return batch

    def state_dict(self) -> dict[str, Any]:
        """Where these lanes are, as a few numbers for each. States of several processes are joined by `merged`."""
        return {
            "rows_per_batch": self._n_rows,
            "sizes": self._mixture.sizes,
            "lanes": {str(number): lane.state() for number, lane in self._lanes.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on behind the batch after which a state was kept, exactly.

        Raises:
            RequestError: the state is of other data, of batches of another size, or of other lanes.
        """
        if state["rows_per_batch"] != self._n_rows:
            raise RequestError(f"the state is of batches of {state['rows_per_batch']} rows; these have {self._n_rows}")
        if state["sizes"] != self._mixture.sizes:
            raise RequestError(
                f"the state is of shares with {_listed(state['sizes'])} examples; now they have "
                f"{_listed(self._mixture.sizes)}"
            )
        missing = [number for number in self._lanes if str(number) not in state["lanes"]]
        if missing:
            raise RequestError(f"the state has no row {missing[0]}; expected the states of all processes, merged")
        for number, lane in self._lanes.items():
            lane.load(state["lanes"][str(number)])

    def statistics(self) -> dict[str, Visited]:
        """What has been read of each share by these lanes."""
        return statistics(self.state_dict())


class FixedBatches:
    """One pass over a share's examples, in their order, always the same: for validation.

    Args:
        mixture: holds the share; its spans are those of epoch 0.
        share: the name of the share.
        sequence_length: T, ids of a row.
        rows_per_batch: B of the whole batch, over all processes.
        lanes: which rows are made here; None for all. Every process gets as many batches.

    Attributes:
        skipped: after a pass, how many examples were left out, by what they lack.

    Raises:
        RequestError: a length or number that is not positive; a lane or share that is not there.
    """

    def __init__(
        self,
        mixture: Mixture,
        share: str,
        sequence_length: int,
        rows_per_batch: int,
        lanes: Sequence[int] | None = None,
    ):
        if share not in mixture.sizes:
            raise RequestError(f"no share {share!r}; there are {', '.join(mixture.sizes)}")
        self._mixture, self._share, self._length, self._n_rows = mixture, share, sequence_length, rows_per_batch
        self._lanes = _checked(sequence_length, rows_per_batch, lanes)
        self.skipped: dict[str, int] = {}

    def __iter__(self) -> Iterator[PackedBatch]:
        """The batches; the last is padded."""
        self.skipped = {}
        batch = _empty(self._n_rows, self._length)
        row = at = number = 0
        for ids in self._documents():
            start = 0
            while start < len(ids):
                if at == self._length:
                    row, at, number = row + 1, 0, 0
                if row == self._n_rows:
                    yield self._chosen(batch)
                    batch, row = _empty(self._n_rows, self._length), 0
                n = min(len(ids) - start, self._length - at)
                batch.ids[row, at : at + n] = ids[start : start + n]
                batch.documents[row, at : at + n] = number
                start, at, number = start + n, at + n, number + 1
        if at:
            yield self._chosen(batch)

    def _documents(self) -> Iterator[np.ndarray]:
        for index in range(self._mixture.sizes[self._share]):
            document = self._mixture.document(self._share, 0, index)
            if document.lacks is None:
                yield document.ids
            else:
                self.skipped[document.lacks] = self.skipped.get(document.lacks, 0) + 1

    def _chosen(self, batch: PackedBatch) -> PackedBatch:
        return PackedBatch(batch.ids[self._lanes], batch.documents[self._lanes])


def merged(states: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The states of several processes' lanes as one."""
    given = list(states)
    return {**given[0], "lanes": {number: lane for state in given for number, lane in state["lanes"].items()}}


def statistics(state: Mapping[str, Any]) -> dict[str, Visited]:
    """What has been read of each share by the lanes of a state."""
    found = {}
    for share, size in state["sizes"].items():
        n_visits = n_tokens = 0
        skipped: dict[str, int] = {}
        for number, lane in state["lanes"].items():
            n_visits += (lane["next"][share] - int(number)) // state["rows_per_batch"]
            n_tokens += lane["tokens"][share]
            for lack, count in lane["skipped"][share].items():
                skipped[lack] = skipped.get(lack, 0) + count
        found[share] = Visited(n_visits - sum(skipped.values()), n_tokens, n_visits / size, skipped)
    return found


def _checked(sequence_length: int, rows_per_batch: int, lanes: Sequence[int] | None) -> list[int]:
    check_range("batches", {"sequence_length": sequence_length, "rows_per_batch": rows_per_batch}, at_least=1)
    chosen = list(range(rows_per_batch)) if lanes is None else list(lanes)
    outside = [number for number in chosen if not 0 <= number < rows_per_batch]
    if outside:
        raise RequestError(f"row {outside[0]} of a batch of {rows_per_batch}; expected 0…{rows_per_batch - 1}")
    return chosen


def _empty(n_rows: int, length: int) -> PackedBatch:
    return PackedBatch(np.zeros((n_rows, length), dtype=np.int64), np.full((n_rows, length), -1, dtype=np.int64))


def _listed(sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{size} ({name})" for name, size in sizes.items())
