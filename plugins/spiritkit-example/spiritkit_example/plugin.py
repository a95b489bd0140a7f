"""What this plugin offers."""

from __future__ import annotations

from spiritkit.registry import Component, hookimpl


@hookimpl
def spiritkit_components() -> list[Component]:
    """A tokenizer of two streams, and the vocoder for them."""
    return [
        Component(
            "unit_tokenizer",
            "example-tokenizer.v1",
            "spiritkit_example.tokenizer:ExampleTokenizer",
            "loudness and brightness of 80 ms frames; two streams",
        ),
        Component(
            "vocoder",
            "example-vocoder.v1",
            "spiritkit_example.vocoder:ExampleVocoder",
            "noise of that loudness and brightness",
        ),
    ]


@hookimpl
def spiritkit_recipes() -> list[str]:
    """`recipes/example/units.yaml` is the recipe `example/units`."""
    return ["spiritkit_example:recipes"]
