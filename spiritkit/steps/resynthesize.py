"""Step `resynthesize.v1`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from spiritkit.atomic import write_text
from spiritkit.audio import write_wav
from spiritkit.errors import SpiritkitError
from spiritkit.interfaces import Context, Step
from spiritkit.steps.files import audio_files


class Resynthesize(Step):
    """Encodes audio files and speaks them again: what the units keep of the sound (paper, section 4.4).

    Writes `NAME.wav` for each file, and `resynthesized.jsonl`, a line for each: `name`, `path`, `speech` (the WAV file)
    and `durations`.

    Args:
        audio: files, folders and patterns.
        durations: `given` decodes the frames as they were; `predicted` decodes the tokens, as generated speech is.
        speaker: index or name of the voice; null for the vocoder's default.
        style: index or name; null for the tokens' own, or the vocoder's default.
    """

    sections = ("chunking", "tokenizers", "serializer", "vocoder")

    def __init__(
        self,
        *,
        audio: list[str],
        durations: Literal["given", "predicted"] = "given",
        speaker: int | str | None = None,
        style: int | str | None = None,
    ):
        self._audio = audio
        self._durations = durations
        self._speaker = speaker
        self._style = style

    def input_files(self) -> list[Path]:
        """The audio files."""
        return list(audio_files(self._audio).values())

    def run(self, context: Context) -> None:
        """See `Step.run`."""
        files = audio_files(self._audio)
        todo = {name: path for name, path in files.items() if not (context.folder / f"{name}.wav").exists()}
        results = context.pipeline.encode_each(todo.values())
        failed: list[SpiritkitError] = []
        for name, units in context.progress(zip(todo, results, strict=True), total=len(todo), unit="file"):
            if isinstance(units, SpiritkitError):
                failed.append(units)
                continue
            speech = units if self._durations == "given" else context.pipeline.to_tokens(units)
            audio = context.pipeline.decode(speech, speaker=self._speaker, style=self._style, seed=context.seed)
            write_wav(context.folder / f"{name}.wav", audio)
        lines = [
            {"name": name, "path": str(path), "speech": f"{name}.wav", "durations": self._durations}
            for name, path in files.items()
            if (context.folder / f"{name}.wav").exists()
        ]
        write_text(
            context.folder / "resynthesized.jsonl",
            "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines),
        )
        if failed:
            raise SpiritkitError(
                f"{len(failed)} of {len(files)} files could not be encoded; the others are in {context.folder}:\n"
                + "\n".join(map(str, failed[:20]))
            )
