"""What this plugin offers."""

from __future__ import annotations

from spiritkit.registry import Component, hookimpl


@hookimpl
def spiritkit_components() -> list[Component]:
    """The vocoder."""
    return [
        Component(
            "vocoder",
            "hifigan.v1",
            "spiritkit_hifigan.vocoder:HifiGan",
            "units, or units with pitch and style, → audio: HiFi-GAN with predicted durations",
        )
    ]
