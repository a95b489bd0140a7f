"""The contract of synthesizers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from spiritkit.errors import RequestError
from spiritkit.interfaces import Synthesizer
from spiritkit.testing.contract import Contract
from spiritkit.testing.helpers import random_state_untouched, seed_globally
from spiritkit.types import Audio


class SynthesizerContract(Contract):
    """Subclass it, and set `component`.

    Attributes:
        tolerance: by how much samples may differ between ways of computing them.
    """

    kind = "synthesizer"
    tolerance = 1e-4

    @pytest.fixture
    def texts(self) -> list[str]:
        """Texts of several lengths; override it for another language."""
        return ["the cat sat on the mat", "Go!", "She was happy, and went home. It rained all night."]

    def test_properties(self, part: Synthesizer) -> None:
        """Who speaks, and at which rate."""
        assert isinstance(part.speakers, tuple)
        assert part.speakers
        assert all(isinstance(name, str) for name in part.speakers)
        assert len(set(part.speakers)) == len(part.speakers)
        assert isinstance(part.sample_rate, int)
        assert part.sample_rate > 0

    def test_a_batch_is_as_its_texts_alone(self, part: Synthesizer, texts: list[str]) -> None:
        """Sound for each, whatever the others and their order; nothing for nothing. Each text sounds in its own way."""
        alone = [_said(part, text, seed=3) for text in texts]
        for order in (slice(None), slice(None, None, -1)):
            together = part.speak(texts[order], seed=3)
            assert len(together) == len(texts)
            for audio, samples in zip(together, alone[order], strict=True):
                self._same(audio.samples, samples)
        assert part.speak([]) == []
        assert all(len(samples) > 0.02 * part.sample_rate for samples in alone)
        assert all(np.abs(samples).max() > 1e-3 for samples in alone)
        assert not any(np.array_equal(alone[0], samples) for samples in alone[1:])

    def test_nothing_to_say_is_no_sound(self, part: Synthesizer, texts: list[str]) -> None:
        """Text without a word is empty audio; text with more than words is said, or what of it can be; the others are
        as ever.
        """
        *empty, last = part.speak(["", "  \n", "... — !!", texts[0]], seed=3)
        for audio in empty:
            assert audio.samples.shape == (0,)
        self._same(last.samples, _said(part, texts[0], seed=3))
        for text in (f"{texts[0]} \N{BLACK STAR} \u65e5\u672c [Hu5]</s>", f"  {texts[0]}\n\n{texts[1]}\t"):
            assert len(_said(part, text)) > 0

    def test_speakers_have_names_and_numbers(self, part: Synthesizer, texts: list[str]) -> None:
        """The first is the default, and each sounds in its own way."""
        text = texts[0]
        voices = [_said(part, text, speaker=name) for name in part.speakers]
        for number, samples in enumerate(voices):
            self._same(_said(part, text, speaker=number), samples)
        self._same(_said(part, text), voices[0])
        for number, samples in enumerate(voices):
            assert not any(np.array_equal(samples, other) for other in voices[:number])

    def test_unknown_speakers_are_refused(self, part: Synthesizer, texts: list[str]) -> None:
        """By name and by index."""
        for speaker in ("no such speaker", len(part.speakers), -1):
            with pytest.raises(RequestError):
                part.speak(texts[:1], speaker=speaker)

    def test_sound_depends_on_nothing_else(
        self, part: Synthesizer, make: Callable[[], Synthesizer], texts: list[str]
    ) -> None:
        """The same text and seed give the same sound, from another instance too; global random numbers are neither read
        nor moved.
        """
        seed_globally(1)
        first = _said(part, texts[0], seed=5)
        seed_globally(2)
        with random_state_untouched():
            self._same(_said(part, texts[0], seed=5), first)
        self._same(_said(make(), texts[0], seed=5), first)

    def _same(self, found: np.ndarray, expected: np.ndarray) -> None:
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, atol=self.tolerance)


def _said(part: Synthesizer, text: str, speaker: int | str | None = None, seed: int = 0) -> np.ndarray:
    (audio,) = part.speak([text], speaker=speaker, seed=seed)
    assert isinstance(audio, Audio)
    assert audio.sample_rate == part.sample_rate
    assert audio.samples.ndim == 1
    return audio.samples
