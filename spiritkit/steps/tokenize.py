"""Step `tokenize.v1`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spiritkit.atomic import replacing
from spiritkit.errors import SpiritkitError
from spiritkit.interfaces import Context, Step
from spiritkit.pipeline import Pipeline
from spiritkit.steps.files import audio_files
from spiritkit.types import Units


class Tokenize(Step):
    """Encodes audio files.

    Writes `units.jsonl`, a line for each file: `name`, `path`, `units` (for each stream its codes, one a frame), and,
    where the recipe has a vocabulary, `tokens` (the token string). Files that cannot be encoded go to `failed.jsonl`
    with the reason; the others are done all the same, and the step fails at the end.

    Args:
        audio: files, folders and patterns.
    """

    sections = ("chunking", "tokenizers", "serializer", "text_tokenizer", "vocabulary")

    def __init__(self, *, audio: list[str]):
        self._audio = audio

    def input_files(self) -> list[Path]:
        """The audio files."""
        return list(audio_files(self._audio).values())

    def run(self, context: Context) -> None:
        """See `Step.run`."""
        files = audio_files(self._audio)
        partial = context.folder / "units.partial.jsonl"
        done = list(_read_lines(partial))
        with partial.open("a", encoding="utf-8") as out:
            known = {line["name"] for line in done}
            todo = [name for name in files if name not in known]
            results = context.pipeline.encode_each([files[name] for name in todo])
            for name, result in context.progress(zip(todo, results, strict=True), total=len(todo), unit="file"):
                line = _line(name, files[name], result, context.pipeline)
                out.write(json.dumps(line, ensure_ascii=False) + "\n")
                out.flush()
                done.append(line)
        order = {name: index for index, name in enumerate(files)}
        done.sort(key=lambda line: order[line["name"]])
        failed = [line for line in done if "error" in line]
        _write_lines(context.folder / "units.jsonl", [line for line in done if "error" not in line])
        (context.folder / "failed.jsonl").unlink(missing_ok=True)
        if failed:
            _write_lines(context.folder / "failed.jsonl", failed)
            _write_lines(partial, [line for line in done if "error" not in line])  # the next try need not do these
            raise SpiritkitError(
                f"{len(failed)} of {len(files)} files could not be encoded; the others are in "
                f"{context.folder / 'units.jsonl'}:\n" + "\n".join(line["error"] for line in failed[:20])
            )
        partial.unlink()


def _line(name: str, path: Path, result: Units | SpiritkitError, pipeline: Pipeline) -> dict[str, Any]:
    if isinstance(result, SpiritkitError):
        return {"name": name, "path": str(path), "error": str(result)}
    line: dict[str, Any] = {
        "name": name,
        "path": str(path),
        "source": dict(result.source),
        "units": {stream: codes.tolist() for stream, codes in result.items()},
    }
    if pipeline.has_vocabulary:
        line["tokens"] = pipeline.to_string(result)
    return line


def _read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Lines of an interrupted try, up to one that was being written when it stopped; that one is cut off the file."""
    if not path.exists():
        return
    whole = 0
    with path.open("rb") as file:
        for raw in file:
            try:
                line = json.loads(raw)
            except json.JSONDecodeError:
                break
            if not raw.endswith(b"\n"):
                break
            whole += len(raw)
            yield line
    with path.open("rb+") as file:
        file.truncate(whole)


def _write_lines(path: Path, lines: list[dict[str, Any]]) -> None:
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as out:
        out.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
