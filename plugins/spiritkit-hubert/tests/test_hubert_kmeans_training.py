"""train-kmeans.v1 and mfcc.v1."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sklearn.cluster import KMeans
from spiritkit_hubert.kmeans import KMeansQuantizer
from spiritkit_hubert.layer_features import HubertFeatures
from spiritkit_hubert.lloyd import Lloyd, nearest
from spiritkit_hubert.mfcc import MFCCFeatures, MFCCTokenizer
from spiritkit_hubert.train_kmeans import TrainKMeans
from torchaudio.compliance.kaldi import mfcc

from spiritkit.errors import InputError, RequestError
from spiritkit.testing import StepContract, UnitTokenizerContract
from spiritkit.testing.step import FakeContext
from spiritkit.types import Audio


@pytest.fixture
def clouds() -> torch.Tensor:
    """60 frames around each of 7 far points."""
    generator = torch.Generator().manual_seed(0)
    centres = 20 * torch.randn(7, 5, generator=generator)
    return (centres[:, None] + torch.randn(7, 60, 5, generator=generator)).flatten(0, 1)


def test_far_clouds_are_found(clouds):
    lloyd = Lloyd(clouds, 7, seed=3)
    inertia = [lloyd.step() for _ in range(10)]
    expected = KMeans(7, n_init=5, random_state=0).fit(clouds.numpy())
    assert inertia[-1][0] == pytest.approx(expected.inertia_ / len(clouds), rel=1e-4)
    assert inertia[-1][1] == 7
    codes, distances = nearest(clouds, lloyd.centroids)
    brute = torch.cdist(clouds, lloyd.centroids).min(dim=1)
    assert codes.tolist() == brute.indices.tolist()
    torch.testing.assert_close(distances, brute.values.square(), atol=1e-3, rtol=1e-4)


def test_inertia_never_rises(clouds):
    lloyd = Lloyd(clouds, 20, seed=0)
    found = [lloyd.step()[0] for _ in range(12)]
    assert all(after <= before * (1 + 1e-6) for before, after in pairwise(found))


def test_a_centroid_without_frames_goes_where_it_helps_most(clouds):
    lloyd = Lloyd(clouds, 3, seed=0)
    lloyd.load_state_dict({"centroids": torch.stack([clouds.mean(0), clouds[0], torch.full((5,), 1e4)])})
    _, distances = nearest(clouds, lloyd.centroids)
    _, used = lloyd.step()
    assert used == 2
    assert torch.equal(lloyd.centroids[2], clouds[distances.argmax()])


def test_equal_frames_are_no_trouble():
    lloyd = Lloyd(torch.ones(10, 4), 3, seed=0)
    assert lloyd.step() == (0.0, 1)
    assert torch.isfinite(lloyd.centroids).all()


def test_mfcc_are_kaldis_averaged_over_frames(noise):
    audio = noise(16_000)
    [features] = MFCCFeatures(25).features([audio])
    cepstra = mfcc(torch.from_numpy(audio.samples)[None], sample_frequency=16_000)  # [98, 13]
    assert features.shape == (24, 39)
    torch.testing.assert_close(features[:, :13], cepstra[:96].unflatten(0, (24, 4)).mean(1))
    slope = (cepstra[21] - cepstra[19] + 2 * (cepstra[22] - cepstra[18])) / 10
    [often] = MFCCFeatures(50).features([audio])
    assert often.shape == (49, 39)
    slope_before = (cepstra[22] - cepstra[20] + 2 * (cepstra[23] - cepstra[19])) / 10
    torch.testing.assert_close(often[10, 13:26], (slope + slope_before) / 2, atol=1e-4, rtol=1e-4)


def test_without_the_mean_a_constant_filter_changes_nothing(noise):
    """A gain and a first difference add a constant to each cepstrum, but for rounding and the windows' borders."""
    audio = noise(32_000)
    filtered = Audio(3 * np.convolve(audio.samples, [1, -0.9])[:32_000].astype(np.float32), 16_000)
    kept, without = (MFCCFeatures(25, subtract_mean=flag).features([audio, filtered]) for flag in (False, True))
    assert (kept[0] - kept[1])[:, :13].abs().mean() > 3
    assert (without[0] - without[1])[:, :13].abs().mean() < 1
    torch.testing.assert_close(without[0][:, 13:], kept[0][:, 13:], atol=1e-3, rtol=1e-3)


