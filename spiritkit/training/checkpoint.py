"""The state of an interrupted training run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from spiritkit.atomic import write_json
from spiritkit.checkpoints import read_json, read_tensors
from spiritkit.errors import CheckpointError
from spiritkit.training.distributed import is_main
from spiritkit.training.tree import join, split


def is_finished(folder: Path, last: Path) -> bool:
    """Whether an earlier run of a trainer has written its result; then what it kept for an interruption goes.

    Args:
        folder: the step's.
        last: what is written last, at once and whole.
    """
    if not last.exists():
        return False
    if is_main():
        TrainingState(folder / "state").clear()
    return True


class TrainingState:
    """A folder with the newest state: `step-N/` with `tensors.safetensors` and `state.json`.

    A state is written beside the one before it, which is removed only when the new one is whole.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    def save(self, step: int, state: Mapping[str, Any]) -> None:
        """Keep the state after `step` steps: a nest of dictionaries and lists of tensors and JSON values."""
        from safetensors.torch import save_file

        value, tensors = split(dict(state))
        target = self.folder / f"step-{step}"
        temporary = self.folder / f".step-{step}"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        save_file(_apart(tensors), temporary / "tensors.safetensors")
        write_json(temporary / "state.json", value)
        # On the disk before the one before it goes: a machine that loses power must find one of them whole.
        for path in (*temporary.iterdir(), temporary):
            _flush(path)
        shutil.rmtree(target, ignore_errors=True)
        temporary.rename(target)
        _flush(self.folder)
        for other in self._all():
            if other != target:
                shutil.rmtree(other)

    def load(self) -> tuple[int, dict[str, Any]] | None:
        """The newest state and the number of steps that were done; None if there is none.

        Raises:
            CheckpointError: it is damaged.
        """
        found = sorted(self._all(), key=_step)
        if not found:
            return None
        newest = found[-1]
        tensors = read_tensors(newest / "tensors.safetensors", "tensors of an interrupted training run")
        try:
            return _step(newest), join(read_json(newest / "state.json"), tensors)
        except KeyError as error:
            raise CheckpointError(newest, f"names the tensor {error}, which it does not have") from error

    def clear(self) -> None:
        """Remove what is kept: the run has its result."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _all(self) -> list[Path]:
        return [path for path in self.folder.glob("step-*") if path.name.removeprefix("step-").isdigit()]


def _apart(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Tensors on the CPU that share no memory, which safetensors refuses: of tied weights, one is copied."""
    found: dict[str, torch.Tensor] = {}
    seen: set[int] = set()
    for name, tensor in tensors.items():
        kept = tensor.detach().cpu().contiguous()
        place = kept.untyped_storage().data_ptr()
        found[name] = kept.clone() if place in seen else kept
        seen.add(place)
    return found


def _flush(path: Path) -> None:
    """Wait until a file, or what a folder lists, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _step(path: Path) -> int:
    return int(path.name.removeprefix("step-"))
