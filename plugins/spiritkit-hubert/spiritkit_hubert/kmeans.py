"""The quantizer of TWIST, SlamKit and textless: nearest centroid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from spiritkit.checkpoints import entry, positive, read_tensors
from spiritkit.errors import CheckpointError, RequestError
from spiritkit.interfaces import Quantizer


class KMeansQuantizer(Quantizer):
    """Codes of the nearest centroids, by Euclidean distance, in float32 on the device of the features.

    Args:
        checkpoint: a `.safetensors` file with the tensor `centroids`, `[K, D]`, and perhaps `layer`, one whole number.

    Raises:
        RequestError: another kind of file; the message says how to convert it.
        MissingFileError, CheckpointError: no such file; it does not hold that.
    """

    def __init__(self, *, checkpoint: Path):
        path = Path(checkpoint).expanduser()
        if path.suffix != ".safetensors":
            raise RequestError(
                f"{path}: kmeans.v1 reads .safetensors only. Convert the file once, with the step "
                f"{{use: convert-kmeans.v1, source: {path}}} or spiritkit_hubert.convert.convert_kmeans(source, target)"
            )
        tensors = read_tensors(path, "k-means centroids (.safetensors)")
        centroids = entry(tensors, "centroids", path)
        if centroids.ndim != 2 or 0 in centroids.shape or not centroids.is_floating_point():
            raise CheckpointError(
                path, f"'centroids' is {centroids.dtype} {list(centroids.shape)}; expected floating-point [K, D]"
            )
        self._centroids = centroids.float()  # [K, D]
        if "layer" in tensors:
            layer = tensors["layer"].tolist()
            self.layer = positive({"layer": layer}, "layer", path)

    @property
    def size(self) -> int:
        """The number of centroids."""
        return len(self._centroids)

    @property
    def dimension(self) -> int:
        """Width of the features."""
        return self._centroids.shape[1]

    @torch.inference_mode()
    def quantize(self, features: list[torch.Tensor]) -> list[np.ndarray]:
        """Codes `[T]` of each `[T, D]`."""
        codes = []
        for frames in features:
            self._centroids = self._centroids.to(frames.device)
            # The frame's own square is the same for all centroids and left out.
            half_squares = self._centroids.square().sum(dim=1) / 2
            nearest = (half_squares - frames.float() @ self._centroids.T).argmin(dim=1)
            codes.append(nearest.cpu().numpy())
        return codes
