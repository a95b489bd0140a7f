"""Recordings whose voice changes against such where it stays, in the format of SALMon (Maimon et al. 2025)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from spiritkit.seeding import numpy_generator
from spiritkit_smallworld.language.documents import draw_sentence
from spiritkit_smallworld.language.stories import draw_story
from spiritkit_smallworld.testsets.plan import Plan, Recording, draw_speaker
from spiritkit_smallworld.voice import SPEAKERS
from spiritkit_smallworld.voice.profiles import is_low

_STYLE = {"positive": "happy", "negative": "sad"}

#: The sentences of a pair, and who says the last of them how: in the right recording, in the wrong one.
_Pair = tuple[tuple[str, ...], tuple[str, str], tuple[str, str], tuple[str, str]]


def salmon(seed: int, n_pairs: int) -> Plan:
    """Pairs of recordings with the same words: `<part>/sample_<i>_0.wav` is right, `sample_<i>_1.wav` is wrong.

    - `speaker_consistency`, `gender_consistency`, `sentiment_consistency`: a story whose last sentence is said by
      another speaker, by one of the other gender, or in another mood.
    - `sentiment_alignment`: a sentence whose words are glad or sorry, said in the other mood.

    The parts on background noise and rooms are not there: the small world is silent.

    Args:
        seed: of the choice.
        n_pairs: of each part.
    """
    plan = Plan()
    for part, draw in _PARTS.items():
        for number in range(n_pairs):
            sentences, first, right, wrong = draw(numpy_generator(seed, "salmon", part, number))
            for which, last in enumerate((right, wrong)):
                # The last sentence is joined to the others in both, so that the seam tells nothing.
                path = f"salmon/{part}/sample_{number}_{which}.wav"
                plan.recordings.append(Recording(path, sentences, *first, last=last))
    return plan


def _speakers(rng: np.random.Generator, others: Callable[[str], list[str]]) -> _Pair:
    speaker = draw_speaker(rng)
    other = others(speaker)
    changed = other[rng.integers(len(other))]
    return draw_story(rng, "test").sentences, (speaker, "neutral"), (speaker, "neutral"), (changed, "neutral")


def _speaker_consistency(rng: np.random.Generator) -> _Pair:
    return _speakers(rng, lambda speaker: [other for other in SPEAKERS if other != speaker])


def _gender_consistency(rng: np.random.Generator) -> _Pair:
    return _speakers(rng, lambda speaker: [other for other in SPEAKERS if is_low(other) != is_low(speaker)])


def _sentiment_consistency(rng: np.random.Generator) -> _Pair:
    speaker = draw_speaker(rng)
    style, changed = rng.permutation(list(_STYLE.values())).tolist()
    return draw_story(rng, "test").sentences, (speaker, style), (speaker, style), (speaker, changed)


def _sentiment_alignment(rng: np.random.Generator) -> _Pair:
    speaker = draw_speaker(rng)
    sentiment, other = rng.permutation(list(_STYLE)).tolist()
    fitting, unfitting = (speaker, _STYLE[sentiment]), (speaker, _STYLE[other])
    return draw_sentence(rng, "test", sentiment).sentences, fitting, fitting, unfitting


_PARTS: dict[str, Callable[[np.random.Generator], _Pair]] = {
    "speaker_consistency": _speaker_consistency,
    "gender_consistency": _gender_consistency,
    "sentiment_consistency": _sentiment_consistency,
    "sentiment_alignment": _sentiment_alignment,
}
