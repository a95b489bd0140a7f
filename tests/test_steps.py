"""Steps from the command line and the runner: run folders, fingerprints, interruption, files that fail."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from spiritkit import Pipeline, SpiritkitError, Units
from spiritkit.errors import RecipeError, RequestError
from spiritkit.recipe import open_recipe
from spiritkit.run.fingerprint import inputs
from spiritkit.run.runner import Runner

Cli = Callable[..., subprocess.CompletedProcess[str]]

RECIPE = """
extends: spiritlm/base
checkpoints: {checkpoints}
language_model: {{dtype: float32}}
steps:
  continue: null
  tok: {{use: tokenize.v1, audio: [clips]}}
  again: {{use: resynthesize.v1, audio: [clips], speaker: 1}}
  gen:
    use: generate.v1
    prompts: [The cat, {{speech: clips/a.wav}}, [{{text: The king said}}, {{speech: clips/a.wav}}]]
    max_new_tokens: 8
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reference_checkpoints: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    clips = tmp_path / "clips"
    clips.mkdir()
    rng = np.random.default_rng(0)
    for name in "abc":
        soundfile.write(clips / f"{name}.wav", rng.standard_normal(8000) * 0.1, 16_000)
    (tmp_path / "r.yaml").write_text(RECIPE.format(checkpoints=reference_checkpoints))
    return tmp_path


def run(only: str | None = None, *overrides: str, force: bool = False) -> list[str]:
    said: list[str] = []
    Runner(open_recipe("r.yaml", overrides), say=said.append).run(only=only, force=force)
    return said


def ran(said: list[str]) -> list[str]:
    return [line.split(":")[0] for line in said if ": done" in line]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_main_job_from_the_command_line(folder: Path, spiritkit: Cli) -> None:
    result = spiritkit("run", "r.yaml", "seed=3", cwd=folder)
    assert result.returncode == 0, result.stderr
    out = folder / "runs" / "r"
    units = lines(out / "tok" / "units.jsonl")
    assert [line["name"] for line in units] == ["a", "b", "c"]
    assert units[0]["tokens"].startswith("[Hu")
    assert len(units[0]["units"]["hubert"]) == 12
    assert units[0]["source"]["hubert"].startswith("hubert.v1+linear-ctc.v1@")
    samples, rate = soundfile.read(out / "again" / "a.wav")
    assert (len(samples), rate) == (12 * 640, 16_000)
    generations = lines(out / "gen" / "generations.jsonl")
    assert [len(line["new_ids"]) for line in generations] == [8, 8, 8]
    for line in generations:
        for span in line["spans"]:
            assert "text" in span or soundfile.info(out / "gen" / span["speech"]).frames == span["seconds"] * 16_000
    record = json.loads((out / "run.json").read_text())
    assert record["seed"] == 3
    assert record["versions"]["torch"]
    assert len(record["parts"]["tokenizers.hubert"]["checkpoint"]) == 64  # a hash of the weights
    assert open_recipe(out / "recipe.yaml").checked.steps.keys() == {"tok", "again", "gen"}
    assert "'The cat' → " in result.stdout
    assert not list(out.rglob(".*"))  # no temporary file is left


def test_steps_run_once_and_again_when_what_decides_them_changes(folder: Path) -> None:
    assert ran(run()) == ["tok", "again", "gen"]
    assert ran(run()) == []
    assert ran(run(None, "steps.gen.top_p=0.5")) == ["gen"]
    assert ran(run(None, "steps.gen.top_p=0.5", "vocoder.speaker=1")) == ["again", "gen"]  # not the tokens
    soundfile.write(folder / "clips" / "b.wav", np.zeros(8000), 16_000)
    assert ran(run(None, "steps.gen.top_p=0.5", "vocoder.speaker=1")) == ["tok", "again"]
    assert ran(run("tok", "vocoder.speaker=1", force=True)) == ["tok"]
    assert ran(run(None, "seed=1")) == ["tok", "again", "gen"]


def test_the_same_seed_gives_the_same_run(folder: Path) -> None:
    run("gen", "output_dir=one", "seed=5")
    run("gen", "output_dir=two", "seed=5")
    run("gen", "output_dir=three", "seed=6")
    one, two, three = (lines(folder / name / "gen" / "generations.jsonl") for name in ("one", "two", "three"))
    assert one == two
    assert one != three


