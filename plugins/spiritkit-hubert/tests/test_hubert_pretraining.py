"""train-hubert.v1: it learns, goes on exactly where it was stopped, and writes what hubert.v1 loads."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from spiritkit_hubert.architecture import Architecture
from spiritkit_hubert.crops import Crops, Masking
from spiritkit_hubert.frames import FrameGrid
from spiritkit_hubert.layer_features import HubertFeatures
from spiritkit_hubert.masking import span_mask
from spiritkit_hubert.own_format import save_hubert
from spiritkit_hubert.phone_labels import read_lexicon
from spiritkit_hubert.phone_targets import phone_targets
from spiritkit_hubert.pretraining import MaskedPrediction
from spiritkit_hubert.targets import Targets, encode_targets
from spiritkit_hubert.tokenizer import HubertTokenizer
from spiritkit_hubert.train_hubert import TrainHubert
from transformers import HubertModel

from spiritkit.data.recordings import Recordings
from spiritkit.errors import CheckpointError, InputError, RequestError
from spiritkit.pipeline import Parts, Pipeline
from spiritkit.testing import StepContract, UnitTokenizerContract
from spiritkit.testing.step import FakeContext
from spiritkit.types import Audio

SMALL: dict[str, Any] = {
    "steps": 4, "batch_size": 4, "accumulate": 2, "crop_seconds": 0.6, "warmup": 1, "learning_rate": 4e-3,
    "validate_every": 2, "save_every": 2, "device": "cpu",
}  # fmt: skip
SIZES: dict[str, Any] = {
    "layers": 2, "width": 32, "heads": 2, "feed_forward": 64, "channels": 16, "mels": 20, "position_kernel": 16,
}  # fmt: skip


def log(folder) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_loss_falls(trained):
    lines = log(trained)
    losses = [line["loss"] for line in lines if "loss" in line]
    measured = [line for line in lines if "validation_masked_accuracy" in line]
    assert [line["step"] for line in measured] == [30, 60]
    assert losses[-1] < 0.8 * losses[0]
    assert measured[1]["validation_masked_loss"] < measured[0]["validation_masked_loss"] < np.log(8)
    assert measured[1]["validation_masked_accuracy"] > 0.35  # chance is about a sixth


def test_result_is_a_model_and_a_card_and_works_in_a_pipeline(trained, quantizer, melodies):
    assert sorted(path.name for path in trained.iterdir()) == ["log.jsonl", "model", "tensorboard"]
    assert {path.name for path in (trained / "model").iterdir()} == {"README.md", "config.json", "model.safetensors"}
    card = (trained / "model" / "README.md").read_text()
    last = [line for line in log(trained) if "validation_masked_loss" in line][-1]
    assert f"- validation_masked_loss: {last['validation_masked_loss']:.4g}" in card
    assert "- training: 40 recordings, 0.0" in card
    tokenizer = HubertTokenizer(checkpoint=trained / "model", layer=1, quantizer=quantizer, device="cpu")
    audios = [utterance.audio.load() for utterance in melodies(3, 5)]
    pipeline = Pipeline(Parts(tokenizers={"hubert": lambda: tokenizer}))
    for audio, units in zip(audios, pipeline.encode_batch(audios), strict=True):
        assert units.specs[0].rate == Fraction(2499, 100)
        assert abs(len(units["hubert"]) - float(audio.duration) * 25) < 2
        assert len(np.unique(units["hubert"])) > 3


def test_waveform_models_are_plain_hugging_face_folders(trained, noise):
    if json.loads((trained / "model" / "config.json").read_text())["model_type"] == "hubert":
        model = HubertModel.from_pretrained(trained / "model").eval()
        audio = noise(16_000)
        with torch.inference_mode():
            expected = model(torch.from_numpy(audio.samples)[None]).last_hidden_state[0]
        [features] = HubertFeatures(checkpoint=trained / "model", layer=2, device="cpu").features([audio])
        torch.testing.assert_close(features, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("front_end", ["log-mel", "waveform"])
@pytest.mark.parametrize("frame_rate", [25, 50])
def test_training_sees_the_features_that_the_tokenizer_computes(tmp_path, noise, front_end, frame_rate):
    """Of rows with silence behind them too, and whatever the frame rate."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = Architecture(front_end=front_end, frame_rate=frame_rate, **SIZES).build()
        network = MaskedPrediction(model, n_classes=5).eval()
    save_hubert(model, tmp_path)
    features = HubertFeatures(checkpoint=tmp_path, layer=2, device="cpu")
    assert features.rate == Fraction(100 * frame_rate - 1, 100)
    assert features.grid == network.grid
    audios = [noise(16_000), noise(9_000, 1)]
    waveforms = torch.nn.utils.rnn.pad_sequence([torch.from_numpy(a.samples) for a in audios], batch_first=True)
    counts = [network.grid.frames(len(audio.samples)) for audio in audios]
    outputs: list[torch.Tensor] = []
    model.encoder.register_forward_hook(lambda _module, _inputs, output: outputs.append(output.last_hidden_state))
    nothing = torch.zeros(2, counts[0], 1, dtype=torch.long)
    with torch.no_grad():
        network(waveforms, torch.tensor([16_000, 9_000]), nothing, torch.zeros(2, counts[0], dtype=torch.bool))
    for row, expected in enumerate(features.features(audios)):
        assert len(expected) == counts[row]
        torch.testing.assert_close(outputs[0][row, : counts[row]], expected, atol=2e-5, rtol=1e-4)


