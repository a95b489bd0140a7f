"""The contracts of the core, for each part of this plugin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from spiritkit_hubert.kmeans import KMeansQuantizer

from spiritkit.testing import QuantizerContract, StepContract, UnitTokenizerContract


class TestHubertTokenizer(UnitTokenizerContract):
    component = "hubert.v1"

    @pytest.fixture
    def parameters(self, twins: Any, quantizer: KMeansQuantizer) -> dict[str, Any]:
        return {"checkpoint": twins.folder, "quantizer": quantizer, "layer": 2, "device": "cpu"}


class TestKMeansQuantizer(QuantizerContract):
    component = "kmeans.v1"

    @pytest.fixture
    def parameters(self, tmp_path: Path) -> dict[str, Any]:
        centroids = torch.randn(20, 32, generator=torch.Generator().manual_seed(5))
        save_file({"centroids": centroids}, tmp_path / "kmeans.safetensors")
        return {"checkpoint": tmp_path / "kmeans.safetensors"}


class TestLinearCTCQuantizer(QuantizerContract):
    component = "linear-ctc.v1"

    @pytest.fixture
    def parameters(self, reference_checkpoints: Path) -> dict[str, Any]:
        return {"checkpoint": reference_checkpoints / "speech_tokenizer" / "hubert_25hz" / "L11_quantizer_500.pt"}


class TestConvertKMeans(StepContract):
    component = "convert-kmeans.v1"

    @pytest.fixture
    def parameters(self, tmp_path: Path) -> dict[str, Any]:
        np.save(tmp_path / "centroids.npy", np.arange(6, dtype=np.float32).reshape(2, 3))
        return {"source": str(tmp_path / "centroids.npy")}
