"""VITS (Kim et al. 2021) by transformers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from spiritkit_hf.pretrained import configuration, network, processor
from transformers import VitsModel, VitsTokenizer

from spiritkit import checkpoints
from spiritkit.errors import CheckpointError, InputError, RequestError
from spiritkit.interfaces import Synthesizer
from spiritkit.seeding import torch_seeded
from spiritkit.types import Audio


class Vits(Synthesizer):
    """VITS or MMS-TTS in Hugging Face format. What it draws at random comes from the seed, for each text anew.

    Args:
        checkpoint: a folder in Hugging Face format, or a hub name such as `facebook/mms-tts-eng`.
        speaking_rate: above 1 faster; None for the model's own.
        device: where the network runs.

    Raises:
        MissingFileError: no such folder or hub model.
        CheckpointError: it holds no VITS, or lacks files or tensors.
        RequestError: the rate is out of its range; no such device; a package that the model's text needs is missing.
    """

    def __init__(self, *, checkpoint: Path | str, speaking_rate: float | None = None, device: str = "auto"):
        if speaking_rate is not None and not 0 < speaking_rate < math.inf:
            raise RequestError(f"vits.v1: speaking_rate is {speaking_rate}; expected more than 0")
        folder = checkpoints.resolve(checkpoint, "a folder (or hub name) of a VITS model in Hugging Face format")
        config = configuration(folder, "a VITS model")
        if config.model_type != "vits":
            raise CheckpointError(folder / "config.json", f"model_type is {config.model_type!r}; expected 'vits'")
        self._tokenizer = processor(VitsTokenizer.from_pretrained, folder, "tokenizer of VITS")
        if self._tokenizer.phonemize and find_spec("phonemizer") is None:
            raise RequestError(f"vits.v1: {checkpoint} reads phonemes: pip install phonemizer, and espeak-ng")
        self._model: Any = network(folder, config, VitsModel, device=device)
        if speaking_rate is not None:
            self._model.speaking_rate = speaking_rate
        self.speakers = tuple(map(str, range(max(1, config.num_speakers))))

    @property
    def sample_rate(self) -> int:
        """The model's own."""
        return int(self._model.config.sampling_rate)

    def speak(self, texts: Sequence[str], speaker: int | str | None = None, seed: int = 0) -> list[Audio]:
        """See `Synthesizer.speak`; characters that the model's alphabet does not have are left out.

        Raises:
            RequestError: no such speaker.
            InputError: the text is of a script that needs the package uroman.
        """
        number = self._number(speaker)
        return [Audio(self._said(text, number, seed), self.sample_rate) for text in texts]

    @torch.inference_mode()
    def _said(self, text: str, speaker: int, seed: int) -> np.ndarray:
        # One text at a time: the network draws numbers for a whole batch at once, padding included.
        if self._tokenizer.is_uroman and not text.isascii() and find_spec("uroman") is None:
            raise InputError(f"the model reads Latin letters, and {text!r} has others: pip install uroman")
        spelled, _ = self._tokenizer.prepare_for_tokenization(text)
        if not any(character.isalnum() for character in spelled):
            return np.zeros(0, dtype=np.float32)
        ids = self._tokenizer(text, return_tensors="pt").input_ids.to(self._model.device)
        with torch_seeded(seed, "speech"), _numpy_untouched():
            wave = self._model(ids, speaker_id=speaker if len(self.speakers) > 1 else None).waveform[0]
        samples: np.ndarray = wave.float().cpu().numpy()
        return samples

    def _number(self, speaker: int | str | None) -> int:
        if speaker is None:
            return 0
        if str(speaker) not in self.speakers:
            raise RequestError(f"speaker is {speaker!r}; the model has {', '.join(self.speakers)}")
        return int(speaker)


@contextmanager
def _numpy_untouched() -> Iterator[None]:
    """Transformers draws a number of NumPy's for each layer, even where none is dropped."""
    state = np.random.get_state()
    try:
        yield
    finally:
        np.random.set_state(state)
