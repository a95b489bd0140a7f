"""The toy tokenizer and vocoder in a recipe of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from spiritkit_example.scales import CENTROIDS, ENERGIES, FRAME, centroid, centroid_code, energy_code, rms
from spiritkit_example.tokenizer import ExampleTokenizer
from spiritkit_example.vocoder import ExampleVocoder

import spiritkit
from spiritkit.errors import InputError, RequestError
from spiritkit.types import Audio, Tokens


@pytest.fixture(scope="module")
def pipeline() -> spiritkit.Pipeline:
    return spiritkit.load("example/units")


def contour(samples: np.ndarray) -> np.ndarray:
    """Root mean square of frames of 80 ms."""
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME).astype(np.float64)
    return np.sqrt((frames**2).mean(axis=1))


def test_resynthesis_keeps_the_energy_contour(pipeline: spiritkit.Pipeline, conformance: Path) -> None:
    clip = conformance / "7143-88743-0029.flac"
    units = pipeline.encode(clip)
    assert list(units) == ["toy.0", "toy.1"]
    samples, _ = soundfile.read(clip, dtype="float32")
    before, after = contour(samples), contour(pipeline.decode(units).samples)
    assert np.corrcoef(before, after[: len(before)])[0, 1] >= 0.9


def test_resynthesis_keeps_the_brightness(pipeline: spiritkit.Pipeline, conformance: Path) -> None:
    units = pipeline.encode(conformance / "7143-88743-0029.flac")
    again = pipeline.encode(pipeline.decode(units))
    heard = units["toy.0"] > 0
    assert np.corrcoef(units["toy.1"][heard], again["toy.1"][heard])[0, 1] >= 0.9


def test_tokens_and_their_string_lose_nothing(pipeline: spiritkit.Pipeline, conformance: Path) -> None:
    units = pipeline.encode(conformance / "vibrato.wav")
    string = pipeline.to_string(units)
    assert string.startswith(f"[En{units['toy.0'][0]}][Ce{units['toy.1'][0]}][En")
    for speech in (pipeline.to_tokens(units), string):
        np.testing.assert_array_equal(pipeline.decode(speech).samples, pipeline.decode(units).samples)


def test_codes_of_known_sounds() -> None:
    time = np.arange(4 * FRAME) / 16_000
    sine = np.sin(2 * np.pi * 1000 * time)
    sounds = [Audio((level * sine).astype(np.float32), 16_000) for level in (1.0, 0.1, 0.0)]
    loud, soft, silent = ExampleTokenizer().encode(sounds)
    assert set(loud["energy"]) == {31}  # -3 dB
    assert set(soft["energy"]) == {23}  # 20 dB less
    assert set(silent["energy"]) == {0}
    assert set(loud["centroid"]) == set(soft["centroid"]) == {5}  # 1000 mel of 2840


def test_scales_come_back() -> None:
    assert [int(energy_code(np.array(rms(code)))) for code in range(ENERGIES)] == list(range(ENERGIES))
    assert [int(centroid_code(np.array(centroid(code)))) for code in range(CENTROIDS)] == list(range(CENTROIDS))


def test_wishes_that_cannot_be_met() -> None:
    vocoder = ExampleVocoder(energy_stream="energy", centroid_stream="centroid")
    units = ExampleTokenizer().encode([Audio(np.zeros(FRAME, dtype=np.float32), 16_000)])
    with pytest.raises(RequestError, match="style is 'happy'"):
        vocoder.decode(units, style="happy")
    with pytest.raises(InputError, match="decodes Units, not Tokens"):
        vocoder.decode([Tokens((), np.zeros(0), np.zeros(0))])
