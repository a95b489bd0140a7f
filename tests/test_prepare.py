"""Step `prepare.v1`: what it writes and counts, what it leaves out, how it resumes, and its processes."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import spiritkit
from spiritkit import Audio, Pipeline, SpiritkitError
from spiritkit.data.shards import Shards
from spiritkit.errors import InputError, RequestError
from spiritkit.interfaces import Aligner, Corpus
from spiritkit.pipeline import Parts
from spiritkit.steps.prepare import Prepare
from spiritkit.testing import StepContract
from spiritkit.testing.step import FakeContext
from spiritkit.utterances import Alignment, Utterance, Word

pytest.importorskip("pyarrow")

Json = dict[str, Any]


@pytest.fixture
def corpus_class(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`disk_corpus.DiskCorpus`, imported from the path, so that other processes find it."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    import disk_corpus

    return disk_corpus.DiskCorpus


@pytest.fixture
def write(tmp_path: Path, corpus_class: Any) -> Callable[..., Any]:
    """Makes a corpus of table lines."""

    def write(lines: Sequence[Json], **options: Any) -> Any:
        table = tmp_path / "table.jsonl"
        table.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return corpus_class(table=str(table), **options)

    return write


@pytest.fixture
def clip(tmp_path: Path) -> Callable[..., str]:
    """Writes a recording."""

    def clip(name: str, seconds: float = 0.4, rate: int = 16_000, channels: int = 1) -> str:
        samples = np.random.default_rng(len(name)).uniform(-0.3, 0.3, (round(seconds * rate), channels))
        soundfile.write(tmp_path / f"{name}.wav", samples, rate)
        return str(tmp_path / f"{name}.wav")

    return clip


@pytest.fixture
def speech(clip: Callable[..., str]) -> list[Json]:
    """Seven utterances."""
    return [
        {"id": f"u{i}", "path": clip(f"c{i}", 0.3 + 0.1 * i), "text": f"word {i}", "words": [["word", 0, 900]]}
        for i in range(7)
    ]


@pytest.fixture
def pipeline() -> Pipeline:
    return spiritkit.load("example/units")


def files(folder: Path) -> dict[str, bytes]:
    """All files but what the runner writes beside a step's own."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in ("step.json", "unfinished.json")
    }


def lines(path: Path) -> list[Json]:
    return [json.loads(line) for line in path.read_text().splitlines()]


class TestPrepare(StepContract):
    component = "prepare.v1"

    @pytest.fixture
    def parameters(self, write: Callable[..., Any], speech: list[Json]) -> Json:
        return {"corpus": write([*speech, {"id": "bad", "path": "nowhere.wav"}]), "shard_size": 2}

    @pytest.fixture
    def pipeline(self) -> Pipeline:
        return spiritkit.load("example/units")


