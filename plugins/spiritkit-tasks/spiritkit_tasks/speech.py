"""Sound that a model has made: joined, at a listener's rate, kept for a reader."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import numpy as np

from spiritkit.audio import read_audio, write_wav
from spiritkit.errors import RequestError
from spiritkit.hashing import hash_json
from spiritkit.types import Audio, Generation, Speech

#: Characters of a file's name without ending: file systems take 255, and a temporary name is longer.
_LONGEST = 200
_SILENT = Audio(np.zeros(0, dtype=np.float32), 16_000)


def spoken(generation: Generation) -> Audio:
    """All speech of a continuation, joined; empty where there is none.

    Raises:
        RequestError: the model made speech tokens, but no sound of them.
    """
    audios: list[Audio] = []
    for span in generation.spans:
        if not isinstance(span, Speech):
            continue
        if not isinstance(span.audio, Audio):
            raise RequestError("the model speaks in tokens only; add a vocoder to the recipe, so that one can hear it")
        audios.append(span.audio)
    return joined(audios)


def joined(audios: Sequence[Audio]) -> Audio:
    """Sounds one after the other, mono, at the rate of the first; empty without any."""
    if not audios:
        return _SILENT
    rate = audios[0].sample_rate
    return Audio(np.concatenate([read_audio(audio, rate).samples for audio in audios]), rate)


def keep(folder: Path, name: str, audio: Audio, below: str = "speech") -> str:
    """Write `speech/NAME.wav` into a task's folder.

    Args:
        folder: the task's.
        name: anything; characters that a file name may not have are written as `%2F`, and of a name that is too long
            the end as its hash.
        audio: what is written.
        below: the folder in it.

    Returns:
        The file, relative to the task's folder.
    """
    written = quote(name, safe=" ")
    if len(written) > _LONGEST:
        written = f"{written[: _LONGEST - 17]}-{hash_json(name)[:16]}"
    path = folder / below / f"{written}.wav"
    write_wav(path, audio)
    return str(path.relative_to(folder))
