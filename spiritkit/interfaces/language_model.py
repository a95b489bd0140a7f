"""Ids → ids."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from spiritkit.errors import RequestError
from spiritkit.types import Constraint, Sampling

if TYPE_CHECKING:
    import torch


class LanguageModel(ABC):
    """A causal model over the vocabulary's ids. It knows no token: what an id means, which ids end a sequence and
    which are allowed, it is told.
    """

    #: Stream → source of the units it was trained on, as far as its files say (see `spiritkit.provenance`).
    trained_on: Mapping[str, str] = MappingProxyType({})

    @property
    @abstractmethod
    def rows(self) -> int:
        """Rows of the embedding; ids run from 0 to `rows` - 1."""

    def resize(self, rows: int) -> bool:
        """Give the embedding as many rows as the vocabulary needs, if the model was asked to; False if it stays as it
        is. A model that can be started from another's weights overrides this.
        """
        return False

    @property
    @abstractmethod
    def context_length(self) -> int:
        """The longest sequence the model was made for, in tokens."""

    @abstractmethod
    def generate(self, ids: Sequence[int], constraint: Constraint, sampling: Sampling) -> Iterator[int]:
        """Continue `ids`, yielding each new id as soon as it is drawn, a stop id as the last."""

    def generate_batch(
        self, batch: Sequence[Sequence[int]], constraint: Constraint, sampling: Sampling
    ) -> list[list[int]]:
        """Continue several prompts; row i draws from seed `sampling.seed_of(i)`. A model that runs rows
        together overrides this.
        """
        return [
            list(self.generate(ids, constraint, replace(sampling, seed=sampling.seed_of(row), seeds=())))
            for row, ids in enumerate(batch)
        ]

    @abstractmethod
    def score(self, batch: Sequence[Sequence[int]]) -> list[np.ndarray]:
        """For each sequence of T ids, float32 `[T - 1]`: the natural log-probability of ids 1…T - 1, each given all
        before it, over all `rows`.
        """

    @abstractmethod
    def hidden_states(self, batch: Sequence[Sequence[int]]) -> list[np.ndarray]:
        """For each sequence of T ids, float32 `[L + 1, T, D]`: the embedding's output, then each of L layers'."""

    # -- what training needs ------------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def module(self) -> torch.nn.Module:
        """The network, for training: called with `training_inputs`, it returns an object whose `logits` are
        `[B, T, rows]`.
        """

    @property
    def layers(self) -> Sequence[torch.nn.Module]:
        """The parts of the network that run one after the other, each of which may be sharded, recomputed or compiled
        by itself; none if it has no such parts.
        """
        return ()

    @property
    def embeddings(self) -> Sequence[torch.nn.Module]:
        """The modules whose weights have a row for each id: the input embedding first, then the output embedding."""
        return ()

    def training_inputs(self, ids: torch.Tensor, documents: torch.Tensor | None = None) -> dict[str, Any]:
        """What `module` is called with.

        Args:
            ids: int64 `[B, T]`.
            documents: int64 `[B, T]`; a token is to see those before it that have the same number. None lets it see all
                before it.

        Raises:
            RequestError: the network cannot keep documents apart.
        """
        if documents is not None:
            raise RequestError(f"{type(self).__name__} does not keep documents apart; train it without document_mask")
        return {"input_ids": ids}

    def save(self, folder: Path, trained_on: Mapping[str, str]) -> None:
        """Write the network, as it is now, in the form that a component reads back. A model that can be trained
        overrides this.

        Args:
            folder: is there.
            trained_on: what the component that reads it is to say of itself.

        Raises:
            RequestError: this model cannot be saved.
        """
        raise RequestError(f"{type(self).__name__} cannot be saved; expected a language model that can be trained")
