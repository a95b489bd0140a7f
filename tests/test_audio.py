from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torchaudio.functional import resample

from spiritkit import Audio
from spiritkit.audio import Recording, _resample_directly, read_audio, write_wav
from spiritkit.errors import InputError, MissingFileError


def noise(seconds: float, rate: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal((round(seconds * rate), channels)) * 0.1).astype(np.float32)


@pytest.mark.parametrize(
    ("rate", "channels"), [(8000, 1), (11025, 2), (16000, 6), (22050, 1), (44100, 2), (48000, 1), (96000, 1)]
)
def test_blockwise_reading_equals_reading_at_once(tmp_path: Path, rate: int, channels: int) -> None:
    samples = noise(65.01, rate, channels)
    soundfile.write(tmp_path / "x.wav", samples, rate, subtype="FLOAT")
    expected = resample(torch.tensor(samples.T), rate, 16_000).mean(0).numpy()
    result = read_audio(tmp_path / "x.wav", 16_000).samples
    assert result.shape == expected.shape
    np.testing.assert_allclose(result, expected, atol=1e-6)


def test_rates_without_a_common_divisor_agree_with_torchaudio() -> None:
    waveform = torch.tensor(noise(0.5, 4001).T)
    np.testing.assert_allclose(
        _resample_directly(waveform, 4001, 1600), resample(waveform, 4001, 1600), atol=2e-5
    )  # float32 rounding of torchaudio's filter positions
    assert len(read_audio(Audio(noise(0.2, 44_101)[:, 0], 44_101), 16_000).samples) == 3200


@pytest.mark.parametrize(("n_samples", "sizes"), [
    (1_600_000, [1_600_000]),
    (1_601_279, [1_600_000]),
    (1_601_280, [1_600_000, 1280]),
    (1280, [1280]),
])  # fmt: skip
def test_chunks_of_100_s_and_the_last_sliver(n_samples: int, sizes: list[int]) -> None:
    recording = Recording(Audio(np.zeros(n_samples, dtype=np.float32), 16_000))
    assert [len(chunk.samples) for chunk in recording.chunks(16_000, 100, 0.08)] == sizes


@pytest.mark.parametrize("n_samples", [0, 10, 1279])
def test_too_short_says_how_short(n_samples: int) -> None:
    recording = Recording(Audio(np.zeros(n_samples, dtype=np.float32), 16_000))
    with pytest.raises(InputError, match=f"audio: {n_samples} samples at 16000 Hz; expected at least 1280"):
        list(recording.chunks(16_000, 100, 0.08))


def test_hours_are_read_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "long.flac"
    with soundfile.SoundFile(path, "w", 48_000, 1, "PCM_16") as file:
        for _ in range(20):
            file.write(np.zeros(48_000 * 60, dtype=np.int16))
    tracemalloc.start()
    n_samples = sum(len(chunk.samples) for chunk in Recording(path).chunks(16_000, 100, 0.08))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert n_samples == 20 * 60 * 16_000
    assert peak < 60e6  # the whole is 230 MB as float32


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "mp3", "aiff"])
def test_containers(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"x.{ending}"
    time = np.arange(16_000) / 16_000
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * 440 * time), 16_000)
    samples = read_audio(path, 16_000).samples[:16_000]
    spectrum = np.abs(np.fft.rfft(samples[2000:14_000]))
    assert abs(np.argmax(spectrum) * 16_000 / 12_000 - 440) < 2


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="none.wav: no such file"):
        read_audio(tmp_path / "none.wav", 16_000)
    (tmp_path / "text.wav").write_text("these are words")
    with pytest.raises(InputError, match="text.wav: not audio that libsndfile reads"):
        read_audio(tmp_path / "text.wav", 16_000)
    with pytest.raises(InputError, match="not audio"):
        read_audio(tmp_path, 16_000)
    soundfile.write(tmp_path / "nan.wav", np.array([0.0, 0.1, np.nan, 0.2]), 16_000, subtype="FLOAT")
    with pytest.raises(InputError, match=r"nan.wav: sample 2 is .*nan"):
        read_audio(tmp_path / "nan.wav", 16_000)


def test_a_truncated_flac_is_refused(tmp_path: Path, conformance: Path) -> None:
    whole = (conformance / "7143-88743-0029.flac").read_bytes()
    for part in (0.3, 0.7, 0.99):
        path = tmp_path / "cut.flac"
        path.write_bytes(whole[: int(len(whole) * part)])
        with pytest.raises(InputError, match="cut.flac: .*truncated"):
            read_audio(path, 16_000)


def test_8_bit_mono_at_8_khz(tmp_path: Path) -> None:
    time = np.arange(8000) / 8000
    soundfile.write(tmp_path / "x.wav", 0.5 * np.sin(2 * np.pi * 300 * time), 8000, subtype="PCM_U8")
    samples = read_audio(tmp_path / "x.wav", 16_000).samples
    assert len(samples) == 16_000
    np.testing.assert_allclose(
        samples[1000:15_000], 0.5 * np.sin(2 * np.pi * 300 * np.arange(16_000) / 16_000)[1000:15_000], atol=0.02
    )


def test_written_files_are_whole_or_not_there(tmp_path: Path) -> None:
    write_wav(tmp_path / "deep" / "x.wav", Audio(np.array([0.5, -2.0], dtype=np.float32), 16_000))
    samples, rate = soundfile.read(tmp_path / "deep" / "x.wav")
    assert rate == 16_000
    np.testing.assert_allclose(samples, [0.5, -1.0], atol=1e-4)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["x.wav"]
