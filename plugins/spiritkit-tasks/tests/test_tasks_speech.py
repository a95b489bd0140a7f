"""Sound that a model has made, as files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from spiritkit_tasks.speech import keep

from spiritkit.types import Audio


def test_speech_is_kept_under_any_name(tmp_path: Path) -> None:
    sound = Audio(np.zeros(160, dtype=np.float32), 16_000)
    names = ["a/b", "..", "../up", "猫" * 90 + "1", "猫" * 90 + "2"]
    files = [keep(tmp_path, name, sound) for name in names]
    assert len(set(files)) == len(names)
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.wav")) == sorted(files)
    assert files[:2] == ["speech/a%2Fb.wav", "speech/...wav"]
