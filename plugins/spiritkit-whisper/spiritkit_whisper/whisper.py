"""Whisper (Radford et al. 2022) by transformers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from spiritkit_hf.pretrained import configuration, network, processor
from transformers import WhisperForConditionalGeneration, WhisperProcessor

from spiritkit import checkpoints, devices
from spiritkit.devices import DTypeName
from spiritkit.errors import CheckpointError, RequestError
from spiritkit.interfaces import Recognizer
from spiritkit.types import Audio
from spiritkit_whisper.windows import windows


class Whisper(Recognizer):
    """Whisper in Hugging Face format, decoded greedily. Long recordings are cut at quiet places into windows of at most
    30 s, which are heard one by one, so that the words of one do not depend on the others.

    Args:
        checkpoint: a folder in Hugging Face format, or a hub name such as `openai/whisper-medium`.
        language: what is spoken: a name or code that the model knows; None lets a multilingual model decide for each
            window.
        batch_size: so many windows are heard together.
        device: where the network runs.
        dtype: its number format.

    Raises:
        MissingFileError: no such folder or hub model.
        CheckpointError: it holds no Whisper, or lacks files or tensors.
        RequestError: a language that the model does not know; no such device.
    """

    sample_rate = 16_000

    def __init__(
        self,
        *,
        checkpoint: Path | str,
        language: str | None = None,
        batch_size: int = 8,
        device: str = "auto",
        dtype: DTypeName = "float32",
    ):
        if batch_size < 1:
            raise RequestError(f"whisper.v1: batch_size is {batch_size}; expected 1 or more")
        folder = checkpoints.resolve(checkpoint, "a folder (or hub name) of a Whisper model in Hugging Face format")
        config = configuration(folder, "a Whisper model")
        if config.model_type != "whisper":
            raise CheckpointError(folder / "config.json", f"model_type is {config.model_type!r}; expected 'whisper'")
        self._processor = processor(WhisperProcessor.from_pretrained, folder, "Whisper's tokenizer and features")
        if self._processor.feature_extractor.sampling_rate != self.sample_rate:
            raise CheckpointError(folder, "its features are not of audio at 16,000 Hz, as Whisper's are")
        self._model: Any = network(folder, config, WhisperForConditionalGeneration, device=device, dtype=dtype)
        self._dtype, self._batch_size = devices.dtype(dtype), batch_size
        self._options: dict[str, Any] = {"do_sample": False, "num_beams": 1, "return_timestamps": False}
        if getattr(self._model.generation_config, "is_multilingual", False):
            self._options |= {"task": "transcribe", "language": self._known(language)}
        elif language not in (None, "en", "english"):
            raise RequestError(f"whisper.v1: language is {language!r}, but {checkpoint} knows English only")

    def transcribe(self, audios: Sequence[Audio]) -> list[str]:
        """See `Recognizer.transcribe`.

        Raises:
            InputError: audio that is not mono at 16 kHz.
        """
        size = self._processor.feature_extractor.n_samples
        pieces = [windows(audio.mono(self.sample_rate), size) for audio in audios]
        flat = [piece for each in pieces for piece in each]
        texts = iter(
            [
                text
                for start in range(0, len(flat), self._batch_size)
                for text in self._heard(flat[start : start + self._batch_size])
            ]
        )
        return [" ".join(filter(None, [next(texts) for _ in each])) for each in pieces]

    @torch.inference_mode()
    def _heard(self, pieces: list[np.ndarray]) -> list[str]:
        # Every window is padded to 30 s, as in training, so that a batch needs no padding of its own.
        features = self._processor.feature_extractor(
            pieces, sampling_rate=self.sample_rate, return_tensors="pt", return_attention_mask=True
        )
        ids = self._model.generate(
            features.input_features.to(self._model.device, self._dtype),
            attention_mask=features.attention_mask.to(self._model.device),
            **self._options,
        )
        texts = self._processor.tokenizer.batch_decode(ids, skip_special_tokens=True)
        return [text.strip() for text in texts]

    def _known(self, language: str | None) -> str | None:
        if language is not None:
            from transformers.models.whisper.tokenization_whisper import TO_LANGUAGE_CODE

            code = TO_LANGUAGE_CODE.get(language.lower(), language.lower())
            known = getattr(self._model.generation_config, "lang_to_id", {})
            if f"<|{code}|>" not in known:
                names = ", ".join(sorted(name.strip("<|>") for name in known))
                raise RequestError(f"whisper.v1: language is {language!r}; the model knows {names}")
        return language