def test_a_step_that_points_into_another_depends_on_it(folder: Path) -> None:
    overrides = ["steps.tok.audio=[${output_dir}/again]", "steps.gen=null"]
    (folder / "r.yaml").write_text((folder / "r.yaml").read_text().replace("  tok:", "  unused: null\n  tok:"))
    text = (folder / "r.yaml").read_text().replace("steps:\n", "steps:\n").replace(
        "  tok: {use: tokenize.v1, audio: [clips]}\n", ""
    ) + "  tok: {use: tokenize.v1, audio: ['${output_dir}/again']}\n"
    (folder / "r.yaml").write_text(text)
    with pytest.raises(SpiritkitError, match="again"):  # its input is not there before `again` has run
        run("tok", "output_dir=fresh")
    assert ran(run(None, *overrides[1:])) == ["again", "tok"]
    assert ran(run(None, *overrides[1:], "steps.again.speaker=2")) == ["again", "tok"]


@pytest.mark.parametrize("output_dir", ["out", "./out", "out/", "~/out"])
def test_however_the_output_folder_is_spelled_steps_know_each_other(output_dir: str, folder: Path) -> None:
    overrides = [
        f"output_dir={output_dir}",
        "steps.gen={use: tokenize.v1, audio: ['${output_dir}/again/', '~nobody-here/x', '${output_dir}/tokens']}",
        "vocoder.checkpoint=${output_dir}/again",
        "text_tokenizer.model=${output_dir}/again2/model",
    ]
    recipe = open_recipe("r.yaml", overrides)
    assert inputs(recipe, recipe.checked.steps["gen"], ["tok", "again"]) == {"again": recipe.output_dir / "again"}
    with pytest.raises(RecipeError) as caught:
        recipe.check_files()
    assert [line.split(": ")[1] for line in caught.value.problems if "no such file" in line] == ["text_tokenizer.model"]


def test_a_prompt_may_end_with_a_marker(folder: Path) -> None:
    blocks = "{text: true}, {markers: ['[Text]', '[Speech]']}, {stream: hubert, format: '[Hu{}]'}"
    blocks += ", {markers: ['[ASR]', '[TTS]']}"
    asked = (f"vocabulary.blocks=[{blocks}]", "language_model.extend=true", "language_model.trained_on=null")
    for output, prompt, part, ends in (
        ("text", "[{speech: clips/a.wav}, {marker: asr}]", {"speech": "clips/a.wav"}, "[ASR]"),
        ("speech", "[The cat, {marker: tts}]", {"text": "The cat"}, "[TTS]"),
    ):
        run("gen", *asked, f"steps.gen.output={output}", f"steps.gen.prompts=[{prompt}]")
        (line,) = lines(folder / "runs" / "r" / "gen" / "generations.jsonl")
        assert line["prompt"] == [part, {"marker": "asr" if output == "text" else "tts"}]
        assert line["prompt_string"].endswith(ends)
    for prompts, output, message in (
        ("[[The cat, {marker: tts}]]", "any", "expected output text or speech, got any"),
        ("[{marker: tts}]", "speech", "prompt 0 has a part with keys marker"),
        ("[[{marker: tts}, The cat]]", "speech", "prompt 0 has a part with keys marker"),
    ):
        with pytest.raises(RecipeError, match=message):
            run("gen", *asked, f"steps.gen.output={output}", f"steps.gen.prompts={prompts}")


def test_a_bad_file_is_reported_and_the_others_are_done(folder: Path) -> None:
    (folder / "clips" / "b.wav").write_text("words")
    soundfile.write(folder / "clips" / "d.wav", np.zeros(10), 16_000)
    with pytest.raises(SpiritkitError) as caught:
        run("tok")
    assert caught.value.exit_code == 1
    assert "2 of 4 files could not be encoded" in str(caught.value)
    out = folder / "runs" / "r" / "tok"
    assert [line["name"] for line in lines(out / "units.jsonl")] == ["a", "c"]
    assert [line["name"] for line in lines(out / "failed.jsonl")] == ["b", "d"]
    assert "not audio" in lines(out / "failed.jsonl")[0]["error"]
    assert not (out / "step.json").exists()


