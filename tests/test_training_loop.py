"""What the loops of all trainers share: exact resume, reports, and the state that is kept."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from spiritkit.errors import CheckpointError
from spiritkit.pipeline import Parts, Pipeline
from spiritkit.seeding import derive, torch_seeded
from spiritkit.testing.step import FakeContext
from spiritkit.training import Training, is_finished
from spiritkit.training.checkpoint import TrainingState
from spiritkit.training.lm import throughput


def steps(folder: Path, stop: int | None = None, seconds: float = 0.0, **changes: Any) -> list[float]:
    """A training run in which a number is drawn at each step; gives those that were drawn."""
    drawn: list[float] = []
    options: dict[str, Any] = {"steps": 12, "save_every": 4, "report_every": 5} | changes
    training = Training(FakeContext(folder, Pipeline(Parts()), stop), parts={}, **options)
    for step in training:
        time.sleep(seconds)
        drawn.append(float(torch.rand(())))
        training.report(value=drawn[-1], step_number=step)
    return drawn


def log(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_a_resumed_run_draws_and_reports_the_same(tmp_path: Path) -> None:
    whole = steps(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        steps(tmp_path / "cut", stop=7)
    assert steps(tmp_path / "cut") == whole[4:]
    for name in ("step", "value", "step_number"):
        assert [line[name] for line in log(tmp_path / "cut")] == [line[name] for line in log(tmp_path / "whole")]
    assert log(tmp_path / "whole")[0]["step_number"] == 2


def test_speed_after_an_interruption_counts_the_steps_that_were_timed(tmp_path: Path) -> None:
    """Nine steps are in the mean, one of which this process took."""
    with pytest.raises(KeyboardInterrupt):
        steps(tmp_path, stop=9, report_every=9)
    steps(tmp_path, seconds=0.05, report_every=9)
    assert log(tmp_path)[0]["step"] == 9
    assert log(tmp_path)[0]["seconds_per_step"] > 0.05


def test_tensorboard_keeps_the_report_of_the_last_step_done(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    with pytest.raises(KeyboardInterrupt):
        steps(tmp_path, stop=7, save_every=5)
    steps(tmp_path, save_every=5)
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Scalars("value")] == [5, 10, 12]


def test_what_a_finished_run_kept_is_removed(tmp_path: Path) -> None:
    steps(tmp_path)
    result = tmp_path / "model" / "README.md"
    assert (tmp_path / "state").is_dir()
    assert not is_finished(tmp_path, result)
    assert (tmp_path / "state").is_dir()
    result.parent.mkdir()
    result.touch()
    assert is_finished(tmp_path, result)
    assert not (tmp_path / "state").exists()


def test_a_state_is_read_back_with_tied_tensors(tmp_path: Path) -> None:
    state = TrainingState(tmp_path / "state")
    weight = torch.arange(6.0).view(2, 3)
    state.save(3, {"a": weight, "b": [weight, weight.T, (1, "x")], "optimizer": {0: {"step": weight[0, 1]}}})
    done, found = state.load() or (0, {})
    assert done == 3
    assert torch.equal(found["a"], weight)
    assert torch.equal(found["b"][0], weight)
    assert torch.equal(found["b"][1], weight.T)
    assert found["b"][2] == [1, "x"]
    assert found["optimizer"][0]["step"] == 1
    state.save(5, {"a": weight + 1})
    assert [path.name for path in state.folder.iterdir()] == ["step-5"]


def test_a_damaged_state_is_named(tmp_path: Path) -> None:
    state = TrainingState(tmp_path)
    state.save(1, {"a": torch.zeros(2)})
    (tmp_path / "step-1" / "tensors.safetensors").write_bytes(b"half")
    with pytest.raises(CheckpointError, match=r"step-1/tensors\.safetensors"):
        state.load()


def test_seeds_are_the_same_for_the_numbers_of_numpy() -> None:
    assert derive(np.int64(3), "mask", np.int32(4)) == derive(3, "mask", 4)  # type: ignore[arg-type]
    assert len({derive(3, "mask", 4), derive(3, "mask", 5), derive(4, "mask", 4), derive(3, "other", 4)}) == 4


def test_global_random_numbers_are_put_back() -> None:
    torch.manual_seed(0)
    expected = torch.rand(2)
    torch.manual_seed(0)
    with torch_seeded(1, "inside"):
        torch.rand(7)
    assert torch.equal(torch.rand(2), expected)


@pytest.mark.parametrize(
    ("name", "peak"),
    [
        ("NVIDIA H100 80GB HBM3", 989e12),
        ("NVIDIA H100 PCIe", 756e12),
        ("NVIDIA A100-SXM4-80GB", 312e12),
        ("NVIDIA L4", 121e12),
        ("NVIDIA L40", None),
        ("NVIDIA RTX A4000", None),
    ],
)
def test_peaks_are_those_of_the_device(name: str, peak: float | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: name)
    monkeypatch.setattr(throughput, "_measured", lambda device, precision: None)
    assert throughput._peak(torch.device("cuda"), torch.bfloat16) == peak
