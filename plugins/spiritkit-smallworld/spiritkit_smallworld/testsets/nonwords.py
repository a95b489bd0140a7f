"""Non-words that could be English: each takes the place of a word, and is as long."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable

import numpy as np

from spiritkit_smallworld.voice.voice import STRESS

_VOWELS = "AIOWYQɑæɔəɚɛɜɪʊʌiuɐᵊᵻ"
_CLUSTER = re.compile(f"[ˈˌ]|[{_VOWELS}]|[^ˈˌ{_VOWELS}]+")
_OFTEN = 3  # words that a cluster must occur in
_SYLLABIC = re.compile("[^ɹl][nml]$")  # a syllable of its own, as at the end of "cotton"
_NO_STRESS = str.maketrans("", "", STRESS)
_SPELLING = {  # of phonemes, as English most often spells them
    "A": "ay", "I": "y", "O": "oa", "W": "ow", "Y": "oy", "ɑ": "o", "æ": "a", "ɔ": "aw", "ə": "e", "ɐ": "a", "ɛ": "e",
    "ɜ": "e", "ɪ": "i", "ʊ": "oo", "ʌ": "u", "i": "ee", "u": "oo", "ᵊ": "e", "ᵻ": "i", "ð": "th", "θ": "th", "ʃ": "sh",
    "ʒ": "zh", "ʤ": "j", "ʧ": "ch", "ŋ": "ng", "ɡ": "g", "ɹ": "r", "j": "y", "ɾ": "t", "T": "t",
}  # fmt: skip


def plain(phonemes: str) -> str:
    """Phonemes without stress."""
    return phonemes.translate(_NO_STRESS)


def spell(phonemes: str) -> str:
    """A spelling from which a reader would say the phonemes, roughly."""
    return "".join(_SPELLING.get(phoneme, phoneme) for phoneme in plain(phonemes))


class NonWords:
    """Makes non-words from the consonant clusters of real words.

    Args:
        words: phonemes of the words whose clusters may be used.
        known: phonemes, without stress, of everything that is a word of English.
    """

    def __init__(self, words: Iterable[str], known: frozenset[str]):
        self._known = known
        found: dict[tuple[str, int], Counter[str]] = defaultdict(Counter)
        for word in words:
            for place, piece in _places(word):
                found[place, len(piece)][piece] += 1
        self._clusters = {
            key: sorted(piece for piece, count in pieces.items() if count >= _OFTEN) for key, pieces in found.items()
        }

    def make(self, word: str, rng: np.random.Generator) -> str | None:
        """Phonemes of a non-word with the rhythm and the number of phonemes of a word: one or two of its consonant
        clusters or stressed vowels are exchanged for others that occur in the same place of real words. None where
        none was found.
        """
        pieces = _places(word)
        candidates = [
            i for i, (place, piece) in enumerate(pieces) if len(self._clusters.get((place, len(piece)), ())) > 1
        ]
        if not candidates:
            return None
        for _ in range(30):
            changed = [piece for _, piece in pieces]
            for index in rng.choice(candidates, size=min(len(candidates), 1 + int(rng.integers(2))), replace=False):
                place, piece = pieces[index]
                others = [other for other in self._clusters[place, len(piece)] if other != piece]
                changed[index] = others[rng.integers(len(others))]
            made = "".join(changed)
            if plain(made) not in self._known and plain(made) != plain(word):
                return made
        return None


def _places(word: str) -> list[tuple[str, str]]:
    """A word's pieces, each with its place: `start`, `middle`, `end` of consonants, `vowel` after a stress mark, else
    `fixed`. Vowels before r, and what follows a syllable without a vowel, are fixed: few others sound English there.
    """
    pieces = _CLUSTER.findall(word)
    result = []
    for index, piece in enumerate(pieces):
        before = pieces[index - 1] if index else ""
        after = pieces[index + 1] if index + 1 < len(pieces) else ""
        if piece in "ˈˌ":
            place = "fixed" + piece
        elif piece in _VOWELS:
            place = "vowel" if before and before in "ˈˌ" and not after.startswith("ɹ") else "fixed" + piece
        elif before == "ᵊ" or (not after and _SYLLABIC.search(piece)):
            place = "fixed" + piece
        elif index == 0 or (index == 1 and before in "ˈˌ"):
            place = "start"
        else:
            place = ("end" if not after else "middle") + ("r" if piece.startswith("ɹ") else "")
        result.append((place, piece))
    return result