def test_an_interrupted_step_goes_on_where_it_stopped(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole_run = run("tok", "output_dir=whole")
    assert ran(whole_run) == ["tok"]
    encode = Pipeline.encode_each
    seen: list[int] = []

    def interrupted(self: Pipeline, audios: Any) -> Iterator[Units | SpiritkitError]:
        for number, result in enumerate(encode(self, audios)):
            if number == 2:
                raise KeyboardInterrupt
            yield result

    def counted(self: Pipeline, audios: Any) -> Iterator[Units | SpiritkitError]:
        audios = list(audios)
        seen.append(len(audios))
        return encode(self, audios)

    monkeypatch.setattr(Pipeline, "encode_each", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run("tok", "output_dir=part")
    partial = folder / "part" / "tok" / "units.partial.jsonl"
    with partial.open("a") as file:
        file.write('{"name": "c", "cut')  # what a killed process may leave
    monkeypatch.setattr(Pipeline, "encode_each", counted)
    run("tok", "output_dir=part")
    assert seen == [1]
    assert lines(folder / "part" / "tok" / "units.jsonl") == lines(folder / "whole" / "tok" / "units.jsonl")
    assert not partial.exists()


def test_a_folder_that_no_run_wrote_is_left_alone(folder: Path) -> None:
    precious = folder / "mine" / "tok" / "precious.txt"
    precious.parent.mkdir(parents=True)
    precious.write_text("years of work")
    for force in (False, True):
        with pytest.raises(RequestError, match="mine/tok: not written by a run"):
            run("tok", "output_dir=mine", force=force)
    assert precious.read_text() == "years of work"


@pytest.mark.parametrize(("output_dir", "message"), [("clips/a.wav", "File exists"), ("", "is empty")])
def test_an_output_dir_that_is_no_folder(folder: Path, spiritkit: Cli, output_dir: str, message: str) -> None:
    result = spiritkit("run", "r.yaml", f"output_dir={output_dir}", cwd=folder)
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_a_linked_folder_stays_a_link(folder: Path) -> None:
    run("tok")
    out = folder / "runs" / "r"
    (out / "tok").rename(folder / "elsewhere")
    (out / "tok").symlink_to(folder / "elsewhere")
    assert ran(run("tok", "seed=4")) == ["tok"]


def test_a_renamed_input_is_another_input(folder: Path) -> None:
    run("tok")
    (folder / "clips" / "a.wav").rename(folder / "clips" / "z.wav")
    assert ran(run("tok")) == ["tok"]
    assert [line["name"] for line in lines(folder / "runs" / "r" / "tok" / "units.jsonl")] == ["b", "c", "z"]


def test_only_one_step_needs_nothing_of_the_others(folder: Path) -> None:
    assert ran(run("again", "steps.tok.audio=[not-there]", "steps.gen.prompts=[{speech: not-there.wav}]")) == ["again"]


def test_requests_that_cannot_be_met(folder: Path) -> None:
    with pytest.raises(RequestError, match="no step 'tk'; did you mean 'tok'"):
        run("tk")
    for overrides, message in (
        (["steps.tok.audio=[nowhere]"], "nowhere: no such file"),
        (["steps.tok.audio=[runs]"], "no audio file in this folder"),
        (["steps.tok.audio=[clips/*.flac]"], "no file matches"),
        (["steps.gen.prompts=[{speech: nowhere.wav}]"], "nowhere.wav: no such file"),
    ):
        (folder / "runs").mkdir(exist_ok=True)
        with pytest.raises(RequestError, match=message):
            run(None, *overrides)


def test_names_of_files_from_several_places_stay_apart(folder: Path) -> None:
    (folder / "other").mkdir()
    soundfile.write(folder / "other" / "a.flac", np.zeros(8000), 16_000)
    run("tok", "steps.tok.audio=[clips/*.wav, other, clips/a.wav]")
    names = [line["name"] for line in lines(folder / "runs" / "r" / "tok" / "units.jsonl")]
    assert names == ["a", "b", "c", "a-2"]
