"""Features → codes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


class Quantizer(ABC):
    """Gives each feature vector one of `size` codes."""

    #: The layer of an encoder whose features it was made for, counted from 1; None where it does not know.
    layer: int | None = None

    @property
    @abstractmethod
    def size(self) -> int:
        """Codes run from 0 to `size` - 1."""

    @property
    @abstractmethod
    def dimension(self) -> int:
        """Width D of the feature vectors."""

    @abstractmethod
    def quantize(self, features: list[torch.Tensor]) -> list[np.ndarray]:
        """Quantize a batch.

        Args:
            features: each float `[T, D]`, on any device.

        Returns:
            For each, int64 `[T]`.
        """
