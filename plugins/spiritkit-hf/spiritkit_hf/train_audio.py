"""Step `train-audio-classifier.v1`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import (
    ASTConfig,
    ASTFeatureExtractor,
    ASTForAudioClassification,
    AutoFeatureExtractor,
    AutoModelForAudioClassification,
)

from spiritkit import checkpoints
from spiritkit.atomic import write_json
from spiritkit.checks import check_range
from spiritkit.data.recordings import Recordings
from spiritkit.errors import RequestError
from spiritkit.interfaces import Context, Corpus, Step
from spiritkit.seeding import numpy_generator, torch_seeded
from spiritkit.training import is_finished
from spiritkit.training.model_card import write_model_card
from spiritkit.training.schedule import ScheduleName
from spiritkit_hf import fitting
from spiritkit_hf.fitting import Batch, Plan
from spiritkit_hf.inputs import heard_at_once, sound_logits, sounds
from spiritkit_hf.pretrained import processor

_RATE = 16_000  #: Hz, of a network from scratch
#: What a network from scratch is, where `architecture` says nothing else: AST, much smaller.
_SMALL: dict[str, Any] = {
    "hidden_size": 128,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 256,
    "num_mel_bins": 64,
    "patch_size": 16,
    "frequency_stride": 16,
    "time_stride": 16,
}
#: So many recordings say how loud the bands of the corpus are.
_MEASURED = 100


class TrainAudioClassifier(Step):
    """Trains a classifier of recordings by one of their attributes, such as the style in which something is said.

    Writes `model/`, which `hf-audio-classification.v1` loads.

    Args:
        corpus: what to train on; utterances without sound are left out.
        validation: what the figures are measured on; None for no figures.
        label: the attribute whose value is to be told.
        checkpoint: a classifier or encoder to begin with (a folder in Hugging Face format, or a hub name); None for a
            small audio spectrogram transformer (AST, Gong et al. 2021) with random weights.
        architecture: without a checkpoint, what is to differ from 3 layers of 128 on 64 mel bands, by the names of
            transformers' `ASTConfig`.
        crop_seconds: of a longer recording, so much is taken at random; a network from scratch hears so much at once.
        gain_db: each crop is made louder or softer by up to so many dB, so that level alone tells little.
        steps: of training.
        batch_size: recordings in a batch.
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
        crop_seconds: float = 6.4,
        gain_db: float = 3.0,
        steps: int = 1500,
        batch_size: int = 16,
        learning_rate: float = 1e-3,
        schedule: ScheduleName = "cosine",
        warmup: int = 50,
        weight_decay: float = 0.05,
        validate_every: int = 250,
        save_every: int = 250,
        device: str = "auto",
    ):
        if checkpoint is not None and architecture is not None:
            raise RequestError("train-audio-classifier.v1: architecture is the checkpoint's; expected one of the two")
        check_range("train-audio-classifier.v1", {"crop_seconds": crop_seconds}, at_least=0.5)
        check_range("train-audio-classifier.v1", {"gain_db": gain_db}, at_least=0)
        fitting.check_architecture(ASTConfig, architecture or {})
        if "max_length" in (architecture or {}):
            raise RequestError(
                "train-audio-classifier.v1: architecture.max_length follows from crop_seconds; leave it out"
            )
        self._plan = Plan(steps, batch_size, learning_rate, schedule, warmup, weight_decay, validate_every, save_every)
        self._plan.check("train-audio-classifier.v1")
        self._corpus, self._validation, self._label = corpus, validation, label
        self._checkpoint, self._architecture = checkpoint, architecture or {}
        self._crop, self._gain, self._device = crop_seconds, gain_db, device

    def input_files(self) -> list[Path]:
        """The corpora's tables."""
        return [path for corpus in (self._corpus, self._validation) if corpus for path in corpus.input_files()]

    def run(self, context: Context) -> None:
        """See `Step.run`.

        Raises:
            InputError: an utterance without the attribute.
        """
        folder = context.folder / "model"
        if is_finished(context.folder, folder / "README.md"):
            return
        read = self._checkpoint and checkpoints.resolve(
            self._checkpoint, "a folder (or hub name) of an audio network in Hugging Face format"
        )
        known: Any = processor(AutoFeatureExtractor.from_pretrained, read, "feature extractor") if read else None
        rate = known.sampling_rate if known else _RATE
        recordings = Recordings(self._corpus, rate, context.seed)
        names, wanted = fitting.classes(recordings.utterances, self._label)
        held_out = Recordings(self._validation, rate, context.seed) if self._validation else None
        held_out_wanted = fitting.classes(held_out.utterances, self._label, names)[1] if held_out else []
        features = known or self._features(recordings)
        with torch_seeded(context.seed, "initial weights"):
            if read:
                model = fitting.from_checkpoint(AutoModelForAudioClassification, read, names)
            else:
                values = {**_SMALL, **self._architecture, "max_length": features.max_length}
                model = fitting.new(ASTForAudioClassification, ASTConfig, values, names)
        longest = min(round(self._crop * rate), heard_at_once(features) or 1 << 62)

        def batch(step: int) -> Batch:
            waves, chosen = [], []
            for number in range(step * self._plan.batch_size, (step + 1) * self._plan.batch_size):
                rng = numpy_generator(context.seed, "crop", number)
                chosen.append(recordings.visit(number))
                samples = recordings.load(chosen[-1])
                first = int(rng.integers(max(0, len(samples) - longest) + 1))
                gain = np.float32(10 ** (rng.uniform(-self._gain, self._gain) / 20))
                waves.append(samples[first : first + longest] * gain)
            return sounds(features, waves), torch.tensor([wanted[index] for index in chosen])

        def measure() -> dict[str, float]:
            assert held_out is not None
            found = [
                int(sound_logits(model, features, held_out.load(index)).argmax()) for index in range(len(held_out))
            ]
            return fitting.accuracy(found, held_out_wanted)

        training, figures = fitting.fit(
            context, model, self._plan, batch=batch, measure=measure if held_out else None, device=self._device
        )
        fitting.write(folder, model, names)
        write_json(folder / "preprocessor_config.json", features.to_dict())
        write_model_card(
            folder / "README.md",
            title="Audio classifier",
            summary=f"Tells the {self._label} of a recording: {', '.join(names)}. `hf-audio-classification.v1` loads "
            "this folder.",
            data={
                "training": f"{len(recordings)} recordings",
                **({"validation": f"{len(held_out)} recordings"} if held_out else {}),
            },
            parameters={
                **({"checkpoint": self._checkpoint} if self._checkpoint else {**_SMALL, **self._architecture}),
                "crop_seconds": self._crop,
                "gain_db": self._gain,
                **asdict(self._plan),
            },
            figures=figures,
            seed=context.seed,
            packages=["spiritkit-hf", "transformers"],
        )
        training.finish()

    def _features(self, recordings: Recordings) -> ASTFeatureExtractor:
        """Log-mel bands whose mean and deviation are those of some recordings of the corpus."""
        settings = {
            "sampling_rate": _RATE,
            "num_mel_bins": {**_SMALL, **self._architecture}["num_mel_bins"],
            "max_length": round(self._crop * 100) - 2,  # frames of 25 ms, one every 10 ms
        }
        plain = ASTFeatureExtractor(**settings, do_normalize=False)
        longest = heard_at_once(plain) or 1
        chosen: Sequence[int] = [recordings.visit(number) for number in range(min(_MEASURED, len(recordings)))]
        values = np.concatenate([_bands(plain, recordings.load(index)[:longest]).ravel() for index in chosen])
        return ASTFeatureExtractor(
            **settings, do_normalize=True, mean=round(float(values.mean()), 4), std=round(float(values.std()), 4)
        )


def _bands(features: ASTFeatureExtractor, samples: np.ndarray) -> np.ndarray:
    """The frames of a recording, without those that only fill up."""
    found: np.ndarray = sounds(features, [samples])["input_values"][0].numpy()
    return found[: max(1, (len(samples) - 240) // 160)]
