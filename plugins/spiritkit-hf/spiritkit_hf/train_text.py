"""Step `train-text-classifier.v1`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, BertConfig, BertForSequenceClassification

from spiritkit import checkpoints
from spiritkit.checks import check_range
from spiritkit.errors import InputError, RequestError
from spiritkit.interfaces import Context, Corpus, Step
from spiritkit.seeding import numpy_generator, torch_seeded
from spiritkit.training import is_finished
from spiritkit.training.model_card import write_model_card
from spiritkit.training.schedule import ScheduleName
from spiritkit.utterances import Utterance
from spiritkit_hf import fitting
from spiritkit_hf.fitting import Batch, Plan
from spiritkit_hf.inputs import padded
from spiritkit_hf.pretrained import processor
from spiritkit_hf.words import word_tokenizer, write_tokenizer

#: What a network from scratch is, where `architecture` says nothing else: BERT, much smaller.
_SMALL: dict[str, Any] = {
    "hidden_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 256,
    "max_position_embeddings": 512,
}


class TrainTextClassifier(Step):
    """Trains a classifier of texts by one of their attributes, such as their sentiment.

    Writes `model/`, which `hf-text-classification.v1` loads.

    Args:
        corpus: what to train on; utterances without text are left out.
        validation: what the figures are measured on; None for no figures.
        label: the attribute whose value is to be told.
        checkpoint: a classifier or encoder to begin with (a folder in Hugging Face format, or a hub name), with its
            tokenizer; None for a small BERT with random weights and a tokenizer of whole words made of the corpus.
        architecture: without a checkpoint, what is to differ from 2 layers of 128, by the names of transformers'
            `BertConfig`.
        words: without a checkpoint, at most so many words and signs are known.
        word_dropout: share of the tokens that are made unknown in training, so that no single word decides.
        steps: of training.
        batch_size: texts in a batch.
        learning_rate: AdamW's.
        schedule: of the learning rate.
        warmup: steps over which it rises from 0.
        weight_decay: AdamW's.
        validate_every: steps between two measurements.
        save_every: steps between two states to go on from.
        device: where the network runs.

    Raises:
        RequestError: a value out of its range; `architecture` beside a checkpoint.
    """

    sections = ()

    def __init__(
        self,
        *,
        corpus: Corpus,
        validation: Corpus | None = None,
        label: str,
        checkpoint: Path | str | None = None,
        architecture: dict[str, Any] | None = None,
        words: int = 10_000,
        word_dropout: float = 0.1,
        steps: int = 1000,
        batch_size: int = 32,
        learning_rate: float = 5e-4,
        schedule: ScheduleName = "cosine",
        warmup: int = 50,
        weight_decay: float = 0.01,
        validate_every: int = 200,
        save_every: int = 200,
        device: str = "auto",
    ):
        if checkpoint is not None and architecture is not None:
            raise RequestError("train-text-classifier.v1: architecture is the checkpoint's; expected one of the two")
        check_range("train-text-classifier.v1", {"words": words}, at_least=5)
        check_range("train-text-classifier.v1", {"word_dropout": word_dropout}, at_least=0, below=1)
        fitting.check_architecture(BertConfig, architecture or {})
        self._plan = Plan(steps, batch_size, learning_rate, schedule, warmup, weight_decay, validate_every, save_every)
        self._plan.check("train-text-classifier.v1")
        self._corpus, self._validation, self._label = corpus, validation, label
        self._checkpoint, self._architecture, self._words = checkpoint, architecture or {}, words
        self._word_dropout, self._device = word_dropout, device

    def input_files(self) -> list[Path]:
        """The corpora's tables."""
        return [path for corpus in (self._corpus, self._validation) if corpus for path in corpus.input_files()]

    def run(self, context: Context) -> None:
        """See `Step.run`.

        Raises:
            InputError: a corpus without text, an utterance without the attribute, or of more tokens than the network
                takes.
        """
        folder = context.folder / "model"
        if is_finished(context.folder, folder / "README.md"):
            return
        utterances = _with_text(self._corpus, "corpus")
        names, wanted = fitting.classes(utterances, self._label)
        with torch_seeded(context.seed, "initial weights"):
            model, tokenizer = self._begin(utterances, names)
        rows = _ids(tokenizer, utterances, model)
        held_out = _with_text(self._validation, "validation") if self._validation else []
        held_out_wanted = fitting.classes(held_out, self._label, names)[1] if held_out else []
        held_out_rows = _ids(tokenizer, held_out, model)

        @lru_cache(maxsize=2)
        def order(epoch: int) -> np.ndarray:
            return numpy_generator(context.seed, "order", epoch).permutation(len(rows))

        def batch(step: int) -> Batch:
            chosen, dropped = [], []
            for number in range(step * self._plan.batch_size, (step + 1) * self._plan.batch_size):
                epoch, place = divmod(number, len(rows))
                chosen.append(int(order(epoch)[place]))
                dropped.append(numpy_generator(context.seed, "words", number).random(len(rows[chosen[-1]])))
            ids = [
                [
                    tokenizer.unk_token_id if draw < self._word_dropout and id not in tokenizer.all_special_ids else id
                    for id, draw in zip(rows[index], draws, strict=True)
                ]
                for index, draws in zip(chosen, dropped, strict=True)
            ]
            return padded(ids, tokenizer.pad_token_id), torch.tensor([wanted[index] for index in chosen])

        @torch.inference_mode()
        def measure() -> dict[str, float]:
            found: list[int] = []
            for start in range(0, len(held_out_rows), 64):
                inputs = padded(held_out_rows[start : start + 64], tokenizer.pad_token_id)
                logits = model(**{name: value.to(model.device) for name, value in inputs.items()}).logits
                found += logits.argmax(-1).tolist()
            return fitting.accuracy(found, held_out_wanted)

        training, figures = fitting.fit(
            context, model, self._plan, batch=batch, measure=measure if held_out else None, device=self._device
        )
        fitting.write(folder, model, names)
        write_tokenizer(folder, tokenizer)
        write_model_card(
            folder / "README.md",
            title="Text classifier",
            summary=f"Tells the {self._label} of a text: {', '.join(names)}. `hf-text-classification.v1` loads this "
            "folder.",
            data={
                "training": f"{len(utterances)} texts",
                **({"validation": f"{len(held_out)} texts"} if held_out else {}),
            },
            parameters={
                **({"checkpoint": self._checkpoint} if self._checkpoint else {**_SMALL, **self._architecture}),
                "words": len(tokenizer),
                "word_dropout": self._word_dropout,
                **asdict(self._plan),
            },
            figures=figures,
            seed=context.seed,
            packages=["spiritkit-hf", "transformers", "tokenizers"],
        )
        training.finish()

    def _begin(self, utterances: Sequence[Utterance], names: Sequence[str]) -> tuple[Any, Any]:
        """The network before its first step, and its tokenizer."""
        if self._checkpoint is None:
            sizes = {**_SMALL, **self._architecture}
            texts = (utterance.text or "" for utterance in utterances)
            tokenizer: Any = word_tokenizer(texts, self._words, sizes["max_position_embeddings"])
            values = {**sizes, "vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id}
            return fitting.new(BertForSequenceClassification, BertConfig, values, names), tokenizer
        folder = checkpoints.resolve(self._checkpoint, "a folder (or hub name) of an encoder in Hugging Face format")
        tokenizer = processor(AutoTokenizer.from_pretrained, folder, "tokenizer")
        if tokenizer.pad_token_id is None or not tokenizer.is_fast:
            raise RequestError(
                f"train-text-classifier.v1: the tokenizer of {self._checkpoint} has no id to pad with, or no fast form"
            )
        return fitting.from_checkpoint(AutoModelForSequenceClassification, folder, names), tokenizer


def _with_text(corpus: Corpus, name: str) -> list[Utterance]:
    found = [utterance for utterance in corpus if utterance.text is not None]
    if not found:
        raise InputError(f"{name} has no utterance with text; expected at least one")
    return found


def _ids(tokenizer: Any, utterances: Sequence[Utterance], model: Any) -> list[list[int]]:
    rows: list[list[int]] = [tokenizer(utterance.text, verbose=False)["input_ids"] for utterance in utterances]
    longest = min(tokenizer.model_max_length, model.config.max_position_embeddings)
    for utterance, ids in zip(utterances, rows, strict=True):
        if len(ids) > longest:
            raise InputError(f"utterance {utterance.id!r} has {len(ids)} tokens; the network takes {longest} at most")
    return rows
