"""The contract of serializers."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest

from spiritkit.interfaces import Serializer
from spiritkit.testing.contract import Contract
from spiritkit.tokens import run_starts
from spiritkit.types import StreamSpec, Tokens, Units


class SerializerContract(Contract):
    """Subclass it, and set `component`."""

    kind = "serializer"

    @pytest.fixture
    def layouts(self) -> list[tuple[StreamSpec, ...]]:
        """The sets of streams that are tried; override it if your serializer is made for some only."""
        style = StreamSpec("style", 5, Fraction(1), False)
        pitch = StreamSpec("pitch", 7, Fraction(25, 2), True)
        units = StreamSpec("units", 9, Fraction(2499, 100), True)
        frames = StreamSpec("frames", 9, Fraction(50), False)
        return [(units,), (frames,), (style, pitch, units), (units, frames, style)]

    def test_tokens_hold_every_stream_in_its_order(
        self, part: Serializer, layouts: list[tuple[StreamSpec, ...]]
    ) -> None:
        """Every code of a stream that is not deduplicated, every run of equal codes of another; the sources stay."""
        for units in _examples(layouts):
            tokens = part.serialize(units)
            assert isinstance(tokens, Tokens)
            assert tokens.specs == units.specs
            assert tokens.source == units.source
            for spec in units.specs:
                codes = units[spec.name]
                wanted = codes[run_starts(codes)] if spec.deduplicate else codes
                np.testing.assert_array_equal(tokens[spec.name], wanted)

    def test_one_stream_comes_back(self, part: Serializer, layouts: list[tuple[StreamSpec, ...]]) -> None:
        """Only the durations of a deduplicated stream are lost."""
        for units in _examples([layout for layout in layouts if len(layout) == 1]):
            back = part.deserialize(part.serialize(units))
            spec = units.specs[0]
            if spec.deduplicate:
                assert part.serialize(back) == part.serialize(units)
            else:
                assert back == units

    def test_whatever_a_model_emits_is_read(self, part: Serializer, layouts: list[tuple[StreamSpec, ...]]) -> None:
        """Tokens of any streams in any order, of some streams only, and none at all."""
        rng = np.random.default_rng(1)
        for specs in [*layouts, ()]:
            for length in (0, 1, 2, 30, 30, 30) if specs else (0,):
                for allowed in range(1, 2 ** len(specs)) or (0,):
                    chosen = [index for index in range(len(specs)) if allowed >> index & 1]
                    streams = rng.choice(chosen, length) if length else np.zeros(0, dtype=np.int64)
                    codes = np.array([rng.integers(specs[stream].size) for stream in streams], dtype=np.int64)
                    units = part.deserialize(Tokens(specs, streams, codes))
                    assert isinstance(units, Units)
                    assert units.specs == specs

    def test_the_same_again(self, part: Serializer, layouts: list[tuple[StreamSpec, ...]]) -> None:
        """Both ways depend on what is given only."""
        for units in _examples(layouts):
            tokens = part.serialize(units)
            assert part.serialize(units) == tokens
            assert part.deserialize(tokens) == part.deserialize(tokens)


def _examples(layouts: list[tuple[StreamSpec, ...]]) -> Iterator[Units]:
    """Units of lengths that are not, and of random codes with many equal neighbours."""
    rng = np.random.default_rng(0)
    for specs in layouts:
        for seconds in (Fraction(0), Fraction(3, 100), Fraction(1), Fraction(417, 100)):
            lengths = {spec.name: -(-seconds * spec.rate // 1) for spec in specs}
            codes = {
                spec.name: np.minimum(rng.integers(0, 3, int(lengths[spec.name])) * 4, spec.size - 1) for spec in specs
            }
            yield Units(specs, codes, {specs[0].name: "made-up.v1@0"})
