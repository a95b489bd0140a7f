"""What this plugin offers."""

from __future__ import annotations

from spiritkit.registry import Component, hookimpl


@hookimpl
def spiritkit_components() -> list[Component]:
    """A text tokenizer and a language model."""
    return [
        Component(
            "text_tokenizer",
            "sentencepiece.v1",
            "spiritkit_llama.text_tokenizer:SentencePiece",
            "text ↔ ids by a SentencePiece model",
        ),
        Component("language_model", "llama.v1", "spiritkit_llama.llama:Llama", "Llama 2 and 3 in Hugging Face format"),
    ]
