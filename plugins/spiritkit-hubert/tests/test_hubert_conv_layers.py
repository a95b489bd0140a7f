from __future__ import annotations

import pytest
from spiritkit_hubert.conv_layers import parse_conv_layers


@pytest.mark.parametrize(
    ("text", "layers"),
    [
        ("[(512,10,5)] + [(512,3,2)] * 4 + [(512,2,2)] * 3", [(512, 10, 5)] + [(512, 3, 2)] * 4 + [(512, 2, 2)] * 3),
        ("2 * [(8, 3, 2)]", [(8, 3, 2)] * 2),
        ("[(2*4, 1+2, 2)]", [(8, 3, 2)]),
        ("[(8,) + (3, 2)]", [(8, 3, 2)]),
        (" [(8,3,2), (8,2,2)] ", [(8, 3, 2), (8, 2, 2)]),
    ],
)
def test_layers(text, layers):
    assert parse_conv_layers(text) == layers


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[(8,3,2)",
        "8",
        "(8,3,2)",
        "[]",
        "[(8,3)]",
        "[(8,3,0)]",
        "[(8,-3,2)]",
        "[(8,3.0,2)]",
        "[(True,3,2)]",
        "[('8',3,2)]",
        "[(8,3,2)] + 1",
        "[(8,3,2)] * [2]",
        "[(8,3,2)] - [(8,3,2)]",
        "[(8,3,2)] * 1000000000000",
        "[(8,3,2)] * 100 + [(8,3,2)]",
        "[(8,3,2)] * 2 ** 9",
        "[(n,3,2) for n in (8,)]",
        "__import__('os').getcwd()",
        "layers",
        "(" * 10_000,
        "[" * 5_000 + "]" * 5_000,
        "1" + "+1" * 50_000,
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError):
        parse_conv_layers(text)
