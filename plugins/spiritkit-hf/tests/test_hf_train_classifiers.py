"""The trainers of classifiers: they learn, resume exactly, go on from a checkpoint, and write what the parts load."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from spiritkit_hf.audio_classification import HFAudioClassification
from spiritkit_hf.text_classification import HFTextClassification
from spiritkit_hf.train_audio import TrainAudioClassifier
from spiritkit_hf.train_text import TrainTextClassifier
from transformers import (
    AutoModelForAudioClassification,
    AutoModelForSequenceClassification,
    BertModel,
    Wav2Vec2Config,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2Model,
)

from spiritkit.errors import CheckpointError, InputError, RequestError
from spiritkit.interfaces import Corpus
from spiritkit.pipeline import Parts, Pipeline
from spiritkit.testing import StepContract
from spiritkit.testing.step import FakeContext
from spiritkit.types import Audio
from spiritkit.utterances import Utterance

#: What tells a mood.
WORDS = {
    "positive": ["happy", "lovely", "good"],
    "negative": ["sad", "bad", "ill"],
    "neutral": ["blue", "wooden", "round"],
}


class Texts(Corpus):
    """A word tells the mood; the others do not."""

    def __init__(self, size: int, seed: int, moods: tuple[str, ...] = tuple(WORDS)):
        self._size, self._seed, self._moods = size, seed, moods

    def __iter__(self) -> Iterator[Utterance]:
        rng = np.random.default_rng(self._seed)
        for number in range(self._size):
            mood = self._moods[number % len(self._moods)]
            words = rng.choice(["the", "a", "dog", "cat", "house", "was", "saw"], rng.integers(3, 9)).tolist()
            words[int(rng.integers(len(words)))] = str(rng.choice(WORDS[mood]))
            yield Utterance(f"{self._seed}-{number}", text=" ".join(words) + ".", attributes={"mood": mood})

    def __len__(self) -> int:
        return self._size


class Tones(Corpus):
    """Low or high, and of any loudness; of 0.2 to 2 seconds."""

    def __init__(self, size: int, seed: int, rate: int = 16_000):
        self._size, self._seed, self._rate = size, seed, rate

    def __iter__(self) -> Iterator[Utterance]:
        rng = np.random.default_rng(self._seed)
        for number in range(self._size):
            time = np.arange(int(self._rate * rng.uniform(0.2, 2))) / self._rate
            hz = (rng.uniform(150, 300), rng.uniform(600, 1200))[number % 2]
            samples = 10 ** rng.uniform(-2, -0.3) * np.sign(np.sin(2 * np.pi * hz * time))
            audio = Audio((samples + 0.001 * rng.standard_normal(len(time))).astype(np.float32), self._rate)
            yield Utterance(f"{self._seed}-{number}", audio, attributes={"pitch": ("low", "high")[number % 2]})

    def __len__(self) -> int:
        return self._size


TEXT: dict[str, Any] = {
    "label": "mood", "architecture": {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 16},
    "steps": 4, "batch_size": 4, "warmup": 1, "validate_every": 3, "save_every": 2, "device": "cpu",
}  # fmt: skip
SOUND: dict[str, Any] = {
    **TEXT, "label": "pitch", "crop_seconds": 0.5,
    "architecture": {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 16, "num_mel_bins": 32},
}  # fmt: skip


def text(**changes: Any) -> TrainTextClassifier:
    return TrainTextClassifier(**{"corpus": Texts(12, 1), "validation": Texts(6, 2), **TEXT, **changes})


def sound(**changes: Any) -> TrainAudioClassifier:
    return TrainAudioClassifier(**{"corpus": Tones(8, 1), "validation": Tones(4, 2), **SOUND, **changes})


def context(folder: Path, stop: int | None = None) -> FakeContext:
    return FakeContext(folder, Pipeline(Parts()), stop)


def result(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "model").iterdir()}


def reported(folder: Path, name: str) -> list[float]:
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [line[name] for line in lines if name in line]


class ModelFiles(StepContract):
    def _files(self, folder: Path) -> dict[str, bytes]:
        # What is beside the model tells times.
        return {name: data for name, data in super()._files(folder).items() if name.startswith("model/")}


class TestTrainTextClassifier(ModelFiles):
    component = "train-text-classifier.v1"

    @pytest.fixture
    def parameters(self) -> dict[str, Any]:
        return {"corpus": Texts(12, 1), "validation": Texts(6, 2), **TEXT}


class TestTrainAudioClassifier(ModelFiles):
    component = "train-audio-classifier.v1"

    @pytest.fixture
    def parameters(self) -> dict[str, Any]:
        return {"corpus": Tones(8, 1), "validation": Tones(4, 2), **SOUND}


def test_moods_of_texts_are_learned(tmp_path: Path) -> None:
    sizes = {
        "architecture": {"hidden_size": 64, "num_hidden_layers": 1},
        "steps": 150,
        "batch_size": 32,
        "learning_rate": 3e-3,
        "validate_every": 75,
    }
    text(corpus=Texts(300, 1), validation=Texts(60, 2), **sizes).run(context(tmp_path))
    assert reported(tmp_path, "accuracy")[-1] >= 0.95
    assert reported(tmp_path, "share_of_the_most_frequent_label") == pytest.approx([1 / 3, 1 / 3])
    card = (tmp_path / "model" / "README.md").read_text()
    assert f"- accuracy: {reported(tmp_path, 'accuracy')[-1]:.4g}" in card
    assert {path.name for path in tmp_path.iterdir()} <= {"model", "log.jsonl", "tensorboard"}
    part = HFTextClassification(checkpoint=tmp_path / "model", device="cpu")
    assert part.labels == ("negative", "neutral", "positive")
    judged = part.classify(["The HAPPY dog!", "the cat was ill, unheard-of", "a round house"])
    assert [max(one, key=one.__getitem__) for one in judged] == ["positive", "negative", "neutral"]


def test_pitch_of_tones_is_learned(tmp_path: Path) -> None:
    sizes = {"steps": 40, "batch_size": 16, "learning_rate": 5e-3, "validate_every": 20}
    sound(corpus=Tones(60, 1), validation=Tones(20, 2), **sizes).run(context(tmp_path))
    assert reported(tmp_path, "accuracy")[-1] >= 0.95
    part = HFAudioClassification(checkpoint=tmp_path / "model", labels={"low": "man", "high": "bird"}, device="cpu")
    found = part.classify([utterance.audio.load() for utterance in Tones(20, 3) if utterance.audio])
    assert np.mean([one["man"] > 0.5 for one in found[::2]]) >= 0.9
    assert np.mean([one["bird"] > 0.5 for one in found[1::2]]) >= 0.9
    assert part.labels == ("man", "bird")


@pytest.mark.parametrize("make", [text, sound])
@pytest.mark.parametrize("stop", [1, 3])
def test_resume_is_exact(make: Any, stop: int, tmp_path: Path) -> None:
    make().run(context(tmp_path / "whole"))
    with pytest.raises(KeyboardInterrupt):
        make().run(context(tmp_path / "stopped", stop))
    torch.manual_seed(stop)  # whatever the process has drawn before
    np.random.seed(stop)
    make().run(context(tmp_path / "stopped"))
    assert result(tmp_path / "stopped") == result(tmp_path / "whole")


def test_a_text_classifier_begins_with_another(tmp_path: Path) -> None:
    text().run(context(tmp_path / "first"))
    first = tmp_path / "first" / "model"
    more = {"architecture": None, "checkpoint": first, "learning_rate": 1e-12}
    text(**more).run(context(tmp_path / "second"))
    text(**more, corpus=Texts(12, 1, ("positive", "negative")), validation=None).run(context(tmp_path / "two"))
    before, after, two = (
        AutoModelForSequenceClassification.from_pretrained(tmp_path / name / "model").state_dict()
        for name in ("first", "second", "two")
    )
    for name, tensor in before.items():
        torch.testing.assert_close(after[name], tensor)
        if not name.startswith("classifier."):
            torch.testing.assert_close(two[name], tensor)
    assert two["classifier.weight"].shape == (2, 16)
    assert (tmp_path / "second" / "model" / "tokenizer.json").exists()
    assert "None were measured." in (tmp_path / "two" / "model" / "README.md").read_text()
    assert HFTextClassification(checkpoint=tmp_path / "two" / "model", device="cpu").labels == ("negative", "positive")


def test_an_audio_classifier_begins_with_an_encoder(tmp_path: Path) -> None:
    config = Wav2Vec2Config(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, conv_dim=[8, 8],
        conv_kernel=[40, 16], conv_stride=[20, 16], classifier_proj_size=8, num_conv_pos_embeddings=8,
        num_conv_pos_embedding_groups=4, feat_extract_norm="layer",
    )  # fmt: skip
    Wav2Vec2Model(config).save_pretrained(tmp_path / "encoder")
    Wav2Vec2FeatureExtractor(sampling_rate=8000, return_attention_mask=True).save_pretrained(tmp_path / "encoder")
    more = {"architecture": None, "checkpoint": tmp_path / "encoder", "learning_rate": 1e-12}
    sound(**more).run(context(tmp_path / "one"))
    model = AutoModelForAudioClassification.from_pretrained(tmp_path / "one" / "model")
    begun = Wav2Vec2Model.from_pretrained(tmp_path / "encoder").state_dict()
    for name, tensor in begun.items():
        torch.testing.assert_close(model.wav2vec2.state_dict()[name], tensor)
    part = HFAudioClassification(checkpoint=tmp_path / "one" / "model", device="cpu")
    assert part.sample_rate == 8000
    assert part.labels == ("high", "low")
    # Random spectral masks, which this architecture has in training, come from the seed, or there are none.
    with pytest.raises(KeyboardInterrupt):
        sound(**more).run(context(tmp_path / "two", 3))
    np.random.seed(5)
    sound(**more).run(context(tmp_path / "two"))
    assert result(tmp_path / "two") == result(tmp_path / "one")


def test_an_encoder_that_lacks_a_tensor_is_refused(tmp_path: Path) -> None:
    text().run(context(tmp_path / "first"))
    folder = tmp_path / "first" / "model"
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    state = {name: tensor for name, tensor in model.state_dict().items() if "layer.1.output.dense.weight" not in name}
    model.save_pretrained(folder, state_dict=state)
    with pytest.raises(CheckpointError, match=r"no tensor 'bert\.encoder\.layer\.1\.output\.dense\.weight'"):
        text(architecture=None, checkpoint=folder).run(context(tmp_path / "second"))
    assert isinstance(model.bert, BertModel)


def test_utterances_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="utterance '1-0' has no attribute 'moood'"):
        text(label="moood").run(context(tmp_path / "a"))
    with pytest.raises(InputError, match="utterance '2-2' has mood 'neutral'; training knows 'negative', 'positive'"):
        text(corpus=Texts(8, 1, ("positive", "negative"))).run(context(tmp_path / "b"))
    with pytest.raises(InputError, match="all utterances have mood 'positive'"):
        text(corpus=Texts(8, 1, ("positive",))).run(context(tmp_path / "c"))
    with pytest.raises(InputError, match="corpus has no utterance with text"):
        text(corpus=Tones(4, 1)).run(context(tmp_path / "d"))
    with pytest.raises(InputError, match=r"utterance '1-0' has \d+ tokens; the network takes 4 at most"):
        text(architecture={**TEXT["architecture"], "max_position_embeddings": 4}).run(context(tmp_path / "e"))


@pytest.mark.parametrize("make", [text, sound])
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"checkpoint": "x"}, "architecture is the checkpoint's"),
        ({"architecture": {"hiden_size": 3}}, "architecture.hiden_size: .* did you mean 'hidden_size'"),
        ({"steps": 0}, "steps is 0"),
        ({"warmup": -1}, "warmup is -1"),
    ],
)
def test_wrong_values_are_named(make: Any, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        make(**changes)


def test_wrong_values_of_one_are_named(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="word_dropout is 1"):
        text(word_dropout=1.0)
    with pytest.raises(RequestError, match="crop_seconds is 0.1"):
        sound(crop_seconds=0.1)
    with pytest.raises(RequestError, match="max_length follows from crop_seconds"):
        sound(architecture={"max_length": 100})
    with pytest.raises(RequestError, match="no network can be made of these sizes"):
        text(architecture={**TEXT["architecture"], "num_attention_heads": 5}).run(context(tmp_path))
