"""How long each prompt took, beside what came of it: the one may differ from run to run, the other may not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spiritkit.atomic import write_text


class Timing:
    """`timing.jsonl`: a line for each prompt, `{"prompt": N, STAGE: seconds, …}`; always whole. A prompt of which no
    time is known has no line.
    """

    def __init__(self, path: Path):
        self._path = path
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        self._lines: dict[int, dict[str, Any]] = {line["prompt"]: line for line in map(json.loads, text.splitlines())}

    def add(self, prompt: int, seconds: Mapping[str, float]) -> None:
        """Note the seconds of a prompt; they replace those of an earlier try."""
        if not seconds:
            return
        self._lines[prompt] = {"prompt": prompt, **{stage: round(value, 4) for stage, value in seconds.items()}}
        write_text(self._path, "".join(json.dumps(self._lines[one]) + "\n" for one in sorted(self._lines)))
