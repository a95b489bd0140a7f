"""train-linear-quantizer.v1, and the changes of sound that it learns to hear through."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from spiritkit_hubert.augment import KINDS, Augmentation, add_noise, change, reverberate
from spiritkit_hubert.ctc import ctc_loss, quantize
from spiritkit_hubert.linear_ctc import LinearCTCQuantizer, new_network
from spiritkit_hubert.tokenizer import HubertTokenizer
from spiritkit_hubert.train_linear_quantizer import TrainLinearQuantizer

from spiritkit.errors import CheckpointError, MissingFileError, RequestError
from spiritkit.pipeline import Parts, Pipeline
from spiritkit.testing import StepContract
from spiritkit.testing.step import FakeContext
from spiritkit.utterances import Utterance


def tone(hertz: float, seconds: float = 1.0) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(round(16_000 * seconds)) / 16_000).astype(np.float32)


def peak(samples: np.ndarray) -> float:
    """The strongest frequency, in Hz."""
    return float(np.abs(np.fft.rfft(samples * np.hanning(len(samples)))).argmax() * 16_000 / len(samples))


@pytest.mark.parametrize("speed", [0.8, 1.0, 1.25])
@pytest.mark.parametrize("semitones", [-4, 0, 4])
def test_speed_and_pitch_change_apart(speed, semitones):
    changed = change(tone(500), speed=speed, semitones=semitones)
    assert changed.dtype == np.float32
    assert len(changed) == round(16_000 / speed)
    assert peak(changed) == pytest.approx(500 * 2 ** (semitones / 12), rel=0.01)
    assert np.mean(changed**2) == pytest.approx(0.5, rel=0.01)


def test_noise_is_as_loud_as_asked():
    clean = tone(500)
    noise = add_noise(clean, 5.0, np.random.default_rng(0)) - clean
    assert 10 * np.log10(np.mean(clean**2) / np.mean(noise**2)) == pytest.approx(5.0, abs=0.01)
    assert add_noise(np.zeros(100, np.float32), 5.0, np.random.default_rng(0)).tolist() == [0] * 100


def test_reverberation_lasts_as_long_as_asked():
    impulse = np.zeros(16_000, dtype=np.float32)
    impulse[1000] = 1
    wet = reverberate(impulse, 0.4, np.random.default_rng(0))
    assert wet[1000] == pytest.approx(1)
    assert np.abs(wet[:1000]).max() < 1e-6
    energy = [np.mean(wet[start : start + 800].astype(float) ** 2) for start in (1001, 1001 + 3200)]
    assert 10 * np.log10(energy[0] / energy[1]) == pytest.approx(30, abs=2)  # 60 dB in 0.4 s


def test_augmentation_is_drawn_from_the_generator_alone():
    augmentation = Augmentation()
    versions = [augmentation.apply(tone(300), np.random.default_rng(seed)) for seed in (0, 0, 1, 2, 3, 4)]
    assert np.array_equal(versions[0], versions[1])
    assert len({each.tobytes() for each in versions}) > 3
    assert np.array_equal(Augmentation(share=0).apply(tone(300), np.random.default_rng(0)), tone(300))
    short = np.ones(7, dtype=np.float32)
    for kind in KINDS:
        assert np.isfinite(augmentation.apply_one(kind, short, np.random.default_rng(0))).all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"speed": 1.0}, "speed is 1.0"), ({"share": -0.1}, "share is -0.1"), ({"snr_min": 30}, "snr_min is 30, above"),
     ({"reverberation": 11}, "reverberation is 11")],
)  # fmt: skip
def test_wrong_augmentations(wrong, message):
    with pytest.raises(RequestError, match=f"augmentation: {message}"):
        Augmentation(**wrong)


def test_ctc_loss_is_that_of_the_paths():
    """Three frames, two units: a a b, a b b, a _ b, a b _, _ a b."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = new_network([4, 5, 5, 4])
    features = [torch.randn(3, 4, generator=torch.Generator().manual_seed(1)), torch.randn(1, 4), torch.randn(5, 4)]
    codes = [np.array([0, 0, 2, 2, 3]), np.array([0, 1]), np.array([3, 3])]
    loss, share = ctc_loss(network, features, codes, blank=3)
    p = network(features[0]).softmax(-1).tolist()
    paths = [(0, 0, 2), (0, 2, 2), (0, 3, 2), (0, 2, 3), (3, 0, 2)]
    expected = -np.log(sum(p[0][a] * p[1][b] * p[2][c] for a, b, c in paths)) / 2
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-5)
    assert float(share) == pytest.approx(1 / 3)
    loss.backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in network.parameters())


@pytest.fixture
def parameters(log_mel, log_mel_centroids, melodies) -> dict[str, Any]:
    return {
        "corpus": melodies(10, 1), "validation": melodies(4, 2), "hubert": log_mel, "layer": 1,
        "kmeans": log_mel_centroids, "steps": 3, "batch_size": 3, "crop_seconds": 0.8, "warmup": 1, "validate_every": 2,
        "save_every": 2, "device": "cpu",
    }  # fmt: skip


