"""The contract of quantizers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from spiritkit.interfaces import Quantizer
from spiritkit.testing.contract import Contract


class QuantizerContract(Contract):
    """Subclass it, and set `component`."""

    kind = "quantizer"

    @pytest.fixture
    def features(self, part: Quantizer) -> list[torch.Tensor]:
        """Feature vectors of several lengths, float32 `[T, D]`; override it if yours are far from unit variance."""
        generator = torch.Generator().manual_seed(0)
        return [torch.randn(length, part.dimension, generator=generator) for length in (40, 1, 7)]

    def test_size_and_dimension_are_positive(self, part: Quantizer) -> None:
        """Whole numbers that other parts are checked against."""
        assert isinstance(part.size, int)
        assert isinstance(part.dimension, int)
        assert part.size >= 1
        assert part.dimension >= 1

    def test_codes_are_in_range(self, part: Quantizer, features: list[torch.Tensor]) -> None:
        """One int64 code a frame, 0…size - 1, also for features far from any that training saw."""
        for scale in (0.0, 1.0, 1000.0):
            codes = part.quantize([frames * scale for frames in features])
            assert len(codes) == len(features)
            for one, frames in zip(codes, features, strict=True):
                assert isinstance(one, np.ndarray)
                assert one.dtype == np.int64
                assert one.shape == (len(frames),)
                assert one.min() >= 0
                assert one.max() < part.size

    def test_a_batch_is_as_its_features_alone(self, part: Quantizer, features: list[torch.Tensor]) -> None:
        """The others change nothing; no features give no codes, and no frames none either."""
        together = part.quantize(features)
        for frames, codes in zip(features, together, strict=True):
            assert part.quantize([frames])[0].tolist() == codes.tolist()
        assert part.quantize([]) == []
        assert part.quantize([torch.zeros(0, part.dimension)])[0].shape == (0,)

    def test_codes_depend_on_nothing_else(
        self, part: Quantizer, make: Callable[[], Quantizer], features: list[torch.Tensor]
    ) -> None:
        """Again, and from another instance, the codes are the same; the features are left as they were."""
        before = [frames.clone() for frames in features]
        codes = [one.tolist() for one in part.quantize(features)]
        assert [one.tolist() for one in part.quantize(features)] == codes
        assert [one.tolist() for one in make().quantize(features)] == codes
        assert all(torch.equal(frames, old) for frames, old in zip(features, before, strict=True))
