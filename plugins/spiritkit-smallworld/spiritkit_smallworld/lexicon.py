"""How the voice says the words of a corpus, for measures that need to know where phones are."""

from __future__ import annotations

from collections.abc import Iterable

from spiritkit_smallworld.language.documents import written_forms
from spiritkit_smallworld.testsets.nonwords import plain
from spiritkit_smallworld.voice import Voice


def lexicon(words: Iterable[str], voice: Voice) -> str:
    """A line for each distinct word, in order: the word in lower case, then its phones (the alphabet of misaki, without
    stress), all separated by spaces.

    Args:
        words: as texts have them, in any case, with punctuation behind.
        voice: says them, each by itself.

    Raises:
        InputError: it says a word as more or less than one.
    """
    said = {word: plain(voice.phonemes(form)) for word, form in sorted(written_forms(words).items())}
    return "".join(
        f"{word} {' '.join(phone for phone in phones if phone.isalpha())}\n" for word, phones in said.items()
    )
