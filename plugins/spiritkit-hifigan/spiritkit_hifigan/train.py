"""Step `train-hifigan.v1`."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import torch
from torch.nn import functional

from spiritkit import devices
from spiritkit.atomic import replacing
from spiritkit.checks import check_range
from spiritkit.errors import RequestError
from spiritkit.interfaces import Context, Corpus, F0Extractor, Step
from spiritkit.seeding import torch_seeded
from spiritkit.training import Stateful, Training
from spiritkit.training.checkpoint import TrainingState
from spiritkit.training.schedule import factor
from spiritkit_hifigan.training.architecture import Architecture
from spiritkit_hifigan.training.discriminators import DiscriminatorName, Discriminators
from spiritkit_hifigan.training.ema import Average
from spiritkit_hifigan.training.export import export
from spiritkit_hifigan.training.generator import Generator
from spiritkit_hifigan.training.losses import MelLoss, StftLoss, adversarial_loss, discriminator_loss, feature_loss
from spiritkit_hifigan.training.measure import measure
from spiritkit_hifigan.training.pairs import Pairs, Streams
from spiritkit_hifigan.training.segments import Batch, Segments
from spiritkit_hifigan.training.start import start_from

_BETAS = (0.8, 0.99)  # of AdamW (Kong et al. 2020, section 3)
ScheduleName = Literal["constant", "linear", "cosine", "exponential"]


class TrainHifiGan(Step):
    """Trains a vocoder on recordings and their units, jointly with its duration predictor (paper, section 3.1; Kong et
    al. 2020; Polyak et al. 2021).

    The generator is fed repeated units, as many frames as there are units in the recording; the duration predictor the
    units of whole utterances without repetition. Spectral losses come first; the discriminators, which cost several
    times as much, join at `adversarial_from`. Writes `model/`, which `hifigan.v1` loads, or with `architecture.istft`
    `istft-hifigan.v1`, and `left_out.tsv`, the utterances of the corpus that were not used, with the reason.

    Args:
        corpus: the recordings.
        shards: folders that `prepare.v1` wrote of the same utterances; they are joined by id.
        validation: recordings that the figures are measured on; None for no figures.
        validation_shards: their units.
        unit_stream, pitch_stream, style_stream: streams of the shards that the vocoder is to read; None for none.
        speakers: whether it has a speaker for each value of the utterances' attribute `speaker`.
        styles: whether it has a style for each value of their attribute `style`.
        f0: extracts F0: for a source, and to measure F0 of what is spoken.
        checkpoint: the folder of a vocoder to begin with, a released HiFi-GAN or one that this step wrote, of the same
            sizes; its tables of pitch, style and speakers may have other numbers of rows, and then begin anew.
        architecture: sizes of the generator; the defaults are the released ones.
        sample_rate: of the audio, in Hz.
        steps: of training.
        batch_size: segments in a batch.
        segment_frames: frames of a segment.
        learning_rate: AdamW's highest.
        schedule: of the learning rate after the warm-up: `constant`, or falling to `final_learning_rate` of it.
        warmup: steps over which it rises from 0.
        final_learning_rate: share of the learning rate that is left at the end.
        weight_decay: AdamW's.
        average_decay: of the moving average of the weights that is measured and written; 0 for the newest weights.
        clip: the gradient's norm is held below it; None for no limit.
        mel_weight: of the L1 distance of log-mel spectrograms.
        stft_weight: of the distances of spectrograms of several resolutions.
        feature_weight: of the distances of what the discriminators' layers see.
        adversarial_weight: of what the discriminators say.
        duration_weight: of the squared error of log(1 + frames).
        f0_weight: of a source's errors of log F0 and voicing.
        discriminators: which there are.
        discriminator_width: channels of their first layers, a multiple of 4; 32 is the published size.
        adversarial_from: the step at which they begin to count; None for never.
        precision: what the networks compute in; weights and losses stay float32.
        validate_every: steps between two measurements.
        validation_utterances: how many utterances are measured, at most.
        save_every: steps between two states to go on from.
        report_every: steps between two lines of the log.
        device: where the networks run.

    Raises:
        RequestError: a value out of its range.
    """

    sections = ()
    runtime = ("device", "save_every", "report_every")

    def __init__(
        self,
        *,
        corpus: Corpus,
        shards: list[str],
        validation: Corpus | None = None,
        validation_shards: list[str] | None = None,
        unit_stream: str = "hubert",
        pitch_stream: str | None = None,
        style_stream: str | None = None,
        speakers: bool = True,
        styles: bool = False,
        f0: F0Extractor | None = None,
        checkpoint: Path | None = None,
        architecture: Architecture = Architecture(),  # noqa: B008  (it cannot be changed)
        sample_rate: int = 16_000,
        steps: int = 400_000,
        batch_size: int = 16,
        segment_frames: int = 14,
        learning_rate: float = 2e-4,
        schedule: ScheduleName = "exponential",
        warmup: int = 0,
        final_learning_rate: float = 0.1,
        weight_decay: float = 0.01,
        average_decay: float = 0.999,
        clip: float | None = None,
        mel_weight: float = 45.0,
        stft_weight: float = 0.0,
        feature_weight: float = 2.0,
        adversarial_weight: float = 1.0,
        duration_weight: float = 1.0,
        f0_weight: float = 1.0,
        discriminators: list[DiscriminatorName] | None = None,
        discriminator_width: int = 32,
        adversarial_from: int | None = 0,
        precision: Literal["float32", "bfloat16"] = "float32",
        validate_every: int = 1000,
        validation_utterances: int = 50,
        save_every: int = 1000,
        report_every: int = 50,
        device: str = "auto",
    ):
        whole = {
            "sample_rate": sample_rate, "steps": steps, "batch_size": batch_size, "segment_frames": segment_frames,
            "discriminator_width": discriminator_width, "validate_every": validate_every, "save_every": save_every,
            "validation_utterances": validation_utterances, "report_every": report_every,
        }  # fmt: skip
        check_range("train-hifigan.v1", whole, at_least=1)
        weights = {
            "mel_weight": mel_weight, "stft_weight": stft_weight, "feature_weight": feature_weight,
            "adversarial_weight": adversarial_weight, "duration_weight": duration_weight, "f0_weight": f0_weight,
        }  # fmt: skip
        from_zero = {"warmup": warmup, "weight_decay": weight_decay, "adversarial_from": adversarial_from}
        check_range("train-hifigan.v1", weights | from_zero, at_least=0)
        if not mel_weight + stft_weight > 0:
            raise RequestError("train-hifigan.v1: mel_weight and stft_weight are 0; expected one above 0")
        check_range("train-hifigan.v1", {"learning_rate": learning_rate, "clip": clip}, above=0)
        check_range("train-hifigan.v1", {"final_learning_rate": final_learning_rate}, above=0, at_most=1)
        check_range("train-hifigan.v1", {"average_decay": average_decay}, at_least=0, below=1)
        if discriminator_width % 4:
            raise RequestError(
                f"train-hifigan.v1: discriminator_width is {discriminator_width}; expected a multiple of 4"
            )
        if discriminators is not None and not discriminators:
            raise RequestError("train-hifigan.v1: discriminators is empty; for none set adversarial_from to null")
        if not shards:
            raise RequestError("train-hifigan.v1: shards is empty; expected a folder of prepared data")
        if (validation is None) != (not validation_shards):
            raise RequestError("train-hifigan.v1: expected validation and validation_shards, both or neither")
        self._harmonic = architecture.istft is not None and architecture.istft.source == "harmonic"
        if self._harmonic and f0 is None:
            raise RequestError("train-hifigan.v1: a harmonic source needs f0; expected an F0 extractor")
        self._corpus, self._shards = corpus, shards
        self._validation, self._validation_shards = validation, validation_shards or []
        self._streams = Streams(unit_stream, pitch_stream, style_stream)
        self._speakers, self._styles, self._f0, self._architecture = speakers, styles, f0, architecture
        self._checkpoint = checkpoint
        self._sample_rate, self._steps, self._batch_size = sample_rate, steps, batch_size
        self._segment_frames = segment_frames
        self._learning_rate, self._schedule, self._warmup = learning_rate, schedule, warmup
        self._final, self._weight_decay, self._average_decay = final_learning_rate, weight_decay, average_decay
        self._clip = float("inf") if clip is None else clip
        self._mel_weight, self._stft_weight, self._feature_weight = mel_weight, stft_weight, feature_weight
        self._adversarial_weight, self._duration_weight = adversarial_weight, duration_weight
        self._f0_weight = f0_weight
        self._discriminators: list[DiscriminatorName] = discriminators or ["multi-period", "multi-scale"]
        self._discriminator_width, self._adversarial_from = discriminator_width, adversarial_from
        self._precision, self._device = precision, device
        self._validate_every, self._validation_utterances = validate_every, validation_utterances
        self._save_every, self._report_every = save_every, report_every
        self._parameters: dict[str, Any] = {
            "checkpoint": str(checkpoint) if checkpoint else None, **asdict(architecture),
            "f0": type(f0).__name__ if f0 else None, "sample_rate": sample_rate, "steps": steps,
            "batch_size": batch_size, "segment_frames": segment_frames, "learning_rate": learning_rate,
            "schedule": schedule, "warmup": warmup, "final_learning_rate": final_learning_rate,
            "weight_decay": weight_decay, "average_decay": average_decay, "clip": clip, **weights,
            "discriminators": ", ".join(self._discriminators), "discriminator_width": discriminator_width,
            "adversarial_from": adversarial_from, "precision": precision,
        }  # fmt: skip

    def input_files(self) -> list[Path]:
        """The tables of the corpora, and the manifests of the shards, in which the hash of every shard is."""
        corpora = [corpus for corpus in (self._corpus, self._validation) if corpus is not None]
        tables = [path for corpus in corpora for path in corpus.input_files()]
        folders = [*self._shards, *self._validation_shards]
        return tables + [Path(folder).expanduser() / "manifest.json" for folder in folders]

    def run(self, context: Context) -> None:
        """See `Step.run`."""
        if (context.folder / "model").exists():  # it is put there when all else is done
            self._clean(context.folder)
            return
        device = devices.device(self._device)
        pairs, held_out = self._join(context.folder / "left_out.tsv")
        config = self._architecture.config(
            sample_rate=self._sample_rate,
            units=pairs.specs["unit"].size,
            pitches=pairs.specs["pitch"].size if "pitch" in pairs.specs else None,
            style_tokens=pairs.specs["style"].size if "style" in pairs.specs else None,
            speakers=len(pairs.speakers) or None,
            styles=len(pairs.styles) or None,
        )
        with torch_seeded(context.seed, "initial weights"):
            generator = Generator(config, self._architecture.duration_dropout)
        if self._checkpoint:  # before F0 is extracted: what does not fit is told at once
            start_from(self._checkpoint, generator)
        generator.to(device).train()
        data = Segments(pairs, config, self._f0 if self._harmonic else None, context, "train")
        validation = Segments(held_out, config, self._f0, context, "validation") if held_out else None

        with torch_seeded(context.seed, "initial weights of the discriminators"):
            judges = Discriminators(self._discriminators, self._discriminator_width).to(device).train()
        average = Average(generator, self._average_decay)
        optimizer, judges_optimizer = (
            torch.optim.AdamW(network.parameters(), betas=_BETAS, weight_decay=self._weight_decay)
            for network in (generator, judges)
        )
        mel_loss, stft_loss = MelLoss(self._sample_rate).to(device), StftLoss().to(device)
        parts: dict[str, Stateful] = {"generator": generator, "average": average, "optimizer": optimizer}
        if self._adversarial_from is not None:
            parts |= {"discriminators": judges, "discriminators_optimizer": judges_optimizer}
        training = Training(
            context, steps=self._steps, parts=parts, save_every=self._save_every, report_every=self._report_every
        )
        figures: dict[str, float] | None = None
        for step in training:
            batch = data.batch(step, self._batch_size, self._segment_frames, device)
            rate = self._learning_rate * self._factor(step)
            for group in (*optimizer.param_groups, *judges_optimizer.param_groups):
                group["lr"] = rate
            adversarial = self._adversarial_from is not None and step >= self._adversarial_from

            with torch.autocast(device.type, torch.bfloat16, enabled=self._precision == "bfloat16"):
                spoken = generator(batch.codes, batch.signal)
            spoken = spoken.float() * batch.present
            values: dict[str, torch.Tensor] = {}

            if adversarial:
                with torch.autocast(device.type, torch.bfloat16, enabled=self._precision == "bfloat16"):
                    loss = discriminator_loss(judges(batch.samples), judges(spoken.detach()))
                judges_optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(judges.parameters(), self._clip)
                judges_optimizer.step()
                values["discriminators"] = loss

            mel = mel_loss(spoken, batch.samples)
            total = self._mel_weight * mel
            values["mel"] = mel
            if self._stft_weight:
                stft = stft_loss(spoken, batch.samples)
                total = total + self._stft_weight * stft
                values["stft"] = stft
            duration = _duration_loss(generator, batch)
            total = total + self._duration_weight * duration
            values["duration"] = duration
            if self._harmonic:
                values["log_f0"], values["voicing"] = _f0_losses(generator, batch)
                total = total + self._f0_weight * (values["log_f0"] + values["voicing"])
            if adversarial:
                judges.requires_grad_(False)
                with torch.autocast(device.type, torch.bfloat16, enabled=self._precision == "bfloat16"):
                    real, fake = judges(batch.samples), judges(spoken)
                    values["adversarial"], values["features"] = adversarial_loss(fake), feature_loss(real, fake)
                judges.requires_grad_(True)
                total = total + self._adversarial_weight * values["adversarial"]
                total = total + self._feature_weight * values["features"]
            optimizer.zero_grad()
            total.backward()
            norm = torch.nn.utils.clip_grad_norm_(generator.parameters(), self._clip)
            optimizer.step()
            average.update(generator, step)
            training.report(loss=total, **values, gradient_norm=norm)

            if validation and training.due(self._validate_every):
                with training.untimed():
                    figures = measure(average.network, validation, self._validation_utterances, context.seed)
                training.report_now(**{f"validation_{name}": value for name, value in figures.items()})

        if validation and figures is None:  # the steps were all done by an earlier try
            figures = measure(average.network, validation, self._validation_utterances, context.seed)
        export(
            context.folder / "model",
            average.network,
            pairs,
            data={"training": pairs.described(), **({"validation": held_out.described()} if held_out else {})},
            parameters=self._parameters,
            figures=figures or {},
            seed=context.seed,
        )
        self._clean(context.folder)

    @staticmethod
    def _clean(folder: Path) -> None:
        """Remove what is no longer needed when the model is written."""
        TrainingState(folder / "state").clear()
        shutil.rmtree(folder / "f0", ignore_errors=True)

    def _join(self, left_out: Path) -> tuple[Pairs, Pairs | None]:
        """The pairs that are trained on, and those that are measured; and a note of what is missing."""
        frame_rate = self._sample_rate / self._architecture.config(sample_rate=self._sample_rate, units=1).hop
        pairs = Pairs(
            self._corpus,
            self._shards,
            self._streams,
            frame_rate=frame_rate,
            speakers=None if self._speakers else (),
            styles=None if self._styles else (),
        )
        held_out = None
        if self._validation is not None:
            held_out = Pairs(
                self._validation,
                self._validation_shards,
                self._streams,
                frame_rate=frame_rate,
                speakers=pairs.speakers,
                styles=pairs.styles,
            )
        print(f"  training: {pairs.described()}")
        if held_out:
            print(f"  validation: {held_out.described()}")
            if held_out.specs != pairs.specs or held_out.sources != pairs.sources:
                raise RequestError(
                    f"validation_shards have units of {held_out.sources}; those of the training data are of "
                    f"{pairs.sources}"
                )
        with replacing(left_out) as temporary:
            lines = [f"{id}\t{reason}\n" for one in (pairs, held_out) if one for id, reason in one.left_out.items()]
            temporary.write_text("".join(lines), encoding="utf-8")
        return pairs, held_out

    def _factor(self, step: int) -> float:
        if self._schedule != "exponential":
            return factor(self._schedule, step, self._steps, self._warmup, self._final)
        share = max(0, step - self._warmup) / max(1, self._steps - self._warmup)
        return factor("constant", step, self._steps, self._warmup) * float(self._final**share)


def _duration_loss(generator: Generator, batch: Batch) -> torch.Tensor:
    """Mean squared error of log(1 + frames), over all units of the utterances of a batch."""
    predicted = torch.cat([generator.dur_predictor(generator.dict(units)) for units in batch.units])
    return functional.mse_loss(predicted, torch.log1p(torch.cat(batch.durations)))


def _f0_losses(generator: Generator, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """L1 distance of log2 F0 where the recording is voiced, and cross-entropy of voicing."""
    assert batch.hz is not None
    assert batch.voiced is not None
    height, voicing = generator.f0_predictor(batch.codes).unflatten(-1, (-1, 2)).flatten(1, 2).unbind(-1)
    error = (height - torch.log2(batch.hz / 100)).abs() * batch.voiced
    voiced = batch.voiced.to(voicing.dtype)
    return error.sum() / voiced.sum().clamp(min=1), functional.binary_cross_entropy_with_logits(voicing, voiced)
