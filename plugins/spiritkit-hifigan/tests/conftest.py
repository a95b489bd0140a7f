"""What the tests of the vocoder share."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from spiritkit_hifigan.vocoder import HifiGan

from spiritkit.types import StreamSpec, Tokens, Units

SPECS = (
    StreamSpec("style", 100, Fraction(1), False),
    StreamSpec("pitch", 64, Fraction(25, 2), True),
    StreamSpec("hubert", 501, Fraction(2499, 100), True),
    StreamSpec("other", 1000, Fraction(50), True),
)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def base_folder(reference_checkpoints: Path) -> Path:
    return reference_checkpoints / "speech_tokenizer" / "hifigan_spiritlm_base"


@pytest.fixture(scope="session")
def expressive_folder(reference_checkpoints: Path) -> Path:
    return reference_checkpoints / "speech_tokenizer" / "hifigan_spiritlm_expressive_w2v2"


@pytest.fixture(scope="session")
def base(base_folder: Path) -> HifiGan:
    return HifiGan(checkpoint=base_folder, device="cpu")


@pytest.fixture(scope="session")
def expressive(expressive_folder: Path) -> HifiGan:
    return HifiGan(checkpoint=expressive_folder, device="cpu")


@pytest.fixture(scope="session", params=["base", "expressive"])
def vocoder(request: pytest.FixtureRequest) -> HifiGan:
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def tokens() -> Callable[[str], Tokens]:
    """Tokens from words: `St7 Pi3 Hu12`; `Ot5` is of a stream that the vocoder does not know."""

    def make(words: str) -> Tokens:
        index = {"St": 0, "Pi": 1, "Hu": 2, "Ot": 3}
        pairs = [(index[word[:2]], int(word[2:])) for word in words.split()]
        streams, codes = zip(*pairs, strict=True) if pairs else ((), ())
        return Tokens(SPECS, np.array(streams, dtype=int), np.array(codes, dtype=int))

    return make


@pytest.fixture(scope="session")
def units() -> Callable[..., Units]:
    """Units of the streams named."""

    def make(**codes: object) -> Units:
        specs = tuple(spec for spec in SPECS if spec.name in codes)
        return Units(specs, {name: np.array(values, dtype=int) for name, values in codes.items()})

    return make
