"""The road of the language models, from recordings to models that are compared, a few steps of each."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

PARTS = Path(str(resources.files("spiritkit_tiny"))) / "weights"
SHORT = ("steps.train.steps=2", "steps.train.compile=false", "steps.train.validate_every=2")
FEW_TEXTS = "steps.text.corpus.size=300"
pytestmark = pytest.mark.slow


def run(recipe: str, output: Path, *overrides: str) -> Path:
    command = [sys.executable, "-m", "spiritkit", "run", recipe, f"output_dir={output}", *overrides]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
    return output


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sizes = {"stories": 2, "utterances": 8, "words": 2, "sentences": 2, "pairs": 1, "questions": 4, "prompts": 3}
    few = [f"steps.tests.{name}={size}" for name, size in sizes.items()]
    return run("tiny/smallworld", tmp_path_factory.mktemp("road") / "world", "hours=0.04", "held_out_hours=0.01", *few)


@pytest.fixture(scope="module")
def units(world: Path) -> Path:
    return run("tiny/units-base", world.parent / "units", f"parts={PARTS}", f"world={world / 'corpus'}")


def test_listening_then_all_then_with_pitch_and_style(world: Path, units: Path) -> None:
    folder = world.parent
    base = [f"parts={PARTS}", f"sentences={units}", *SHORT]
    vocabulary = "steps.text-vocabulary.corpus.size=4000"
    listen = run("tiny/lm-listen", folder / "listen", f"stories={units}", vocabulary, *base)
    others = [f"{name}={units}" for name in ("units", "varied", "words", "scrambled")]
    whole = run("tiny/lm-base", folder / "base", f"start={listen}/train/model", *others, FEW_TEXTS, *base)
    both = run("tiny/units-expressive", folder / "both", f"parts={PARTS}", f"world={world / 'corpus'}")
    given = [f"units={both}", f"scrambled={both}", f"start={whole}/train/model"]
    last = run("tiny/lm-expressive", folder / "last", f"parts={PARTS}", *given, FEW_TEXTS, *SHORT)
    rows = [json.loads((path / "train/model/config.json").read_text())["vocab_size"] for path in (listen, whole, last)]
    # 2,000 pieces of text, 4 markers, 501 units; with 64 pitches and 6 styles; a multiple of 8 in all.
    assert rows == [2512, 2512, 2576]


def test_thirds_beside_no_interleaving(world: Path, units: Path) -> None:
    folder = world.parent
    text = run("tiny/lm-text", folder / "text", FEW_TEXTS, "steps.text-vocabulary.corpus.size=4000", *SHORT)
    given = [f"parts={PARTS}", f"units={units}", f"start={text}/train/model", f"tests={world}/tests", FEW_TEXTS, *SHORT]
    runs = [
        run(f"tiny/{name}", folder / name, "steps.evaluate.tasks.asr.max_new_tokens=5", *given)
        for name in ("thirds", "no-interleaving")
    ]
    command = [sys.executable, "-m", "spiritkit", "compare", *map(str, runs)]
    table = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "| no-interleaving - thirds |" in table
    assert "S→T (%)" in table
