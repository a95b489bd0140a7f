"""What this plugin offers."""

from __future__ import annotations

from spiritkit.registry import Component, hookimpl


@hookimpl
def spiritkit_components() -> list[Component]:
    """A text tokenizer and a language model."""
    return [
        Component(
            "text_tokenizer",
            "hf-tokenizer.v1",
            "spiritkit_hf.text_tokenizer:HFTokenizer",
            "text ↔ ids by a tokenizer of Hugging Face",
        ),
        Component(
            "language_model",
            "hf-causal.v1",
            "spiritkit_hf.causal:HFCausal",
            "Qwen, SmolLM, Llama, OPT, GPT-2 and other causal transformers in Hugging Face format",
        ),
    ]