def test_mfcc_frames_are_those_of_hubert():
    assert MFCCFeatures(25).rate == Fraction(2499, 100)
    assert MFCCFeatures(50).rate == Fraction(4999, 100)
    short = [Audio(np.ones(length, dtype=np.float32), 16_000) for length in (879, 880, 1519, 1520)]
    assert [len(each) for each in MFCCFeatures(25).features(short)] == [0, 1, 1, 2]


def test_quantizer_of_another_width(quantizer):
    with pytest.raises(RequestError, match=r"mfcc\.v1: the quantizer takes features of width 32"):
        MFCCTokenizer(quantizer=quantizer)


class TestMFCCTokenizer(UnitTokenizerContract):
    component = "mfcc.v1"

    @pytest.fixture
    def parameters(self, cepstra) -> dict[str, Any]:
        return {"quantizer": cepstra()._quantizer, "frame_rate": 50}


@pytest.mark.parametrize("of", ["mfcc", "layer"])
def test_trained_centroids_load_and_are_described(tmp_path, melodies, run_step, log_mel, of):
    corpora = {"corpus": melodies(12, 1), "validation": melodies(4, 2)}
    features: Any = MFCCFeatures(50) if of == "mfcc" else HubertFeatures(checkpoint=log_mel, layer=2)
    which: Any = {"frame_rate": 50} if of == "mfcc" else {"hubert": log_mel, "layer": 2}
    run_step(TrainKMeans(**corpora, **which, clusters=6, iterations=10, device="cpu"), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "README.md", "kmeans.safetensors", "log.jsonl", "tensorboard",
    ]  # fmt: skip
    quantizer = KMeansQuantizer(checkpoint=tmp_path / "kmeans.safetensors")
    assert quantizer.layer == (None if of == "mfcc" else 2)
    frames = features.features([utterance.audio.load() for utterance in melodies(4, 2)])
    codes = np.concatenate(quantizer.quantize(frames))
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    inertia = [line["inertia"] for line in lines if "inertia" in line]
    assert len(inertia) == 10
    assert inertia[-1] < inertia[0]
    [figures] = [line for line in lines if "validation_used" in line]
    centroids = load_file(tmp_path / "kmeans.safetensors")["centroids"].numpy()
    expected = ((np.concatenate(frames) - centroids[codes]) ** 2).sum(1).mean()
    assert figures["validation_inertia"] == pytest.approx(expected, rel=1e-3)
    assert figures["validation_used"] == len(np.unique(codes))
    shares = np.bincount(codes) / len(codes)
    shares = shares[shares > 0]
    assert figures["validation_perplexity"] == pytest.approx(np.exp(-(shares * np.log(shares)).sum()))
    card = (tmp_path / "README.md").read_text()
    assert f"- validation_inertia: {figures['validation_inertia']:.4g}" in card
    assert f"- validation: {len(codes)} frames of 4 recordings" in card


def test_the_sample_is_bounded(tmp_path, melodies, run_step):
    run_step(TrainKMeans(corpus=melodies(40, 1), clusters=4, frames=50, iterations=2), tmp_path)
    assert "- training: 50 frames of 32 recordings" in (tmp_path / "README.md").read_text()


class TestTrainKMeans(StepContract):
    component = "train-kmeans.v1"
    varying = frozenset({"log.jsonl"})

    @pytest.fixture
    def parameters(self, melodies) -> dict[str, Any]:
        return {"corpus": melodies(6, 1), "clusters": 5, "iterations": 4, "save_every": 2, "device": "cpu"}

    def _files(self, folder):
        return {name: data for name, data in super()._files(folder).items() if not name.startswith("tensorboard/")}

    def test_a_finished_run_trains_no_more(self, make, pipeline, tmp_path) -> None:
        make().run(FakeContext(tmp_path, pipeline))
        make().run(FakeContext(tmp_path, pipeline, stop=0))  # which ends at the first item of work


def test_what_is_refused(tmp_path, melodies, run_step):
    with pytest.raises(RequestError, match=r"train-kmeans\.v1: iterations is 0"):
        TrainKMeans(corpus=melodies(1, 0), iterations=0)
    with pytest.raises(RequestError, match=r"frames is 10; expected at least as many as clusters \(20\)"):
        TrainKMeans(corpus=melodies(1, 0), clusters=20, frames=10)
    with pytest.raises(InputError, match=r"the corpus has \d+ frames; expected at least as many as clusters \(500\)"):
        run_step(TrainKMeans(corpus=melodies(1, 0)), tmp_path)
