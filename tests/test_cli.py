from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

Cli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize("verb", [["--help"], ["list"], ["plugins"], ["run", "--help"]])
def test_listing_and_help_import_nothing_heavy_and_answer_at_once(verb: list[str]) -> None:
    code = f"""
import sys
from spiritkit.cli import main
try:
    main({verb!r})
except SystemExit:
    pass
heavy = {{"torch", "transformers", "torchaudio", "numpy", "omegaconf"}} & set(sys.modules)
assert not heavy, heavy
"""
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
        seconds.append(time.perf_counter() - started)
    assert min(seconds) < 0.5, seconds


def test_help_names_every_verb(spiritkit: Cli) -> None:
    text = spiritkit("--help").stdout
    for verb in ("run", "validate", "resolve", "plugins", "list", "show", "copy"):
        assert f"\n    {verb} " in text
    assert "exit status" in text


def test_validate_says_everything_and_exits_2(spiritkit: Cli, tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("language_model:\n  use: lama.v1\nvocodr: 3\n")
    result = spiritkit("validate", "r.yaml")
    assert result.returncode == 2
    assert result.stdout == ""
    assert "r.yaml:2: language_model.use: no language_model 'lama.v1'; did you mean 'llama.v1'?" in result.stderr
    assert "r.yaml:3: vocodr: neither a recipe key nor a variable" in result.stderr
    assert "Traceback" not in result.stderr


def test_validate_and_resolve_a_valid_recipe(spiritkit: Cli) -> None:
    assert "valid; 7 parts, 1 step" in spiritkit("validate", "spiritlm/expressive", "checkpoints=/c").stdout
    text = spiritkit("resolve", "spiritlm/expressive", "checkpoints=/c", "seed=4").stdout
    lines = {line.split(":")[0].strip(): line for line in text.splitlines()}
    assert lines["seed"].endswith("# override 'seed'")
    assert lines["# checkpoints"].endswith("# override 'checkpoints'")
    assert re.search(r"# \S*recipes/spiritlm/base.yaml:\d+$", lines["layer"])
    assert "# default  runs/${name}" in lines["output_dir"]


def test_validate_with_files_says_how_to_get_them(spiritkit: Cli) -> None:
    result = spiritkit("validate", "--files", "spiritlm/base", "checkpoints=/nowhere")
    assert result.returncode == 2
    assert "non-commercial" in result.stderr


def test_show_lists_parameters_and_recipes(spiritkit: Cli) -> None:
    text = spiritkit("show", "generate.v1").stdout
    assert "max_new_tokens" in text
    assert "= 200" in text
    assert "extends: spiritlm/base" in spiritkit("show", "spiritlm/expressive").stdout
    wrong = spiritkit("show", "generat.v1")
    assert wrong.returncode == 2
    assert "did you mean 'generate.v1'?" in wrong.stderr


def test_copy_gives_a_recipe_that_validates_and_overwrites_nothing(spiritkit: Cli, tmp_path: Path) -> None:
    assert spiritkit("copy", "spiritlm/expressive").returncode == 0
    assert spiritkit("validate", "expressive.yaml", "checkpoints=/c").returncode == 0
    again = spiritkit("copy", "spiritlm/expressive")
    assert again.returncode == 2
    assert "expressive.yaml exists" in again.stderr
    assert spiritkit("copy", "spiritlm/base", "sub/mine.yaml").returncode == 0
    assert (tmp_path / "sub" / "mine.yaml").exists()


@pytest.mark.parametrize(
    "arguments", [["run"], ["walk"], ["list", "vocodr"], ["run", "nosuch"], ["validate", "--x", "y"]]
)
def test_wrong_requests_exit_2(spiritkit: Cli, arguments: list[str]) -> None:
    result = spiritkit(*arguments)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr


def test_options_may_stand_between_overrides(spiritkit: Cli, tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("a: 1\nsteps:\n  t: {use: tokenize.v1, audio: ['${a}']}\n")
    result = spiritkit("run", "r.yaml", "a=x", "--force", "seed=3", "--only", "nosuch", "name=n")
    assert result.returncode == 2
    assert "no step 'nosuch'; there are t" in result.stderr