def test_what_it_writes(
    tmp_path: Path, pipeline: Pipeline, write: Callable[..., Any], clip: Callable[..., str], capsys: Any
) -> None:
    (tmp_path / "noise.wav").write_bytes(b"no audio at all")
    a, b = clip("a", 1.0, 44_100, channels=2), clip("b")
    corpus = write(
        [
            {"id": "a", "path": a, "text": "The cat", "words": [["The", 0, 10, 0.9], ["cat", 10, 30, 0.5]]},
            {"id": "gone", "path": str(tmp_path / "gone.wav"), "text": "x"},
            {"id": "noise", "path": str(tmp_path / "noise.wav"), "text": "x"},
            {"id": "t", "text": "Only text.", "attributes": {"language": "en"}},
            {"id": "b", "path": b, "text": "unsure", "words": [["unsure", 0, 10, 0.1]]},
            {"id": "c", "path": b},
            {"id": "d", "path": b, "text": "no times"},
            {"id": "short", "path": clip("s", 0.01)},
        ]
    )
    Prepare(corpus=corpus, shard_size=3, min_score=0.5).run(FakeContext(tmp_path / "out", pipeline))

    read = Shards(tmp_path / "out", verify=True)
    assert read.shard_sizes == [1, 3, 1]
    examples = {example.id: example for example in read}
    assert list(examples) == ["a", "t", "b", "c", "d"]
    for id, path in {"a": a, "b": b, "c": b, "d": b}.items():
        assert examples[id].units == pipeline.encode(path)
    assert (read.specs, read.source) == (pipeline.specs, pipeline.sources)
    assert (examples["a"].text, examples["a"].seconds) == ("The cat", 1.0)
    assert examples["a"].alignment == Alignment((Word("The", 0, 10, 0.9), Word("cat", 10, 30, 0.5)), 16_000)
    assert (examples["t"].units, examples["t"].text, examples["t"].seconds) == (None, "Only text.", 0.0)
    assert examples["t"].attributes == {"language": "en"}
    assert [examples[id].alignment for id in "tbcd"] == [None] * 4

    failed = {line["id"]: line["reason"] for line in lines(tmp_path / "out" / "failed.jsonl")}
    assert list(failed) == ["gone", "noise", "short"]
    assert "gone.wav: no such file" in failed["gone"]
    assert "noise.wav: not audio" in failed["noise"]
    assert "expected at least 1280 (0.08 s)" in failed["short"]
    unaligned = lines(tmp_path / "out" / "unaligned.jsonl")
    assert unaligned == [{"id": "b", "reason": "mean score 0.100 is below 0.5"}]

    totals = json.loads((tmp_path / "out" / "manifest.json").read_text())["totals"]
    n_frames = sum(len(pipeline.encode(path)["toy.0"]) for path in (a, b, b, b))
    assert totals == {
        "utterances": 5,
        "failed": 3,
        "seconds": pytest.approx(2.2),
        "words": 2,
        "frames": {"toy.0": n_frames, "toy.1": n_frames},
        "alignments": {"kept": 1, "below_min_score": 1, "failed": 0, "no_transcript": 1, "not_given": 1},
    }
    assert "5 utterances, 0.00 hours, 3 failed" in capsys.readouterr().out


class ByLength(Aligner):
    """One word after the other; it cannot do short recordings, and knows what its audio must look like."""

    sample_rate = 8000

    def align(self, utterances: Sequence[Utterance], audios: Sequence[Audio]) -> list[Alignment | SpiritkitError]:
        found: list[Alignment | SpiritkitError] = []
        for utterance, audio in zip(utterances, audios, strict=True):
            samples = audio.mono(self.sample_rate)
            assert utterance.text is not None
            words = utterance.text.split()
            step = len(samples) // len(words)
            found.append(
                Alignment(tuple(Word(word, i * step, (i + 1) * step, 0.8) for i, word in enumerate(words)), 8000)
                if len(samples) >= 4000
                else InputError(f"{utterance.id}: too short to align")
            )
        return found

    def input_files(self) -> list[Path]:
        return [Path(__file__)]


def test_an_aligner_decides_over_the_words(
    tmp_path: Path, pipeline: Pipeline, write: Callable[..., Any], clip: Callable[..., str]
) -> None:
    corpus = write(
        [
            {"id": "a", "path": clip("a", 1.0, 44_100, channels=2), "text": "b c", "words": [["other", 0, 1]]},
            {"id": "b", "path": clip("b", 0.3), "text": "x", "words": [["x", 0, 1]]},
            {"id": "c", "path": clip("c", 0.3)},
            {"id": "d", "text": "text alone"},
        ]
    )
    step = Prepare(corpus=corpus, aligner=ByLength)
    assert step.input_files() == [corpus.table, Path(__file__)]
    step.run(FakeContext(tmp_path / "out", pipeline))
    read = {example.id: example for example in Shards(tmp_path / "out")}
    assert read["a"].alignment == Alignment((Word("b", 0, 4000, 0.8), Word("c", 4000, 8000, 0.8)), 8000)
    assert [read[id].alignment for id in "bcd"] == [None] * 3
    assert lines(tmp_path / "out" / "unaligned.jsonl") == [{"id": "b", "reason": "b: too short to align"}]
    totals = json.loads((tmp_path / "out" / "manifest.json").read_text())["totals"]
    assert totals["alignments"] == {"kept": 1, "below_min_score": 0, "failed": 1, "no_transcript": 1, "not_given": 0}

    Prepare(corpus=corpus, aligner=ByLength, min_score=0.81).run(FakeContext(tmp_path / "strict", pipeline))
    totals = json.loads((tmp_path / "strict" / "manifest.json").read_text())["totals"]
    assert totals["alignments"]["below_min_score"] == 1


