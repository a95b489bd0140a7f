"""Step `train-style.v1`."""

from __future__ import annotations

import importlib.util
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F
from transformers import Wav2Vec2ForSequenceClassification

from spiritkit import devices
from spiritkit.checks import check_range
from spiritkit.data.recordings import Recordings
from spiritkit.errors import InputError, RequestError
from spiritkit.interfaces import Context, Corpus, F0Extractor, Step
from spiritkit.seeding import torch_seeded
from spiritkit.suggest import suggestion
from spiritkit.training import Training, is_finished
from spiritkit.training.model_card import write_model_card
from spiritkit.training.schedule import ScheduleName, factor
from spiritkit.types import Audio
from spiritkit_style import network
from spiritkit_style.crops import Crops, of_rows
from spiritkit_style.figures import style_figures
from spiritkit_style.prosody import FEATURES, prosody
from spiritkit_style.targets import Clusters, Describe, Targets, given
from spiritkit_style.wav2vec2 import SAMPLE_RATE, Checkpoint, SecondMeans, block_size, second_means


class TrainStyle(Step):
    """Trains the style tokenizer: a wav2vec 2.0 that tells the class of each second.

    Classes are k-means clusters of features (the paper's section 3.1; of its Speechprop features, which are not
    published, only their distillation into a wav2vec 2.0 is), or the values of an attribute of the corpus. Exactly one
    of `f0`, `teacher` and `labels` says which. Writes `model/`, which `wav2vec2-style.v1` loads, and while it works
    `features/`.

    Args:
        corpus: what to train on; utterances without sound are left out. Where all have an attribute `speaker`, each
            speaker's mean is taken off the features.
        validation: what the figures are measured on; None for no figures. How well codes tell the attribute `style` is
            among them where the utterances have it.
        f0: classes are clusters of prosody, with F0 by this extractor.
        features: which features of prosody.
        window_seconds: how much sound around the middle of each second the prosody is of.
        teacher: classes are clusters of a layer of this wav2vec 2.0 (a folder in Hugging Face format, or a hub name).
        teacher_layer: the layer, counted from 1.
        labels: classes are the values of this attribute.
        classes: how many clusters.
        checkpoint: a wav2vec 2.0 to begin with (a folder in Hugging Face format, or a hub name); None for random
            weights.
        architecture: without a checkpoint, what is to differ from wav2vec 2.0 Base, by the names of transformers'
            `Wav2Vec2Config`. The product of the strides must divide 16,000; a first convolution of 160 samples or more
            begins as a bank of band-pass filters.
        projected: width between projector and classifier. If it is no less than that of the features, the classifier
            begins as the rule of the nearest centroid, and the first projected dimensions learn to be the features.
        steps: of training.
        batch_size: recordings in a batch.
        crop_seconds: of a longer recording, so many whole seconds are taken at random.
        learning_rate: AdamW's.
        schedule: of the learning rate.
        warmup: steps over which it rises from 0.
        weight_decay: AdamW's.
        validate_every: steps between two measurements.
        save_every: steps between two states to go on from.
        device: where the network runs.

    Raises:
        RequestError: a value out of its range, or not exactly one kind of classes.
    """

    sections = ()

    def __init__(
        self,
        *,
        corpus: Corpus,
        validation: Corpus | None = None,
        f0: F0Extractor | None = None,
        features: list[str] | None = None,
        window_seconds: float = 1.0,
        teacher: Path | str | None = None,
        teacher_layer: int | None = None,
        labels: str | None = None,
        classes: int = 100,
        checkpoint: Path | str | None = None,
        architecture: dict[str, Any] | None = None,
        projected: int = 256,
        steps: int = 20_000,
        batch_size: int = 32,
        crop_seconds: int = 10,
        learning_rate: float = 5e-5,
        schedule: ScheduleName = "linear",
        warmup: int = 1000,
        weight_decay: float = 0.01,
        validate_every: int = 500,
        save_every: int = 500,
        device: str = "auto",
    ):
        if [f0, teacher, labels].count(None) != 2:
            raise RequestError(
                "train-style.v1: expected exactly one of f0, teacher and labels: it says what classes are"
            )
        if (teacher is None) != (teacher_layer is None):
            raise RequestError("train-style.v1: teacher and teacher_layer go together; expected both or neither")
        if checkpoint is not None and architecture is not None:
            raise RequestError("train-style.v1: architecture is the checkpoint's; expected one of the two")
        if labels is None and importlib.util.find_spec("sklearn") is None:
            raise RequestError('train-style.v1 needs scikit-learn for clusters: pip install "spiritkit-style[train]"')
        if f0 is not None and f0.sample_rate != SAMPLE_RATE:
            raise RequestError(f"train-style.v1: f0 takes audio at {f0.sample_rate} Hz; expected {SAMPLE_RATE}")
        for name in features or ():
            if name not in FEATURES:
                hint = suggestion(name, FEATURES, f"; there are {', '.join(FEATURES)}")
                raise RequestError(f"train-style.v1: no feature {name!r}{hint}")
        self._parameters = {
            "window_seconds": window_seconds, "classes": classes, "projected": projected, "steps": steps,
            "batch_size": batch_size, "crop_seconds": crop_seconds, "learning_rate": learning_rate,
            "validate_every": validate_every, "save_every": save_every,
        }  # fmt: skip
        check_range("train-style.v1", self._parameters, above=0)
        check_range("train-style.v1", {"warmup": warmup, "weight_decay": weight_decay}, at_least=0)
        self._parameters.update(warmup=warmup, weight_decay=weight_decay)
        network.check_architecture(architecture or {})
        self._architecture = architecture or {}
        self._schedule = schedule
        self._corpus, self._validation, self._checkpoint = corpus, validation, checkpoint
        self._f0, self._features, self._window = f0, features or list(FEATURES), window_seconds
        self._teacher, self._teacher_layer, self._labels = teacher, teacher_layer, labels
        self._classes, self._projected = classes, projected
        self._steps, self._batch_size, self._crop = steps, batch_size, crop_seconds
        self._learning_rate, self._warmup, self._weight_decay = learning_rate, warmup, weight_decay
        self._device = device
        self._validate_every, self._save_every = validate_every, save_every

    def input_files(self) -> list[Path]:
        """The corpora's tables."""
        return [path for corpus in (self._corpus, self._validation) if corpus for path in corpus.input_files()]

    def run(self, context: Context) -> None:
        """See `Step.run`.

        Raises:
            InputError: an utterance lacks the attribute of the classes, or there are too few seconds to cluster.
        """
        device = devices.device(self._device)
        folder = context.folder / "features"
        if is_finished(context.folder, context.folder / "model" / "README.md"):
            shutil.rmtree(folder, ignore_errors=True)
            return
        recordings = Recordings(self._corpus, SAMPLE_RATE, context.seed)
        held_out = Recordings(self._validation, SAMPLE_RATE, context.seed) if self._validation else None
        targets, held_out_targets = self._targets(recordings, held_out, folder, context)
        with torch_seeded(context.seed, "initial weights"):
            model, normalize = self._model(len(targets.names))
        n_features = 0  # how many of the projected dimensions learn to be features
        if targets.centroids is not None and targets.centroids.shape[1] <= self._projected:
            n_features = targets.centroids.shape[1]
            network.start_at_centroids(model, torch.from_numpy(targets.centroids))
        model.to(device)
        optimizer = torch.optim.AdamW(
            model.parameters(), self._learning_rate, betas=(0.9, 0.98), weight_decay=self._weight_decay
        )
        training = Training(
            context,
            steps=self._steps,
            parts={"model": model, "optimizer": optimizer},
            save_every=self._save_every,
            report_every=min(100, self._validate_every),
        )
        block = SAMPLE_RATE // math.prod(model.config.conv_stride)
        crops = Crops(recordings, normalize, context.seed)
        for step in training:
            rows = crops.batch(step, self._batch_size, self._crop)
            model.train()
            means = second_means(model.wav2vec2, [row.wave.to(device) for row in rows], block)
            projected = model.projector(torch.cat(means))  # [N, P]
            logits = model.classifier(projected)  # [N, K]
            counts = [len(mean) for mean in means]
            classes = torch.from_numpy(of_rows(targets.classes, rows, counts)).to(device)  # [N]
            n = max(1, len(classes))  # recordings that are too short for a frame have no second
            cross_entropy = F.cross_entropy(logits, classes, reduction="sum") / n
            loss = cross_entropy
            if n_features:
                features = torch.from_numpy(of_rows(targets.features, rows, counts)).to(device)  # [N, D]
                loss = loss + (projected[:, :n_features] - features).square().sum() / n / n_features
            optimizer.param_groups[0]["lr"] = self._learning_rate * factor(
                self._schedule, step, self._steps, self._warmup
            )
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()

            agreement = (logits.argmax(-1) == classes).sum() / n
            training.report(loss=loss, cross_entropy=cross_entropy, training_agreement=agreement)
            if held_out and training.due(self._validate_every):
                with training.untimed():
                    training.report_now(**_measure(model, block, Crops(held_out, normalize, 0), held_out_targets))

        figures = _measure(model, block, Crops(held_out, normalize, 0), held_out_targets) if held_out else {}
        network.write(context.folder / "model", model, normalize, targets.names)
        start = {"checkpoint": self._checkpoint} if self._checkpoint else {"architecture": self._architecture}
        corpora = {"training": recordings, **({"validation": held_out} if held_out else {})}
        write_model_card(
            context.folder / "model" / "README.md",
            title="Style encoder",
            summary=f"wav2vec 2.0 that tells {len(targets.names)} classes of how a second of speech sounds: "
            f"{self._kind()}. `wav2vec2-style.v1` loads this folder.",
            data={name: f"{len(corpus)} recordings" for name, corpus in corpora.items()},
            parameters={**start, "schedule": self._schedule, **self._parameters},
            figures=figures,
            seed=context.seed,
            packages=["spiritkit-style", "transformers"],
        )
        training.finish()
        shutil.rmtree(folder, ignore_errors=True)  # there is none where classes are given

    def _kind(self) -> str:
        """What the classes are, for the model card."""
        if self._labels is not None:
            return f"the attribute {self._labels!r} of the training corpus"
        if self._teacher is not None:
            return f"k-means clusters of layer {self._teacher_layer} of {self._teacher}"
        return f"k-means clusters of {', '.join(self._features)}, with F0 by {type(self._f0).__name__}"

    def _targets(
        self, recordings: Recordings, held_out: Recordings | None, folder: Path, context: Context
    ) -> tuple[Targets, Targets | None]:
        """The classes of both corpora."""
        if self._labels is not None:
            targets = given(self._labels, recordings)
            return targets, held_out and given(self._labels, held_out, targets.names)
        clusters = Clusters(recordings, self._describe(), self._classes, folder / "train", context)
        return clusters.training, held_out and clusters.targets(held_out, folder / "validation")

    def _describe(self) -> Describe:
        """What gives the features of a recording's seconds."""
        if self._teacher is not None:
            means = SecondMeans(
                Checkpoint.read(self._teacher), layer=self._teacher_layer, device=self._device, dtype="float32"
            )
            return lambda samples: means([Audio(samples, SAMPLE_RATE)])[0].cpu().numpy()
        f0, columns = self._f0, [FEATURES.index(name) for name in self._features]
        assert f0 is not None  # the constructor sees to it

        def describe(samples: np.ndarray) -> np.ndarray:
            track = f0.extract([Audio(samples, SAMPLE_RATE)])[0]
            return prosody(samples, track, float(f0.rate), self._window)[:, columns]

        return describe

    def _model(self, classes: int) -> tuple[Wav2Vec2ForSequenceClassification, bool]:
        """The network before its first step, and whether it hears waveforms of zero mean and unit variance."""
        if self._checkpoint is None:
            return network.new(self._architecture, classes, self._projected), True
        read = Checkpoint.read(self._checkpoint)
        block_size(read.config["conv_stride"], read.folder / "config.json")
        return network.from_checkpoint(read, classes, self._projected), read.normalize


@torch.inference_mode()
def _measure(model: Wav2Vec2ForSequenceClassification, block: int, crops: Crops, targets: Targets) -> dict[str, float]:
    """Figures of the network on whole recordings.

    Raises:
        InputError: all recordings are too short.
    """
    model.eval()
    device = model.classifier.weight.device
    codes, classes, owners = [], [], []
    for index in range(len(crops)):
        row = crops.whole(index)
        mean = second_means(model.wav2vec2, [row.wave.to(device)], block)[0]
        codes.append(model.classifier(model.projector(mean)).argmax(-1).cpu().numpy())
        classes.append(of_rows(targets.classes, [row], [len(mean)]))
        owners.append(np.full(len(mean), index))
    if not any(map(len, codes)):
        raise InputError("no recording of the validation corpus is long enough for a frame of the style encoder")
    return style_figures(np.concatenate(codes), np.concatenate(classes), targets.styles, np.concatenate(owners))
