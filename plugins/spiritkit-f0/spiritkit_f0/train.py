"""Step `train-f0-vqvae.v1`."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path

import numpy as np
import torch

from spiritkit import devices
from spiritkit.checks import check_range
from spiritkit.errors import InputError
from spiritkit.interfaces import Context, Corpus, F0Extractor, Step
from spiritkit.seeding import torch_generator, torch_seeded
from spiritkit.training import Training, is_finished
from spiritkit.training.model_card import write_model_card
from spiritkit.training.schedule import ScheduleName, factor
from spiritkit_f0.checkpoint import write_vqvae
from spiritkit_f0.codebook import MovingCodebook
from spiritkit_f0.f0_vqvae import normalise
from spiritkit_f0.figures import PitchFigures
from spiritkit_f0.track_store import TrackStore
from spiritkit_f0.vqvae import PitchVQVAE, Shape


class TrainF0VQVAE(Step):
    """Trains the pitch tokenizer: a VQ-VAE over F0, relative to its mean over each utterance, and voicing.

    The sizes and the objective are those of Polyak et al. 2021 (Speech Resynthesis from Discrete Disentangled
    Self-Supervised Representations, section 3.1), which Spirit LM follows; the number of codes is Spirit LM's.
    Writes `model/`, which `f0-vqvae.v1` loads, and while it works `tracks/`, the F0 tracks of the corpora.

    Args:
        corpus: what to train on; utterances without sound are left out.
        f0: gives the tracks. The tokenizer should run with the same.
        validation: what the figures are measured on; None for no figures.
        codes: how many.
        code_width: width of a code vector.
        width: of the hidden layers.
        depth: residual layers at each rate; layer d has dilation `dilation_growth ** d`.
        dilation_growth: see `depth`.
        downs: how often the rate is halved: 4 makes 12.5 codes a second of 200 frames.
        steps: of training.
        batch_size: crops in a batch.
        crop_seconds: how long each is; rounded to whole codes.
        learning_rate: Adam's.
        schedule: of the learning rate.
        warmup: steps over which it rises from 0.
        commitment: weight of the loss that keeps the encoder close to its codes.
        decay: of the moving averages that are the codebook.
        revive_below: a code that on average fewer vectors of a batch take starts anew at a random one.
        validate_every: steps between two measurements.
        save_every: steps between two states to go on from.
        device: where the network runs.

    Raises:
        RequestError: a value out of its range.
    """

    sections = ()

    def __init__(
        self,
        *,
        corpus: Corpus,
        f0: F0Extractor,
        validation: Corpus | None = None,
        codes: int = 64,
        code_width: int = 128,
        width: int = 32,
        depth: int = 4,
        dilation_growth: int = 3,
        downs: int = 4,
        steps: int = 50_000,
        batch_size: int = 128,
        crop_seconds: float = 2.1,
        learning_rate: float = 2e-4,
        schedule: ScheduleName = "constant",
        warmup: int = 0,
        commitment: float = 0.02,
        decay: float = 0.99,
        revive_below: float = 1.0,
        validate_every: int = 1000,
        save_every: int = 1000,
        device: str = "auto",
    ):
        self._parameters = {
            "codes": codes, "code_width": code_width, "width": width, "depth": depth, "downs": downs,
            "dilation_growth": dilation_growth, "steps": steps, "batch_size": batch_size, "crop_seconds": crop_seconds,
            "learning_rate": learning_rate, "revive_below": revive_below, "validate_every": validate_every,
            "save_every": save_every,
        }  # fmt: skip
        check_range("train-f0-vqvae.v1", self._parameters, above=0)
        check_range("train-f0-vqvae.v1", {"commitment": commitment, "warmup": warmup}, at_least=0)
        check_range("train-f0-vqvae.v1", {"decay": decay}, at_least=0, below=1)
        self._parameters.update(commitment=commitment, warmup=warmup, decay=decay)
        self._shape = Shape(2, width, code_width, downs, 2, depth, width, dilation_growth)
        self._frames = max(1, round(crop_seconds * f0.rate / self._shape.total_stride)) * self._shape.total_stride
        self._corpus, self._validation, self._f0, self._codes = corpus, validation, f0, codes
        self._steps, self._batch_size = steps, batch_size
        self._learning_rate, self._schedule, self._warmup = learning_rate, schedule, warmup
        self._commitment, self._decay, self._revive_below = commitment, decay, revive_below
        self._validate_every, self._save_every, self._device = validate_every, save_every, device

    def input_files(self) -> list[Path]:
        """The corpora's tables."""
        return [path for corpus in (self._corpus, self._validation) if corpus for path in corpus.input_files()]

    def run(self, context: Context) -> None:
        """See `Step.run`.

        Raises:
            InputError: no recording has a voiced frame.
        """
        device = devices.device(self._device)
        folder = context.folder / "tracks"
        if is_finished(context.folder, context.folder / "model" / "README.md"):
            shutil.rmtree(folder, ignore_errors=True)
            return
        tracks = TrackStore(self._corpus, self._f0, folder / "train", context)
        held_out = self._validation and TrackStore(self._validation, self._f0, folder / "validation", context)
        # The network is trained on F0 divided by its deviation, in Hz, and gets it back at the end.
        deviation, voicing_variance = _statistics(tracks)

        with torch_seeded(context.seed, "initial weights"):
            model = PitchVQVAE(self._shape, self._shape, self._codes).to(device)
        book = MovingCodebook(model.codebook, self._decay, self._revive_below)
        optimizer = torch.optim.Adam(model.parameters(), self._learning_rate, betas=(0.8, 0.99))
        training = Training(
            context,
            steps=self._steps,
            parts={"model": model, "codebook": book, "optimizer": optimizer},
            save_every=self._save_every,
            report_every=min(100, self._validate_every),
        )
        for step in training:
            signals, lengths = tracks.batch(step, self._batch_size, self._frames)
            signal = torch.from_numpy(signals).to(device)  # [B, 2, T]
            signal[:, 0] /= deviation
            n_frames = torch.from_numpy(lengths).to(device)[:, None]
            present = torch.arange(self._frames, device=device) < n_frames  # [B, T]

            vectors = model.encoder(signal).transpose(1, 2)  # [B, N, D]
            whole = present[:, self._shape.total_stride - 1 :: self._shape.total_stride]  # [B, N]
            seen = vectors.detach()[whole]
            codes = model.nearest(vectors.detach())
            quantized = model.codebook[codes]
            decoded = model.decoder((vectors + (quantized - vectors).detach()).transpose(1, 2))  # [B, 2, T]

            error = (decoded - signal).square()
            f0_loss = _mean(error[:, 0], present & (signal[:, 1] != 0))
            voicing_loss = _mean(error[:, 1], present) / voicing_variance  # as F0's, relative to the variance
            commitment_loss = _mean((vectors - quantized.detach()).square().mean(-1), whole)
            loss = f0_loss + voicing_loss + self._commitment * commitment_loss
            optimizer.param_groups[0]["lr"] = self._learning_rate * factor(
                self._schedule, step, self._steps, self._warmup
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            revived = book.update(seen, codes[whole], torch_generator(context.seed, "revive", step))

            training.report(
                loss=loss, f0=f0_loss, voicing=voicing_loss, commitment=commitment_loss, revived=float(revived)
            )
            if held_out and training.due(self._validate_every):
                with training.untimed():
                    training.report_now(**_measure(_in_hertz(model, deviation), held_out))

        result = _in_hertz(model, deviation)
        figures = _measure(result, held_out) if held_out else {}
        write_vqvae(context.folder / "model", result)
        corpora = {"training": tracks, **({"validation": held_out} if held_out else {})}
        write_model_card(
            context.folder / "model" / "README.md",
            title="Pitch VQ-VAE",
            summary=f"{self._codes} codes of F0 and voicing, {float(self._f0.rate / result.stride):g} a second. "
            "`f0-vqvae.v1` loads this folder.",
            data={name: f"{len(store)} recordings, {store.seconds / 3600:.2f} h" for name, store in corpora.items()},
            parameters={"f0": type(self._f0).__name__, "schedule": self._schedule, **self._parameters},
            figures=figures,
            seed=context.seed,
            packages=["spiritkit-f0"],
        )
        training.finish()
        shutil.rmtree(folder)


def _statistics(tracks: TrackStore) -> tuple[float, float]:
    """Standard deviation, in Hz, of F0 around its mean over each utterance, in voiced frames; variance of voicing."""
    squares, count, n_frames = 0.0, 0, 0
    for index in range(len(tracks)):
        hz, voiced = normalise(tracks[index])
        squares += float((hz[voiced != 0].astype(np.float64) ** 2).sum())
        count += int(voiced.sum())
        n_frames += len(hz)
    if not squares:
        raise InputError("no recording of the corpus has voiced frames of different F0; expected speech")
    share = count / n_frames
    return float((squares / count) ** 0.5), max(share * (1 - share), 0.01)  # never 0, were all frames voiced


def _mean(values: torch.Tensor, where: torch.Tensor) -> torch.Tensor:
    """Mean of the values at which `where` is true; 0 if there are none."""
    return (values * where).sum() / where.sum().clamp(min=1)


def _in_hertz(model: PitchVQVAE, deviation: float) -> PitchVQVAE:
    """A copy of the network that takes and gives F0 in Hz."""
    result = copy.deepcopy(model).eval()
    result.multiply_f0(deviation)
    return result


@torch.inference_mode()
def _measure(model: PitchVQVAE, tracks: TrackStore) -> dict[str, float]:
    """Figures of a network that takes F0 in Hz."""
    figures = PitchFigures(model.codes)
    device = model.codebook.device
    for index in range(len(tracks)):
        signal = torch.from_numpy(normalise(tracks[index]))[None].to(device)
        if signal.shape[-1] >= model.stride:
            codes = model.encode(signal)
            figures.add(tracks[index], codes[0].cpu().numpy(), model.decode(codes)[0].cpu().numpy())
    return figures.values()
