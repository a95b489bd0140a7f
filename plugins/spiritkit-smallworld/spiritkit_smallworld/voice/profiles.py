"""Who speaks, and how."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Speaker:
    """How a speaker differs from the voice as it comes.

    Attributes:
        pitch: factor on F0.
        range: factor on the logarithmic distance of F0 from its mean.
        formants: factor on the frequencies of the spectral envelope: above 1 for a shorter vocal tract.
        speed: factor on the rate of speech.
        tilt: change of the spectrum per octave above 500 Hz, in dB.
    """

    pitch: float = 1.0
    range: float = 1.0
    formants: float = 1.0
    speed: float = 1.0
    tilt: float = 0.0

    def varied(self, variation: float, rng: np.random.Generator) -> Speaker:
        """Somebody like this: formants and rate times up to exp(±variation), F0 twice as far."""
        pitch, formants, speed = np.exp(rng.uniform(-variation, variation, 3) * (2, 1, 1)).tolist()
        return replace(self, pitch=self.pitch * pitch, formants=self.formants * formants, speed=self.speed * speed)


@dataclass(frozen=True)
class Style:
    """How a style differs from neutral speech: factors and changes on top of the speaker's.

    Attributes:
        pitch, range, speed, tilt: as in `Speaker`.
        slope: rise (or fall) of F0 over a sentence, in semitones.
        level: of an utterance's speech without its pauses, in dB below full scale (root of the mean square).
    """

    pitch: float = 1.0
    range: float = 1.0
    speed: float = 1.0
    tilt: float = 0.0
    slope: float = 0.0
    level: float = -27.0


SPEAKERS: dict[str, Speaker] = {
    "ada": Speaker(),
    "ben": Speaker(pitch=0.58, formants=0.87, speed=0.97, tilt=-0.5),
    "cleo": Speaker(pitch=1.18, range=1.15, formants=1.06, speed=1.06),
    "dan": Speaker(pitch=0.68, range=1.15, formants=0.91, speed=1.08),
    "eve": Speaker(pitch=0.86, range=0.85, formants=0.97, speed=0.93, tilt=-1.0),
    "finn": Speaker(pitch=0.76, range=0.9, formants=0.95, speed=0.92, tilt=0.5),
    "gus": Speaker(pitch=0.52, range=0.8, formants=0.9, speed=0.9),
    "hana": Speaker(pitch=1.32, range=1.05, formants=1.11, speed=1.0, tilt=0.5),
}

STYLES: dict[str, Style] = {
    "neutral": Style(),
    "happy": Style(pitch=1.15, range=1.4, speed=1.1, tilt=1.0, slope=2.0, level=-25.0),
    "sad": Style(pitch=0.9, range=0.55, speed=0.8, tilt=-3.0, slope=-2.0, level=-35.0),
    "excited": Style(pitch=1.3, range=1.7, speed=1.3, tilt=2.0, level=-23.0),
    "calm": Style(pitch=0.95, range=0.75, speed=0.88, tilt=-1.5, slope=-1.0, level=-31.0),
}

#: The sentiment that each style tells of.
SENTIMENT = {"neutral": "neutral", "happy": "positive", "sad": "negative", "excited": "positive", "calm": "neutral"}

#: Heard in the test split only: one speaker, and some speakers' styles.
HELD_OUT_SPEAKER = "hana"
HELD_OUT_PAIRS = frozenset({("ben", "excited"), ("cleo", "sad"), ("eve", "happy"), ("finn", "calm")})


def is_low(speaker: str) -> bool:
    """Whether a speaker sounds like a man rather than a woman."""
    return SPEAKERS[speaker].pitch < 0.8


def is_in_training(speaker: str, style: str) -> bool:
    """Whether a speaker is heard in a style outside the test split."""
    return speaker != HELD_OUT_SPEAKER and (speaker, style) not in HELD_OUT_PAIRS
