"""The batches of one process, and what was prepared for them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from spiritkit.checkpoints import require
from spiritkit.data.mixture import Mixture, Share, used
from spiritkit.data.packing import PackedBatches, Visited, merged, statistics
from spiritkit.training.distributed import is_main, rank, world_size


def lanes(n_rows: int) -> list[int]:
    """The rows that this process makes of a batch of `n_rows`."""
    return list(range(rank(), n_rows, world_size()))


class Batches:
    """The rows of each batch that are this process's, and a state in which those of all processes are.

    Args:
        mixture: what is read.
        sequence_length: T, ids of a row.
        n_rows: of a batch, over all processes.
    """

    def __init__(self, mixture: Mixture, sequence_length: int, n_rows: int):
        self._batches = PackedBatches(mixture, sequence_length, n_rows, lanes(n_rows))

    def next(self, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
        """The next batch's ids and documents: int64 `[B, T]` twice."""
        batch = self._batches.next_batch()
        return torch.from_numpy(batch.ids).to(device), torch.from_numpy(batch.documents).to(device)

    def state_dict(self) -> dict[str, Any]:
        """Of all processes' rows, in the first process; so another number of processes can go on with it."""
        state = self._batches.state_dict()
        if world_size() == 1:
            return state
        states: list[Any] | None = [None] * world_size() if is_main() else None
        torch.distributed.gather_object(state, states)
        return merged(states) if states else {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take a state back."""
        self._batches.load_state_dict(state)

    def visited(self) -> dict[str, Visited]:
        """What has been read of each share, in the first process. All processes take part."""
        state = self.state_dict()
        return statistics(state) if state else {}


def manifests(shares: Mapping[str, Share]) -> list[Path]:
    """The files that list the shards of all shares, with their hashes.

    Raises:
        MissingFileError: one is not there; the message names the share.
    """
    return [
        require(
            Path(folder).expanduser() / "manifest.json",
            f"prepared data, of share {name!r}; run a step prepare.v1 to its end first",
        )
        for name, share in used(shares).items()
        for folder in share.shards
    ]
