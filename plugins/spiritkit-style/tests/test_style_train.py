"""train-style.v1: it learns classes of each kind, resumes exactly, and writes what the tokenizer loads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from spiritkit_style.classifier import Wav2Vec2Style
from spiritkit_style.figures import mutual_information, purity, style_figures
from spiritkit_style.network import start_at_centroids
from spiritkit_style.prosody import FEATURES, prosody
from spiritkit_style.train import TrainStyle
from transformers import Wav2Vec2ForSequenceClassification

import spiritkit
from spiritkit.errors import CheckpointError, InputError, RequestError
from spiritkit.interfaces import F0
from spiritkit.pipeline import Parts, Pipeline
from spiritkit.testing import StepContract
from spiritkit.testing.step import FakeContext
from spiritkit.types import Audio

ARCHITECTURE: dict[str, Any] = {
    "conv_dim": [64, 32], "conv_kernel": [400, 3], "conv_stride": [320, 2], "conv_bias": True,
    "feat_extract_norm": "layer", "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
    "intermediate_size": 64, "num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 4,
    "layerdrop": 0.0,
}  # fmt: skip
SMALL: dict[str, Any] = {
    "classes": 4, "architecture": ARCHITECTURE, "projected": 16, "steps": 4, "batch_size": 3, "crop_seconds": 2,
    "learning_rate": 2e-3, "warmup": 2, "validate_every": 3, "save_every": 2, "device": "cpu",
}  # fmt: skip


@pytest.fixture
def small(tones, autocorrelation) -> dict[str, Any]:
    return {"corpus": tones(8, 1), "validation": tones(2, 2), "f0": autocorrelation, **SMALL}


def context(folder: Path, stop: int | None = None) -> FakeContext:
    return FakeContext(folder, Pipeline(Parts()), stop)


def result(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "model").iterdir()}


def reported(folder: Path, name: str) -> list[float]:
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [line[name] for line in lines if name in line]


class TestTrainStyle(StepContract):
    component = "train-style.v1"

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
def trained(tones, autocorrelation, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    parameters = {**SMALL, "features": ["f0_level", "tilt"], "steps": 60, "batch_size": 6, "learning_rate": 5e-3,
                  "validate_every": 30, "save_every": 30}  # fmt: skip
    TrainStyle(corpus=tones(32, 1), validation=tones(8, 2), f0=autocorrelation, **parameters).run(context(folder))
    return folder


def test_it_learns_clusters_of_prosody(trained):
    losses = reported(trained, "loss")
    assert losses[-1] < 0.5 * losses[0]
    assert reported(trained, "agreement")[-1] >= 0.9
    assert reported(trained, "style_information_of_codes")[-1] > 0.8  # pitch, of each speaker, and tilt make the styles


def test_card_has_the_last_figures_and_the_features_are_gone(trained):
    card = (trained / "model" / "README.md").read_text()
    assert f"- agreement: {reported(trained, 'agreement')[-1]:.4g}" in card
    assert "k-means clusters of f0_level, tilt, with F0 by Autocorrelation" in card
    assert {path.name for path in trained.iterdir()} <= {"model", "log.jsonl", "tensorboard"}


def test_result_works_in_a_recipe(trained, tmp_path, tones):
    recipe = tmp_path / "r.yaml"
    recipe.write_text(
        f"tokenizers:\n  style: {{use: wav2vec2-style.v1, checkpoint: {trained / 'model'}}}\n"
        "serializer: {use: time-merge.v1}\n"
    )
    pipeline = spiritkit.load(recipe)
    codes = [pipeline.encode(tones(8, 3).audio(index))["style"] for index in (0, 2, 4, 6)]
    assert pipeline.encode(tones(8, 3).audio(0)).specs[0].size == 4
    assert len({int(one[0]) for one in codes}) == 4


def test_transformers_loads_the_result(trained, tones):
    model, loading = Wav2Vec2ForSequenceClassification.from_pretrained(trained / "model", output_loading_info=True)
    assert not loading["missing_keys"]
    assert not loading["unexpected_keys"]
    audio = Audio(tones(8, 3).audio(2).samples[:16000], 16000)
    wave = torch.from_numpy((audio.samples - audio.samples.mean()) / audio.samples.std())[None]
    with torch.inference_mode():
        theirs = int(model.eval()(wave).logits.argmax())  # of the mean over all frames: here, one second
    assert Wav2Vec2Style(checkpoint=trained / "model", device="cpu").encode([audio])[0]["style"].tolist() == [theirs]


@pytest.mark.parametrize("stop", [5, 9, 11, 12])  # in the features of both corpora, and in the steps
def test_resume_is_exact(small, tmp_path, stop):
    small = {**small, "architecture": {**ARCHITECTURE, "hidden_dropout": 0.1}}
    TrainStyle(**small).run(context(tmp_path / "whole"))
    with pytest.raises(KeyboardInterrupt):
        TrainStyle(**small).run(context(tmp_path / "stopped", stop))
    TrainStyle(**small).run(context(tmp_path / "stopped"))
    assert result(tmp_path / "stopped") == result(tmp_path / "whole")


def test_labels_give_a_classifier_of_them(small, tmp_path):
    TrainStyle(**{**small, "f0": None, "labels": "style"}).run(context(tmp_path))
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["id2label"] == {"0": "bright high", "1": "bright low", "2": "dull high", "3": "dull low"}
    assert Wav2Vec2Style(checkpoint=tmp_path / "model", device="cpu").streams[0].size == 4


def test_teacher_gives_clusters_of_its_layer(small, tmp_path, style_folder):
    parameters = {**small, "f0": None, "teacher": style_folder, "teacher_layer": 1, "classes": 3}
    TrainStyle(**parameters).run(context(tmp_path))
    assert Wav2Vec2Style(checkpoint=tmp_path / "model", device="cpu").streams[0].size == 3
    assert "layer 1 of" in (tmp_path / "model" / "README.md").read_text()


def test_checkpoint_is_where_training_begins(small, tmp_path, style_folder, released):
    parameters = {**small, "architecture": None, "checkpoint": style_folder, "learning_rate": 1e-12}
    TrainStyle(**parameters).run(context(tmp_path))
    model = Wav2Vec2ForSequenceClassification.from_pretrained(tmp_path / "model")
    state = model.state_dict()
    for name in ("encoder.layers.0.attention.k_proj.weight", "feature_extractor.conv_layers.0.conv.weight"):
        torch.testing.assert_close(state[f"wav2vec2.{name}"], released[f"wav2vec2.{name}"])
    norm = "wav2vec2.encoder.pos_conv_embed.conv."
    weight_v = released[norm + "weight_v"]
    expected = weight_v * (released[norm + "weight_g"] / weight_v.norm(dim=(0, 1), keepdim=True))
    torch.testing.assert_close(model.wav2vec2.encoder.pos_conv_embed.conv.weight, expected)
    assert model.classifier.weight.shape == (4, 16)


def test_checkpoint_that_lacks_a_tensor_is_refused(small, tmp_path, style_folder, released):
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "config.json").write_bytes((style_folder / "config.json").read_bytes())
    lacking = {name: tensor for name, tensor in released.items() if "pos_conv_embed.conv.weight" not in name}
    torch.save(lacking, folder / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=r"no tensor 'wav2vec2\.encoder\.pos_conv_embed\.conv\.weight'"):
        TrainStyle(**{**small, "architecture": None, "checkpoint": folder}).run(context(tmp_path / "out"))


def test_nearest_centroid_is_where_the_classifier_begins():
    torch.manual_seed(0)
    head = torch.nn.Module()
    head.classifier = torch.nn.Linear(6, 5)
    centroids, projected = torch.randn(5, 3), torch.randn(40, 6)
    start_at_centroids(head, centroids)
    nearest = torch.cdist(projected[:, :3], centroids).argmin(1)
    assert torch.equal(head.classifier(projected).argmax(1), nearest)


def features(audio: Audio, track: F0, **changes: Any) -> dict[str, np.ndarray]:
    return dict(zip(FEATURES, prosody(audio.samples, track, 200.0, **changes).T, strict=True))


def glide(octaves_a_second: float, seconds: float) -> tuple[Audio, F0]:
    time = np.arange(int(seconds * 200) + 1) / 200
    fine = np.arange(int(seconds * 16000)) / 16000
    phase = np.cumsum(2 * np.pi * 200 * 2 ** (octaves_a_second * fine) / 16000)
    audio = Audio((0.3 * np.sin(phase)).astype(np.float32), 16000)
    return audio, F0((200 * 2 ** (octaves_a_second * time)).astype(np.float32), np.ones(len(time), dtype=np.float32))


def test_prosody_of_a_glide():
    found = features(*glide(0.5, 3))
    np.testing.assert_allclose(found["f0_level"], np.log2(200) + 0.5 * np.array([0.5, 1.5, 2.5]), atol=0.01)
    np.testing.assert_allclose(found["f0_slope"], 0.5, atol=0.01)
    np.testing.assert_allclose(found["f0_range"], 0.5 / np.sqrt(12), atol=0.01)
    np.testing.assert_allclose(found["voiced_share"], 1)
    np.testing.assert_allclose(found["loudness"], found["loudness"][0], atol=1)
    assert (found["tilt"] < -20).all()


def test_window_is_around_the_middle_and_inside_the_recording():
    level = features(*glide(0.5, 4.2), window=2.0)["f0_level"]
    # Middles of the windows: 1 s (moved in), 1.5, 2.5, 3.2 (moved in), 3.2 s.
    np.testing.assert_allclose(level, np.log2(200) + 0.5 * np.array([1, 1.5, 2.5, 3.2, 3.2]), atol=0.01)


def test_rest_of_a_second_is_described_by_a_whole_one():
    level = features(*glide(0.5, 2.05))["f0_level"]
    np.testing.assert_allclose(level, np.log2(200) + 0.5 * np.array([0.5, 1.5, 1.55]), atol=0.01)


def test_louder_and_brighter_seconds_are_told():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=32000).astype(np.float32) * 0.1
    noise[:16000] = np.convolve(noise[:16000], np.ones(20) / 20, "same") * 0.2
    found = features(Audio(noise, 16000), F0(np.zeros(401, dtype=np.float32), np.zeros(401, dtype=np.float32)))
    assert found["tilt"][1] > found["tilt"][0] + 5
    assert found["loudness"][1] > found["loudness"][0] + 10


def test_prosody_is_finite_whatever_the_sound(difficult, autocorrelation):
    for audio in difficult:
        n = len(audio.samples) // 80 + 1
        for hz, voiced in ((0.0, 0.0), (120.0, 1.0)):
            track = F0(np.full(n, hz, dtype=np.float32), np.full(n, voiced, dtype=np.float32))
            found = prosody(audio.samples, track, 200.0)
            assert found.shape == (-(-len(audio.samples) // 16000), len(FEATURES))
            assert np.isfinite(found).all()


def test_figures_by_hand():
    codes, labels = np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0])
    assert mutual_information(codes, labels) == pytest.approx(1)
    assert purity(codes, labels) == 1
    assert mutual_information(np.array([0, 1, 0, 1]), labels) == pytest.approx(0)
    assert purity(np.array([0, 0, 0, 1]), labels) == pytest.approx(0.75)
    figures = style_figures(codes, np.array([0, 0, 1, 0]), ["sad", "happy"], np.array([0, 0, 1, 1]))
    assert figures["agreement"] == 0.75
    assert figures["codes_used"] == 2
    assert figures["style_purity_of_codes"] == 1
    assert figures["style_purity_of_classes"] == 0.75
    assert set(style_figures(codes, labels, None, codes)) == {"agreement", "codes_used"}


def test_recordings_too_short_for_a_frame_do_no_harm(small, tmp_path, tones, monkeypatch):
    whole = tones.audio
    short = [Audio(np.full(n, 0.1, dtype=np.float32), 16000) for n in (0, 100)]
    monkeypatch.setattr(tones, "audio", lambda self, index: whole(self, index) if index % 3 else short[index % 2])
    TrainStyle(**small).run(context(tmp_path))
    assert np.isfinite(reported(tmp_path, "loss")).all()


def test_validation_without_a_frame_is_refused(small, tmp_path, tones):
    class Short(tones):
        def audio(self, index):
            return Audio(np.full(100, 0.1, dtype=np.float32), 16000)

    with pytest.raises(InputError, match="no recording of the validation corpus is long enough"):
        TrainStyle(**{**small, "validation": Short(2, 2)}).run(context(tmp_path))


def test_without_validation_nothing_is_claimed(small, tmp_path):
    TrainStyle(**{**small, "validation": None}).run(context(tmp_path))
    assert "None were measured." in (tmp_path / "model" / "README.md").read_text()


def test_corpus_without_the_label_is_refused(small, tmp_path):
    with pytest.raises(InputError, match="utterance '1-0' has no attribute 'mood'"):
        TrainStyle(**{**small, "f0": None, "labels": "mood"}).run(context(tmp_path))


def test_label_that_training_does_not_know_is_named(small, tmp_path, tones):
    parameters = {**small, "corpus": tones(2, 1), "validation": tones(4, 2), "f0": None, "labels": "style"}
    with pytest.raises(InputError, match="utterance '2-2' has style 'dull high'; training knows 'dull low'"):
        TrainStyle(**parameters).run(context(tmp_path))


def test_fewer_seconds_than_clusters_are_refused(small, tmp_path):
    with pytest.raises(InputError, match="500 clusters need at least as many"):
        TrainStyle(**{**small, "classes": 500}).run(context(tmp_path))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"f0": None}, "exactly one of f0, teacher and labels"),
        ({"labels": "style"}, "exactly one of f0, teacher and labels"),
        ({"teacher_layer": 3}, "teacher and teacher_layer go together"),
        ({"checkpoint": "x"}, "architecture is the checkpoint's"),
        ({"features": ["f0_levl"]}, "no feature 'f0_levl'; did you mean 'f0_level'"),
        ({"architecture": {"hidden": 3}}, "architecture.hidden: wav2vec 2.0 has no such value"),
        ({"architecture": {"conv_dim": [3]}}, "architecture: "),
        ({"architecture": {"conv_stride": [7] * 7}}, "architecture.conv_stride is"),
        ({"architecture": {"conv_stride": "x" * 7}}, "architecture: "),
        ({"classes": 0}, "classes is 0"),
        ({"warmup": -1}, "warmup is -1"),
    ],
)
def test_wrong_values_are_named(small, changes, message):
    with pytest.raises(RequestError, match=message):
        TrainStyle(**{**small, **changes})


def test_sizes_that_do_not_go_together_are_refused(small, tmp_path):
    with pytest.raises(RequestError, match="no wav2vec 2.0 can be made of these sizes"):
        TrainStyle(**{**small, "architecture": {**ARCHITECTURE, "num_attention_heads": 5}}).run(context(tmp_path))
