"""Recordings judged by a network of transformers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from transformers import AutoFeatureExtractor, AutoModelForAudioClassification

from spiritkit import checkpoints
from spiritkit.errors import CheckpointError, InputError
from spiritkit.interfaces import Classifier
from spiritkit.types import Audio
from spiritkit_hf.inputs import sound_logits
from spiritkit_hf.labels import Labels
from spiritkit_hf.pretrained import configuration, network, processor


class HFAudioClassification(Classifier):
    """An audio classifier in Hugging Face format (wav2vec 2.0, HuBERT, AST, Whisper, …), such as one of emotion.

    Of a recording that is longer than the network hears at once (AST, Whisper), the logits of as many windows as it
    takes, evenly spaced from beginning to end, are averaged.

    Args:
        checkpoint: a folder in Hugging Face format, or a hub name.
        labels: the model's label → the label that is given in its place (`{happy: positive, sad: negative}`); the
            probabilities of merged labels add up, labels that do not occur here are left out, and the rest is taken for
            all there is. None takes the model's own.
        device: where the network runs.

    Raises:
        MissingFileError: no such folder or hub model.
        CheckpointError: it holds no classifier, or lacks files or tensors.
        RequestError: a label that the model does not have; no such device.
    """

    def __init__(self, *, checkpoint: Path | str, labels: dict[str, str] | None = None, device: str = "auto"):
        folder = checkpoints.resolve(checkpoint, "a folder (or hub name) of an audio classifier in Hugging Face format")
        config = configuration(folder, "an audio classifier")
        self._labels = Labels(config, labels, folder)
        self._features = processor(AutoFeatureExtractor.from_pretrained, folder, "feature extractor")
        rate = getattr(self._features, "sampling_rate", None)
        if not isinstance(rate, int):
            raise CheckpointError(folder, "its feature extractor does not say which sampling_rate it takes")
        self.sample_rate = rate
        self._model: Any = network(folder, config, AutoModelForAudioClassification, device=device)

    @property
    def modality(self) -> Literal["text", "speech"]:
        """Sound."""
        return "speech"

    @property
    def labels(self) -> tuple[str, ...]:
        """Those of the parameter, or of the model."""
        return self._labels.names

    def classify(self, batch: Sequence[str] | Sequence[Audio]) -> list[dict[str, float]]:
        """See `Classifier.classify`.

        Raises:
            InputError: text, or audio that is not mono at `sample_rate`.
        """
        # One at a time: many of these networks see padding, through group norm or pooling, whatever the mask.
        return [
            self._labels.probabilities(sound_logits(self._model, self._features, self._samples(one)))[0]
            for one in batch
        ]

    def _samples(self, audio: str | Audio) -> np.ndarray:
        if not isinstance(audio, Audio):
            raise InputError(f"hf-audio-classification.v1 judges sound, not {type(audio).__name__}")
        return audio.mono(self.sample_rate)
