"""Where codes come from, and whether a part was made for them.

The source of a stream names the components that make its codes, outer ones first, and a hash over their parameters
and weights: `hubert.v1+linear-ctc.v1@1f0c5a2b9d3e`. Which sources a vocoder or a language model was trained on, its own
files or the recipe (`trained_on`) say. Sources there may leave the hash out, and nested components too:
`hubert.v1+linear-ctc.v1` is any weights of these, `f0-vqvae.v1` any F0 extractor.
"""

from __future__ import annotations

from collections.abc import Mapping

from spiritkit.errors import ProvenanceError


def fits(wanted: str, source: str) -> bool:
    """Whether codes of a source are those that a part was trained on."""
    if "@" in wanted:
        return wanted == source
    return set(wanted.split("+")) <= set(source.partition("@")[0].split("+"))


def check(part: str, trained_on: Mapping[str, str], source: Mapping[str, str]) -> None:
    """Refuse codes that a part was not trained on; streams of which either side is unknown pass.

    Args:
        part: the part's key in the recipe, for the message.
        trained_on: stream → source.
        source: stream → source, of units or tokens.

    Raises:
        ProvenanceError: names both sides, and how to override.
    """
    for stream, wanted in trained_on.items():
        if stream in source and not fits(wanted, source[stream]):
            raise ProvenanceError(
                f"{part} was trained on {stream!r} units of {wanted}, but these come from {source[stream]}; "
                f"use the tokenizer it was trained on, or accept what comes out with '{part}.trained_on=null'"
            )
