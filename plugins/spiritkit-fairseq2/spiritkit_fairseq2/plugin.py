"""What this plugin offers."""

from __future__ import annotations

from spiritkit.registry import Component, hookimpl


@hookimpl
def spiritkit_components() -> list[Component]:
    """The encoder."""
    return [
        Component(
            "unit_tokenizer",
            "fairseq2-hubert.v1",
            "spiritkit_fairseq2.tokenizer:Fairseq2HubertTokenizer",
            "phonetic units from a layer of HuBERT, computed by fairseq2",
        )
    ]


@hookimpl
def spiritkit_recipes() -> list[str]:
    """Spirit LM Base with this encoder."""
    return ["spiritkit_fairseq2:recipes"]
