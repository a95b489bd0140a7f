"""Step `train-hubert.v1`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import torch

from spiritkit import devices
from spiritkit.checks import check_range
from spiritkit.data.recordings import Recordings
from spiritkit.errors import RequestError
from spiritkit.interfaces import Context, Corpus, Step, UnitTokenizer
from spiritkit.seeding import derive, torch_seeded
from spiritkit.training import Training, is_finished
from spiritkit.training.model_card import write_model_card
from spiritkit.training.schedule import ScheduleName, factor
from spiritkit_hubert.architecture import Architecture
from spiritkit_hubert.crops import Batch, Crops, Masking
from spiritkit_hubert.frames import FrameGrid
from spiritkit_hubert.own_format import save_hubert
from spiritkit_hubert.phone_labels import read_lexicon
from spiritkit_hubert.phone_targets import phone_targets
from spiritkit_hubert.pretraining import MaskedPrediction, Prediction
from spiritkit_hubert.targets import Targets, encode_targets, remove_targets

_SAMPLE_RATE = 16_000


class TrainHubert(Step):
    """Trains a HuBERT by masked prediction (Hsu et al. 2021, HuBERT, section III).

    The classes are units of another tokenizer: k-means on MFCC (`mfcc.v1`) at first, k-means on a layer of the model so
    trained (`hubert.v1`) in the next iteration. Or they are phones, where it is known what is said (Wang et al. 2022,
    Supervision-Guided Codebooks for Masked Prediction in Speech Pre-training): little data and few steps then make
    units that tell phones much better. Exactly one of `targets` and `lexicon` says which.

    Writes `model/`, which `hubert.v1` loads: a Hugging Face folder for the `waveform` front end, a format of this
    plugin for `log-mel`.

    Args:
        corpus: what to train on; utterances without sound are left out.
        targets: the tokenizer whose units are predicted; it has one stream, of any frame rate.
        lexicon: a file with a word and its phones in each line: what is predicted are the phones of the utterances'
            alignments, or where these have none, those that their word times tell, a word's phones sharing its time
            evenly. Letters stand for a word that it lacks.
        validation: what the figures are measured on; None for no figures.
        architecture: the model; the defaults are HuBERT Base at 25 Hz. `front_end`: `waveform`, convolutions over the
            samples with a group norm, as released; or `log-mel`, two convolutions over log-mel frames with layer norms,
            which learn faster and cost less in small models. `frame_rate`; `layers`, `width`, `heads`, `feed_forward`
            of the transformer; `channels` of the convolutions; `mels`, bands; `position_kernel`, frames that the
            convolution for positions sees; `dropout`; `layer_drop`, share of layers that a training step skips.
        targets_per_frame: how many classes are predicted of each frame, one for each equal part of its time. With one,
            that in its middle, what is shorter than a frame need not be told: at 25 Hz many a phone.
        mask_probability: that a frame begins a hidden span. The paper has 0.08, at 50 Hz and with spans of 10 frames;
            the default hides as much at 25 Hz.
        mask_span: frames of a hidden span.
        unmasked_weight: weight in the loss of the frames that are seen; hidden ones have 1.
        steps: of training.
        batch_size: crops in a batch.
        accumulate: batches whose gradients make one step.
        crop_seconds: how long a crop is at the most.
        learning_rate: AdamW's highest.
        schedule: of the learning rate, after the warm-up.
        warmup: steps over which it rises from 0.
        weight_decay: of matrices.
        clip: the gradient's norm is held below it.
        precision: what the network computes in; weights stay float32.
        validate_every: steps between two measurements.
        validation_batches: how many batches are measured, at most.
        save_every: steps between two states to go on from.
        device: where the network runs.

    Raises:
        RequestError: a value out of its range; both `targets` and `lexicon`, or neither.
    """

    sections = ()

    def __init__(
        self,
        *,
        corpus: Corpus,
        targets: Callable[[], UnitTokenizer] | None = None,
        lexicon: Path | None = None,
        validation: Corpus | None = None,
        architecture: Architecture = Architecture(),  # noqa: B008  (it cannot be changed)
        targets_per_frame: int = 1,
        mask_probability: float = 0.16,
        mask_span: int = 5,
        unmasked_weight: float = 0.0,
        steps: int = 250_000,
        batch_size: int = 32,
        accumulate: int = 1,
        crop_seconds: float = 15.6,
        learning_rate: float = 5e-4,
        schedule: ScheduleName = "linear",
        warmup: int = 20_000,
        weight_decay: float = 0.01,
        clip: float = 10.0,
        precision: Literal["float32", "bfloat16"] = "float32",
        validate_every: int = 1000,
        validation_batches: int = 20,
        save_every: int = 1000,
        device: str = "auto",
    ):
        if (targets is None) == (lexicon is None):
            raise RequestError(
                "train-hubert.v1: expected exactly one of targets and lexicon: it says what is predicted"
            )
        self._parameters = {
            "targets_per_frame": targets_per_frame, "mask_probability": mask_probability, "mask_span": mask_span,
            "steps": steps, "batch_size": batch_size,
            "accumulate": accumulate, "crop_seconds": crop_seconds, "learning_rate": learning_rate, "clip": clip,
            "validate_every": validate_every, "validation_batches": validation_batches, "save_every": save_every,
        }  # fmt: skip
        check_range("train-hubert.v1", self._parameters, above=0)
        check_range("train-hubert.v1", {"mask_probability": mask_probability}, above=0, at_most=1)
        others = {"unmasked_weight": unmasked_weight, "warmup": warmup, "weight_decay": weight_decay}
        check_range("train-hubert.v1", others, at_least=0)
        self._parameters |= others | {"schedule": schedule, "precision": precision}
        self._corpus, self._validation = corpus, validation
        self._targets, self._lexicon = targets, lexicon
        self._architecture, self._masking = architecture, Masking(mask_probability, mask_span)
        self._parts = targets_per_frame
        self._unmasked_weight = unmasked_weight
        self._steps, self._batch_size, self._accumulate = steps, batch_size, accumulate
        self._frames = max(1, round(crop_seconds * architecture.frame_rate))
        self._learning_rate, self._schedule, self._warmup = learning_rate, schedule, warmup
        self._weight_decay, self._clip, self._precision = weight_decay, clip, precision
        self._validate_every, self._validation_batches = validate_every, validation_batches
        self._save_every, self._device = save_every, device

    def input_files(self) -> list[Path]:
        """The corpora's tables."""
        return [path for corpus in (self._corpus, self._validation) if corpus for path in corpus.input_files()]

    def run(self, context: Context) -> None:
        """See `Step.run`."""
        device = devices.device(self._device)
        folder = context.folder / "targets"
        if is_finished(context.folder, context.folder / "model" / "README.md"):
            remove_targets(folder)
            return
        corpora = {"training": Recordings(self._corpus, _SAMPLE_RATE)}
        if self._validation:
            corpora["validation"] = Recordings(self._validation, _SAMPLE_RATE)
        targets = self._encoded(corpora, folder, context)
        with torch_seeded(context.seed, "initial weights"):
            network = MaskedPrediction(
                self._architecture.build(),
                n_classes=targets["training"].size,
                parts=self._parts,
                unmasked_weight=self._unmasked_weight,
            ).to(device)
        seeds = {"training": context.seed, "validation": derive(context.seed, "validation")}
        crops = {split: self._crops(corpora[split], targets[split], network.grid, seeds[split]) for split in corpora}
        held_out = crops.get("validation")

        optimizer = torch.optim.AdamW(_groups(network, self._weight_decay), self._learning_rate, betas=(0.9, 0.98))
        training = Training(
            context,
            steps=self._steps,
            parts={"network": network, "optimizer": optimizer},
            save_every=self._save_every,
            report_every=min(50, self._validate_every),
        )
        for step in training:
            rate = self._learning_rate * factor(self._schedule, step, self._steps, self._warmup)
            for group in optimizer.param_groups:
                group["lr"] = rate
            for part in range(self._accumulate):
                batch = crops["training"].batch(step * self._accumulate + part, self._batch_size)
                predicted = self._predict(network, batch, device)
                (predicted.loss / self._accumulate).backward()
            norm = torch.nn.utils.clip_grad_norm_(network.parameters(), self._clip)
            optimizer.step()
            optimizer.zero_grad()
            training.report(
                loss=predicted.loss, masked_accuracy=predicted.masked_accuracy, gradient_norm=norm, learning_rate=rate
            )
            if held_out and training.due(self._validate_every):
                training.report_now(**self._measure(network, held_out, device))

        figures = self._measure(network, held_out, device) if held_out else {}
        save_hubert(network.model, context.folder / "model")
        write_model_card(
            context.folder / "model" / "README.md",
            title="HuBERT",
            summary=f"An encoder trained by masked prediction of {targets['training'].size} "
            f"{'phones' if self._lexicon else 'classes'}. `hubert.v1` loads this folder.",
            data={split: _amount(corpora[split], targets[split]) for split in corpora},
            parameters={**asdict(self._architecture), **self._parameters},
            figures=figures,
            seed=context.seed,
            packages=["spiritkit-hubert", "transformers"],
        )
        training.finish()
        remove_targets(folder)

    def _encoded(self, corpora: dict[str, Recordings], folder: Path, context: Context) -> dict[str, Targets]:
        if self._lexicon:
            found = phone_targets(list(corpora.values()), read_lexicon(self._lexicon), context)
            return dict(zip(corpora, found, strict=True))
        assert self._targets is not None
        return {
            split: encode_targets(self._targets, recordings, folder / split, context)
            for split, recordings in corpora.items()
        }

    def _crops(self, recordings: Recordings, targets: Targets, grid: FrameGrid, seed: int) -> Crops:
        return Crops(
            recordings, targets, grid=grid, frames=self._frames, masking=self._masking, seed=seed, parts=self._parts
        )

    def _predict(self, network: MaskedPrediction, batch: Batch, device: torch.device) -> Prediction:
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=self._precision == "bfloat16"):
            prediction: Prediction = network(
                batch.waveforms.to(device), batch.lengths, batch.targets.to(device), batch.hidden.to(device)
            )
        return prediction

    @torch.no_grad()
    def _measure(self, network: MaskedPrediction, crops: Crops, device: torch.device) -> dict[str, float]:
        """Means over batches of validation data, the same ones each time."""
        network.eval()
        count = min(self._validation_batches, -(-len(crops) // self._batch_size))
        found = [self._predict(network, crops.batch(step, self._batch_size), device) for step in range(count)]
        network.train()
        return {
            "validation_masked_loss": sum(float(one.masked_loss) for one in found) / count,
            "validation_masked_accuracy": sum(float(one.masked_accuracy) for one in found) / count,
        }


def _groups(network: torch.nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Parameters with weight decay and without: biases and norms are not pulled towards 0."""
    matrices = [parameter for parameter in network.parameters() if parameter.ndim > 1]
    vectors = [parameter for parameter in network.parameters() if parameter.ndim <= 1]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]


def _amount(recordings: Recordings, targets: Targets) -> str:
    return f"{len(recordings)} recordings, {targets.seconds / 3600:.2f} h"
