"""train-f0-vqvae.v1: it learns, resumes exactly, revives codes, measures right, and writes what the tokenizer loads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from spiritkit_f0.codebook import MovingCodebook
from spiritkit_f0.f0_vqvae import F0VQVAE, normalise
from spiritkit_f0.figures import PitchFigures
from spiritkit_f0.track_store import TrackStore
from spiritkit_f0.train import TrainF0VQVAE
from spiritkit_f0.vqvae import PitchVQVAE, Shape

import spiritkit
from spiritkit.errors import InputError, RequestError
from spiritkit.interfaces import F0
from spiritkit.pipeline import Parts, Pipeline
from spiritkit.testing import StepContract
from spiritkit.testing.step import FakeContext
from spiritkit.types import Audio

SMALL: dict[str, Any] = {
    "codes": 16, "code_width": 16, "width": 16, "depth": 1, "steps": 4, "batch_size": 4, "crop_seconds": 0.4,
    "learning_rate": 5e-3, "validate_every": 3, "save_every": 2, "device": "cpu",
}  # fmt: skip


@pytest.fixture
def small(glides, autocorrelation) -> dict[str, Any]:
    return {"corpus": glides(3, 1), "validation": glides(2, 2), "f0": autocorrelation, **SMALL}


def context(folder: Path, stop: int | None = None) -> FakeContext:
    return FakeContext(folder, Pipeline(Parts()), stop)


def result(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "model").iterdir()}


class TestTrainF0VQVAE(StepContract):
    component = "train-f0-vqvae.v1"

    @pytest.fixture
    def parameters(self, small: dict[str, Any]) -> dict[str, Any]:
        return small

    def _files(self, folder: Path) -> dict[str, bytes]:
        # What is beside the model tells times.
        return {name: data for name, data in super()._files(folder).items() if name.startswith("model/")}

    def test_a_finished_run_trains_no_more(self, make, pipeline, tmp_path) -> None:
        make().run(FakeContext(tmp_path, pipeline))
        make().run(FakeContext(tmp_path, pipeline, stop=0))  # which ends at the first item of work


@pytest.fixture(scope="module")
def trained(glides, autocorrelation, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    parameters = {**SMALL, "steps": 150, "batch_size": 8, "decay": 0.9, "validate_every": 75, "save_every": 150}
    TrainF0VQVAE(corpus=glides(20, 1), validation=glides(4, 2), f0=autocorrelation, **parameters).run(context(folder))
    return folder


def test_loss_falls_and_tracks_come_back(trained):
    lines = [json.loads(line) for line in (trained / "log.jsonl").read_text().splitlines()]
    losses = [line["loss"] for line in lines if "loss" in line]
    figures = [line for line in lines if "f0_rmse_hz" in line]
    assert losses[-1] < 0.8 * losses[0]
    assert [line["step"] for line in figures] == [75, 150]
    assert figures[-1]["codes_used"] >= 12
    assert figures[-1]["f0_rmse_hz"] < 20
    assert figures[-1]["f0_frame_error"] < 0.15


def test_card_has_the_last_figures_and_the_tracks_are_gone(trained):
    card = (trained / "model" / "README.md").read_text()
    last = [json.loads(line) for line in (trained / "log.jsonl").read_text().splitlines() if "f0_rmse_hz" in line][-1]
    assert f"- f0_rmse_hz: {last['f0_rmse_hz']:.4g}" in card
    assert "- training: 20 recordings" in card
    assert {path.name for path in trained.iterdir()} <= {"model", "log.jsonl", "tensorboard"}


def test_result_works_in_a_recipe(trained, tmp_path, glides):
    recipe = tmp_path / "r.yaml"
    recipe.write_text(
        f"tokenizers:\n  pitch: {{use: f0-vqvae.v1, checkpoint: {trained / 'model'}, f0: {{use: fcpe.v1}}}}\n"
        "serializer: {use: time-merge.v1}\n"
    )
    units = spiritkit.load(recipe).encode(glides(1, 3).audio(0))
    assert units.specs[0].size == 16
    assert len(set(units["pitch"].tolist())) > 2


def test_tokenizer_gives_back_what_training_measured(trained, glides, autocorrelation):
    tokenizer = F0VQVAE(checkpoint=trained / "model", f0=autocorrelation, device="cpu")
    figures = PitchFigures(16)
    for utterance in glides(4, 2):
        audio = utterance.audio
        codes = tokenizer.encode([audio])[0]["pitch"]
        figures.add(autocorrelation.extract([audio])[0], codes, tokenizer.decode(codes))
    for name, value in figures.values().items():
        assert f"- {name}: {value:.4g}" in (trained / "model" / "README.md").read_text()


@pytest.mark.parametrize("stop", [3, 5, 7, 8])  # in the second corpus's tracks, before the first step, in the steps
def test_resume_is_exact(small, tmp_path, stop):
    step = TrainF0VQVAE(**small)
    step.run(context(tmp_path / "whole"))
    with pytest.raises(KeyboardInterrupt):
        step.run(context(tmp_path / "stopped", stop))
    TrainF0VQVAE(**small).run(context(tmp_path / "stopped"))
    assert result(tmp_path / "stopped") == result(tmp_path / "whole")


def test_tracks_are_extracted_once(glides, autocorrelation, tmp_path, monkeypatch):
    corpus = glides(5, 1)
    first = TrackStore(corpus, autocorrelation, tmp_path / "tracks", context(tmp_path))
    expected = autocorrelation.extract([corpus.audio(index) for index in range(5)])
    monkeypatch.setattr(autocorrelation, "extract", lambda audios: pytest.fail("extracted again"))
    second = TrackStore(corpus, autocorrelation, tmp_path / "tracks", context(tmp_path))
    assert len(first) == len(second) == 5
    assert first.seconds == second.seconds
    for index in range(5):
        np.testing.assert_array_equal(first[index], second[index])
        np.testing.assert_array_equal(first[index], expected[index])


def test_tracks_of_another_corpus_are_not_taken(glides, autocorrelation, tmp_path):
    TrackStore(glides(5, 1), autocorrelation, tmp_path / "tracks", context(tmp_path))
    other = TrackStore(glides(5, 2), autocorrelation, tmp_path / "tracks", context(tmp_path))
    np.testing.assert_array_equal(other[0], autocorrelation.extract([glides(5, 2).audio(0)])[0])


def test_batches_are_stretches_of_whole_utterances_tracks(glides, autocorrelation, tmp_path):
    store = TrackStore(glides(3, 1), autocorrelation, tmp_path, context(tmp_path))
    signals, lengths = store.batch(0, 6, 300)
    wholes = [normalise(store[index]) for index in range(3)]
    for signal, length in zip(signals, lengths, strict=True):
        assert not signal[:, length:].any()
        found = [
            first
            for whole in wholes
            for first in range(whole.shape[1] - length + 1)
            if np.array_equal(whole[:, first : first + length], signal[:, :length])
        ]
        assert found


def test_dead_codes_start_anew_where_vectors_lie():
    vectors = torch.zeros(4, 2)
    book = MovingCodebook(vectors, decay=0.9, revive_below=0.5)
    data = torch.randn(20, 2, generator=torch.Generator().manual_seed(0)) + 5
    generator = torch.Generator().manual_seed(1)
    assert book.update(data, torch.zeros(20, dtype=torch.int64), generator) == 3  # code 0: a tenth of 20 vectors
    for code in vectors[1:]:
        assert (data == code).all(1).any()
    torch.testing.assert_close(vectors[0], data.mean(0))


def test_code_in_use_follows_the_mean_of_its_vectors():
    vectors = torch.zeros(2, 1)
    book = MovingCodebook(vectors, decay=0.5, revive_below=0.1)
    generator = torch.Generator()
    book.update(torch.tensor([[1.0], [3.0]]), torch.tensor([0, 1]), generator)
    torch.testing.assert_close(vectors, torch.tensor([[1.0], [3.0]]))
    book.update(torch.tensor([[2.0], [3.0]]), torch.tensor([0, 1]), generator)
    torch.testing.assert_close(vectors, torch.tensor([[(0.25 * 1 + 0.5 * 2) / 0.75], [3.0]]))


def test_batch_without_a_whole_code_changes_no_code():
    vectors = torch.zeros(2, 1)
    book = MovingCodebook(vectors, decay=0.5, revive_below=0.1)
    book.update(torch.zeros(0, 1), torch.zeros(0, dtype=torch.int64), torch.Generator())
    assert torch.equal(vectors, torch.zeros(2, 1))


def test_f0_factor_changes_units_only():
    torch.manual_seed(0)
    shape = Shape(2, 8, 8, 2, 2, 1, 8, 3)
    model = PitchVQVAE(shape, shape, 8).eval()
    model.codebook.normal_()
    signal = torch.randn(1, 2, 32)
    codes, decoded = model.encode(signal), model.decode(model.encode(signal))
    model.multiply_f0(40.0)
    signal[:, 0] *= 40
    decoded[:, 0] *= 40
    assert torch.equal(model.encode(signal), codes)
    torch.testing.assert_close(model.decode(codes), decoded)


def test_figures_by_hand():
    hz = np.array([100, 100, 100, 100, 200, 0], dtype=np.float32)
    voiced = np.array([1, 1, 1, 1, 0, 0], dtype=np.float32)
    # right; 20 Hz off; 30 Hz off; voicing missed (and 10 Hz off); right; voicing invented. Mean: 100 Hz.
    decoded = np.array([[0, 20, 30, 10, 0, 0], [1, 0.9, 0.6, 0.4, 0.1, 0.8]])
    figures = PitchFigures(4)
    figures.add(F0(hz, voiced), np.array([2, 2, 3, 3]), decoded)
    values = figures.values()
    assert values["codes_used"] == 2
    assert values["perplexity"] == pytest.approx(2)
    assert values["f0_rmse_hz"] == pytest.approx(np.sqrt((400 + 900 + 100) / 4))
    cents = 1200 * np.log2([1, 1.2, 1.3, 1.1])
    assert values["f0_rmse_cents"] == pytest.approx(np.sqrt((cents**2).mean()))
    assert values["voicing_error"] == pytest.approx(2 / 6)
    assert values["f0_frame_error"] == pytest.approx(3 / 6)  # 20 % is not more than 20 %


def test_without_validation_nothing_is_claimed(small, tmp_path):
    TrainF0VQVAE(**{**small, "validation": None}).run(context(tmp_path))
    assert "None were measured." in (tmp_path / "model" / "README.md").read_text()


def test_recordings_without_pitch_are_refused(small, tmp_path, glides, monkeypatch):
    monkeypatch.setattr(glides, "audio", lambda *_: Audio(np.zeros(16000, dtype=np.float32), 16000))
    with pytest.raises(InputError, match="no recording of the corpus has voiced frames"):
        TrainF0VQVAE(**small).run(context(tmp_path))


@pytest.mark.parametrize(
    ("name", "value"),
    [("codes", 0), ("steps", 0), ("batch_size", -1), ("crop_seconds", 0.0), ("learning_rate", 0.0), ("decay", 1.0),
     ("commitment", -1.0), ("revive_below", 0.0), ("save_every", 0)],
)  # fmt: skip
def test_wrong_values_are_named(small, name, value):
    with pytest.raises(RequestError, match=rf"{name} is {value}"):
        TrainF0VQVAE(**{**small, name: value})
