from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from spiritkit import Audio, Sampling, Score, Speech, StreamSpec, Text, Tokens, Units
from spiritkit.errors import InputError

HUBERT = StreamSpec("hubert", 501, Fraction(2499, 100), True)
PITCH = StreamSpec("pitch", 64, Fraction(25, 2), True)


def test_audio_becomes_float32_and_knows_its_length() -> None:
    audio = Audio(np.zeros(24_000, dtype=np.float64), 16_000)
    assert audio.samples.dtype == np.float32
    assert audio.duration == Fraction(3, 2)


@pytest.mark.parametrize(
    ("samples", "rate", "message"),
    [
        (np.array([0.0, np.nan]), 16_000, "sample 1 is nan"),
        (np.array([[0.0, 0.1], [0.0, np.inf]]), 16_000, "sample 1 is inf"),
        (np.zeros(3, dtype=np.int16), 16_000, "int16"),
        (np.zeros((1, 2, 3)), 16_000, r"\[1, 2, 3\]"),
        (np.zeros(3), 0, "sample rate 0"),
        (np.zeros(3), "16000", "sample rate '16000'"),
        (np.zeros(3), float("nan"), "sample rate nan"),
        (np.zeros((0, 3)), 16_000, r"\[0, 3\]"),
    ],
)
def test_audio_refuses(samples: np.ndarray, rate: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Audio(samples, rate)


def test_units_are_read_by_stream_name() -> None:
    units = Units((PITCH, HUBERT), {"pitch": np.array([1, 2]), "hubert": [500, 0, 3]})
    assert units["hubert"].tolist() == [500, 0, 3]
    assert list(units.renamed(["a", "b"])) == ["a", "b"]
    assert units == Units((PITCH, HUBERT), {"pitch": [1, 2], "hubert": [500, 0, 3]})


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        ({"hubert": [0, 501]}, "code 501 at 1"),
        ({"hubert": [-1]}, "code -1 at 0"),
        ({"hubert": [0.5]}, "float64"),
        ({"hubert": [[1]]}, "whole numbers"),
        ({"pitch": [1]}, "pitch"),
    ],
)
def test_units_refuse(codes: dict[str, list[int]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Units((HUBERT,), codes)


def test_tokens_iterate_in_order() -> None:
    tokens = Tokens((PITCH, HUBERT), np.array([0, 1, 1, 0]), np.array([5, 1, 2, 6]))
    assert [(t.stream, t.code) for t in tokens] == [("pitch", 5), ("hubert", 1), ("hubert", 2), ("pitch", 6)]
    assert tokens["pitch"].tolist() == [5, 6]


@pytest.mark.parametrize(("streams", "codes"), [([2], [0]), ([0], [64]), ([0, 1], [0])])
def test_tokens_refuse(streams: list[int], codes: list[int]) -> None:
    with pytest.raises(InputError):
        Tokens((PITCH, HUBERT), np.array(streams), np.array(codes))


def test_prompt_parts_refuse_nothing_and_wrong_types() -> None:
    with pytest.raises(InputError, match="neither"):
        Speech()
    with pytest.raises(InputError, match="int"):
        Text(3)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="ndarray; wrap samples in Audio"):
        Speech(np.zeros(3))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_new_tokens": -1},
        {"max_new_tokens": 2.5},
        {"temperature": -0.1},
        {"temperature": float("inf")},
        {"temperature": "hot"},
        {"top_p": 0.0},
        {"top_p": 1.1},
        {"seed": -1},
        {"seed": 1 << 64},
        {"seed": 1.5},
    ],
)
def test_sampling_refuses(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        Sampling(**wrong)  # type: ignore[arg-type]


def test_score_per_token() -> None:
    assert Score(-6.0, 3).per_token == -2.0
