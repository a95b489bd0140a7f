"""fairseq writes the convolutions of its feature extractor as a Python expression; this reads it without running it."""

from __future__ import annotations

import ast
from typing import Any

_MOST_LAYERS = 100


def parse_conv_layers(text: str) -> list[tuple[int, int, int]]:
    """The layers that e.g. `[(512,10,5)] + [(512,3,2)] * 4` describes.

    Only lists, tuples, whole numbers, `+` and `*` are understood; nothing is evaluated as Python.

    Returns:
        For each layer its channels, kernel width and stride.

    Raises:
        ValueError: anything else in it, or not a list of one to 100 triples of positive numbers.
    """
    try:
        value = _value(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(f"not an expression ({type(error).__name__})") from error
    if not isinstance(value, list) or not 1 <= len(value) <= _MOST_LAYERS:
        raise ValueError(f"not a list of 1 to {_MOST_LAYERS} layers")
    layers = []
    for layer in value:
        if not (isinstance(layer, tuple) and len(layer) == 3 and all(isinstance(n, int) and n > 0 for n in layer)):
            raise ValueError(f"layer {layer!r} is not (channels, kernel, stride)")
        layers.append((layer[0], layer[1], layer[2]))
    return layers


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=int(number)) if not isinstance(number, bool):
            return number
        case ast.List(elts=items):
            return [_value(item) for item in items]
        case ast.Tuple(elts=items):
            return tuple(_value(item) for item in items)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _add(_value(left), _value(right))
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _multiply(_value(left), _value(right))
    raise ValueError(f"{ast.unparse(node)!r} is not allowed there")


def _add(a: Any, b: Any) -> Any:
    if isinstance(a, int) and isinstance(b, int):
        return a + b
    if isinstance(a, list) and isinstance(b, list):
        return a + b
    if isinstance(a, tuple) and isinstance(b, tuple):
        return a + b
    raise ValueError(f"{a!r} and {b!r} cannot be added")


def _multiply(a: Any, b: Any) -> Any:
    if isinstance(a, int) and isinstance(b, int):
        return a * b
    if isinstance(a, int):
        a, b = b, a
    if isinstance(a, int) or not isinstance(b, int):
        raise ValueError(f"{a!r} and {b!r} cannot be multiplied")
    if len(a) * b > _MOST_LAYERS:  # before it takes the memory
        raise ValueError(f"{b} times {len(a)} layers; expected at most {_MOST_LAYERS}")
    return a * b
