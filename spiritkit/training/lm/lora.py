"""Low-rank adapters (Hu et al. 2021), through peft."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from spiritkit.checks import check_range
from spiritkit.errors import RequestError
from spiritkit.interfaces import LanguageModel
from spiritkit.seeding import torch_seeded


@dataclass(frozen=True, kw_only=True)
class Lora:
    """Only adapters of the layers' matrices are trained, and the embeddings; they are merged when the model is written.

    Attributes:
        rank: of the adapters.
        alpha: an adapter's part is multiplied by `alpha / rank`.
        dropout: of an adapter's input, in 0…1.
        targets: names, or ends of names, of the linear modules that get an adapter; None for all in the layers.
        embeddings: whether input and output embedding are trained whole. They must be where the vocabulary has tokens
            that the model does not know yet.
    """

    rank: int = 16
    alpha: float = 32.0
    dropout: float = 0.0
    targets: list[str] | None = None
    embeddings: bool = True

    def __post_init__(self) -> None:
        check_range("train-lm.v1", {"lora.rank": self.rank}, at_least=1)
        check_range("train-lm.v1", {"lora.alpha": self.alpha}, above=0)
        check_range("train-lm.v1", {"lora.dropout": self.dropout}, at_least=0, below=1)


def add_adapters(part: LanguageModel, lora: Lora, seed: int) -> Callable[[], Any]:
    """Freeze a network but for new adapters, in place.

    Returns:
        A function that merges the adapters into the network's weights and takes them off.

    Raises:
        RequestError: peft is not installed; the network has no such modules.
    """
    try:
        from peft import LoraConfig, LoraModel
    except ImportError as error:
        raise RequestError('lora needs peft; install it with: pip install "spiritkit[train]"') from error
    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,  # type: ignore[arg-type]  # any number will do
        lora_dropout=lora.dropout,
        target_modules=lora.targets or "all-linear",
    )
    try:
        with torch_seeded(seed, "lora"):
            adapted = LoraModel(part.module, config, "default")
    except ValueError as error:
        raise RequestError(f"lora.targets: {error}") from error
    if lora.embeddings:
        for module in part.embeddings:
            module.requires_grad_(True)
    merge: Callable[[], Any] = adapted.merge_and_unload
    return merge
