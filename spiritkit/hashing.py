"""Content hashes of files and folders, remembered while they are unchanged."""

from __future__ import annotations

import hashlib
import json
import os
from functools import cache
from pathlib import Path
from typing import Any

from spiritkit.atomic import write_json


def hash_path(path: Path) -> str:
    """SHA-256, in hexadecimal, of a file's bytes, or of a folder's file names and bytes."""
    if path.is_file():
        return _hash_file(path.resolve())
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")):
        if file.is_file():
            digest.update(f"{file.relative_to(path).as_posix()} {_hash_file(file.resolve())}\n".encode())
    return digest.hexdigest()


def hash_json(value: Any) -> str:
    """SHA-256, in hexadecimal, of a JSON value, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def _hash_file(path: Path) -> str:
    status = path.stat()
    # Weights of many gigabytes are hashed once: a file of the same place, size and time of change is the same file.
    key = f"{path}|{status.st_size}|{status.st_mtime_ns}|{status.st_ino}"
    known = _known()
    if key not in known:
        with path.open("rb") as file:
            known[key] = hashlib.file_digest(file, "sha256").hexdigest()
        if status.st_size > 1 << 20:
            _remember(key, known[key])
    return known[key]


def _cache_file() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "spiritkit" / "hashes.json"


@cache
def _known() -> dict[str, str]:
    try:
        saved = json.loads(_cache_file().read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        return {}
    return dict(saved) if isinstance(saved, dict) else {}


def _remember(key: str, value: str) -> None:
    try:
        saved = json.loads(_cache_file().read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        saved = {}
    try:
        write_json(_cache_file(), {**saved, key: value})
    except OSError:  # a home that cannot be written costs time, not the work
        return
