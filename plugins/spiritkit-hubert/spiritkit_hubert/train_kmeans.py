"""Step `train-kmeans.v1`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from safetensors.torch import save

from spiritkit import devices
from spiritkit.atomic import write_bytes
from spiritkit.checks import check_range
from spiritkit.data.recordings import Recordings
from spiritkit.errors import InputError, RequestError
from spiritkit.interfaces import Context, Corpus, Step
from spiritkit.seeding import derive
from spiritkit.training import Training, is_finished
from spiritkit.training.model_card import write_model_card
from spiritkit.types import Audio
from spiritkit_hubert.layer_features import HubertFeatures
from spiritkit_hubert.lloyd import Lloyd, nearest
from spiritkit_hubert.mfcc import FrameRate, MFCCFeatures

_SAMPLE_RATE = 16_000
_CHUNK = 100 * _SAMPLE_RATE  # longer recordings are taken in parts, as when they are encoded
_RECORDINGS_A_BATCH = 32


class Features(Protocol):
    """What is clustered."""

    def features(self, audios: list[Audio]) -> list[torch.Tensor]:
        """`[T, D]` of each audio."""
        ...


class TrainKMeans(Step):
    """Clusters the frames of a corpus: MFCC, or a layer of a HuBERT (Hsu et al. 2021, section IV-B).

    k-means++ and Lloyd's iterations on a sample that is held in memory. Writes `kmeans.safetensors`, which `kmeans.v1`
    loads, and `README.md`.

    Args:
        corpus: what is clustered; utterances without sound are left out.
        validation: what the figures are measured on; None for no figures.
        hubert: a checkpoint as `hubert.v1` takes it, whose features are clustered; None for MFCC (see `mfcc.v1`).
        layer: of the HuBERT, counted from 1.
        frame_rate: of MFCC, in frames per second.
        subtract_mean: of MFCC: whether each recording's mean is taken away.
        clusters: how many.
        frames: size of the sample: recordings are taken, in an order drawn from the seed, until they have so many.
        iterations: of Lloyd's algorithm.
        validate_every: iterations between two measurements.
        save_every: iterations between two states to go on from.
        device: where features and distances are computed.

    Raises:
        RequestError: a value out of its range.
    """

    sections = ()

    def __init__(
        self,
        *,
        corpus: Corpus,
        validation: Corpus | None = None,
        hubert: Path | str | None = None,
        layer: int = 11,
        frame_rate: FrameRate = 25,
        subtract_mean: bool = False,
        clusters: int = 500,
        frames: int = 500_000,
        iterations: int = 50,
        validate_every: int = 10,
        save_every: int = 10,
        device: str = "auto",
    ):
        self._parameters = {"clusters": clusters, "frames": frames, "iterations": iterations}
        often = {"validate_every": validate_every, "save_every": save_every}
        check_range("train-kmeans.v1", self._parameters | often, at_least=1)
        if frames < clusters:
            raise RequestError(
                f"train-kmeans.v1: frames is {frames}; expected at least as many as clusters ({clusters})"
            )
        self._corpus, self._validation, self._hubert = corpus, validation, hubert
        self._layer, self._frame_rate, self._subtract_mean = layer, frame_rate, subtract_mean
        self._clusters, self._frames, self._iterations = clusters, frames, iterations
        self._validate_every, self._save_every, self._device = validate_every, save_every, device

    def input_files(self) -> list[Path]:
        """The corpora's tables."""
        return [path for corpus in (self._corpus, self._validation) if corpus for path in corpus.input_files()]

    def run(self, context: Context) -> None:
        """See `Step.run`.

        Raises:
            InputError: the corpus has fewer frames than there are to be clusters.
        """
        if is_finished(context.folder, context.folder / "README.md"):
            return
        device = devices.device(self._device)
        extractor: Features
        if self._hubert is None:
            extractor = MFCCFeatures(self._frame_rate, self._subtract_mean)
            what = f"MFCC{' without their mean' * self._subtract_mean} at {self._frame_rate} frames a second"
        else:
            extractor = HubertFeatures(checkpoint=self._hubert, layer=self._layer, device=self._device)
            what = f"layer {self._layer} of a HuBERT"
        recordings = Recordings(self._corpus, _SAMPLE_RATE, context.seed)
        frames, data = self._sample(extractor, recordings, context)
        amounts = {"training": data}
        held_out = None
        if self._validation:
            others = Recordings(self._validation, _SAMPLE_RATE, derive(context.seed, "validation"))
            held_out, amounts["validation"] = self._sample(extractor, others, context)
            held_out = held_out.to(device)
        if len(frames) < self._clusters:
            raise InputError(
                f"the corpus has {len(frames)} frames; expected at least as many as clusters ({self._clusters})"
            )

        lloyd = Lloyd(frames.to(device), self._clusters, context.seed)
        training = Training(
            context, steps=self._iterations, parts={"lloyd": lloyd}, save_every=self._save_every, report_every=1
        )
        for _ in training:
            inertia, used = lloyd.step()
            training.report(inertia=inertia, used=used)
            if held_out is not None and training.due(self._validate_every):
                training.report_now(**_measure(held_out, lloyd.centroids))

        layer = {} if self._hubert is None else {"layer": torch.tensor(self._layer)}
        centroids = {"centroids": lloyd.centroids.cpu().contiguous()}
        write_bytes(context.folder / "kmeans.safetensors", save(centroids | layer))
        write_model_card(
            context.folder / "README.md",
            title="k-means",
            summary=f"{self._clusters} centroids of {what}. `kmeans.v1` loads `kmeans.safetensors`.",
            data=amounts,
            parameters=self._parameters,
            figures={} if held_out is None else _measure(held_out, lloyd.centroids),
            seed=context.seed,
            packages=["spiritkit-hubert"],
        )
        training.finish()

    def _sample(self, extractor: Features, recordings: Recordings, context: Context) -> tuple[torch.Tensor, str]:
        """Frames of recordings taken at random, float32 `[N, D]` on the CPU; and how many recordings they are of."""
        found: list[torch.Tensor] = []
        n_frames = n_recordings = 0
        starts = range(0, len(recordings), _RECORDINGS_A_BATCH)
        for start in context.progress(starts, unit=f"{_RECORDINGS_A_BATCH} recordings"):
            batch = range(start, min(start + _RECORDINGS_A_BATCH, len(recordings)))
            sounds = [recordings.load(recordings.visit(number)) for number in batch]
            features = extractor.features([part for samples in sounds for part in _parts(samples)])
            found += [each.float().cpu() for each in features]
            n_frames += sum(map(len, features))
            n_recordings += len(batch)
            if n_frames >= self._frames:
                break
        frames = torch.cat(found)[: self._frames]
        return frames, f"{len(frames)} frames of {n_recordings} recordings"


def _parts(samples: np.ndarray) -> Iterator[Audio]:
    for start in range(0, len(samples), _CHUNK):
        yield Audio(samples[start : start + _CHUNK], _SAMPLE_RATE)


def _measure(frames: torch.Tensor, centroids: torch.Tensor) -> dict[str, float]:
    """Mean squared distance; how many codes are used; and how many equally frequent ones would say as much."""
    codes, distances = nearest(frames, centroids)
    shares = torch.bincount(codes, minlength=len(centroids)).double() / len(codes)
    used = shares[shares > 0]
    return {
        "validation_inertia": float(distances.double().mean()),
        "validation_used": len(used),
        "validation_perplexity": float((-(used * used.log()).sum()).exp()),
    }
