"""Word and character errors between a transcript and what was heard."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Literal

#: How both sides are brought into one spelling before they are compared.
Normalizer = Literal["english", "basic", "none"]


@cache
def normalizer(name: Normalizer) -> Callable[[str], str]:
    """Brings text into one spelling.

    `english` and `basic` are those of Whisper (Radford et al. 2022, appendix C): lower case, no punctuation; `english`
    also has one spelling of numbers, contractions and British words. `none` leaves text as it is but for white space.
    """
    if name == "none":
        return lambda text: " ".join(text.split())
    if name == "basic":
        from whisper_normalizer.basic import BasicTextNormalizer

        plain = BasicTextNormalizer()
    else:
        from whisper_normalizer.english import EnglishTextNormalizer

        plain = EnglishTextNormalizer()
    return lambda text: " ".join(plain(text).split())


def word_errors(reference: str, heard: str) -> tuple[int, int]:
    """How many words are wrong, missing or too many at the least (Levenshtein), and how many the reference has.

    Args:
        reference: normalised, with at least one word.
        heard: normalised; may be empty.
    """
    from jiwer import process_words

    found = process_words(reference, heard)
    return found.substitutions + found.deletions + found.insertions, len(reference.split())


def character_errors(reference: str, heard: str) -> tuple[int, int]:
    """The same for characters; the spaces between words are characters too."""
    from jiwer import process_characters

    found = process_characters(reference, heard)
    return found.substitutions + found.deletions + found.insertions, len(reference)
