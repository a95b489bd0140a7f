"""`train-ctc.v1` at toy size."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from spiritkit_ctc.aligner import CTCAligner
from spiritkit_ctc.checkpoint import read_network
from spiritkit_ctc.huggingface import HuggingFaceCTC
from spiritkit_ctc.train import TrainCTC
from transformers import AutoModelForCTC

from spiritkit.errors import RequestError
from spiritkit.interfaces import Corpus
from spiritkit.pipeline import Parts, Pipeline
from spiritkit.testing.step import FakeContext
from spiritkit.utterances import Alignment, Utterance

TOY = {
    "dim": 32, "layers": 1, "heads": 2, "kernel_size": 5, "steps": 120, "batch_size": 12, "learning_rate": 4e-3,
    "warmup": 10, "dropout": 0.0, "validate_every": 60, "save_every": 60, "device": "cpu",
}  # fmt: skip


class Listed(Corpus):
    def __init__(self, utterances: list[Utterance]):
        self._utterances = utterances

    def __iter__(self):
        return iter(self._utterances)

    def __len__(self) -> int:
        return len(self._utterances)


def train(folder: Path, stop: int | None = None, **parameters: Any) -> Path:
    TrainCTC(**parameters).run(FakeContext(folder, Pipeline(Parts()), stop))
    return folder / "model"


def log(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def trained(tones: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("trained"), corpus=tones[0], validation=tones[1], **TOY)


def test_it_learns_to_read_and_to_place_words(trained: Path) -> None:
    losses = [line["loss"] for line in log(trained.parent) if "loss" in line]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0] - 1
    figures = [line for line in log(trained.parent) if "cer" in line]
    assert [line["step"] for line in figures] == [60, 120]
    assert figures[-1]["cer"] < 0.1
    assert figures[-1]["unaligned"] == 0
    assert figures[-1]["boundary_ms"] < 25
    assert figures[-1]["boundary_ms_p90"] < 40


def test_the_result_is_loaded_and_aligns(trained: Path, tones: Any) -> None:
    aligner = CTCAligner(checkpoint=trained, device="cpu")
    utterances = list(tones[1])
    found = aligner.align(utterances, [utterance.audio.load() for utterance in utterances])
    for utterance, alignment in zip(utterances, found, strict=True):
        assert isinstance(alignment, Alignment)
        assert (alignment.score or 0) > 0.4
        for word, known in zip(alignment.words, utterance.alignment.words, strict=True):
            assert word.text == known.text
            assert abs(word.start - known.start) < 0.1 * 16_000
            assert abs(word.stop - known.stop) < 0.1 * 16_000
    wrong = [replace(utterance, text=utterance.text[::-1].swapcase()) for utterance in utterances]
    scores = [one.score for one in aligner.align(wrong, [one.audio.load() for one in wrong])]
    assert np.mean(scores) < np.mean([one.score for one in found]) - 0.1


def test_the_card_says_what_was_measured(trained: Path) -> None:
    card = (trained / "README.md").read_text()
    for text in ("60 utterances", "8 utterances", "5 characters", "frames of 20 ms", "- boundary_ms: ", "- seed: 0"):
        assert text in card


def test_an_interrupted_run_gives_the_same_bytes(tones: Any, tmp_path: Path) -> None:
    parameters = TOY | {"corpus": tones[0], "steps": 6, "save_every": 2, "dropout": 0.1, "batch_size": 4}
    whole = train(tmp_path / "whole", **parameters)
    for stop in (1, 3, 5):
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / str(stop), stop, **parameters)
        again = train(tmp_path / str(stop), **parameters)
        for path in whole.iterdir():
            assert (again / path.name).read_bytes() == path.read_bytes(), path.name
        assert not (again.parent / "state").exists()


def test_a_finished_run_is_left_as_it_is(tones: Any, tmp_path: Path) -> None:
    parameters = TOY | {"corpus": tones[0], "steps": 2, "batch_size": 4}
    model = train(tmp_path, **parameters)
    (model.parent / "state" / "step-2").mkdir(parents=True)  # as if it had been killed before it was removed
    made = {path: path.stat().st_mtime_ns for path in (model, *model.iterdir())}
    train(tmp_path, 0, **parameters)  # stops at the first step, if there is one
    assert {path: path.stat().st_mtime_ns for path in (model, *model.iterdir())} == made
    assert not (model.parent / "state").exists()


def test_finer_frames_and_bfloat16(tones: Any, tmp_path: Path) -> None:
    fine = train(tmp_path / "fine", corpus=tones[0], frame_ms=10, precision="bfloat16", **(TOY | {"steps": 1}))
    assert read_network(fine).grid.samples == 160
    assert len(read_network(fine)([read_network(fine).inputs(np.zeros(16_000, np.float32))])[0]) == 101


def test_training_goes_on_from_a_model_of_its_own(trained: Path, tones: Any, tmp_path: Path) -> None:
    more = train(
        tmp_path, corpus=tones[0], validation=tones[1], start_from=trained,
        **(TOY | {"steps": 4, "learning_rate": 1e-4, "dim": 999, "heads": 3}),
    )  # fmt: skip
    assert log(tmp_path)[0]["cer"] < 0.15
    assert (more / "config.json").read_text() == (trained / "config.json").read_text()


def test_training_goes_on_from_a_pretrained_model(write_model: Any, tones: Any, tmp_path: Path) -> None:
    start = write_model(tmp_path / "start")
    (start / "vocab.json").unlink()  # without symbols it is one that was only pretrained
    parameters = TOY | {"corpus": tones[0], "start_from": start, "steps": 3, "save_every": 1, "batch_size": 2}
    model = train(tmp_path / "whole", **parameters)
    network = read_network(model)
    assert isinstance(network, HuggingFaceCTC)
    assert set(network.symbols.ids) == set("abcde")
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "again", 1, **parameters)
    again = train(tmp_path / "again", **parameters)
    for path in model.iterdir():
        assert (again / path.name).read_bytes() == path.read_bytes(), path.name
    # transformers reads it too
    theirs = AutoModelForCTC.from_pretrained(model).state_dict()
    assert all((theirs[name] == tensor).all() for name, tensor in network.model.state_dict().items())
    first = read_network(start, characters="abcde").state_dict()
    for name, tensor in network.state_dict().items():
        frozen = "feature_extractor" in name
        assert bool((tensor == first[name]).all()) == frozen or "masked" in name, name


def test_a_finetuned_model_keeps_its_symbols(huggingface_folder: Path, tones: Any, tmp_path: Path) -> None:
    model = train(tmp_path, corpus=tones[0], start_from=huggingface_folder, **(TOY | {"steps": 1, "batch_size": 2}))
    before, after = read_network(huggingface_folder), read_network(model)
    assert after.symbols == before.symbols
    assert after.symbols.separator == 4


def test_utterances_that_are_too_short_for_their_text_are_left_out(tones: Any, tmp_path: Path) -> None:
    dense = [replace(utterance, text=" ".join(["abcde"] * 60)) for utterance in tones[1]]
    train(tmp_path / "some", corpus=Listed([*list(tones[0])[:8], *dense]), **(TOY | {"steps": 3}))
    model = train(tmp_path / "none", corpus=Listed(dense), **(TOY | {"steps": 3}))
    assert not (model.parent / "log.jsonl").exists()  # there was nothing to report


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"steps": 0}, "train-ctc.v1: steps is 0; expected at least 1"),
        ({"dropout": 1.0}, "train-ctc.v1: dropout is 1.0; expected at least 0, less than 1"),
        ({"label_prior": -0.1}, "label_prior is -0.1"),
        ({"learning_rate": 0.0}, "train-ctc.v1: learning_rate is 0.0; expected more than 0"),
        ({"warmup": -1}, "train-ctc.v1: warmup is -1; expected at least 0"),
        ({"heads": 3}, "dim is 32; expected a multiple of heads, 3"),
        ({"kernel_size": 4}, "kernel_size is 4; expected an odd number"),
    ],
)
def test_parameters_that_do_not_fit(tones: Any, wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError) as caught:
        TrainCTC(corpus=tones[0], **(TOY | wrong))
    assert message in str(caught.value)


def test_a_corpus_without_anything_to_learn(tones: Any, tmp_path: Path) -> None:
    mute = [replace(utterance, text="…") for utterance in tones[1]]
    with pytest.raises(RequestError, match="no utterance with sound and a text"):
        train(tmp_path, corpus=Listed(mute), **TOY)
