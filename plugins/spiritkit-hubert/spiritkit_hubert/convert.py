"""k-means files of other toolkits → the safetensors that `kmeans.v1` reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from spiritkit.atomic import write_bytes
from spiritkit.checkpoints import require
from spiritkit.errors import CheckpointError, RequestError
from spiritkit.interfaces import Context, Step


class ConvertKMeans(Step):
    """Writes `kmeans.safetensors` into the step's folder. See `convert_kmeans`.

    Args:
        source: a joblib or pickle file of a fitted scikit-learn KMeans or MiniBatchKMeans, or a `.npy` of centroids.
        trust_pickle: says that the file's origin is trusted. Needed for joblib and pickle files.
    """

    def __init__(self, *, source: Path | str, trust_pickle: bool = False):
        self._source = source
        self._trust_pickle = trust_pickle

    def input_files(self) -> list[Path]:
        """The file that is converted."""
        return [Path(self._source).expanduser()]

    def run(self, context: Context) -> None:
        """Convert."""
        convert_kmeans(self._source, context.folder / "kmeans.safetensors", trust_pickle=self._trust_pickle)


def convert_kmeans(source: Path | str, target: Path | str, *, trust_pickle: bool = False) -> None:
    """Write the centroids of a k-means file as safetensors, tensor `centroids`, float32 `[K, D]`.

    Args:
        source: a joblib or pickle file of a fitted scikit-learn KMeans or MiniBatchKMeans (such as the `…km500.bin` of
            textless, TWIST and SlamKit), or a `.npy` of centroids.
        target: the `.safetensors` file; replaced only when everything is written.
        trust_pickle: reading a joblib or pickle file runs whatever code its author put in; True says that you trust
            where it comes from. A `.npy` needs no trust.

    Raises:
        RequestError: a pickle without `trust_pickle`; scikit-learn or joblib is not installed; another target suffix.
        MissingFileError, CheckpointError: no such file; it is unreadable or holds no centroids.
    """
    source = require(source, "a k-means file (joblib, pickle or .npy)")
    target = Path(target).expanduser()
    if target.suffix != ".safetensors":
        raise RequestError(f"{target}: centroids are written as .safetensors")
    if source.suffix == ".npy":
        centroids = _read_npy(source)
    elif trust_pickle:
        centroids = _read_pickle(source)
    else:
        raise RequestError(
            f"{source}: a joblib or pickle file can carry any code, which runs as soon as the file is read. If you "
            "trust where it comes from, say so with trust_pickle: true (trust_pickle=True)"
        )
    centroids = np.asarray(centroids)
    if centroids.dtype.kind != "f" or centroids.ndim != 2 or centroids.size == 0:
        raise CheckpointError(
            source, f"its centroids are {centroids.dtype} {list(centroids.shape)}; expected floating-point [K, D]"
        )
    if not np.isfinite(centroids).all():
        raise CheckpointError(source, "some centroids are NaN or infinite")
    write_bytes(target, save({"centroids": np.ascontiguousarray(centroids, dtype=np.float32)}))


def _read_npy(source: Path) -> np.ndarray:
    try:
        return np.load(source, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise CheckpointError(source, f"not a plain .npy array: {error}") from error


def _read_pickle(source: Path) -> Any:
    try:
        import joblib
        import sklearn.cluster  # noqa: F401  (what the file's objects are made of)
    except ImportError as error:
        raise RequestError(
            f"{source}: reading it needs joblib and scikit-learn: pip install 'spiritkit-hubert[convert]' ({error})"
        ) from error
    try:
        model = joblib.load(source)  # knowingly: the caller said that the file is trusted
    except Exception as error:  # unpickling raises whatever the bytes lead it to
        raise CheckpointError(source, f"not a readable joblib or pickle file: {error}") from error
    if not hasattr(model, "cluster_centers_"):
        raise CheckpointError(source, f"holds a {type(model).__name__}; expected a fitted KMeans or MiniBatchKMeans")
    return model.cluster_centers_
