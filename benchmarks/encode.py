"""Speed of encoding and vocoding against the plain one-file float32 path, on random weights.

Each way runs on the same clips, in turns, so that whatever else the machine does hits all alike. Printed are ratios to
the plain way (more than 1 is faster), from the median over rounds, and the share of codes equal to its.

    python benchmarks/encode.py --size full                 # the release's sizes; about 900 MB of weights are made
    python benchmarks/encode.py --size small --rounds 2     # does it run?
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from statistics import median

import numpy as np
import torch
from plain_encoders import PlainHubert, PlainStyle
from plain_hifigan import PlainHifiGan
from spiritkit_hifigan.vocoder import HifiGan
from spiritkit_hubert.linear_ctc import LinearCTCQuantizer
from spiritkit_hubert.tokenizer import HubertTokenizer
from spiritkit_style.classifier import Wav2Vec2Style

from spiritkit import Audio, StreamSpec, Units
from spiritkit.audio import read_audio
from spiritkit.interfaces import UnitTokenizer

ROOT = Path(__file__).parent.parent
CLIP = ROOT / "tests" / "conformance" / "7143-88743-0029.flac"
HUBERT_RATE = Fraction(2499, 100)
Way = Callable[[], list[np.ndarray]]


def clips(seconds: list[float]) -> list[Audio]:
    """Pieces of the conformance clip, repeated where it is too short."""
    samples = np.tile(read_audio(CLIP, 16_000).samples, 4)
    return [Audio(samples[index * 8000 :][: int(length * 16_000)], 16_000) for index, length in enumerate(seconds)]


def alone(tokenizer: UnitTokenizer, audios: list[Audio]) -> Way:
    return lambda: [next(iter(tokenizer.encode([audio])[0].values())) for audio in audios]


def together(tokenizer: UnitTokenizer, audios: list[Audio]) -> Way:
    return lambda: [next(iter(units.values())) for units in tokenizer.encode(audios)]


def tokenizer_ways(
    plain: Callable[[np.ndarray], np.ndarray], make: Callable[[str], UnitTokenizer], audios: list[Audio]
) -> dict[str, Way]:
    single, half = make("float32"), make("bfloat16")
    return {
        "plain float32, one by one": lambda: [plain(audio.samples) for audio in audios],
        "float32, one by one": alone(single, audios),
        "float32, batch": together(single, audios),
        "bfloat16, batch": together(half, audios),
    }


def vocoder_ways(folder: Path, audios: list[Audio]) -> dict[str, Way]:
    rng = np.random.default_rng(0)
    codes = [rng.integers(0, 501, int(audio.duration * 25)) for audio in audios]
    spec = StreamSpec("hubert", 501, HUBERT_RATE, True)
    units: list[Units] = [Units((spec,), {"hubert": each}) for each in codes]
    plain = PlainHifiGan(folder)
    vocoders = {name: HifiGan(checkpoint=folder, device="cpu", dtype=name) for name in ("float32", "bfloat16")}
    ways: dict[str, Way] = {"plain float32, one by one": lambda: [plain(each) for each in codes]}
    for name, vocoder in vocoders.items():
        ways[name] = lambda vocoder=vocoder: [audio.samples for audio in vocoder.decode(list(units))]
    return ways


def measure(title: str, ways: dict[str, Way], seconds: float, rounds: int) -> None:
    """Run the ways in turns and print a table."""
    results = {name: way() for name, way in ways.items()}  # also the warm-up
    wall: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            started = time.perf_counter()
            way()
            wall[name].append(time.perf_counter() - started)
    plain = next(iter(ways))
    print(f"\n| {title} | × plain | min…max of rounds | × real time | equal to plain |\n|---|---|---|---|---|")
    for name in ways:
        ratios = sorted(a / b for a, b in zip(wall[plain], wall[name], strict=True))
        ours, theirs = np.concatenate(results[name]), np.concatenate(results[plain])
        if ours.dtype.kind == "f":
            noise = float(np.square(ours - theirs).sum())
            same = f"SNR {10 * np.log10(float(np.square(theirs).sum()) / noise):.0f} dB" if noise else "exact"
        else:
            same = f"{(ours == theirs).mean():.2%} of codes"
        speed = seconds / median(wall[name])
        print(f"| {name} | {median(ratios):.2f} | {ratios[0]:.2f}…{ratios[-1]:.2f} | {speed:.1f} | {same} |")


def compare(speech: Path, audios: list[Audio], seconds: float, rounds: int) -> None:
    """Measure the tokenizers and the vocoder of a checkpoint folder."""
    hubert, style = speech / "hubert_25hz", speech / "style_encoder_w2v2"
    quantizer = LinearCTCQuantizer(checkpoint=hubert / "L11_quantizer_500.pt")

    def make_hubert(dtype: str) -> UnitTokenizer:
        path = hubert / "mhubert_base_25hz.pt"
        return HubertTokenizer(checkpoint=path, quantizer=quantizer, device="cpu", dtype=dtype)

    def make_style(dtype: str) -> UnitTokenizer:
        return Wav2Vec2Style(checkpoint=style, device="cpu", dtype=dtype)

    measure("HuBERT and quantizer", tokenizer_ways(PlainHubert(hubert), make_hubert, audios), seconds, rounds)
    measure("style", tokenizer_ways(PlainStyle(style), make_style, audios), seconds, rounds)
    measure("HiFi-GAN Base", vocoder_ways(speech / "hifigan_spiritlm_base", audios), seconds, rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=["small", "full"], default="full")
    parser.add_argument("--checkpoints", type=Path, help="what make_reference_checkpoints.py wrote; default: make it")
    parser.add_argument("--seconds", type=float, nargs="+", default=[9, 9, 8, 7, 6, 4], help="lengths of the clips")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    audios, total = clips(options.seconds), sum(options.seconds)
    print(
        f"{len(audios)} clips, {total:g} s; {options.threads} threads; PyTorch {torch.__version__}; {options.size} size"
    )
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.checkpoints or Path(temporary)
        if options.checkpoints is None:
            script = ROOT / "tests" / "conformance" / "make_reference_checkpoints.py"
            subprocess.run([sys.executable, script, folder, "--size", options.size], check=True)
        compare(folder / "speech_tokenizer", audios, total, options.rounds)


if __name__ == "__main__":
    main()
