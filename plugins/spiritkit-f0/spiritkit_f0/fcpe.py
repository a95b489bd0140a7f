"""F0 by FCPE, with the weights that come inside the package torchfcpe (MIT)."""

from __future__ import annotations

import contextlib
import io
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch

from spiritkit import devices
from spiritkit.checkpoints import entry, read_tensors
from spiritkit.interfaces import F0, F0Extractor
from spiritkit.types import Audio
from spiritkit_f0.tracks import HOP, SAMPLE_RATE, interpolate_unvoiced, mono_samples

#: A frame is voiced where some pitch has at least this probability (the released tokenizer's setting).
THRESHOLD = 0.05
#: The range of F0, in Hz.
F0_MIN, F0_MAX = 50.0, 1100.0


class FCPE(F0Extractor):
    """The F0 extractor of the released expressive tokenizer; frames of 5 ms, 50–1100 Hz.

    The network itself works at 100 Hz: unvoiced frames are interpolated there, then each frame is repeated. Audio is
    taken one by one, since the network normalises over time and so would see padding.
    """

    sample_rate = SAMPLE_RATE

    def __init__(self, *, device: str = "auto"):
        self._device = devices.device(device)
        self._model = _load().to(self._device)

    @property
    def rate(self) -> Fraction:
        """Frames per second: 200."""
        return Fraction(SAMPLE_RATE, HOP)

    @torch.inference_mode()
    def extract(self, audios: list[Audio]) -> list[F0]:
        """Tracks of n // 80 + 1 frames for n samples.

        Raises:
            InputError: audio that is not mono at 16 kHz.
        """
        return [self._track(mono_samples(audio)) for audio in audios]

    def _track(self, samples: np.ndarray) -> F0:
        wave = torch.from_numpy(samples).to(self._device)[None, :, None]  # [1, T, 1]
        hz = self._model(wave, SAMPLE_RATE, "local_argmax", THRESHOLD)[0, :, 0].cpu().numpy()
        coarse = interpolate_unvoiced(hz, hz >= F0_MIN)
        both = torch.from_numpy(np.stack([coarse.hz.clip(max=F0_MAX), coarse.voiced]))
        # PyTorch's own rounding of positions decides which 100 Hz frame a 200 Hz frame repeats.
        fine = torch.nn.functional.interpolate(both[None], size=len(samples) // HOP + 1, mode="nearest")[0]
        return F0(fine[0].numpy(), fine[1].numpy())


def _load() -> Any:
    """The network, on the CPU, without what torchfcpe would print."""
    capacity = os.environ.get("LRU_CACHE_CAPACITY")
    with contextlib.redirect_stdout(io.StringIO()):
        import torchfcpe
        from torchfcpe import mel_extractor
        from torchfcpe.models_infer import InferCFNaiveMelPE
        from torchfcpe.tools import DotDict
    # Importing torchfcpe shrinks PyTorch's cache of CPU kernels for the whole process.
    if capacity is None:
        os.environ.pop("LRU_CACHE_CAPACITY", None)
    else:
        os.environ["LRU_CACHE_CAPACITY"] = capacity
    # It prints a line for each audio that leaves -1…1, which Audio may.
    vars(mel_extractor)["print"] = lambda *_: None

    path = Path(torchfcpe.__file__).parent / "assets" / "fcpe_c_v001.pt"
    checkpoint = read_tensors(path, "the weights inside torchfcpe 0.0.4")
    config = entry(checkpoint, "config_dict", path)
    entry(config, "model", path).update(conv_dropout=0.0, atten_dropout=0.0, use_harmonic_emb=False)
    with torch.random.fork_rng(devices=[]):  # the random weights that are replaced must not move the caller's seed
        return InferCFNaiveMelPE(DotDict(config), entry(checkpoint, "model", path)).eval()
