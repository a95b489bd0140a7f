"""Which audio files a step means, and what its results are called."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from spiritkit.errors import MissingFileError, RequestError

#: Endings of the containers that libsndfile reads, looked for in folders; a file given by name may have any.
ENDINGS = frozenset({".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".aif", ".au", ".caf", ".w64", ".rf64"})


def audio_files(given: Sequence[str]) -> dict[str, Path]:
    """The files that paths, folders (searched to the bottom) and glob patterns mean, by unique names.

    A name is the file's path below the folder it was found in, without its ending where that leaves it unique.

    Raises:
        MissingFileError: a path is not there.
        RequestError: a folder or pattern has no audio.
    """
    found: list[tuple[Path, Path]] = []  # file, relative name
    for text in given:
        path = Path(text).expanduser()
        if path.is_dir():
            inside = [file for file in sorted(path.rglob("*")) if file.suffix.lower() in ENDINGS and file.is_file()]
            if not inside:
                raise RequestError(f"{path}: no audio file in this folder (looked for {', '.join(sorted(ENDINGS))})")
            found += [(file, file.relative_to(path)) for file in inside]
        elif path.exists():
            found.append((path, Path(path.name)))
        elif set(text) & set("*?["):
            anchor = Path(path.anchor) if path.is_absolute() else Path()
            pattern = str(path.relative_to(path.anchor)) if path.is_absolute() else str(path)
            matches = [file for file in sorted(anchor.glob(pattern)) if file.is_file()]
            if not matches:
                raise RequestError(f"{text}: no file matches this pattern")
            found += [(file, Path(file.name)) for file in matches]
        else:
            raise MissingFileError(path, "an audio file, a folder of them, or a pattern such as clips/*.wav")
    names: dict[str, Path] = {}
    for file, relative in found:
        name = relative.with_suffix("").as_posix()
        number = 2
        while name in names and names[name] != file:
            name = f"{relative.with_suffix('').as_posix()}-{number}"
            number += 1
        names[name] = file
    return names
