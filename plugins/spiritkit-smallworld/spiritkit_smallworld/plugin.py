"""What this plugin offers."""

from __future__ import annotations

from spiritkit.registry import Component, hookimpl


@hookimpl
def spiritkit_components() -> list[Component]:
    """The corpora, the steps that write them, and their voice."""
    return [
        Component(
            "corpus",
            "smallworld.v1",
            "spiritkit_smallworld.corpora:Smallworld",
            "the spoken small world that make-smallworld.v1 wrote, with word times",
        ),
        Component(
            "corpus",
            "smallworld-text.v1",
            "spiritkit_smallworld.corpora:SmallworldText",
            "sentences and stories of the small world, as text",
        ),
        Component(
            "synthesizer",
            "hibari.v1",
            "spiritkit_smallworld.synthesizer:HibariSynthesizer",
            "the voice of the small world: English in eight voices and five styles",
        ),
        Component(
            "step",
            "make-smallworld.v1",
            "spiritkit_smallworld.make_corpus:MakeSmallworld",
            "writes the spoken small world: generated English in eight voices and five styles",
        ),
        Component(
            "step",
            "make-smallworld-tests.v1",
            "spiritkit_smallworld.make_tests:MakeSmallworldTests",
            "writes the small world's test sets in the formats of the published ones",
        ),
    ]
