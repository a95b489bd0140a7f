from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import joblib
import numpy as np
import pytest
from safetensors.numpy import load_file
from sklearn.cluster import KMeans, MiniBatchKMeans
from spiritkit_hubert.convert import ConvertKMeans, convert_kmeans

from spiritkit.errors import CheckpointError, MissingFileError, RequestError


@pytest.fixture(params=[KMeans, MiniBatchKMeans])
def model(request):
    points = np.random.default_rng(0).standard_normal((60, 5))
    return request.param(n_clusters=4, n_init=1, random_state=0).fit(points)


@pytest.mark.parametrize("name", ["L11_km500.bin", "k.joblib", "k.pkl"])
def test_trusted_pickle(tmp_path, model, name):
    joblib.dump(model, tmp_path / name)
    convert_kmeans(tmp_path / name, tmp_path / "k.safetensors", trust_pickle=True)
    written = load_file(tmp_path / "k.safetensors")
    assert written.keys() == {"centroids"}
    assert written["centroids"].dtype == np.float32
    np.testing.assert_array_equal(written["centroids"], model.cluster_centers_.astype(np.float32))


class _Code:
    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize("name", ["k.bin", "k.joblib", "k.pkl", "k"])
def test_untrusted_pickle_is_not_read(tmp_path, name):
    joblib.dump(_Code(tmp_path / "ran"), tmp_path / name)
    with pytest.raises(RequestError, match="trust_pickle"):
        convert_kmeans(tmp_path / name, tmp_path / "k.safetensors")
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "k.safetensors").exists()


def test_pickle_called_npy_is_not_read(tmp_path):
    joblib.dump(_Code(tmp_path / "ran"), tmp_path / "k.npy")
    with pytest.raises(CheckpointError, match=r"not a plain \.npy"):
        convert_kmeans(tmp_path / "k.npy", tmp_path / "k.safetensors")
    assert not (tmp_path / "ran").exists()


def test_npy_needs_no_trust(tmp_path):
    centroids = np.random.default_rng(0).standard_normal((3, 4)).T  # not in C order
    np.save(tmp_path / "k.npy", centroids)
    convert_kmeans(tmp_path / "k.npy", tmp_path / "k.safetensors")
    np.testing.assert_array_equal(load_file(tmp_path / "k.safetensors")["centroids"], centroids.astype(np.float32))


@pytest.mark.parametrize("centroids", [np.zeros(3), np.zeros((0, 3)), np.zeros((2, 3), int), np.full((2, 3), np.nan)])
def test_arrays_that_are_no_centroids(tmp_path, centroids):
    np.save(tmp_path / "k.npy", centroids)
    with pytest.raises(CheckpointError, match="centroids"):
        convert_kmeans(tmp_path / "k.npy", tmp_path / "k.safetensors")
    assert not list(tmp_path.glob("k.safetensors*"))


def test_pickle_of_something_else(tmp_path):
    joblib.dump({"a": 1}, tmp_path / "k.bin")
    with pytest.raises(CheckpointError, match="holds a dict; expected a fitted KMeans"):
        convert_kmeans(tmp_path / "k.bin", tmp_path / "k.safetensors", trust_pickle=True)
    (tmp_path / "k.bin").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="not a readable joblib or pickle file"):
        convert_kmeans(tmp_path / "k.bin", tmp_path / "k.safetensors", trust_pickle=True)


def test_missing_extra(tmp_path, monkeypatch):
    (tmp_path / "k.bin").touch()
    monkeypatch.setitem(sys.modules, "joblib", None)
    with pytest.raises(RequestError, match=r"spiritkit-hubert\[convert\]"):
        convert_kmeans(tmp_path / "k.bin", tmp_path / "k.safetensors", trust_pickle=True)


def test_paths(tmp_path):
    with pytest.raises(MissingFileError, match="k-means file"):
        convert_kmeans(tmp_path / "k.npy", tmp_path / "k.safetensors")
    np.save(tmp_path / "k.npy", np.zeros((2, 3)))
    with pytest.raises(RequestError, match=r"\.safetensors"):
        convert_kmeans(tmp_path / "k.npy", tmp_path / "k.pt")


def test_step(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("k.npy", np.ones((2, 3)))
    context = SimpleNamespace(folder=tmp_path / "step")
    context.folder.mkdir()
    step = ConvertKMeans(source="k.npy")
    assert step.input_files() == [Path("k.npy")]
    step.run(context)
    assert load_file(context.folder / "kmeans.safetensors")["centroids"].shape == (2, 3)
