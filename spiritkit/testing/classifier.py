"""The contract of classifiers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from spiritkit.errors import SpiritkitError
from spiritkit.interfaces import Classifier
from spiritkit.testing.contract import Contract
from spiritkit.testing.helpers import noise, random_state_untouched, seed_globally, silence, tone
from spiritkit.types import Audio


class ClassifierContract(Contract):
    """Subclass it, and set `component`.

    Attributes:
        tolerance: by how much probabilities may differ between ways of computing them.
    """

    kind = "classifier"
    tolerance = 1e-4

    @pytest.fixture
    def examples(self, part: Classifier) -> list[Any]:
        """Texts or recordings of several lengths, not all of which are judged alike."""
        if part.modality == "text":
            return [
                "what a lovely day, she said, and laughed",
                "no",
                "The dog was ill. They cried all night, and nobody came to help them in the cold house by the sea.",
                "it is raining",
            ]
        rate = part.sample_rate
        return [noise(1.3, rate), tone(220, 0.4, rate), noise(4.2, rate, 1), tone(110, 2, rate)]

    @pytest.fixture
    def odd(self, part: Classifier) -> list[Any]:
        """What is hardly text or sound, and is judged all the same."""
        if part.modality == "text":
            return ["", " ", "\N{BLACK STAR} \u65e5\u672c", "[Hu5]</s>[CLS]", "\n"]
        rate = part.sample_rate
        return [silence(0, rate), noise(0, rate), noise(0.01, rate), silence(1.5, rate)]

    def test_properties(self, part: Classifier) -> None:
        """What is judged, and the labels: at least two, none twice."""
        assert part.modality in ("text", "speech")
        assert isinstance(part.sample_rate, int)
        assert isinstance(part.labels, tuple)
        assert len(part.labels) > 1
        assert all(isinstance(label, str) for label in part.labels)
        assert len(set(part.labels)) == len(part.labels)

    def test_probabilities(self, part: Classifier, examples: list[Any], odd: list[Any]) -> None:
        """One for each label, in order, 0…1, summing to 1, whatever there is to judge."""
        batch = [*examples, *odd]
        found = part.classify(batch)
        assert len(found) == len(batch)
        for probabilities in found:
            assert tuple(probabilities) == part.labels
            assert all(isinstance(value, float) and 0 <= value <= 1 for value in probabilities.values())
            assert abs(sum(probabilities.values()) - 1) < 1e-5

    def test_a_batch_is_as_its_examples_alone(self, part: Classifier, examples: list[Any], odd: list[Any]) -> None:
        """Neither the others nor the padding that they cause change anything; nothing gives nothing; and not everything
        is judged alike.
        """
        batch = [*examples, *odd]
        alone = [_judged(part, [one])[0] for one in batch]
        np.testing.assert_allclose(_judged(part, batch), alone, atol=self.tolerance)
        np.testing.assert_allclose(_judged(part, batch[::-1]), alone[::-1], atol=self.tolerance)
        assert part.classify([]) == []
        judged = np.array(alone[: len(examples)])
        assert np.ptp(judged, axis=0).max() > 0

    def test_other_audio_is_refused(self, part: Classifier) -> None:
        """Another rate, or several channels: taken for what it is not, it would be misjudged."""
        if part.modality == "text":
            pytest.skip("it judges text")
        for samples, rate in ((np.zeros((2, 8000)), part.sample_rate), (np.zeros(8000), part.sample_rate + 1)):
            with pytest.raises(SpiritkitError):
                part.classify([Audio(samples, rate)])

    def test_probabilities_depend_on_nothing_else(
        self, part: Classifier, make: Callable[[], Classifier], examples: list[Any]
    ) -> None:
        """The same again, from another instance, and whatever the global seed, which is left alone."""
        seed_globally(1)
        first = _judged(part, examples)
        seed_globally(2)
        with random_state_untouched():
            np.testing.assert_allclose(_judged(part, examples), first, atol=self.tolerance)
        np.testing.assert_allclose(_judged(make(), examples), first, atol=self.tolerance)


def _judged(part: Classifier, batch: list[Any]) -> list[list[float]]:
    return [list(probabilities.values()) for probabilities in part.classify(batch)]
