"""What a test set consists of, before it is spoken."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from spiritkit.audio import write_wav
from spiritkit.seeding import numpy_generator
from spiritkit.types import Audio
from spiritkit_smallworld.language import Split
from spiritkit_smallworld.shard import shared_voice
from spiritkit_smallworld.voice import SAMPLE_RATE, SPEAKERS
from spiritkit_smallworld.voice.voice import FADE

#: The names that test sets give their parts, and whose sentences are in them.
PARTS: dict[str, Split] = {"dev": "validation", "test": "test"}


@dataclass(frozen=True)
class Recording:
    """One file to speak.

    Attributes:
        path: below the test sets' folder.
        sentences: what is said.
        speaker, style: of the voice.
        phonemes: of the one word in `sentences`, where it is none that the voice could know.
        n_heard: of how many sentences, from the first on, the sound is kept, and of the first word that follows: behind
            the end of a sentence there may be nothing to go on with. None keeps all.
        last: speaker and style of the last sentence, which is then said by itself and joined to the others.
    """

    path: str
    sentences: tuple[str, ...]
    speaker: str
    style: str = "neutral"
    phonemes: str | None = None
    n_heard: int | None = None
    last: tuple[str, str] | None = None


@dataclass
class Plan:
    """The recordings and tables of a test set.

    Attributes:
        recordings: files to speak.
        tables: path below the test sets' folder → content.
        files: the same of what is no text.
    """

    recordings: list[Recording] = field(default_factory=list)
    tables: dict[str, str] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """Some recordings for one process."""

    folder: Path
    seed: int
    recordings: tuple[Recording, ...]


def speak(job: Job) -> int:
    """Speak the recordings that are not there yet; how many there are."""
    for recording in job.recordings:
        path = job.folder / recording.path
        if path.exists():
            continue
        # The two recordings of a pair whose last sentences differ have the same noise.
        key = recording.path if recording.last is None else " ".join(recording.sentences)
        rng = numpy_generator(job.seed, "test set", key)
        write_wav(path, Audio(_samples(recording, rng), SAMPLE_RATE))
    return len(job.recordings)


def _samples(recording: Recording, rng: np.random.Generator) -> np.ndarray:
    """What is heard of a recording: float32 `[T]`."""
    voice = shared_voice()
    speaker, style = recording.speaker, recording.style
    if recording.phonemes is not None:
        return voice.speak_phonemes(recording.sentences[0], recording.phonemes, speaker, style, rng).samples
    if recording.last is None:
        spoken = voice.speak(recording.sentences, speaker, style, rng)
        if recording.n_heard is None:
            return spoken.samples
        n_words = sum(len(sentence.split()) for sentence in recording.sentences[: recording.n_heard])
        heard = spoken.samples[: spoken.words[n_words].stop].copy()
        heard[-FADE:] *= np.linspace(1, 0, FADE, dtype=np.float32)  # no click, which a model would go on from
        return heard
    *others, last = recording.sentences
    parts = [voice.speak(others, speaker, style, rng)] if others else []
    parts.append(voice.speak([last], *recording.last, rng))
    return np.concatenate([part.samples for part in parts])


def draw_speaker(rng: np.random.Generator) -> str:
    """Any speaker, the one that is in no training data included."""
    return list(SPEAKERS)[rng.integers(len(SPEAKERS))]


def to_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """A table with a header line."""
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def to_jsonl(rows: Iterable[Mapping[str, Any]]) -> str:
    """A line of JSON for each row."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
