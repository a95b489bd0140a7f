"""A classifier's own labels, and those that are wanted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from transformers import PretrainedConfig

from spiritkit.errors import CheckpointError, RequestError
from spiritkit.suggest import suggestion


class Labels:
    """The labels of a network, renamed, merged or left out.

    Args:
        config: of the network.
        wanted: the network's label → the label that is given in its place; the probabilities of merged labels add up,
            and those of labels that do not occur here are left out, the others taken for all there is. None takes the
            network's own.
        folder: of the network, for messages.

    Raises:
        CheckpointError: the network does not choose one of several labels.
        RequestError: `wanted` names a label that the network does not have, or leaves fewer than two.
    """

    def __init__(self, config: PretrainedConfig, wanted: Mapping[str, str] | None, folder: Path):
        path = folder / "config.json"
        if config.num_labels < 2 or config.problem_type not in (None, "single_label_classification"):
            raise CheckpointError(
                path,
                f"has {config.num_labels} labels and problem_type {config.problem_type!r}; expected a network that "
                "chooses one of several labels",
            )
        own = [str(config.id2label[index]) for index in range(config.num_labels)]
        names = dict(zip(own, own, strict=True)) if wanted is None else dict(wanted)
        for name in names:
            if name not in own:
                hint = suggestion(name, own) or f"; there are {', '.join(own)}"
                raise RequestError(f"labels.{name}: {folder} has no such label{hint}")
        self.names = tuple(dict.fromkeys(names.values()))
        if len(self.names) < 2:
            raise RequestError(f"labels leave {len(self.names)} label; expected at least 2")
        columns = [self.names.index(names[label]) if label in names else -1 for label in own]
        self._columns = [[i for i, column in enumerate(columns) if column == wish] for wish in range(len(self.names))]

    def probabilities(self, logits: torch.Tensor) -> list[dict[str, float]]:
        """For each row the probability of every label, in order.

        Args:
            logits: `[B, K]`, for K own labels.
        """
        logs = logits.double().cpu().log_softmax(-1)
        merged = torch.stack([logs[:, columns].logsumexp(-1) for columns in self._columns], -1)
        return [dict(zip(self.names, row, strict=True)) for row in merged.softmax(-1).tolist()]