def test_given_times_that_outlast_the_sound(
    tmp_path: Path, pipeline: Pipeline, write: Callable[..., Any], clip: Callable[..., str]
) -> None:
    """As when a recording is cut short, or a table has milliseconds for seconds."""
    path = clip("a", 0.4)  # 6400 samples
    corpus = write(
        [
            {"id": "exact", "path": path, "text": "a b", "words": [["a", 0, 3000], ["b", 3000, 6400]]},
            {"id": "rounded", "path": path, "text": "a b", "words": [["a", 0, 6500], ["b", 6500, 6900]]},
            {"id": "longer", "path": path, "text": "a b", "words": [["a", 0, 3000], ["b", 3000, 8000]]},
        ]
    )
    Prepare(corpus=corpus).run(FakeContext(tmp_path / "out", pipeline))
    read = {example.id: example.alignment for example in Shards(tmp_path / "out")}
    assert read == {
        "exact": Alignment((Word("a", 0, 3000), Word("b", 3000, 6400)), 16_000),
        "rounded": Alignment((Word("a", 0, 6400), Word("b", 6400, 6400)), 16_000),
        "longer": None,
    }
    (unaligned,) = lines(tmp_path / "out" / "unaligned.jsonl")
    assert unaligned == {"id": "longer", "reason": "'b' ends at 0.5 s, after the sound, which lasts 0.4 s"}


def test_text_needs_no_tokenizers(tmp_path: Path, write: Callable[..., Any]) -> None:
    corpus = write([{"id": str(i), "text": f"sentence {i}"} for i in range(5)])
    Prepare(corpus=corpus, shard_size=2).run(FakeContext(tmp_path / "out", Pipeline(Parts())))
    assert [example.text for example in Shards(tmp_path / "out")] == [f"sentence {i}" for i in range(5)]


def test_what_cannot_be_written_is_left_out(tmp_path: Path, write: Callable[..., Any]) -> None:
    corpus = write([{"id": "good", "text": "x"}, {"id": "half \ud83d", "text": "half \ud83d"}])
    Prepare(corpus=corpus).run(FakeContext(tmp_path / "out", Pipeline(Parts())))
    assert len(Shards(tmp_path / "out")) == 1
    assert lines(tmp_path / "out" / "failed.jsonl")[0]["id"] == "half \\ud83d"


class Boasting(Corpus):
    """Says another number of utterances than it has."""

    def __init__(self, said: int):
        self.said = said

    def __iter__(self) -> Any:
        return (Utterance(str(i), text="x") for i in range(3))

    def __len__(self) -> int:
        return self.said


def test_requests_that_cannot_be_met(tmp_path: Path, write: Callable[..., Any], clip: Callable[..., str]) -> None:
    context = FakeContext(tmp_path / "out", Pipeline(Parts()))
    with pytest.raises(RequestError, match="the corpus has no utterance"):
        Prepare(corpus=write([])).run(context)
    for said, message in ((2, "has 2 utterances, but gave 3 or more"), (5, "has 5 utterances, but gave 3")):
        with pytest.raises(InputError, match=message):
            Prepare(corpus=Boasting(said), shard_size=1).run(FakeContext(tmp_path / str(said), context.pipeline))
    spoken = write([{"id": "a", "path": clip("a")}])
    with pytest.raises(RequestError, match="the recipe has no tokenizers"):
        Prepare(corpus=spoken).run(context)
    for options, message in (
        ({"min_score": 1.5}, "prepare.v1: min_score is 1.5; expected 0…1"),
        ({"shard_size": 0}, "prepare.v1: shard_size is 0; expected at least 1"),
        ({"workers": 0}, "prepare.v1: workers is 0; expected at least 1"),
    ):
        with pytest.raises(RequestError, match=message):
            Prepare(corpus=spoken, **options)


