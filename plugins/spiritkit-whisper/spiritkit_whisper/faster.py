"""Whisper (Radford et al. 2022) by faster-whisper, on CTranslate2."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from spiritkit import checkpoints
from spiritkit.errors import CheckpointError, RequestError
from spiritkit.interfaces import Recognizer
from spiritkit.types import Audio

#: The files of a hub repository that are needed.
_FILES = ("config.json", "preprocessor_config.json", "model.bin", "tokenizer.json", "vocabulary.*")


class FasterWhisper(Recognizer):
    """Whisper in CTranslate2's format, the most probable words by beam search. Recordings are heard one after the
    other; of a long one each window begins where the last segment before it ends.

    Args:
        checkpoint: a folder with `model.bin` and `tokenizer.json`, which is read without the network, or a hub name
            such as `Systran/faster-whisper-base.en`.
        language: what is spoken, as a code such as `en`; None lets a multilingual model decide.
        compute_type: number format, as CTranslate2 names it: `default` is the model's own, `int8`, `float16`, ….
        beam_size: how many beginnings of a sentence are followed; 1 is greedy.
        threads: of a CPU; 0 for OMP_NUM_THREADS, or 4.
        device: `auto`, `cpu` or `cuda`.

    Raises:
        MissingFileError: no such folder or hub model.
        CheckpointError: it holds no such model.
        RequestError: faster-whisper is not installed; no such device, number format or language.
    """

    sample_rate = 16_000

    def __init__(
        self,
        *,
        checkpoint: Path | str,
        language: str | None = None,
        compute_type: str = "default",
        beam_size: int = 5,
        threads: int = 0,
        device: str = "auto",
    ):
        if find_spec("faster_whisper") is None:
            raise RequestError('faster-whisper.v1 needs faster-whisper: pip install "spiritkit-whisper[faster]"')
        if beam_size < 1:
            raise RequestError(f"faster-whisper.v1: beam_size is {beam_size}; expected 1 or more")
        self._model = _load(checkpoint, device=device, compute_type=compute_type, cpu_threads=threads)
        known = self._model.supported_languages
        if language is not None and language not in known:
            raise RequestError(f"faster-whisper.v1: language is {language!r}; the model knows {', '.join(known)}")
        self._options = {
            "language": language,
            "beam_size": beam_size,
            # No sampling where the model is unsure, and no words carried over from window to window.
            "temperature": 0.0,
            "condition_on_previous_text": False,
        }

    def transcribe(self, audios: Sequence[Audio]) -> list[str]:
        """See `Recognizer.transcribe`.

        Raises:
            InputError: audio that is not mono at 16 kHz.
        """
        return [self._heard(audio) for audio in audios]

    def _heard(self, audio: Audio) -> str:
        samples = audio.mono(self.sample_rate)
        if not samples.any():
            return ""
        segments, _ = self._model.transcribe(samples, **self._options)
        return " ".join(filter(None, (segment.text.strip() for segment in segments)))


def _load(checkpoint: Path | str, **options: Any) -> Any:
    from faster_whisper import WhisperModel

    folder = checkpoints.resolve(checkpoint, "a folder (or hub name) of a Whisper model for CTranslate2", files=_FILES)
    for name in ("model.bin", "tokenizer.json"):
        if not (folder / name).exists():
            raise CheckpointError(folder, f"has no {name}; expected a Whisper model for CTranslate2")
    try:
        return WhisperModel(str(folder), local_files_only=True, **options)
    except ValueError as error:  # a device or number format that CTranslate2 does not have here
        raise RequestError(f"faster-whisper.v1: {error}") from error
    except Exception as error:  # what broken files lead CTranslate2 and tokenizers to
        raise CheckpointError(folder, f"not a Whisper model for CTranslate2: {error}") from error
