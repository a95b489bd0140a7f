"""The contract of recognizers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from spiritkit.errors import SpiritkitError
from spiritkit.interfaces import Recognizer
from spiritkit.testing.contract import Contract
from spiritkit.testing.helpers import noise, random_state_untouched, seed_globally, silence, tone
from spiritkit.types import Audio


class RecognizerContract(Contract):
    """Subclass it, and set `component`.

    Attributes:
        long_seconds: length of the longest recording that is tried: more than what yours hears at once.
    """

    kind = "recognizer"
    long_seconds = 40.0

    @pytest.fixture
    def sounds(self, part: Recognizer) -> list[Audio]:
        """Recordings of several lengths. Override it with speech if yours hears nothing in noise."""
        rate = part.sample_rate
        return [noise(2.1, rate), tone(220, 0.7, rate), noise(self.long_seconds, rate, 1), noise(0.9, rate, 2)]

    def test_sample_rate(self, part: Recognizer) -> None:
        """At which it wants its audio."""
        assert isinstance(part.sample_rate, int)
        assert part.sample_rate > 0

    def test_a_batch_is_as_its_recordings_alone(self, part: Recognizer, sounds: list[Audio]) -> None:
        """A string for each, without white space around it, whatever the others and their order; nothing for nothing.
        Not all are the same, or it hears nothing.
        """
        alone = [_heard(part, sound) for sound in sounds]
        assert part.transcribe(sounds) == alone
        assert part.transcribe(sounds[::-1]) == alone[::-1]
        assert part.transcribe([]) == []
        assert len(set(alone)) > 1, alone

    def test_short_and_silent_recordings(self, part: Recognizer, sounds: list[Audio]) -> None:
        """No sample is no word; one sample, a few and silence have some text or none; the others are as ever."""
        rate = part.sample_rate
        nothing = silence(0, rate)
        odd = [noise(0, rate), noise(0.01, rate), silence(1, rate), silence(0.001, rate)]
        empty, *found, last = part.transcribe([nothing, *odd, sounds[0]])
        assert empty == ""
        assert found == [_heard(part, sound) for sound in odd]
        assert last == _heard(part, sounds[0])

    def test_other_audio_is_refused(self, part: Recognizer) -> None:
        """Another rate, or several channels: taken for what it is not, it would be misheard."""
        for samples, rate in ((np.zeros((2, 800)), part.sample_rate), (np.zeros(800), part.sample_rate + 1)):
            with pytest.raises(SpiritkitError):
                part.transcribe([Audio(samples, rate)])

    def test_words_depend_on_nothing_else(
        self, part: Recognizer, make: Callable[[], Recognizer], sounds: list[Audio]
    ) -> None:
        """The same again, from another instance, and whatever the global seed, which is left alone; the sound is left
        as it was.
        """
        before = [sound.samples.copy() for sound in sounds]
        seed_globally(1)
        first = part.transcribe(sounds)
        seed_globally(2)
        with random_state_untouched():
            assert part.transcribe(sounds) == first
        assert make().transcribe(sounds) == first
        assert all(np.array_equal(sound.samples, old) for sound, old in zip(sounds, before, strict=True))


def _heard(part: Recognizer, sound: Audio) -> str:
    (text,) = part.transcribe([sound])
    assert isinstance(text, str)
    assert text == text.strip()
    return text
