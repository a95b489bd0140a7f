from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from spiritkit_hubert.kmeans import KMeansQuantizer

from spiritkit.errors import CheckpointError, MissingFileError, RequestError


def test_codes_are_the_nearest_centroids(tmp_path):
    generator = torch.Generator().manual_seed(0)
    centroids = torch.randn(17, 6, generator=generator) + 3
    save_file({"centroids": centroids}, tmp_path / "k.safetensors")
    quantizer = KMeansQuantizer(checkpoint=tmp_path / "k.safetensors")
    assert (quantizer.size, quantizer.dimension) == (17, 6)
    features = [torch.randn(length, 6, generator=generator) + 3 for length in (50, 0, 1)]
    for frames, codes in zip(features, quantizer.quantize(features), strict=True):
        distances = np.linalg.norm(frames.numpy()[:, None] - centroids.numpy(), axis=2)
        assert codes.tolist() == distances.argmin(axis=1).tolist()
        assert codes.dtype == np.int64


@pytest.mark.parametrize("name", ["L11_km500.bin", "k.joblib", "k.pkl", "k.npy"])
def test_other_files_are_refused_with_the_way_to_convert_them(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(RequestError, match=r"convert-kmeans\.v1"):
        KMeansQuantizer(checkpoint=tmp_path / name)


@pytest.mark.parametrize(
    "tensors",
    [
        {"centres": torch.zeros(3, 4)},
        {"centroids": torch.zeros(3)},
        {"centroids": torch.zeros(0, 4)},
        {"centroids": torch.zeros(3, 4, dtype=torch.int64)},
    ],
)
def test_other_tensors(tmp_path, tensors):
    save_file(tensors, tmp_path / "k.safetensors")
    with pytest.raises(CheckpointError, match="centroids"):
        KMeansQuantizer(checkpoint=tmp_path / "k.safetensors")


@pytest.mark.parametrize("layer", [torch.tensor(0), torch.tensor(1.5), torch.tensor([1])])
def test_another_layer_than_there_can_be(tmp_path, layer):
    save_file({"centroids": torch.zeros(3, 4), "layer": layer}, tmp_path / "k.safetensors")
    with pytest.raises(CheckpointError, match="layer is .*; expected a positive whole number"):
        KMeansQuantizer(checkpoint=tmp_path / "k.safetensors")


def test_unreadable(tmp_path):
    with pytest.raises(MissingFileError):
        KMeansQuantizer(checkpoint=tmp_path / "k.safetensors")
    (tmp_path / "k.safetensors").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="safetensors"):
        KMeansQuantizer(checkpoint=tmp_path / "k.safetensors")
