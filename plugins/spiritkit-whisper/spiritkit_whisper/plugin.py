"""What this plugin offers."""

from __future__ import annotations

from spiritkit.registry import Component, hookimpl


@hookimpl
def spiritkit_components() -> list[Component]:
    """Whisper on two libraries."""
    return [
        Component("recognizer", "whisper.v1", "spiritkit_whisper.whisper:Whisper", "Whisper in Hugging Face format"),
        Component(
            "recognizer",
            "faster-whisper.v1",
            "spiritkit_whisper.faster:FasterWhisper",
            "Whisper in CTranslate2's format, faster on a CPU",
        ),
    ]
