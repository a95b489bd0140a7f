"""Classifiers in Hugging Face format: the contract, parity with transformers, labels, windows, and what is refused."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from spiritkit_hf.audio_classification import HFAudioClassification
from spiritkit_hf.inputs import heard_at_once
from spiritkit_hf.labels import Labels
from spiritkit_hf.text_classification import HFTextClassification
from spiritkit_hf.words import word_tokenizer, write_tokenizer
from transformers import (
    ASTConfig,
    ASTFeatureExtractor,
    ASTForAudioClassification,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    GPT2Config,
    GPT2ForSequenceClassification,
    RobertaConfig,
    RobertaForSequenceClassification,
    Wav2Vec2Config,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForSequenceClassification,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForAudioClassification,
)

from spiritkit.errors import CheckpointError, InputError, MissingFileError, RequestError
from spiritkit.testing import ClassifierContract
from spiritkit.testing.helpers import noise
from spiritkit.types import Audio

EMOTIONS = ["angry", "happy", "neutral", "sad"]
TEXTS = [
    "the cat sat on the mat, and she was happy",
    "no dog laughed all day long",
    "it is raining in the house by the sea",
]
SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
LABELS: dict[str, Any] = {
    "num_labels": 4, "id2label": dict(enumerate(EMOTIONS)), "label2id": {name: i for i, name in enumerate(EMOTIONS)},
    "initializer_range": 0.3,
}  # fmt: skip


def _text_model(kind: str, size: int) -> Any:
    settings = {"vocab_size": size, "pad_token_id": 0, **LABELS}
    if kind == "bert":
        return BertForSequenceClassification(BertConfig(**settings, **SIZES, max_position_embeddings=64))
    if kind == "roberta":
        return RobertaForSequenceClassification(RobertaConfig(**settings, **SIZES, max_position_embeddings=66))
    return GPT2ForSequenceClassification(GPT2Config(**settings, n_embd=32, n_layer=2, n_head=2, n_positions=64))


def _audio_model(kind: str) -> tuple[Any, Any]:
    if kind == "wav2vec2":  # group norm, as the first released ones have it: it sees padding
        config = Wav2Vec2Config(
            **LABELS, **SIZES, conv_dim=[16, 16], conv_kernel=[40, 16], conv_stride=[20, 16], classifier_proj_size=16,
            num_conv_pos_embeddings=8, num_conv_pos_embedding_groups=4,
        )  # fmt: skip
        return Wav2Vec2ForSequenceClassification(config), Wav2Vec2FeatureExtractor(return_attention_mask=False)
    if kind == "ast":
        config = ASTConfig(
            **LABELS, **SIZES, num_mel_bins=32, max_length=98, patch_size=16, frequency_stride=16, time_stride=16
        )
        return ASTForAudioClassification(config), ASTFeatureExtractor(num_mel_bins=32, max_length=98)
    config = WhisperConfig(
        **{name: value for name, value in LABELS.items() if name != "initializer_range"}, d_model=32, encoder_layers=1,
        encoder_attention_heads=2, encoder_ffn_dim=64, decoder_layers=1, decoder_attention_heads=2, decoder_ffn_dim=64,
        num_mel_bins=16, max_source_positions=50, init_std=0.3, vocab_size=20, pad_token_id=0, bos_token_id=0,
        eos_token_id=0, decoder_start_token_id=0, suppress_tokens=None, begin_suppress_tokens=None,
    )  # fmt: skip
    return WhisperForAudioClassification(config), WhisperFeatureExtractor(feature_size=16, chunk_length=1)


@pytest.fixture(scope="session")
def text_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A folder with a text classifier of a kind. Read only."""

    @cache
    def folder(kind: str) -> Path:
        path = tmp_path_factory.mktemp(kind)
        tokenizer = word_tokenizer(TEXTS, 100, 64)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            _text_model(kind, len(tokenizer)).save_pretrained(path)
        write_tokenizer(path, tokenizer)
        return path

    return folder


