"""What this plugin offers."""

from __future__ import annotations

from spiritkit.registry import Component, hookimpl


@hookimpl
def spiritkit_components() -> list[Component]:
    """The codec's two halves."""
    return [
        Component(
            "unit_tokenizer",
            "codec.v1",
            "spiritkit_codec.tokenizer:CodecTokenizer",
            "codebooks of EnCodec or Mimi, one stream each",
        ),
        Component(
            "vocoder",
            "codec-decoder.v1",
            "spiritkit_codec.vocoder:CodecDecoder",
            "the decoder of EnCodec or Mimi",
        ),
    ]
