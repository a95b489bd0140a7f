"""Synthesizer `hibari.v1`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from spiritkit.errors import RequestError
from spiritkit.interfaces import Synthesizer
from spiritkit.seeding import numpy_generator
from spiritkit.suggest import suggestion
from spiritkit.types import Audio
from spiritkit_smallworld.shard import shared_voice
from spiritkit_smallworld.voice import SAMPLE_RATE, SPEAKERS


class HibariSynthesizer(Synthesizer):
    """The voice that speaks the small world (hibari-tts), for English text of any kind. Numbers and signs are spelled
    out; what has no sound is left out.

    Args:
        style: in which it speaks.
    """

    speakers = tuple(SPEAKERS)

    def __init__(self, *, style: Literal["neutral", "happy", "sad", "excited", "calm"] = "neutral"):
        self._style = style
        self._voice = shared_voice()

    @property
    def sample_rate(self) -> int:
        """16 kHz."""
        return SAMPLE_RATE

    def speak(self, texts: Sequence[str], speaker: int | str | None = None, seed: int = 0) -> list[Audio]:
        """See `Synthesizer.speak`; the seed is of the noise in the sound.

        Raises:
            RequestError: no such speaker.
        """
        name = self._name(speaker)
        return [
            Audio(self._voice.read(text, name, self._style, numpy_generator(seed, "noise")), SAMPLE_RATE)
            for text in texts
        ]

    def _name(self, speaker: int | str | None) -> str:
        if speaker is None:
            return self.speakers[0]
        if isinstance(speaker, int) and 0 <= speaker < len(self.speakers):
            return self.speakers[speaker]
        if speaker not in self.speakers:
            hint = suggestion(str(speaker), self.speakers) or f"; there are {', '.join(self.speakers)}"
            raise RequestError(f"no speaker {speaker!r}{hint}")
        return str(speaker)