@pytest.fixture(scope="session")
def audio_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A folder with an audio classifier of a kind. Read only."""

    @cache
    def folder(kind: str) -> Path:
        path = tmp_path_factory.mktemp(kind)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model, features = _audio_model(kind)
        model.save_pretrained(path)
        features.save_pretrained(path)
        return path

    return folder


class TestHFTextClassification(ClassifierContract):
    component = "hf-text-classification.v1"

    @pytest.fixture(params=["bert", "roberta", "gpt2"])
    def parameters(self, request: pytest.FixtureRequest, text_folder: Callable[[str], Path]) -> dict[str, Any]:
        return {"checkpoint": text_folder(request.param), "batch_size": 3, "device": "cpu"}


class TestHFAudioClassification(ClassifierContract):
    component = "hf-audio-classification.v1"

    @pytest.fixture(params=["wav2vec2", "ast", "whisper"])
    def parameters(self, request: pytest.FixtureRequest, audio_folder: Callable[[str], Path]) -> dict[str, Any]:
        return {"checkpoint": audio_folder(request.param), "device": "cpu"}


def values(found: Sequence[dict[str, float]]) -> list[list[float]]:
    return [list(one.values()) for one in found]


def test_texts_are_judged_as_by_transformers(text_folder: Callable[[str], Path]) -> None:
    for kind in ("bert", "gpt2"):
        folder = text_folder(kind)
        model, tokenizer = (
            AutoModelForSequenceClassification.from_pretrained(folder),
            AutoTokenizer.from_pretrained(folder),
        )
        with torch.inference_mode():
            expected = [
                model(**tokenizer(text, return_tensors="pt", return_token_type_ids=False))
                .logits.softmax(-1)[0]
                .tolist()
                for text in TEXTS
            ]
        part = HFTextClassification(checkpoint=folder, device="cpu")
        assert part.labels == tuple(EMOTIONS)
        np.testing.assert_allclose(values(part.classify(TEXTS)), expected, atol=1e-5)


def test_recordings_are_judged_as_by_transformers(audio_folder: Callable[[str], Path]) -> None:
    sound = noise(0.9, 16_000)
    for kind in ("wav2vec2", "ast", "whisper"):
        folder = audio_folder(kind)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model, features = _audio_model(kind)
        inputs = features(sound.samples, sampling_rate=16_000, return_tensors="pt")
        with torch.inference_mode():
            expected = model.eval()(**inputs).logits.softmax(-1).tolist()
        part = HFAudioClassification(checkpoint=folder, device="cpu")
        np.testing.assert_allclose(values(part.classify([sound])), expected, atol=1e-5)


def test_long_recordings_are_heard_whole(audio_folder: Callable[[str], Path]) -> None:
    """By networks that hear a second at once: logits of windows from beginning to end are averaged."""
    sound = noise(2.4, 16_000)
    for kind, length in (("ast", 97 * 160 + 400), ("whisper", 16_000)):
        part = HFAudioClassification(checkpoint=audio_folder(kind), device="cpu")
        last = len(sound.samples) - length
        windows = [Audio(sound.samples[start : start + length], 16_000) for start in (0, last // 2, last)]
        logs = np.log(values(part.classify(windows))).mean(0)
        np.testing.assert_allclose(values(part.classify([sound])), [np.exp(logs) / np.exp(logs).sum()], atol=1e-5)
    assert heard_at_once(ASTFeatureExtractor(max_length=98)) == 97 * 160 + 400
    assert heard_at_once(WhisperFeatureExtractor()) == 480_000
    assert heard_at_once(Wav2Vec2FeatureExtractor()) is None


def test_labels_are_renamed_merged_and_left_out() -> None:
    logits = torch.log(torch.tensor([[0.1, 0.2, 0.3, 0.4], [0.7, 0.1, 0.1, 0.1]]))
    config = BertConfig(**LABELS)
    merged = Labels(config, {"happy": "positive", "sad": "negative", "angry": "negative", "neutral": "neutral"}, Path())
    assert merged.names == ("positive", "negative", "neutral")
    np.testing.assert_allclose(values(merged.probabilities(logits)), [[0.2, 0.5, 0.3], [0.1, 0.8, 0.1]], atol=1e-6)
    some = Labels(config, {"happy": "positive", "sad": "negative"}, Path())
    np.testing.assert_allclose(values(some.probabilities(logits)), [[1 / 3, 2 / 3], [0.5, 0.5]], atol=1e-6)
    # However improbable all that are left are, their probabilities sum to 1.
    unlikely = some.probabilities(torch.tensor([[900.0, 0.0, 900.0, 1.0]]))[0]
    assert unlikely["negative"] == pytest.approx(1 / (1 + math.exp(-1)))


def test_labels_that_cannot_be_had_are_named(text_folder: Callable[[str], Path], tmp_path: Path) -> None:
    folder = text_folder("bert")
    with pytest.raises(RequestError, match=r"labels\.hapy: .* has no such label; did you mean 'happy'"):
        HFTextClassification(checkpoint=folder, labels={"hapy": "positive"})
    with pytest.raises(RequestError, match="labels leave 1 label"):
        HFTextClassification(checkpoint=folder, labels={"happy": "one", "sad": "one"})
    shutil.copytree(folder, tmp_path / "multi")
    config = json.loads((tmp_path / "multi" / "config.json").read_text())
    (tmp_path / "multi" / "config.json").write_text(
        json.dumps({**config, "problem_type": "multi_label_classification"})
    )
    with pytest.raises(CheckpointError, match="expected a network that chooses one of several labels"):
        HFTextClassification(checkpoint=tmp_path / "multi")


def test_a_head_is_never_made_up(text_folder: Callable[[str], Path], tmp_path: Path) -> None:
    """Transformers alone would draw it at random and warn; what a network has no use for is passed over."""
    folder = tmp_path / "headless"
    shutil.copytree(text_folder("bert"), folder)
    tensors = load_file(folder / "model.safetensors")
    more = {**tensors, "cls.predictions.bias": torch.zeros(7)}
    save_file(more, folder / "model.safetensors", {"format": "pt"})
    assert HFTextClassification(checkpoint=folder, device="cpu").classify(TEXTS)
    less = {name: tensor for name, tensor in tensors.items() if name != "classifier.weight"}
    save_file(less, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(CheckpointError, match=r"no tensor 'classifier\.weight'"):
        HFTextClassification(checkpoint=folder)
    save_file({**less, "classifier.weight": torch.zeros(9, 9)}, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(CheckpointError, match=r"'classifier\.weight' is not \[4, 32\]"):
        HFTextClassification(checkpoint=folder)
    (folder / "model.safetensors").write_bytes(b"x")
    with pytest.raises(CheckpointError, match="not a readable safetensors file"):
        HFTextClassification(checkpoint=folder)


def test_wrong_inputs_are_named(
    text_folder: Callable[[str], Path], audio_folder: Callable[[str], Path], tmp_path: Path
) -> None:
    text = HFTextClassification(checkpoint=text_folder("bert"), device="cpu")
    audio = HFAudioClassification(checkpoint=audio_folder("ast"), device="cpu")
    with pytest.raises(InputError, match="has 102 tokens; the classifier takes 64 at most"):
        text.classify(["word " * 100])
    with pytest.raises(InputError, match="judges text, not Audio"):
        text.classify([noise(1, 16_000)])
    with pytest.raises(InputError, match="judges sound, not str"):
        audio.classify(["hello"])
    with pytest.raises(RequestError, match="batch_size is 0"):
        HFTextClassification(checkpoint=text_folder("bert"), batch_size=0)
    for part in (HFTextClassification, HFAudioClassification):
        with pytest.raises(MissingFileError, match="expected a folder"):
            part(checkpoint=tmp_path / "nowhere")
        with pytest.raises(CheckpointError, match=r"has no config\.json"):
            part(checkpoint=tmp_path)
    with pytest.raises(CheckpointError, match="no feature extractor"):
        HFAudioClassification(checkpoint=text_folder("bert"))
    with pytest.raises(CheckpointError, match="transformers cannot load it"):
        HFTextClassification(checkpoint=_with_tokenizer(audio_folder("ast"), text_folder("bert"), tmp_path))


def _with_tokenizer(model: Path, tokenizer: Path, folder: Path) -> Path:
    shutil.copytree(model, folder / "mixed")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tokenizer / name, folder / "mixed")
    return folder / "mixed"