def test_nothing_but_failures_is_an_error_and_tried_again(
    tmp_path: Path, pipeline: Pipeline, write: Callable[..., Any], clip: Callable[..., str]
) -> None:
    corpus = write([{"id": f"u{i}", "path": str(tmp_path / f"late{i}.wav")} for i in range(3)])
    step = Prepare(corpus=corpus, shard_size=2)
    with pytest.raises(SpiritkitError, match=r"none of the 3 utterances .*\nu0: .*late0.wav: no such file"):
        step.run(FakeContext(tmp_path / "out", pipeline))
    assert not (tmp_path / "out" / "manifest.json").exists()
    clip("late1")  # the disk is there now
    step.run(FakeContext(tmp_path / "out", pipeline))
    assert [example.id for example in Shards(tmp_path / "out")] == ["u1"]


def test_only_what_is_missing_or_damaged_is_made_again(
    tmp_path: Path, pipeline: Pipeline, write: Callable[..., Any], speech: list[Json], monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Prepare(corpus=write(speech), shard_size=2)
    step.run(FakeContext(tmp_path / "out", pipeline))
    whole = files(tmp_path / "out")
    shards = tmp_path / "out" / "shards"
    (shards / "000000.parquet").write_bytes(whole["shards/000000.parquet"][:-1] + b"x")
    (shards / "000001.json").write_text('{"rows": 2, "cut')
    (shards / "000003.parquet").unlink()
    for name in ("shards/.000001.parquet.abcd", "shards/.000001.json.abcd", ".manifest.json.abcd"):
        (tmp_path / "out" / name).write_text("half written")

    encode, seen = Pipeline.encode_each, []

    def counted(self: Pipeline, audios: Any) -> Any:
        for units in encode(self, audios):
            seen.append(units)
            yield units

    monkeypatch.setattr(Pipeline, "encode_each", counted)
    step.run(FakeContext(tmp_path / "out", pipeline))
    assert len(seen) == 5  # two, two, and the one of the last shard
    assert files(tmp_path / "out") == whole


def test_several_processes_make_the_same(
    tmp_path: Path, pipeline: Pipeline, write: Callable[..., Any], speech: list[Json]
) -> None:
    flag = tmp_path / "deadly"
    lines = [*speech, {"id": "gone", "path": "gone.wav"}, {"id": "t", "text": "text"}]
    Prepare(corpus=write(lines), shard_size=2).run(FakeContext(tmp_path / "one", pipeline))

    # A worker dies, as if memory had run out, at the last but one shard.
    flag.touch()
    lines[6] = lines[6] | {"deadly": str(flag)}
    step = Prepare(corpus=write(lines), shard_size=2, workers=2)
    with pytest.raises(SpiritkitError, match=r"made shard 3 \(SIGKILL; the system may have run out of memory"):
        step.run(FakeContext(tmp_path / "two", pipeline))
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("two/shards/*.json")}
    assert len(kept) >= 2  # of those given out before shard 3, at most one was not done
    assert not multiprocessing.active_children()
    flag.unlink()

    with pytest.raises(KeyboardInterrupt):
        step.run(FakeContext(tmp_path / "two", pipeline, stop=0))
    assert not multiprocessing.active_children()

    step.run(FakeContext(tmp_path / "two", pipeline))
    assert files(tmp_path / "two") == files(tmp_path / "one")
    assert all(path.stat().st_mtime_ns == changed for path, changed in kept.items())


def test_errors_of_other_processes(tmp_path: Path, write: Callable[..., Any], speech: list[Json]) -> None:
    def run(pipeline: Pipeline) -> None:
        Prepare(corpus=write(speech), shard_size=2, workers=2).run(FakeContext(tmp_path / "out", pipeline))

    with pytest.raises(RequestError, match="the recipe has no tokenizers"):
        run(Pipeline(Parts()))
    unpicklable = Pipeline(Parts(tokenizers={"toy": lambda: None}))  # type: ignore[dict-item,return-value]
    with pytest.raises(RequestError, match=r"cannot be handed to other processes .*; give workers: 1"):
        run(unpicklable)


