"""Texts judged by a network of transformers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from spiritkit import checkpoints
from spiritkit.checks import check_range
from spiritkit.errors import InputError
from spiritkit.interfaces import Classifier
from spiritkit.types import Audio
from spiritkit_hf.inputs import padded
from spiritkit_hf.labels import Labels
from spiritkit_hf.pretrained import configuration, network, processor

#: What tokenizers say that know no bound is beyond this.
_NO_BOUND = 1_000_000


class HFTextClassification(Classifier):
    """A text classifier in Hugging Face format (BERT, RoBERTa, …), such as one of sentiment.

    Args:
        checkpoint: a folder in Hugging Face format, or a hub name.
        labels: the model's label → the label that is given in its place (`{joy: positive, anger: negative}`); the
            probabilities of merged labels add up, labels that do not occur here are left out, and the rest is taken for
            all there is. None takes the model's own.
        batch_size: so many texts are judged together.
        device: where the network runs.

    Raises:
        MissingFileError: no such folder or hub model.
        CheckpointError: it holds no classifier, or lacks files or tensors.
        RequestError: a label that the model does not have; no such device.
    """

    def __init__(
        self,
        *,
        checkpoint: Path | str,
        labels: dict[str, str] | None = None,
        batch_size: int = 32,
        device: str = "auto",
    ):
        check_range("hf-text-classification.v1", {"batch_size": batch_size}, at_least=1)
        folder = checkpoints.resolve(checkpoint, "a folder (or hub name) of a text classifier in Hugging Face format")
        config = configuration(folder, "a text classifier")
        self._labels = Labels(config, labels, folder)
        self._tokenizer = processor(AutoTokenizer.from_pretrained, folder, "tokenizer")
        self._model: Any = network(folder, config, AutoModelForSequenceClassification, device=device)
        # Without an id to pad with, texts of other lengths cannot stand in one batch.
        self._batch_size = batch_size if self._tokenizer.pad_token_id is not None else 1
        self._longest = min(self._tokenizer.model_max_length, getattr(config, "max_position_embeddings", _NO_BOUND))

    @property
    def modality(self) -> Literal["text", "speech"]:
        """Texts."""
        return "text"

    @property
    def labels(self) -> tuple[str, ...]:
        """Those of the parameter, or of the model."""
        return self._labels.names

    def classify(self, batch: Sequence[str] | Sequence[Audio]) -> list[dict[str, float]]:
        """See `Classifier.classify`.

        Raises:
            InputError: audio, or a text of more tokens than the model was made for.
        """
        rows = [self._ids(text) for text in batch]
        # Texts of similar length together, so that there is little padding.
        order = sorted(range(len(rows)), key=lambda index: len(rows[index]))
        found: dict[int, dict[str, float]] = {}
        for start in range(0, len(order), self._batch_size):
            indices = order[start : start + self._batch_size]
            found.update(zip(indices, self._judged([rows[index] for index in indices]), strict=True))
        return [found[index] for index in range(len(rows))]

    @torch.inference_mode()
    def _judged(self, rows: list[list[int]]) -> list[dict[str, float]]:
        inputs = padded(rows, self._tokenizer.pad_token_id or 0)  # without an id for it, rows come one by one
        logits = self._model(**{name: value.to(self._model.device) for name, value in inputs.items()}).logits
        return self._labels.probabilities(logits)

    def _ids(self, text: str | Audio) -> list[int]:
        if not isinstance(text, str):
            raise InputError(f"hf-text-classification.v1 judges text, not {type(text).__name__}")
        ids: list[int] = self._tokenizer(text, verbose=False)["input_ids"]
        if len(ids) > self._longest:
            raise InputError(
                f"the text {text[:40]!r}… has {len(ids)} tokens; the classifier takes {self._longest} at most"
            )
        # Some tokenizers make nothing of an empty text, and no network takes nothing.
        own = self._tokenizer
        return ids or [next(id for id in (own.eos_token_id, own.unk_token_id, 0) if id is not None)]