def test_hidden_frames_cannot_be_seen(noise):
    """What is predicted for hidden frames depends on the others only."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        network = MaskedPrediction(Architecture(front_end="log-mel", **SIZES).build(), n_classes=5).eval()
    first, second = torch.from_numpy(noise(16_000).samples), torch.from_numpy(noise(16_000, 1).samples)
    frames = network.grid.frames(16_000)
    hidden = torch.zeros(1, frames, dtype=torch.bool)
    hidden[0, 10:] = True
    # Samples that only hidden frames see are others.
    other = torch.cat([first[: 9 * 640 + 1040], second[9 * 640 + 1040 :]])
    lengths = torch.tensor([16_000])
    targets = torch.randint(5, (1, frames, 1), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        losses = [float(network(x[None], lengths, targets, hidden).loss) for x in (first, other)]
        seen = float(network(other[None], lengths, targets, hidden.roll(10)).loss)
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
    assert seen != pytest.approx(losses[0], rel=1e-3)


def test_loss_is_the_cross_entropy_of_scaled_cosines(noise):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = Architecture(front_end="log-mel", **SIZES).build()
        network = MaskedPrediction(model, n_classes=5, parts=2, unmasked_weight=0.5).eval()
    frames = network.grid.frames(16_000)
    targets = torch.stack([torch.arange(frames) % 5, torch.arange(frames) // 3 % 5], dim=-1)[None]
    hidden = (torch.arange(frames)[None] // 4) % 2 == 0
    outputs: list[torch.Tensor] = []
    model.encoder.register_forward_hook(lambda _module, _inputs, output: outputs.append(output.last_hidden_state[0]))
    with torch.no_grad():
        found = network(torch.from_numpy(noise(16_000).samples)[None], torch.tensor([16_000]), targets, hidden)
        projected = network.projection(outputs[0]).unflatten(-1, (2, 256))
        cosines = torch.cosine_similarity(projected[:, :, None], network.classes, dim=-1) / 0.1
    losses = -cosines.log_softmax(-1).gather(-1, targets[0][..., None])
    masked, others = losses[hidden[0]].mean(), losses[~hidden[0]].mean()
    assert float(found.masked_loss) == pytest.approx(float(masked), rel=1e-5)
    assert float(found.loss) == pytest.approx(float(masked + 0.5 * others), rel=1e-5)
    right = (cosines.argmax(-1) == targets[0])[hidden[0]].float().mean()
    assert float(found.masked_accuracy) == pytest.approx(float(right))


# -- resumption -------------------------------------------------------------------------------------------------------


class TestTrainHubert(StepContract):
    component = "train-hubert.v1"

    @pytest.fixture(params=["log-mel", "waveform"])
    def parameters(self, request, melodies, cepstra) -> dict[str, Any]:
        architecture = Architecture(front_end=request.param, **SIZES)
        corpora = {"corpus": melodies(6, 1), "validation": melodies(3, 2)}
        return {**corpora, "targets": cepstra, "architecture": architecture, **SMALL}

    def _files(self, folder):
        # What is beside the model tells times.
        return {name: data for name, data in super()._files(folder).items() if name.startswith("model/")}

    def test_a_finished_run_trains_no_more(self, make, pipeline, tmp_path) -> None:
        make().run(FakeContext(tmp_path, pipeline))
        make().run(FakeContext(tmp_path, pipeline, stop=0))  # which ends at the first item of work


@pytest.mark.parametrize("stop", [4, 5])
def test_stopped_between_and_behind_kept_states(tmp_path, melodies, cepstra, run_step, stop):
    """Two items of work encode targets: it stops before training step 3 and 4 of 4, with a state kept after 2."""
    parameters = {"corpus": melodies(6, 1), "validation": melodies(3, 2), "targets": cepstra, **SMALL}
    step = TrainHubert(architecture=Architecture(front_end="log-mel", **SIZES), **parameters)
    expected = run_step(step, tmp_path / "whole")
    folder = run_step(step, tmp_path / "stopped", stop=stop)
    assert [path.name for path in (folder / "state").iterdir()] == ["step-2"]
    run_step(step, folder)
    for name in ("model.safetensors", "README.md"):
        assert (folder / "model" / name).read_bytes() == (expected / "model" / name).read_bytes()
    assert [{**line, "seconds_per_step": 0} for line in log(folder)] == [
        {**line, "seconds_per_step": 0} for line in log(expected)
    ]


# -- what is hidden, and what is predicted ----------------------------------------------------------------------------


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=5), st.floats(0, 1), st.integers(1, 12), st.integers(0, 1 << 30)
)
def test_masks_are_spans_within_their_rows(lengths, probability, span, seed):
    mask = span_mask(np.array(lengths), probability, span, np.random.default_rng(seed))
    assert mask.shape == (len(lengths), max(lengths))
    for row, length in zip(mask, lengths, strict=True):
        assert row[:length].any()
        assert not row[length:].any()
        edges = np.flatnonzero(np.diff(np.concatenate([[0], row[:length].astype(int), [0]])))
        for start, stop in zip(edges[::2], edges[1::2], strict=True):
            assert stop - start >= span or stop == length
        if probability == 0:
            assert row.sum() <= span


def test_masks_hide_the_share_that_is_expected():
    mask = span_mask(np.full(50, 400), 0.08, 10, np.random.default_rng(0))
    assert mask.mean() == pytest.approx(1 - 0.92**10, abs=0.02)


def test_targets_are_the_codes_in_force_in_the_middle_of_a_frame_s_parts():
    grid = FrameGrid(stride=640, receptive_field=1040)
    codes = np.arange(200, dtype=np.int32)
    first, samples = np.array([0, 0, 150, 200]), np.array([100, 96_000, 32_000])
    targets = Targets(codes, first, samples, size=200, rate=Fraction(4999, 100), sample_rate=16_000)
    assert targets.usable(grid).tolist() == [1, 2]
    # Frame i has its middle 40 i + 32.5 ms after the beginning; codes are 20.004 ms long.
    assert targets.of(1, grid, 0, 4).tolist() == [[1], [3], [5], [7]]
    assert targets.of(2, grid, 10, 3).tolist() == [[171], [173], [175]]
    assert targets.of(2, grid, 24, 3).tolist() == [[199], [199], [199]]  # the last code goes on
    # The middles of its halves are 10 ms before and after that, those of its quarters 15 and 5 ms.
    assert targets.of(1, grid, 0, 2, parts=2).tolist() == [[1, 2], [3, 4]]
    assert targets.of(1, grid, 0, 2, parts=4).tolist() == [[0, 1, 1, 2], [2, 3, 3, 4]]
    assert targets.of(2, grid, 24, 2, parts=2).tolist() == [[199, 199], [199, 199]]
    same = Targets(codes, first, samples, size=200, rate=Fraction(2499, 100), sample_rate=16_000)
    assert same.of(1, grid, 5, 100).tolist() == [[code] for code in range(5, 105)]
    early = Targets(codes, first, samples, size=200, rate=Fraction(100), sample_rate=16_000)
    assert early.of(1, FrameGrid(stride=640, receptive_field=400), 0, 2, parts=2).tolist() == [[0, 2], [4, 6]]


@pytest.fixture
def lexicon(tmp_path):
    """Tones 0 and 1 have two phones each, one of which they share; tone 5 is missing."""
    path = tmp_path / "lexicon.txt"
    path.write_text("t0 A B\nt1 B C\nt2 D\nt3 E\nt4 F\n")
    return path


@pytest.mark.parametrize("parts", [1, 2])
def test_phones_are_predicted(melodies, lexicon, run_step, tmp_path, parts):
    step = TrainHubert(
        corpus=melodies(40, 1), validation=melodies(8, 2), lexicon=lexicon,
        architecture=Architecture(front_end="log-mel", dropout=0.0, layer_drop=0.0, **SIZES),
        **SMALL | {"steps": 60, "batch_size": 8, "crop_seconds": 1.0, "unmasked_weight": 1.0, "validate_every": 30},
        targets_per_frame=parts,
    )  # fmt: skip
    folder = run_step(step, tmp_path / "out")
    measured = [line["validation_masked_loss"] for line in log(folder) if "validation_masked_loss" in line]
    assert measured[1] < measured[0] < np.log(8)
    card = (folder / "model" / "README.md").read_text()
    assert "masked prediction of 8 phones" in card  # A to F, and the letters of t5


def test_phones_are_those_of_the_word_times(melodies, lexicon, tmp_path):
    corpora = [Recordings(melodies(count, seed), 16_000) for count, seed in ((4, 1), (2, 2))]
    found = phone_targets(corpora, read_lexicon(lexicon), FakeContext(tmp_path, Pipeline(Parts())))
    names = ["5", "A", "B", "C", "D", "E", "F", "t"]
    for recordings, targets in zip(corpora, found, strict=True):
        assert (targets.size, targets.rate, targets.seconds) == (8, 100, targets.samples.sum() / 16_000)
        for index, utterance in enumerate(recordings.utterances):
            codes = targets.codes[targets.first[index] : targets.first[index + 1]]
            assert len(codes) == len(recordings.load(index)) // 160
            for word in utterance.alignment.words:
                phones = {"t0": "AB", "t1": "BC", "t2": "D", "t3": "E", "t4": "F", "t5": "t5"}[word.text]
                edge = (word.stop - word.start) // 8
                at = [(word.start + edge) // 160, (word.stop - edge) // 160]
                assert [names[codes[place]] for place in at] == [phones[0], phones[-1]]


def test_phones_want_word_times(melodies, lexicon, tmp_path):
    class Untimed(type(melodies(1, 1))):
        def __iter__(self):
            yield from (replace(utterance, alignment=None) for utterance in super().__iter__())

    with pytest.raises(InputError, match="utterance 'm0' has no word times"):
        TrainHubert(corpus=Untimed(2, 1), lexicon=lexicon, **SMALL).run(FakeContext(tmp_path, Pipeline(Parts())))


def test_what_is_predicted_is_said_once(melodies, cepstra, lexicon):
    for given_ in ({}, {"targets": cepstra, "lexicon": lexicon}):
        with pytest.raises(RequestError, match="exactly one of targets and lexicon"):
            TrainHubert(corpus=melodies(2, 1), **given_, **SMALL)


def test_crops_are_on_the_grid_with_their_own_targets(melodies, cepstra, tmp_path):
    recordings = Recordings(melodies(5, 3), 16_000)
    context = FakeContext(tmp_path, Pipeline(Parts()))
    targets = encode_targets(cepstra, recordings, tmp_path / "targets", context)
    grid = FrameGrid(stride=640, receptive_field=1040)
    crops = Crops(recordings, targets, grid=grid, frames=12, masking=Masking(0.2, 3), seed=1)
    batch = crops.batch(3, 5)
    visited = set()
    for row in range(5):
        piece = batch.waveforms[row].numpy()
        assert int(batch.lengths[row]) == 11 * 640 + 1040
        for index in range(5):
            samples = recordings.load(index)
            for frame in range(grid.frames(len(samples)) - 11):
                if np.array_equal(samples[frame * 640 : frame * 640 + len(piece)], piece):
                    visited.add(index)
                    [units] = cepstra().encode([Audio(samples, 16_000)])
                    assert batch.targets[row, :, 0].tolist() == units["units"][frame : frame + 12].tolist()
    assert visited == set(range(5))  # each epoch has all
    again = crops.batch(3, 5)
    assert all(torch.equal(getattr(batch, name), getattr(again, name)) for name in vars(batch))
    assert not torch.equal(crops.batch(4, 5).waveforms, batch.waveforms)


def test_recordings_that_are_too_short_are_left_out(noise, melodies, cepstra, tmp_path, run_step):
    class Short(type(melodies(1, 0))):
        def __iter__(self):
            from spiritkit.utterances import Utterance

            yield from super().__iter__()
            yield Utterance("short", audio=noise(900))

    parameters = {"targets": cepstra, "architecture": Architecture("log-mel", **SIZES), **SMALL}
    run_step(TrainHubert(corpus=Short(3, 1), **parameters), tmp_path / "a")
    assert (tmp_path / "a" / "model").exists()
    with pytest.raises(InputError, match="no recording of the corpus is as long as a frame"):
        run_step(TrainHubert(**{**parameters, "corpus": Short(0, 1)}), tmp_path / "b")


# -- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"steps": 0}, "train-hubert.v1: steps is 0; expected more than 0"),
        ({"warmup": -1}, "train-hubert.v1: warmup is -1; expected at least 0"),
        ({"mask_probability": 1.5}, "mask_probability is 1.5; expected more than 0, at most 1"),
    ],
)
def test_wrong_parameters(melodies, cepstra, wrong, message):
    with pytest.raises(RequestError, match=message):
        TrainHubert(corpus=melodies(1, 0), targets=cepstra, **wrong)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"layers": 0}, "layers is 0"), ({"width": 40}, "width is 40; expected a multiple of heads"),
     ({"dropout": 1.0}, "dropout is 1.0")],
)  # fmt: skip
def test_wrong_architectures(wrong, message):
    with pytest.raises(RequestError, match=f"architecture: {message}"):
        Architecture(**wrong)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"front_end": 3}, "front_end is 3; expected mels"),
        ({"front_end": {"mels": 20, "channels": 16, "kernels": [3, 2], "strides": "22"}}, "front_end strides is '22'"),
        ({"front_end": {"mels": 20, "channels": 16, "kernels": [3], "strides": [2, 2]}}, "1 kernels and 2 strides"),
        ({"front_end": {"mels": 21, "channels": 16, "kernels": [3, 2], "strides": [2, 2]}}, "expected \\[16, 21, 3\\]"),
        ({"hidden_size": "32"}, "hidden_size is '32'; expected a positive whole number"),
        ({"num_attention_heads": 5}, "hidden_size 32 is not a multiple of num_attention_heads 5"),
        ({"model_type": "bert"}, "model_type is 'bert'; expected 'hubert' or 'log-mel-hubert'"),
    ],
)
def test_spoilt_folders(tmp_path, change, message):
    with torch.random.fork_rng(devices=[]):
        save_hubert(Architecture(front_end="log-mel", **SIZES).build(), tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(CheckpointError, match=message):
        HubertFeatures(checkpoint=tmp_path, layer=1, device="cpu")


class TestLogMelTokenizer(UnitTokenizerContract):
    component = "hubert.v1"

    @pytest.fixture
    def parameters(self, tmp_path_factory, quantizer) -> dict[str, Any]:
        folder = tmp_path_factory.mktemp("log-mel")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(2)
            save_hubert(Architecture(front_end="log-mel", **SIZES).build(), folder)
        return {"checkpoint": folder, "quantizer": quantizer, "layer": 2, "device": "cpu"}