KILLS = """
import os, random, signal, sys, time
from pathlib import Path
import disk_corpus, spiritkit
from spiritkit.run.context import RunContext
from spiritkit.steps.prepare import Prepare
import pyarrow.parquet, torch, torchaudio

table, out = sys.argv[1], Path(sys.argv[2])
pipeline = spiritkit.load("example/units")

def start(folder):
    folder.mkdir(exist_ok=True)
    pid = os.fork()
    if pid == 0:
        corpus = disk_corpus.DiskCorpus(table=table, delay=0.02)
        Prepare(corpus=corpus, shard_size=3).run(RunContext("prepare", lambda: pipeline, folder, 0, {}))
        os._exit(0)
    return pid

def n_made():
    return len(list((out / "killed").glob("shards/0*.json")))

rng = random.Random(int(sys.argv[3]))
for kill in range(5):
    before = n_made()
    pid = start(out / "killed")
    while n_made() == before and os.waitpid(pid, os.WNOHANG) == (0, 0):
        time.sleep(0.001)
    time.sleep(rng.uniform(0, 0.15))
    os.kill(pid, signal.SIGKILL)
    assert os.WIFSIGNALED(os.waitpid(pid, 0)[1]), "it was done before it could be killed"
    print("shards after kill:", n_made())
for folder in ("killed", "whole"):
    assert os.waitpid(start(out / folder), 0)[1] == 0
"""


@pytest.fixture
def ninety(write: Callable[..., Any], clip: Callable[..., str]) -> Path:
    """A table of ninety utterances, two of which cannot be read."""
    lines = [{"id": f"u{i}", "path": clip(f"c{i}", 0.3 + i / 100), "text": f"word {i}"} for i in range(90)]
    for i in (7, 20):
        lines[i]["path"] = "gone.wav"
    table: Path = write(lines).table
    return table


def test_killed_at_random_moments_it_resumes(tmp_path: Path, ninety: Path) -> None:
    """The bytes are those of a run that nobody stopped."""
    seed = random.randrange(1 << 30)
    result = subprocess.run(
        [sys.executable, "-c", KILLS, str(ninety), str(tmp_path), str(seed)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent), "OMP_NUM_THREADS": "1"},
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert files(tmp_path / "killed") == files(tmp_path / "whole"), (seed, result.stdout)
    assert len(Shards(tmp_path / "whole", verify=True)) == 88


#: The command line, deaf to no Ctrl-C: a shell lets what it runs in the background ignore it.
COMMAND = """
import signal, sys
from spiritkit.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(main())
"""


@pytest.mark.slow
def test_runs_with_several_processes_are_killed_and_resume(
    tmp_path: Path, ninety: Path, install: Callable[[str, str], Path], spiritkit: Callable[..., Any]
) -> None:
    """The command line, SIGKILL and Ctrl-C; another number of workers goes on with what is there."""
    site = install("disk-corpus", (Path(__file__).parent / "disk_corpus.py").read_text())
    (tmp_path / "r.yaml").write_text(f"""
extends: example/units
steps:
  encode: null
  again: null
  data: {{use: prepare.v1, corpus: {{use: disk.v1, table: {ninety}, delay: 0.1}}, shard_size: 1}}
""")
    environment = {**os.environ, "PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"}
    rng = random.Random(0)
    for stop in [signal.SIGKILL] * 3 + [signal.SIGINT]:
        done = len(list(tmp_path.glob("killed/data/shards/0*.json")))
        process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, "run", "r.yaml", "output_dir=killed", "steps.data.workers=2"],
            cwd=tmp_path, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        while len(list(tmp_path.glob("killed/data/shards/0*.json"))) < done + 2 and process.poll() is None:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.2))
        process.send_signal(stop)
        errors = process.communicate()[1]
        assert process.returncode == (130 if stop is signal.SIGINT else -signal.SIGKILL), errors
        assert "Traceback" not in errors.replace("KeyboardInterrupt", "") or stop is signal.SIGKILL, errors
    made = [path for path in tmp_path.glob("killed/data/shards/0*.json") if json.loads(path.read_text())["rows"]]
    kept = {path: path.stat().st_mtime_ns for path in made}
    result = spiritkit("run", "r.yaml", "output_dir=killed", site=site)
    assert result.returncode == 0, result.stderr
    assert "× real time" in result.stderr
    assert all(path.stat().st_mtime_ns == changed for path, changed in kept.items())
    assert spiritkit("run", "r.yaml", "output_dir=whole", site=site).returncode == 0
    assert files(tmp_path / "killed" / "data") == files(tmp_path / "whole" / "data")
    again = spiritkit("run", "r.yaml", "output_dir=killed", "steps.data.workers=3", site=site)
    assert "up to date" in again.stdout
