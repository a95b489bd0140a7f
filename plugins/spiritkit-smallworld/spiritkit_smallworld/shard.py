"""Shards of a spoken corpus: a minute or two of utterances in one FLAC file, and a table of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from spiritkit.atomic import replacing, write_text
from spiritkit.seeding import numpy_generator
from spiritkit_smallworld.language import Document, Split, document
from spiritkit_smallworld.language.documents import Kind
from spiritkit_smallworld.voice import SAMPLE_RATE, SPEAKERS, STYLES, Voice, is_in_training
from spiritkit_smallworld.voice.profiles import SENTIMENT

#: Document numbers of one shard; more than it can have utterances.
_NUMBERS = 10_000


@dataclass(frozen=True)
class Shard:
    """What a shard is made from; its bytes follow from it.

    Attributes:
        folder: of its split.
        number: from 0 on.
        seconds: at least so much sound; it ends with the utterance that reaches it.
        seed, split, kind: of the texts.
        matching: share of the utterances whose style tells of their words' sentiment.
        variation: how far an utterance's voice may be from its speaker's.
    """

    folder: Path
    number: int
    seconds: float
    seed: int
    split: Split
    kind: Kind
    matching: float
    variation: float = 0.0

    @property
    def audio(self) -> Path:
        """The sound: FLAC, 16 bits."""
        return self.folder / "audio" / f"{self.number:05}.flac"

    @property
    def table(self) -> Path:
        """The utterances, a line of JSON for each. It is written last: where it is, the shard is whole."""
        return self.folder / "parts" / f"{self.number:05}.jsonl"


@cache
def shared_voice() -> Voice:
    """The voice of this process."""
    return Voice()


def make_shard(shard: Shard) -> float:
    """Speak a shard, unless it is there; the seconds it was asked for."""
    if not shard.table.exists():
        import soundfile

        sounds, lines = zip(*_utterances(shard), strict=True)
        samples = np.round(np.concatenate(sounds) * 32767).astype(np.int16)
        with replacing(shard.audio) as temporary:
            soundfile.write(temporary, samples, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
        write_text(shard.table, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    return shard.seconds


def _utterances(shard: Shard) -> Iterator[tuple[np.ndarray, dict[str, Any]]]:
    at, place = 0, 0
    while at < shard.seconds * SAMPLE_RATE:
        text = document(shard.seed, shard.split, shard.number * _NUMBERS + place, shard.kind)
        rng = numpy_generator(shard.seed, "voice", shard.split, shard.kind, shard.number, place)
        speaker, style = draw_voice(rng, shard.split, text, shard.matching)
        voice = SPEAKERS[speaker].varied(shard.variation, rng) if shard.variation else speaker
        spoken = shared_voice().speak(text.sentences, voice, style, rng)
        yield (
            spoken.samples,
            {
                "id": f"{shard.split}-{shard.number:05}-{place:04}",
                "audio": f"audio/{shard.audio.name}",
                "start": at,
                "stop": at + len(spoken.samples),
                "sample_rate": SAMPLE_RATE,
                "text": text.text,
                "words": [[word.text, word.start, word.stop] for word in spoken.words],
                "phones": [[phone.text, phone.start, phone.stop] for phone in spoken.phones],
                "speaker": speaker,
                "style": style,
                "sentiment": text.sentiment,
                "kind": text.kind,
                "topic": text.topic,
            },
        )
        at += len(spoken.samples)
        place += 1


def draw_voice(rng: np.random.Generator, split: Split, text: Document, matching: float) -> tuple[str, str]:
    """A speaker and a style that the split may have.

    Args:
        rng: draws them.
        split: only the test split has all speakers and styles.
        text: what is said.
        matching: how often the style tells of the text's sentiment; else any style is as likely as any other.
    """
    styles = list(STYLES)
    if rng.random() < matching:
        styles = [style for style in styles if SENTIMENT[style] == text.sentiment]
    style = styles[rng.integers(len(styles))]
    speakers = [speaker for speaker in SPEAKERS if split == "test" or is_in_training(speaker, style)]
    return speakers[rng.integers(len(speakers))], style
