"""Step `train-linear-quantizer.v1`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import nn

from spiritkit import devices
from spiritkit.checks import check_range
from spiritkit.data.recordings import Recordings
from spiritkit.errors import RequestError
from spiritkit.interfaces import Context, Corpus, Step
from spiritkit.seeding import numpy_generator, torch_seeded
from spiritkit.training import Training, is_finished
from spiritkit.training.model_card import write_model_card
from spiritkit.training.schedule import ScheduleName, factor
from spiritkit.types import Audio
from spiritkit_hubert.augment import Augmentation
from spiritkit_hubert.ctc import ctc_loss, quantize, write_linear_ctc
from spiritkit_hubert.kmeans import KMeansQuantizer
from spiritkit_hubert.layer_features import HubertFeatures
from spiritkit_hubert.linear_ctc import layer_widths, new_network
from spiritkit_hubert.perturbed import Perturbed

_SAMPLE_RATE = 16_000


class TrainLinearQuantizer(Step):
    """Trains a quantizer whose units stay when speed, pitch, room and noise change (Gat et al. 2023, Augmentation
    Invariant Discrete Representation for Generative Spoken Language Modeling, section 4).

    A frozen HuBERT hears each crop twice, as it is and changed. Of the first, k-means gives the units; from the second
    the quantizer learns them with CTC. In further rounds, units come from the quantizer of the round before. Writes
    `model/`, which `linear-ctc.v1` loads.

    Args:
        corpus: what to train on; utterances without sound are left out.
        hubert: a checkpoint as `hubert.v1` takes it.
        layer: of the HuBERT, counted from 1.
        kmeans: the centroids of that layer, as `kmeans.v1` takes them.
        validation: what the figures are measured on; None for no figures.
        augmentation: how the sound is changed: `speed` (0.2: up to 20 % faster or slower), `pitch` in semitones up
            or down, `snr_min` and `snr_max` of noise in dB, `reverberation` time in seconds; `share`, the probability
            of each.
        upstream: the number from which the widths of the hidden layers follow (`upstream_dim` of the released
            quantizer); None for the width of the features.
        rounds: how often a quantizer is trained, each on the units of the one before.
        steps: of training, in each round.
        batch_size: crops in a batch.
        crop_seconds: how long a crop is at the most.
        learning_rate: AdamW's highest.
        schedule: of the learning rate, after the warm-up, in each round.
        warmup: steps over which it rises from 0.
        clip: the gradient's norm is held below it.
        validate_every: steps between two measurements.
        validation_recordings: how many recordings are measured, at most.
        save_every: steps between two states to go on from.
        device: where the networks run.

    Raises:
        RequestError: a value out of its range.
    """

    sections = ()

    def __init__(
        self,
        *,
        corpus: Corpus,
        hubert: Path | str,
        layer: int,
        kmeans: Path,
        validation: Corpus | None = None,
        augmentation: Augmentation = Augmentation(),  # noqa: B008  (it cannot be changed)
        upstream: int | None = None,
        rounds: int = 1,
        steps: int = 10_000,
        batch_size: int = 32,
        crop_seconds: float = 10.0,
        learning_rate: float = 5e-4,
        schedule: ScheduleName = "cosine",
        warmup: int = 500,
        clip: float = 10.0,
        validate_every: int = 500,
        validation_recordings: int = 50,
        save_every: int = 500,
        device: str = "auto",
    ):
        self._parameters = {
            "rounds": rounds, "steps": steps, "batch_size": batch_size, "crop_seconds": crop_seconds,
            "learning_rate": learning_rate, "clip": clip, "validate_every": validate_every,
            "validation_recordings": validation_recordings, "save_every": save_every,
        }  # fmt: skip
        check_range("train-linear-quantizer.v1", self._parameters, above=0)
        check_range("train-linear-quantizer.v1", {"warmup": warmup}, at_least=0)
        check_range("train-linear-quantizer.v1", {"upstream": upstream}, at_least=1)
        self._parameters |= {"warmup": warmup, "schedule": schedule, "layer": layer}
        self._corpus, self._validation = corpus, validation
        self._hubert, self._layer, self._kmeans = hubert, layer, kmeans
        self._augmentation, self._upstream = augmentation, upstream
        self._rounds, self._steps, self._batch_size = rounds, steps, batch_size
        self._crop = max(1, round(crop_seconds * _SAMPLE_RATE))
        self._learning_rate, self._schedule, self._warmup, self._clip = learning_rate, schedule, warmup, clip
        self._validate_every, self._validation_recordings = validate_every, validation_recordings
        self._save_every, self._device = save_every, device

    def input_files(self) -> list[Path]:
        """The corpora's tables."""
        return [path for corpus in (self._corpus, self._validation) if corpus for path in corpus.input_files()]

    def run(self, context: Context) -> None:
        """See `Step.run`.

        Raises:
            RequestError: the centroids are not of features of this width, or the widths do not work out.
        """
        if is_finished(context.folder, context.folder / "model" / "README.md"):
            return
        device = devices.device(self._device)
        recordings = Recordings(self._corpus, _SAMPLE_RATE, context.seed)
        extractor = HubertFeatures(checkpoint=self._hubert, layer=self._layer, device=self._device)
        kmeans = KMeansQuantizer(checkpoint=self._kmeans)
        if kmeans.dimension != extractor.width:
            raise RequestError(
                f"{self._kmeans}: centroids of width {kmeans.dimension}; the features of {self._hubert} have width "
                f"{extractor.width}"
            )
        if kmeans.layer not in (None, self._layer):
            raise RequestError(f"{self._kmeans}: centroids of layer {kmeans.layer}; layer is {self._layer}")
        units = kmeans.size
        upstream = self._upstream or extractor.width
        widths = layer_widths(units, extractor.width, upstream)
        if min(widths) < 1:
            raise RequestError(
                f"train-linear-quantizer.v1: upstream {upstream} gives layer widths {widths}; expected positive ones"
            )
        held_out = None
        if self._validation:
            count = self._validation_recordings
            held_out = Perturbed(self._validation, extractor, self._augmentation, count, context)

        network, teacher = (self._new(widths, context.seed, 0).to(device) for _ in range(2))
        optimizer = torch.optim.AdamW(network.parameters(), self._learning_rate)
        training = Training(
            context,
            steps=self._rounds * self._steps,
            parts={"network": network, "teacher": teacher, "optimizer": optimizer},
            save_every=self._save_every,
            report_every=min(50, self._validate_every),
        )
        for number in training:
            round_, step = divmod(number, self._steps)
            if round_ and step == 0:  # the next quantizer learns the units of this one
                teacher.load_state_dict(network.state_dict())
                network.load_state_dict(self._new(widths, context.seed, round_).state_dict())
                optimizer.state.clear()
            for group in optimizer.param_groups:
                group["lr"] = self._learning_rate * factor(self._schedule, step, self._steps, self._warmup)
            clean, changed = self._batch(recordings, number, context.seed, extractor.grid.receptive_field)
            features = extractor.features(clean + changed)
            taught, heard = features[: len(clean)], features[len(clean) :]
            codes = kmeans.quantize(taught) if round_ == 0 else quantize(teacher, taught, units)
            loss, share = ctc_loss(network, heard, codes, units)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), self._clip)
            optimizer.step()
            optimizer.zero_grad()
            training.report(loss=loss, learnable_share=share)
            if held_out and training.due(self._validate_every):
                training.report_now(**held_out.figures(network, kmeans))

        write_linear_ctc(network, context.folder / "model", units=units, upstream=upstream, layer=self._layer)
        write_model_card(
            context.folder / "model" / "README.md",
            title="Linear quantizer",
            summary=f"{units} units and a CTC blank, from features of width {extractor.width}. `linear-ctc.v1` loads "
            "this folder. Figures are unit edit distances: units changed for each unit there was.",
            data={"training": f"{len(recordings)} recordings"}
            | ({"validation": f"{len(held_out)} recordings"} if held_out else {}),
            parameters=self._parameters | asdict(self._augmentation) | {"upstream": upstream},
            figures=held_out.figures(network, kmeans) if held_out else {},
            seed=context.seed,
            packages=["spiritkit-hubert", "transformers"],
        )
        training.finish()

    def _new(self, widths: list[int], seed: int, round_: int) -> nn.Sequential:
        with torch_seeded(seed, "initial weights", round_):
            return new_network(widths)

    def _batch(self, recordings: Recordings, step: int, seed: int, shortest: int) -> tuple[list[Audio], list[Audio]]:
        """Crops as they are, and changed; what is shorter than a frame is followed by silence."""
        clean, changed = [], []
        for row in range(self._batch_size):
            number = step * self._batch_size + row
            samples = recordings.load(recordings.visit(number))
            rng = numpy_generator(seed, "augmentation", number)
            first = int(rng.integers(max(0, len(samples) - self._crop) + 1))
            piece = samples[first : first + self._crop]
            for sounds, samples in ((clean, piece), (changed, self._augmentation.apply(piece, rng))):
                sounds.append(Audio(np.pad(samples, (0, max(0, shortest - len(samples)))), _SAMPLE_RATE))
        return clean, changed
