"""`spiritkit new-plugin`: what it writes installs, is listed, keeps its contract and runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from spiritkit.cli import main
from spiritkit.cli.new_plugin import _STARTS
from spiritkit.interfaces import INTERFACES

Cli = Callable[..., subprocess.CompletedProcess[str]]

RECIPE = """
tokenizers: {units: {use: acme-unit-tokenizer.v1, size: 40}}
serializer: {use: acme-serializer.v1}
text_tokenizer: {use: acme-text-tokenizer.v1}
vocabulary: {blocks: [{text: true}, {markers: ["[Text]", "[Speech]"]}, {stream: units, format: "[U{}]"}]}
language_model: {use: acme-language-model.v1, rows: 300}
vocoder: {use: acme-vocoder.v1, stream: units}
steps:
  peaks: {use: acme-step.v1, audio: [clip.wav]}
  encode: {use: tokenize.v1, audio: [clip.wav]}
  again: {use: resynthesize.v1, audio: [clip.wav]}
  continue: {use: generate.v1, prompts: [Hello, {speech: clip.wav}], max_new_tokens: 9}
"""


def python(*arguments: str | Path, cwd: Path, site: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(site or ""), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a new plugin of every kind."""
    folder = tmp_path_factory.mktemp("written")
    for kind in INTERFACES:
        assert main(["new-plugin", f"acme-{kind.replace('_', '-')}", "--kind", kind, "--into", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def site(written: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of them, installed into a folder for PYTHONPATH; no network is needed."""
    target = tmp_path_factory.mktemp("site")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", target]
    done = python("pip", "install", *options, *sorted(written.iterdir()), cwd=written)
    assert done.returncode == 0, done.stderr
    return target


def test_there_is_a_start_for_every_kind() -> None:
    assert _STARTS.keys() == INTERFACES.keys()


def test_new_plugins_are_listed_and_keep_their_contracts(written: Path, site: Path, spiritkit: Cli) -> None:
    listed = spiritkit("plugins", site=site).stdout
    assert "failed" not in listed
    for kind in INTERFACES:
        name = f"acme-{kind.replace('_', '-')}"
        assert f"{name} 0.1.0\n  {kind:<16} {name}.v1\n" in listed
    tests = [folder / "tests" for folder in sorted(written.iterdir())]
    done = python("pytest", "-q", "-rA", "-p", "no:cacheprovider", *tests, cwd=written, site=site)
    assert done.returncode == 0, done.stdout[-5000:]
    for kind, interface in INTERFACES.items():
        assert f"::TestAcme{interface.__name__}::test_is_of_its_kind" in done.stdout, kind


def test_a_recipe_of_new_parts_runs(site: Path, spiritkit: Cli, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "clip.wav", np.random.default_rng(0).standard_normal(16_000) * 0.1, 16_000)
    (tmp_path / "r.yaml").write_text(RECIPE)
    result = spiritkit("run", "r.yaml", site=site)
    assert result.returncode == 0, result.stderr
    out = tmp_path / "runs" / "r"
    line = json.loads((out / "encode" / "units.jsonl").read_text())
    assert set(line["units"]["units"]) <= {29, 30, 31}  # about -20 dB, in steps of 2 dB from -80 dB
    assert line["tokens"].startswith("[U")
    assert len(line["units"]["units"]) == 25
    assert soundfile.info(out / "again" / "clip.wav").frames == 16_000
    assert 0.3 < json.loads((out / "peaks" / "peaks.json").read_text())["clip"] < 0.6
    generations = [json.loads(line) for line in (out / "continue" / "generations.jsonl").read_text().splitlines()]
    assert [len(generation["new_ids"]) for generation in generations] == [9, 9]


@pytest.mark.slow
def test_what_is_written_is_tidy(written: Path) -> None:
    for command in (
        ["ruff", "check", "--select", "E,F,I,B,UP,W,PLE,SIM", "--no-cache", "."],
        ["ruff", "format", "--check", "--no-cache", "."],
        ["mypy", "--strict", "--cache-dir", os.devnull, "."],
    ):
        done = python(*command, cwd=written)
        assert done.returncode == 0, done.stdout + done.stderr


def test_what_to_do_next_is_said(spiritkit: Cli, tmp_path: Path) -> None:
    done = spiritkit("new-plugin", "spiritkit-loud", "--kind", "unit_tokenizer")
    assert done.returncode == 0, done.stderr
    assert "pip install --editable 'spiritkit-loud[test]'" in done.stdout
    assert "spiritkit show loud.v1" in done.stdout
    assert (tmp_path / "spiritkit-loud" / "spiritkit_loud" / "unit_tokenizer.py").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["spiritkit-loud"]  # no temporary folder is left


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["loud", "--kind", "unit_tokeniser"], "no kind 'unit_tokeniser'; did you mean 'unit_tokenizer'?"),
        (["loud", "--kind", "zzz"], "no kind 'zzz'; there are unit_tokenizer, quantizer"),
        (["Loud", "--kind", "vocoder"], "name 'Loud'; expected lower-case words"),
        (["spiritkit-3d", "--kind", "vocoder"], "name 'spiritkit-3d'; expected lower-case words"),
        (["../loud", "--kind", "vocoder"], "name '../loud'; expected lower-case words"),
        (["class", "--kind", "vocoder"], "name 'class'; expected lower-case words"),
        (["numpy", "--kind", "vocoder"], "a package numpy is there already"),
        (["spiritkit-resynthesize", "--kind", "step"], "there is a step 'resynthesize.v1' already"),
        (["there", "--kind", "vocoder"], "there exists; give another name"),
        (["loud", "--kind", "vocoder", "--into", "file"], "file/loud cannot be written"),
    ],
)
def test_requests_that_cannot_be_met(spiritkit: Cli, tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "file").touch()
    result = spiritkit("new-plugin", *arguments)
    assert result.returncode == 2
    assert message in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "there"]


def test_a_part_that_is_slow_to_import_slows_no_listing(install: Callable[[str, str], Path], spiritkit: Cli) -> None:
    site = install(
        "sleepy",
        "import spiritkit\n"
        "@spiritkit.hookimpl\n"
        "def spiritkit_components():\n"
        "    return [spiritkit.Component('vocoder', 'sleepy.v1', 'sleepy_part:Part', 'takes its time')]\n",
    )
    trace = site / "imported"
    (site / "sleepy_part.py").write_text(
        f"import pathlib, time\npathlib.Path({str(trace)!r}).touch()\ntime.sleep(1)\nclass Part: 'Slept.'\n"
    )
    for verb in (["list"], ["plugins"]):
        assert "sleepy.v1" in spiritkit(*verb, site=site).stdout
    assert not trace.exists()
    assert "Slept." in spiritkit("show", "sleepy.v1", site=site).stdout
    assert trace.exists()
