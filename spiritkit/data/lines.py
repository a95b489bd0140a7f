"""Tables and documents, line by line: files of any length in little memory, and errors that name the line."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spiritkit.checkpoints import require
from spiritkit.errors import InputError


def text_lines(path: Path, wanted: str = "a text file") -> Iterator[tuple[int, str]]:
    """The lines of a UTF-8 file, compressed if its name ends in `.gz`, with their numbers from 1 on; each has its line
    break still.

    Raises:
        MissingFileError: no such file; `wanted` says what should be there.
        InputError: it is not UTF-8, or damaged; the message names the line.
    """
    path, number = require(path, wanted), 0
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                yield number, raw.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}:{number}: not UTF-8: {error.reason} at byte {error.start}") from error
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: unreadable after line {number}: {error}") from error


def json_lines(path: Path, wanted: str = "a file of JSON lines") -> Iterator[tuple[int, dict[str, Any]]]:
    """The JSON objects of a file, one a line, with the numbers of the lines; blank lines are left out.

    Raises:
        MissingFileError, InputError: as `text_lines`; a line is not a JSON object.
    """
    for number, line in text_lines(path, wanted):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
            if "\\u" in line:  # half a surrogate pair is text that no file can have
                json.dumps(value, ensure_ascii=False).encode()
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path}:{number}: not JSON: {error}; expected one object a line") from error
        if not isinstance(value, dict):
            raise InputError(f"{path}:{number}: holds a {type(value).__name__}; expected a JSON object")
        yield number, value
