"""vits.v1: the contract, noise from the seed, speakers, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from spiritkit_vits.vits import Vits
from transformers import VitsModel, VitsTokenizer

from spiritkit.errors import CheckpointError, InputError, MissingFileError, RequestError
from spiritkit.seeding import derive
from spiritkit.testing import SynthesizerContract

Folder = Callable[..., Path]


class TestVits(SynthesizerContract):
    component = "vits.v1"

    @pytest.fixture(params=[1, 3])
    def parameters(self, request: pytest.FixtureRequest, vits_folder: Folder) -> dict[str, Any]:
        return {"checkpoint": vits_folder(request.param), "device": "cpu"}


def test_sound_is_that_of_transformers(vits_folder: Folder) -> None:
    folder = vits_folder(3)
    model, tokenizer = VitsModel.from_pretrained(folder).eval(), VitsTokenizer.from_pretrained(folder)
    with torch.inference_mode(), torch.random.fork_rng():
        torch.manual_seed(derive(4, "speech"))
        expected = model(**tokenizer("the cat sat", return_tensors="pt"), speaker_id=2).waveform[0]
    (audio,) = Vits(checkpoint=folder, device="cpu").speak(["The cat sat!"], speaker="2", seed=4)
    np.testing.assert_allclose(audio.samples, expected, atol=1e-5)
    assert audio.sample_rate == 4000


def test_seeds_give_other_sounds(vits_folder: Folder) -> None:
    part = Vits(checkpoint=vits_folder(1), device="cpu")
    sounds = [part.speak(["the cat sat on the mat"], seed=seed)[0].samples.tobytes() for seed in range(3)]
    assert len(set(sounds)) == 3


def test_rate_makes_it_shorter(vits_folder: Folder) -> None:
    lengths = [
        len(Vits(checkpoint=vits_folder(1), speaking_rate=rate, device="cpu").speak(["a long while"])[0].samples)
        for rate in (0.25, 0.5, None, 1.0)
    ]
    assert lengths[0] > 1.5 * lengths[1]
    assert lengths[1] == lengths[2]
    assert lengths[1] > lengths[3]


def test_tensors_by_their_old_names_are_read(vits_folder: Folder, tmp_path: Path) -> None:
    """As released: weight norm's magnitude and direction were called otherwise."""
    folder = vits_folder(1)
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    tensors = load_file(folder / "model.safetensors")
    old = {
        name.replace("parametrizations.weight.original0", "weight_g").replace(
            "parametrizations.weight.original1", "weight_v"
        ): tensor
        for name, tensor in tensors.items()
    }
    assert old.keys() != tensors.keys()
    save_file(old, tmp_path / "model.safetensors", {"format": "pt"})
    sounds = [Vits(checkpoint=path, device="cpu").speak(["hello"])[0].samples for path in (folder, tmp_path)]
    assert np.array_equal(*sounds)


def test_scripts_that_need_a_romanizer_are_refused(vits_folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spiritkit_vits.vits.find_spec", lambda name: None)
    part = Vits(checkpoint=vits_folder(1, is_uroman=True), device="cpu")
    assert len(part.speak(["hello"])[0].samples)
    with pytest.raises(InputError, match="pip install uroman"):
        part.speak(["привет"])
    with pytest.raises(RequestError, match="pip install phonemizer"):
        Vits(checkpoint=vits_folder(1, phonemize=True))


def test_wrong_values_are_named(vits_folder: Folder, tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="expected a folder"):
        Vits(checkpoint=tmp_path / "nowhere")
    with pytest.raises(CheckpointError, match=r"has no config\.json"):
        Vits(checkpoint=tmp_path)
    with pytest.raises(RequestError, match="speaking_rate is 0"):
        Vits(checkpoint=vits_folder(1), speaking_rate=0.0)
    with pytest.raises(RequestError, match="speaker is 3; the model has 0, 1, 2"):
        Vits(checkpoint=vits_folder(3), device="cpu").speak(["hello"], speaker=3)
