"""Content hashes of files and folders, remembered while they are unchanged."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from spiritkit.atomic import write_json

_LARGE = 1 << 20  # bytes; smaller files are read again each time


def hash_path(path: Path) -> str:
    """SHA-256, in hexadecimal, of a file's bytes, or of a folder's file names and bytes."""
    return hash_paths([path])[0]


def hash_paths(paths: Iterable[Path]) -> list[str]:
    """`hash_path` of each."""
    memory = _Memory()
    hashes = [_hash(path, memory) for path in paths]
    memory.save()
    return hashes


def hash_json(value: Any) -> str:
    """SHA-256, in hexadecimal, of a JSON value, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def _hash(path: Path, memory: _Memory) -> str:
    if path.is_file():
        return memory.hash(path.resolve())
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")):
        if file.is_file():
            digest.update(f"{file.relative_to(path).as_posix()} {memory.hash(file.resolve())}\n".encode())
    return digest.hexdigest()


class _Memory:
    """Hashes of large files from earlier runs: a file of the same place, size and time of change is the same file, so
    that weights of many gigabytes are read once.
    """

    def __init__(self) -> None:
        self._path = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "spiritkit" / "hashes.json"
        self._known = self._read()
        self._new: dict[str, list[str]] = {}

    def hash(self, path: Path) -> str:
        status = path.stat()
        state = f"{status.st_size} {status.st_mtime_ns} {status.st_ino}"
        known = self._known.get(str(path), ["", ""])
        if known[0] == state:
            return known[1]
        with path.open("rb") as file:
            value = hashlib.file_digest(file, "sha256").hexdigest()
        if status.st_size > _LARGE:
            self._known[str(path)] = self._new[str(path)] = [state, value]
        return value

    def save(self) -> None:
        if not self._new:
            return
        # A home that cannot be written costs time, not the work.
        with suppress(OSError):
            write_json(self._path, {**self._read(), **self._new})

    def _read(self) -> dict[str, list[str]]:
        try:
            saved = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, json.JSONDecodeError):
            return {}
        entries = saved.items() if isinstance(saved, dict) else ()
        return {path: known for path, known in entries if isinstance(known, list) and len(known) == 2}