class TestTrainLinearQuantizer(StepContract):
    component = "train-linear-quantizer.v1"

    @pytest.fixture
    def parameters(self, parameters) -> dict[str, Any]:
        return {**parameters, "rounds": 2, "validation_recordings": 1}

    def _files(self, folder):
        # What is beside the model tells times.
        return {name: data for name, data in super()._files(folder).items() if name.startswith("model/")}

    def test_a_finished_run_trains_no_more(self, make, pipeline, tmp_path) -> None:
        make().run(FakeContext(tmp_path, pipeline))
        make().run(FakeContext(tmp_path, pipeline, stop=0))  # which ends at the first item of work


@pytest.mark.parametrize("stop", [3 + 2, 3 + 4])
def test_stopped_in_either_round(tmp_path, parameters, run_step, stop):
    """Four recordings are one item each; steps 0…2 are the first round, 3…5 the second."""
    step = TrainLinearQuantizer(**parameters, rounds=2)
    expected = run_step(step, tmp_path / "whole")
    folder = run_step(step, tmp_path / "stopped", stop=4 + stop - 3)
    run_step(step, folder)
    name = "model/model.safetensors"
    assert (folder / name).read_bytes() == (expected / name).read_bytes()


def test_it_learns_and_works_in_a_pipeline(tmp_path, parameters, run_step, melodies, log_mel):
    parameters |= {"corpus": melodies(40, 1), "steps": 60, "batch_size": 8, "learning_rate": 1e-2, "warmup": 5}
    run_step(TrainLinearQuantizer(**{**parameters, "validate_every": 60, "save_every": 60}), tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    losses = [line["loss"] for line in lines if "loss" in line]
    assert losses[-1] < 0.5 * losses[0]
    figures = [line for line in lines if "noise_linear" in line][-1]
    assert {name for name in figures if name.endswith("_linear")} == {
        *(f"{kind}_linear" for kind in KINDS), "kmeans_to_linear",
    }  # fmt: skip
    assert figures["kmeans_to_linear"] < 0.6
    assert f"- noise_linear: {figures['noise_linear']:.4g}" in (tmp_path / "model" / "README.md").read_text()
    assert {path.name for path in (tmp_path / "model").iterdir()} == {"README.md", "config.json", "model.safetensors"}
    quantizer = LinearCTCQuantizer(checkpoint=tmp_path / "model")
    assert (quantizer.size, quantizer.dimension, quantizer.layer) == (9, 32, 1)
    tokenizer = HubertTokenizer(checkpoint=log_mel, layer=1, quantizer=quantizer, device="cpu")
    pipeline = Pipeline(Parts(tokenizers={"hubert": lambda: tokenizer}))
    audio = next(iter(melodies(1, 5))).audio.load()
    assert len(set(pipeline.encode(audio)["hubert"].tolist())) > 2
    network = quantizer._network
    features = tokenizer.features([audio])
    assert quantize(network, features, 8)[0].tolist() == quantizer.quantize(features)[0].tolist()


def test_widths_that_do_not_work_out_and_other_centroids(tmp_path, parameters, run_step):
    with pytest.raises(RequestError, match="upstream 900 gives layer widths"):
        run_step(TrainLinearQuantizer(**parameters, upstream=900), tmp_path / "a")
    save_file({"centroids": torch.ones(3, 7)}, tmp_path / "other.safetensors")
    with pytest.raises(RequestError, match="centroids of width 7; the features of .* have width 32"):
        run_step(TrainLinearQuantizer(**{**parameters, "kmeans": tmp_path / "other.safetensors"}), tmp_path / "b")
    save_file({"centroids": torch.ones(3, 32), "layer": torch.tensor(2)}, tmp_path / "other.safetensors")
    with pytest.raises(RequestError, match="other.safetensors: centroids of layer 2; layer is 1"):
        run_step(TrainLinearQuantizer(**{**parameters, "kmeans": tmp_path / "other.safetensors"}), tmp_path / "c")
    with pytest.raises(RequestError, match="rounds is 0"):
        TrainLinearQuantizer(**parameters, rounds=0)


def test_recordings_without_a_frame_do_no_harm(tmp_path, parameters, run_step, noise):
    utterances = [Utterance(f"u{length}", audio=noise(length)) for length in (1, 1000, 1100, 20_000)]
    step = TrainLinearQuantizer(**{**parameters, "corpus": utterances, "batch_size": 4, "validation": None})
    run_step(step, tmp_path)
    weights = load_file(tmp_path / "model" / "model.safetensors")
    assert all(torch.isfinite(tensor).all() for tensor in weights.values())


def test_spoilt_folders(tmp_path):
    with pytest.raises(MissingFileError, match=r"config\.json"):
        LinearCTCQuantizer(checkpoint=tmp_path)
    (tmp_path / "config.json").write_text('{"vocab_size": 8, "dim": 32}')
    save_file({}, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"config\.json: has no entry 'upstream_dim'"):
        LinearCTCQuantizer(checkpoint=tmp_path)
    (tmp_path / "config.json").write_text('{"vocab_size": 8, "dim": 32, "upstream_dim": 32}')
    with pytest.raises(CheckpointError, match=r"model\.safetensors: no tensor '0\.weight'"):
        LinearCTCQuantizer(checkpoint=tmp_path)
