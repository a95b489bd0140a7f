"""What this plugin offers."""

from __future__ import annotations

from spiritkit.registry import Component, hookimpl


@hookimpl
def spiritkit_components() -> list[Component]:
    """One synthesizer."""
    return [
        Component("synthesizer", "vits.v1", "spiritkit_vits.vits:Vits", "VITS and MMS-TTS in Hugging Face format"),
    ]
