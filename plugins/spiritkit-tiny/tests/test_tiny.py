"""The weights that ship: their size, that they fit each other, and that they listen and speak."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

import spiritkit
from spiritkit import Pipeline, Speech, Text

FOLDER = Path(str(resources.files("spiritkit_tiny")))
DICTATED = "Can you take the light suitcase to the theater?"
BEGUN = "Henry wanted to paint the wall of the bedroom on Sunday. He drove to the store"


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module", params=[path.stem for path in sorted((FOLDER / "recipes" / "tiny").glob("*.yaml"))])
def pipeline(request: pytest.FixtureRequest) -> Pipeline:
    return spiritkit.load(f"tiny/{request.param}")


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def test_the_weights_are_small_and_safe() -> None:
    files = [path for path in (FOLDER / "weights").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 45e6
    assert {path.suffix for path in files} <= {".safetensors", ".json", ".yaml", ".md", ".model", ".txt"}
    for path in files:
        if path.suffix == ".safetensors":
            with safe_open(path, "np") as file:
                for name in file.keys():  # noqa: SIM118  (it is no mapping)
                    assert np.isfinite(file.get_tensor(name)).all(), (path, name)


def test_the_language_model_was_trained_on_these_units(pipeline: Pipeline) -> None:
    trained_on = pipeline.language_model.trained_on
    assert trained_on
    assert trained_on == pipeline.encode(FOLDER / "prompts" / "neutral.flac").source


def test_it_listens(pipeline: Pipeline) -> None:
    prompt = [Speech(FOLDER / "prompts" / "dictation.flac"), Text("", marker="asr")]
    (text,) = pipeline.generate(prompt, output="text", max_new_tokens=40, temperature=0).spans
    assert isinstance(text, Text)
    heard = set(words(text.text))
    assert len(heard & set(words(DICTATED))) >= 0.8 * len(set(words(DICTATED)))


def test_it_speaks(pipeline: Pipeline) -> None:
    prompt = [Text("The doctor told David the bad news."), Speech(marker="tts")]
    (speech,) = pipeline.generate(prompt, output="speech", max_new_tokens=300, seed=1).spans
    assert isinstance(speech, Speech)
    assert speech.audio is not None
    samples = speech.audio.samples
    assert 0.8 < len(samples) / speech.audio.sample_rate < 8
    assert np.isfinite(samples).all()
    assert np.abs(samples).max() > 0.05


def test_words_of_a_story_are_likelier_in_order(pipeline: Pipeline) -> None:
    story = "and bought some paint."
    shuffled = "paint some bought and."
    for prompt in (Text(BEGUN), Speech(FOLDER / "prompts" / "neutral.flac")):
        right, wrong = (pipeline.score(prompt, Text(f" {text}")) for text in (story, shuffled))
        assert right.log_probability > wrong.log_probability


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["tiny/demo", "tiny/demo-expressive"])
def test_the_demo_takes_a_prompt_of_the_user(recipe: str, tmp_path: Path) -> None:
    clip = tmp_path / "clip.flac"
    clip.write_bytes((FOLDER / "prompts" / "happy.flac").read_bytes())
    run = [
        sys.executable,
        "-m",
        "spiritkit",
        "run",
        recipe,
        "prompt=The old farmer went to the market.",
        f"audio={clip}",
    ]
    subprocess.run([*run, f"output_dir={tmp_path / 'run'}"], check=True, timeout=600)
    page = (tmp_path / "run" / "report" / "report.html").read_text()
    assert "The old farmer went to the market." in page
    assert "clip.flac" in page
    assert page.count("<audio") >= 8
