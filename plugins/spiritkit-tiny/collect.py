"""Takes the weights of this plugin from the folder with the runs that trained them.

    python collect.py runs

What makes units stays as it is, so that they stay the same; what reads them is rounded to float16, which loses nothing
that can be measured and halves it.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from safetensors.torch import load_file, save_file

#: Where a part lies, in the folder of the runs and in that of the weights, and whether it is rounded.
PARTS = {
    "units/hubert/model": False,
    "units/linear-quantizer/model": False,
    "pitch/pitch/model": False,
    "style/style/model": False,
    "vocoder-base/vocoder/model": True,
    "vocoder-expressive/vocoder/model": True,
    "lm-base/train/model": True,
    "lm-expressive/train/model": True,
    "sentiment-of-text/sentiment/model": True,
    "sentiment-of-speech/style/model": True,
}
WEIGHTS = Path(__file__).parent / "spiritkit_tiny" / "weights"
#: What a run's folder has besides the part.
LEFT_OUT = {"step.json", "log.jsonl"}


def rounded(path: Path, target: Path) -> None:
    """Write a file of weights in float16."""
    tensors = {
        name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in load_file(path).items()
    }
    worst = max(float(tensor.abs().max()) for tensor in tensors.values() if tensor.numel())
    if not worst < float("inf"):
        raise SystemExit(f"{path}: a value is out of float16's range")
    save_file(tensors, target, metadata={"format": "pt"})


def main() -> None:
    """Take what is there; the parts of other runs stay as they are."""
    runs = Path(sys.argv[1])
    for part, is_rounded in PARTS.items():
        if not (runs / part).is_dir():
            print(f"{part}: not in {runs}, stays as it is")
            continue
        shutil.rmtree(WEIGHTS / part, ignore_errors=True)
        (WEIGHTS / part).mkdir(parents=True)
        for path in sorted((runs / part).iterdir()):
            target = WEIGHTS / part / path.name
            if path.name in LEFT_OUT or path.is_dir():
                continue
            if is_rounded and path.suffix == ".safetensors":
                rounded(path, target)
            else:
                shutil.copyfile(path, target)
    size = sum(path.stat().st_size for path in WEIGHTS.rglob("*") if path.is_file())
    print(f"{size / 1e6:.1f} MB in {WEIGHTS}")


if __name__ == "__main__":
    main()
