from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from spiritkit_hubert.linear_ctc import LinearCTCQuantizer, replace_blanks

from spiritkit.errors import CheckpointError, MissingFileError


def literal_replacement(codes: list[int], blank: int) -> list[int]:
    """The definition: all blanks at once take the code to their left, again and again."""
    if all(code == blank for code in codes):
        return codes
    while blank in codes:
        codes = [codes[i - 1] if code == blank else code for i, code in enumerate(codes)]
    return codes


@given(st.lists(st.sampled_from([0, 1, 2, 3, 3, 3]), max_size=30))
def test_blanks_are_replaced_as_defined(codes):
    assert replace_blanks(np.array(codes, dtype=np.int64), 3).tolist() == literal_replacement(codes, 3)


def test_leading_blanks_take_the_last_code():
    assert replace_blanks(np.array([9, 9, 4, 9, 5, 9]), 9).tolist() == [5, 5, 4, 4, 5, 5]
    assert replace_blanks(np.array([9, 9]), 9).tolist() == [9, 9]


@pytest.fixture
def contents():
    generator = torch.Generator().manual_seed(0)
    widths = [12, 12 - 13 // 4, 12 - 13 // 2, 8]  # 13 = upstream_dim - classes
    weights = {}
    for i, (wide, narrow) in enumerate(pairwise(widths)):
        weights[f"{2 * i}.weight"] = torch.randn(narrow, wide, generator=generator)
        weights[f"{2 * i}.bias"] = torch.randn(narrow, generator=generator)
    return {"model_cfg": {"vocab_size": 7, "dim": 12, "upstream_dim": 21}, "model_weight": weights}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "quantizer.pt"


def test_codes_are_those_of_the_network(contents, path):
    torch.save(contents, path)
    quantizer = LinearCTCQuantizer(checkpoint=path)
    assert (quantizer.size, quantizer.dimension) == (8, 12)
    features = [torch.randn(length, 12, generator=torch.Generator().manual_seed(length)) for length in (40, 0, 1)]
    codes = quantizer.quantize([features[0].double(), *features[1:]])
    w = {name: tensor.double().numpy() for name, tensor in contents["model_weight"].items()}
    for frames, got in zip(features, codes, strict=True):
        hidden = frames.double().numpy()
        for layer in (0, 2, 4):
            hidden = hidden @ w[f"{layer}.weight"].T + w[f"{layer}.bias"]
            if layer < 4:
                hidden = np.where(hidden > 0, hidden, 0.01 * hidden)
        raw = hidden.argmax(axis=1).tolist()
        assert len(raw) < 40 or (7 in raw and len(set(raw)) > 2)
        assert got.tolist() == literal_replacement(raw, 7)
        assert got.dtype == np.int64


@pytest.mark.parametrize("key", ["vocab_size", "dim", "upstream_dim"])
def test_settings(contents, path, key):
    contents["model_cfg"][key] = "many"
    torch.save(contents, path)
    with pytest.raises(CheckpointError, match=f"model_cfg {key} is 'many'"):
        LinearCTCQuantizer(checkpoint=path)
    del contents["model_cfg"][key]
    torch.save(contents, path)
    with pytest.raises(CheckpointError, match=f"has no entry '{key}'"):
        LinearCTCQuantizer(checkpoint=path)


def test_widths_that_vanish(contents, path):
    contents["model_cfg"]["upstream_dim"] = 900
    torch.save(contents, path)
    with pytest.raises(CheckpointError, match="give layer widths"):
        LinearCTCQuantizer(checkpoint=path)


def test_tensors(contents, path):
    contents["model_weight"]["2.weight"] = torch.ones(3, 3)
    del contents["model_weight"]["4.bias"]
    torch.save(contents, path)
    with pytest.raises(CheckpointError, match=r"no tensor '4\.bias'; '2\.weight' is \[3, 3\]; expected \[6, 9\]"):
        LinearCTCQuantizer(checkpoint=path)


def test_no_such_file(path):
    with pytest.raises(MissingFileError, match="linear CTC quantizer"):
        LinearCTCQuantizer(checkpoint=path)


def test_global_random_state_is_left_alone(contents, path):
    torch.save(contents, path)
    before = torch.get_rng_state()
    LinearCTCQuantizer(checkpoint=path)
    assert torch.equal(torch.get_rng_state(), before)
