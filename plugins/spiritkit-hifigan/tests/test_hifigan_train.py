"""`train-hifigan.v1` at toy size."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from spiritkit_hifigan.config import read_config
from spiritkit_hifigan.train import TrainHifiGan
from spiritkit_hifigan.training.architecture import Architecture, Istft
from spiritkit_hifigan.training.generator import Generator
from spiritkit_hifigan.training.start import start_from
from spiritkit_hifigan.vocoder import HifiGan, IstftHifiGan
from spiritkit_hifigan.weights import read_folded

from spiritkit.errors import CheckpointError, InputError, RequestError
from spiritkit.interfaces import F0, F0Extractor
from spiritkit.pipeline import Parts, Pipeline
from spiritkit.testing.step import FakeContext
from spiritkit.types import Audio, StreamSpec, Tokens, Units

Toy = Callable[..., dict[str, Any]]
HUBERT = StreamSpec("hubert", 6, Fraction(25), True)


def train(folder: Path, stop: int | None = None, **parameters: Any) -> Path:
    TrainHifiGan(**parameters).run(FakeContext(folder, Pipeline(Parts()), stop))
    return folder / "model"


def log(folder: Path, key: str) -> list[float]:
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [line[key] for line in lines if key in line]


@pytest.mark.parametrize("kind", ["waveform", "istft", "harmonic"])
def test_the_losses_fall(kind: str, toy: Toy, validated: dict[str, Any], tmp_path: Path) -> None:
    model = train(tmp_path, **toy(kind, **validated, steps=25, validate_every=25, stft_weight=1.0))
    names = ["mel", "stft", "duration", *(["log_f0"] if kind == "harmonic" else [])]
    for name in names:
        values = log(tmp_path, name)
        assert len(values) == 25
        assert np.mean(values[-5:]) < 0.8 * np.mean(values[:3]), name
    (mel,) = log(tmp_path, "validation_mel")
    assert f"- mel: {mel:.4g}" in (model / "README.md").read_text()
    assert (len(log(tmp_path, "validation_f0_frame_error")) == 1) == (kind == "harmonic")


@pytest.mark.parametrize("kind", ["istft", pytest.param("waveform", marks=pytest.mark.slow)])
def test_it_learns_against_discriminators(kind: str, toy: Toy, tmp_path: Path) -> None:
    train(tmp_path, **toy(kind, steps=24, adversarial_from=8))
    mel, judged = log(tmp_path, "mel"), log(tmp_path, "discriminators")
    assert (len(mel), len(judged)) == (24, 16)
    assert np.mean(mel[-4:]) < 0.9 * np.mean(mel[6:10])
    assert np.mean(judged[-4:]) < 0.9 * judged[0]


@pytest.mark.slow
def test_all_discriminators_at_once(toy: Toy, tmp_path: Path) -> None:
    names = ["multi-period", "multi-scale", "multi-resolution"]
    train(tmp_path, **toy("istft", steps=2, discriminators=names, adversarial_from=0, precision="bfloat16"))
    assert len(log(tmp_path, "features")) == 2


@pytest.mark.parametrize("kind", ["harmonic", pytest.param("waveform", marks=pytest.mark.slow)])
def test_an_interrupted_run_gives_the_same_bytes(kind: str, toy: Toy, tmp_path: Path) -> None:
    """Stopped before the discriminators join, when they do, and after."""
    parameters = toy(kind, steps=4, adversarial_from=2, save_every=1)
    whole = train(tmp_path / "whole", **parameters)
    for stop in (1, 2, 3):
        folder = tmp_path / str(stop)
        # F0 is extracted first, which shows as progress too
        with pytest.raises(KeyboardInterrupt):
            train(folder, stop + (8 if kind == "harmonic" else 0), **parameters)
        assert [path.name for path in (folder / "state").iterdir()] == [f"step-{stop}"]
        again = train(folder, **parameters)
        for path in whole.iterdir():
            assert (again / path.name).read_bytes() == path.read_bytes(), path.name
        assert sorted(path.name for path in folder.iterdir() if path.name != "tensorboard") == [
            "left_out.tsv", "log.jsonl", "model"
        ]  # fmt: skip


def test_another_seed_gives_another_model(toy: Toy, tmp_path: Path) -> None:
    first = train(tmp_path / "a", **toy("istft", steps=1))
    context = FakeContext(tmp_path / "b", Pipeline(Parts()))
    context.seed = 1
    TrainHifiGan(**toy("istft", steps=1)).run(context)
    one, other = (load_file(path / "generator.safetensors") for path in (first, tmp_path / "b" / "model"))
    assert not torch.equal(one["conv_pre.weight"], other["conv_pre.weight"])


@pytest.mark.parametrize("kind", ["waveform", "istft", "harmonic"])
def test_the_model_is_spoken_with_in_a_pipeline(kind: str, trained: Callable[[str], Path]) -> None:
    vocoder = (HifiGan if kind == "waveform" else IstftHifiGan)(checkpoint=trained(kind), device="cpu")
    source = {stream: f"{stream}-maker.v1@12345678" for stream in ("hubert", "pitch", "style")}
    assert vocoder.trained_on == source
    assert vocoder.accepts == ("hubert", "pitch", "style")
    pipeline = Pipeline(Parts(vocoder=lambda: vocoder))
    units = Units((HUBERT,), {"hubert": np.array([0, 0, 1, 5, 5])})
    assert len(pipeline.decode(units, speaker="ben").samples) == 5 * 640
    tokens = Tokens((HUBERT,), np.zeros(3, dtype=int), np.array([0, 1, 5]))
    assert len(pipeline.decode(tokens, speaker="ada").samples) % 640 == 0
    with pytest.raises(RequestError, match=r"no speaker 'eve'; there are 0…1: ada, ben"):
        pipeline.decode(tokens, speaker="eve")
    spoken = [pipeline.decode(units, speaker=name).samples for name in ("ada", "ben")]
    assert not np.array_equal(*spoken)


def test_units_are_named_by_the_recipe(trained: Callable[[str], Path]) -> None:
    vocoder = IstftHifiGan(checkpoint=trained("istft"), unit_stream="mine", device="cpu")
    assert vocoder.trained_on["mine"] == "hubert-maker.v1@12345678"


def test_each_component_refuses_the_other_s_model(trained: Callable[[str], Path]) -> None:
    with pytest.raises(CheckpointError, match="istft-hifigan.v1 loads it"):
        HifiGan(checkpoint=trained("istft"), device="cpu")
    with pytest.raises(CheckpointError, match="hifigan.v1 loads it"):
        IstftHifiGan(checkpoint=trained("waveform"), device="cpu")


def test_tables_follow_the_parameters(toy: Toy, tmp_path: Path) -> None:
    model = train(tmp_path / "a", **toy("istft", steps=1, speakers=False, styles=True))
    vocoder = IstftHifiGan(checkpoint=model, device="cpu")
    assert vocoder.accepts == ("hubert",)
    assert not (model / "speakers.txt").exists()
    assert (model / "styles.txt").read_text() == "calm\nloud\n"
    units = Units((HUBERT,), {"hubert": np.arange(5)})
    calm, loud = (vocoder.decode([units], style=name)[0].samples for name in ("calm", "loud"))
    assert not np.array_equal(calm, loud)
    with pytest.raises(RequestError, match="no speakers"):
        vocoder.decode([units], speaker=0)


@pytest.mark.parametrize("kind", ["waveform", "harmonic"])
def test_a_vocoder_goes_on_from_another(kind: str, toy: Toy, trained: Callable[[str], Path], tmp_path: Path) -> None:
    still: dict[str, Any] = {"steps": 1, "learning_rate": 1e-12, "average_decay": 0.0, "adversarial_from": None}
    theirs = load_file(trained(kind) / "generator.safetensors")
    still["checkpoint"] = trained(kind)
    alike = toy(kind, **still, pitch_stream="pitch", style_stream="style")
    same = load_file(train(tmp_path / "a", **alike) / "generator.safetensors")
    assert same.keys() == theirs.keys()
    for name, tensor in theirs.items():
        torch.testing.assert_close(same[name], tensor, rtol=0, atol=1e-6)

    other = toy(kind, **still, pitch_stream="pitch", speakers=False, styles=True)
    ours = load_file(train(tmp_path / "b", **other) / "generator.safetensors")
    assert "spkr.weight" in theirs
    assert "spkr.weight" not in ours
    width = theirs["dict.weight"].shape[1]
    for name in theirs.keys() & ours.keys() - {"conv_pre.weight"}:
        torch.testing.assert_close(ours[name], theirs[name], rtol=0, atol=1e-6)
    first, second = (tensors["conv_pre.weight"][:, : 2 * width] for tensors in (ours, theirs))
    torch.testing.assert_close(first, second, rtol=0, atol=1e-6)


@pytest.mark.parametrize("variant", ["base_folder", "expressive_folder"])
def test_a_released_vocoder_is_a_beginning(variant: str, request: pytest.FixtureRequest) -> None:
    folder = request.getfixturevalue(variant)
    generator = Generator(read_config(folder / "config.json"))
    start_from(folder, generator)
    _, theirs = read_folded(folder)
    for name, tensor in generator.folded().items():
        torch.testing.assert_close(tensor, theirs[name].float(), rtol=0, atol=1e-6)


def test_a_vocoder_of_other_sizes_is_no_beginning(
    toy: Toy, trained: Callable[[str], Path], reference_checkpoints: Path, tmp_path: Path
) -> None:
    released = reference_checkpoints / "speech_tokenizer" / "hifigan_spiritlm_base"

    class Late(F0Extractor):
        """F0 would take long: it is not to be asked before all else is known to fit."""

        rate = Fraction(100)

        def extract(self, audios: list[Audio]) -> list[F0]:
            raise AssertionError

    for folder, message in (
        (trained("harmonic"), r"config.json: upsample_rates is \(5, 4, 4\); expected \(5, 4, 4, 4, 2\)"),
        (released, r"config.json: units is 501; expected 6"),
    ):
        with pytest.raises(CheckpointError, match=message):
            train(tmp_path, **toy("waveform", steps=1, checkpoint=folder))
    with pytest.raises(CheckpointError, match=r"config.json: upsample_rates is"):
        train(tmp_path, **toy("harmonic", steps=1, checkpoint=trained("waveform"), f0=Late()))


def test_utterances_without_units_are_named_and_counted(
    toy: Toy, tone_corpora: Any, write_tone_shards: Any, tmp_path: Path
) -> None:
    shards = write_tone_shards(tmp_path / "shards", tone_corpora[0], leave_out=["t2", "t5"])
    model = train(tmp_path / "a", **toy("istft", steps=1, shards=[shards]))
    card = (model / "README.md").read_text()
    assert "6 utterances" in card
    assert "2 left out (t2, t5)" in card
    lines = (tmp_path / "a" / "left_out.tsv").read_text().splitlines()
    assert lines == ["t2\tthe shards have no units of it", "t5\tthe shards have no units of it"]


def test_speakers_that_were_not_trained_are_not_measured(toy: Toy, tone_shards: Any, tmp_path: Path) -> None:
    stranger = type(toy("istft")["corpus"])("held", 3, speaker="zoe")
    parameters = toy("istft", steps=1, validation=stranger, validation_shards=tone_shards[1:])
    with pytest.raises(InputError, match="held0, held1, held2: speaker 'zoe' is not one of those trained on"):
        train(tmp_path, **parameters)


def test_data_that_does_not_go_together(
    toy: Toy, tone_corpora: Any, tone_shards: Any, write_tone_shards: Any, tmp_path: Path
) -> None:
    other = write_tone_shards(tmp_path / "other", tone_corpora[0], unit="codec")
    with pytest.raises(RequestError, match=r"unit_stream is 'hubert'; the streams of .*other are 'style', 'pitch', 'c"):
        train(tmp_path, **toy("istft", shards=[other]))
    with pytest.raises(RequestError, match="style_stream is 'mood'"):
        train(tmp_path, **toy("istft", style_stream="mood"))
    with pytest.raises(InputError, match="no utterance of the corpus has units in"):
        train(tmp_path, **toy("istft", shards=tone_shards[1:]))
    sizes = Architecture(upsample_rates=[5, 4, 4, 4], upsample_kernels=[11, 8, 8, 8])
    with pytest.raises(RequestError, match=r"has 24\.99 units a second; the architecture makes 50 frames"):
        train(tmp_path, **toy("waveform", architecture=sizes))
    longer = type(tone_corpora[0])("t", 8)
    longer.codes["t0"] = np.concatenate([longer.codes["t0"]] * 2)
    shards = write_tone_shards(tmp_path / "longer", longer)
    with pytest.raises(InputError, match="utterance 't0': the recording has"):
        train(tmp_path, **toy("istft", shards=[shards], steps=4))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"steps": 0}, "train-hifigan.v1: steps is 0; expected at least 1"),
        ({"mel_weight": -1.0}, "train-hifigan.v1: mel_weight is -1.0; expected at least 0"),
        ({"mel_weight": 0.0}, "expected one above 0"),
        ({"final_learning_rate": 0.0}, "final_learning_rate is 0.0"),
        ({"average_decay": 1.0}, "average_decay is 1.0"),
        ({"clip": 0.0}, "clip is 0.0; expected more than 0"),
        ({"adversarial_from": -1}, "adversarial_from is -1"),
        ({"discriminators": []}, "discriminators is empty"),
        ({"discriminator_width": 6}, "discriminator_width is 6; expected a multiple of 4"),
        ({"shards": []}, "shards is empty"),
        ({"validation_shards": ["x"]}, "both or neither"),
        ({"architecture": Architecture(istft=Istft(source="harmonic"))}, "a harmonic source needs f0"),
    ],
)
def test_parameters_that_do_not_fit(toy: Toy, wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        TrainHifiGan(**toy("waveform", **wrong))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"channels": 48}, "channels is 48"),
        ({"upsample_rates": [5, 4]}, "differ in length"),
        ({"upsample_kernels": [10, 8, 8, 8, 4]}, "each rate plus an even number"),
        ({"block_kernels": [3, 7, 10]}, "expected odd numbers"),
        ({"embedding": 0}, "expected sizes of 1 or more"),
        ({"duration_dropout": 1.0}, "duration_dropout is 1.0"),
        ({"istft": Istft(n_fft=24, hop=8)}, "'istft.n_fft' is 24"),
        ({"istft": Istft(source="harmonic", f0_per_frame=7)}, "'istft.f0_per_frame' is 7"),
    ],
)
def test_sizes_that_do_not_go_together(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        Architecture(**wrong)
