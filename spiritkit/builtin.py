"""What the core itself offers, through the same hooks as any plugin."""

from __future__ import annotations

from spiritkit.registry import Component, hookimpl


@hookimpl
def spiritkit_components() -> list[Component]:
    """Serializers and the steps of the main job."""
    return [
        Component(
            "serializer", "time-merge.v1", "spiritkit.serializers.time_merge:TimeMerge", "streams merged by time"
        ),
        Component(
            "serializer",
            "frame-interleave.v1",
            "spiritkit.serializers.frame_interleave:FrameInterleave",
            "streams of one rate, frame by frame",
        ),
        Component("step", "tokenize.v1", "spiritkit.steps.tokenize:Tokenize", "audio files → units and token strings"),
        Component(
            "step", "resynthesize.v1", "spiritkit.steps.resynthesize:Resynthesize", "audio files → units → audio files"
        ),
        Component("step", "generate.v1", "spiritkit.steps.generate:Generate", "prompts → text and speech"),
    ]


@hookimpl
def spiritkit_recipes() -> list[str]:
    """The recipes of `recipes/`."""
    return ["spiritkit:recipes"]
