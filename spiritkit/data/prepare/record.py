"""What is known of a shard that was made, and the folder in which that is kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from spiritkit.atomic import write_bytes, write_text
from spiritkit.data.shards.reader import file_sha256

#: What becomes of the alignment of an utterance with sound.
OUTCOMES = ("kept", "below_min_score", "failed", "no_transcript", "not_given")


@dataclass(frozen=True)
class Record:
    """One shard.

    Attributes:
        utterances: how many of the corpus's it was made of.
        rows: how many examples came of them.
        bytes: size of the file.
        sha256: of the file, hexadecimal.
        seconds: how much sound there is.
        words: how many words with times.
        frames: stream → how many codes.
        alignments: each of `OUTCOMES` → how many examples.
        streams: of the units, as in the manifest.
        sources: stream → what made its codes.
        failed: `id` and `reason` of utterances that are no example.
        unaligned: `id` and `reason` of examples whose alignment failed or was dropped.
    """

    utterances: int
    rows: int
    bytes: int
    sha256: str
    seconds: float
    words: int
    frames: dict[str, int]
    alignments: dict[str, int]
    streams: list[dict[str, Any]]
    sources: dict[str, str]
    failed: list[dict[str, str]] = field(default_factory=list)
    unaligned: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Made:
    """A shard that is ready to be written.

    Attributes:
        number: of the shard, from 0 on.
        data: the bytes of its file.
        record: what is known of it.
    """

    number: int
    data: bytes
    record: Record


class Journal:
    """The shards of one folder: `shards/N.parquet`, and beside each, written after it, its record `shards/N.json`. A
    shard counts as made when both are there and the file has the record's checksum.
    """

    def __init__(self, folder: Path):
        self._folder = folder

    def file(self, number: int) -> str:
        """The path of a shard below the folder."""
        return f"shards/{number:06d}.parquet"

    def clean(self) -> None:
        """Remove what a killed process may have left half written."""
        patterns = (
            "shards/.*.parquet.*",
            "shards/.*.json.*",
            ".manifest.json.*",
            ".failed.jsonl.*",
            ".unaligned.jsonl.*",
        )
        for pattern in patterns:
            for path in self._folder.glob(pattern):
                path.unlink()

    def has(self, number: int) -> bool:
        """Whether a shard is made, and undamaged. One in which nothing succeeded is to be tried again."""
        record, path = self._read(number), self._folder / self.file(number)
        return record is not None and record.rows > 0 and path.is_file() and file_sha256(path) == record.sha256

    def write(self, made: Made) -> None:
        """Keep a shard."""
        path = self._folder / self.file(made.number)
        write_bytes(path, made.data)
        write_text(path.with_suffix(".json"), json.dumps(asdict(made.record), indent=1, ensure_ascii=False) + "\n")

    def records(self, count: int) -> Iterator[Record]:
        """The records of shards 0…`count` - 1, all of which are made."""
        for number in range(count):
            record = self._read(number)
            assert record is not None  # has() or write() saw to it
            yield record

    def _read(self, number: int) -> Record | None:
        path = (self._folder / self.file(number)).with_suffix(".json")
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
            return Record(**{one.name: value[one.name] for one in fields(Record)})
        except (OSError, ValueError, KeyError, TypeError):  # not there, or not written by `write`: to be made again
            return None


def sha256(data: bytes) -> str:
    """SHA-256, hexadecimal."""
    return hashlib.sha256(data).hexdigest()
