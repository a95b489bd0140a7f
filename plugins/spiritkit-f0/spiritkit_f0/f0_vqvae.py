"""Pitch units: an F0 track, relative to its own mean, through a VQ-VAE (paper, section 3.1)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from spiritkit import devices
from spiritkit.checkpoints import entry, load_weights, positive, read_tensors, require
from spiritkit.errors import CheckpointError, InputError
from spiritkit.interfaces import F0, F0Extractor, UnitTokenizer
from spiritkit.types import Audio, StreamSpec, Units
from spiritkit_f0.vqvae import PitchVQVAE, Shape

#: Keys of a network's section, and whether a whole number is expected.
_SHAPE_KEYS = {
    "levels": True,
    "downs_t": False,
    "strides_t": False,
    "input_emb_width": True,
    "output_emb_width": True,
    "width": True,
    "depth": True,
    "m_conv": False,
    "dilation_growth_rate": True,
}


class F0VQVAE(UnitTokenizer):
    """Codes of intonation: F0 minus the mean of the voiced frames, and voicing, 16 frames of 5 ms to a code.

    The mean is that of each audio given, so speakers and (in long recordings) chunks are levelled.

    Args:
        checkpoint: a folder with `config.yaml` and `model.pt`, as released.
        f0: the F0 extractor, afterwards an attribute; the release was made for `fcpe.v1`.
        device: where the network runs.

    Raises:
        MissingFileError, CheckpointError: the folder lacks a file, a key or a tensor, or has another network in it.
    """

    def __init__(self, *, checkpoint: Path, f0: F0Extractor, device: str = "auto"):
        self.f0 = f0
        self.sample_rate = f0.sample_rate
        self._device = devices.device(device)
        folder = require(checkpoint, "a folder with config.yaml and model.pt of a pitch VQ-VAE")
        encoder, decoder, self._codes = _read_config(folder / "config.yaml")
        self._stride = encoder.total_stride
        self._model = _load(folder / "model.pt", encoder, decoder, self._codes).to(self._device)

    @property
    def streams(self) -> tuple[StreamSpec, ...]:
        """One stream, `pitch`; 64 codes at 12.5 Hz in the release."""
        return (StreamSpec("pitch", self._codes, self.f0.rate / self._stride, deduplicate=True),)

    @torch.inference_mode()
    def encode(self, audios: list[Audio]) -> list[Units]:
        """T // 16 codes for a track of T frames; none for audio too short for one.

        Raises:
            InputError: audio that the F0 extractor does not take.
        """
        # One by one: the network has biases, so what it makes of padding would reach the last codes.
        return [self._units(normalise(track)) for track in self.f0.extract(audios)]

    @torch.inference_mode()
    def decode(self, codes: Sequence[int] | np.ndarray) -> np.ndarray:
        """What the codes stand for, as the VQ-VAE's decoder has it.

        Args:
            codes: `[N]`.

        Returns:
            float32 `[2, N * 16]` at the F0 extractor's rate: F0 in Hz relative to the speaker's mean, and voicing,
            about 1 where voiced and 0 elsewhere.

        Raises:
            InputError: a code that the codebook does not have.
        """
        array = np.asarray(codes, dtype=np.int64)
        outside = array[(array < 0) | (array >= self._codes)]
        if outside.size:
            raise InputError(f"pitch code {int(outside[0])}; expected 0…{self._codes - 1}")
        if array.size == 0:
            return np.zeros((2, 0), dtype=np.float32)
        signal: np.ndarray = self._model.decode(torch.from_numpy(array)[None].to(self._device))[0].cpu().numpy()
        return signal

    def _units(self, signal: np.ndarray) -> Units:
        codes = np.zeros(0, dtype=np.int64)
        if signal.shape[1] >= self._stride:
            codes = self._model.encode(torch.from_numpy(signal)[None].to(self._device))[0].cpu().numpy()
        return Units(self.streams, {"pitch": codes})


def normalise(track: F0) -> np.ndarray:
    """The VQ-VAE's input, float32 `[2, T]`: F0 with the mean of its voiced frames taken off wherever it is not 0, and
    voicing. A track without voiced frames stays as it is.
    """
    hz, voiced = track.hz.astype(np.float32), track.voiced != 0
    if voiced.any():
        hz = np.where(hz != 0, hz - hz[voiced].mean(), hz)
    return np.stack([hz, track.voiced.astype(np.float32)])


def _load(path: Path, encoder: Shape, decoder: Shape, codes: int) -> PitchVQVAE:
    tensors = entry(read_tensors(path, "the weights of a pitch VQ-VAE"), "model", path)
    if not isinstance(tensors, dict):
        raise CheckpointError(path, f"'model' is a {type(tensors).__name__}; expected a dictionary of tensors")
    with torch.device("meta"):
        model = PitchVQVAE(encoder, decoder, codes)
    model.to_empty(device="cpu")
    load_weights(model, tensors, path)
    return model.eval()


def _read_config(path: Path) -> tuple[Shape, Shape, int]:
    """Encoder, decoder and number of codes."""
    text = require(path, "the pitch VQ-VAE's config.yaml").read_text(encoding="utf-8")
    try:
        config = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise CheckpointError(path, f"not YAML: {error}") from error
    if not isinstance(config, dict):
        raise CheckpointError(path, f"holds a {type(config).__name__}; expected a YAML mapping")
    for key, implemented in (("features", "norm_f0_interp,vuv"), ("speaker_norm", True)):
        if entry(config, key, path) != implemented:
            raise CheckpointError(path, f"{key} is {config[key]!r}; f0-vqvae.v1 implements {implemented!r}")
    encoder, decoder = _shape(config, "encoder_params", path), _shape(config, "decoder_params", path)
    quantizer = _section(config, "vq_params", path)
    codes, width = (positive(quantizer, key, path, within="vq_params.") for key in ("l_bins", "emb_width"))
    if not encoder.code_width == width == decoder.code_width or encoder.total_stride != decoder.total_stride:
        raise CheckpointError(
            path,
            f"code vectors are {encoder.code_width} (encoder), {width} (vq) and {decoder.code_width} (decoder) wide, "
            f"strides {encoder.total_stride} and {decoder.total_stride}; expected the same",
        )
    return encoder, decoder, codes


def _shape(config: dict[str, Any], name: str, path: Path) -> Shape:
    shape = _section(config, name, path)
    unknown = sorted(set(shape) - set(_SHAPE_KEYS))
    if unknown:  # it may change the network, so leaving it out would give wrong units in silence
        raise CheckpointError(path, f"{name}.{unknown[0]} is not implemented; known are {', '.join(_SHAPE_KEYS)}")
    number = {key: positive(shape, key, path, within=f"{name}.") for key, whole in _SHAPE_KEYS.items() if whole}
    downs, strides, m_conv = (entry(shape, key, path) for key in ("downs_t", "strides_t", "m_conv"))
    if number["levels"] != 1 or number["input_emb_width"] != 2:
        raise CheckpointError(
            path,
            f"{name} has levels {number['levels']} and input_emb_width {number['input_emb_width']}; expected 1 and 2",
        )
    for key, values in (("downs_t", downs), ("strides_t", strides)):
        if not (isinstance(values, list) and len(values) == 1 and isinstance(values[0], int) and values[0] > 0):
            raise CheckpointError(path, f"{name}.{key} is {values!r}; expected a list of one positive whole number")
    if strides[0] % 2:
        raise CheckpointError(path, f"{name}.strides_t is {strides!r}; expected an even stride")
    if not isinstance(m_conv, int | float) or m_conv * number["width"] < 1:
        raise CheckpointError(path, f"{name}.m_conv is {m_conv!r}; expected a positive number")
    return Shape(
        channels=number["input_emb_width"],
        width=number["width"],
        code_width=number["output_emb_width"],
        downs=downs[0],
        stride=strides[0],
        depth=number["depth"],
        hidden=int(m_conv * number["width"]),
        dilation_growth=number["dilation_growth_rate"],
    )


def _section(config: dict[str, Any], key: str, path: Path) -> dict[str, Any]:
    value = entry(config, key, path)
    if not isinstance(value, dict):
        raise CheckpointError(path, f"{key} is {value!r}; expected a mapping")
    return value
