"""Times of words and phones."""

from __future__ import annotations

import pytest

from spiritkit.errors import InputError
from spiritkit.utterances import Alignment, Word

WORDS = (Word("hi", 0, 800), Word("ho", 800, 1610))
PHONES = (Word("h", 0, 300), Word("I", 300, 800), Word("h", 800, 1000), Word("O", 1000, 1610))


def test_what_outlasts_the_sound_by_a_little_is_cut_to_it() -> None:
    cut = Alignment(WORDS, 1600, PHONES).within(1.0)
    assert [(word.start, word.stop) for word in cut.words] == [(0, 800), (800, 1600)]
    assert [(phone.start, phone.stop) for phone in cut.phones] == [(0, 300), (300, 800), (800, 1000), (1000, 1600)]
    whole = Alignment(WORDS, 1600, PHONES)
    assert whole.within(1.1) is whole


def test_what_outlasts_it_by_more_is_refused() -> None:
    with pytest.raises(InputError, match=r"'ho' ends at 1\.00625 s, after the sound, which lasts 0\.9 s"):
        Alignment(WORDS, 1600).within(0.9)
    with pytest.raises(InputError, match="'O' ends at"):
        Alignment(WORDS[:1], 1600, PHONES).within(0.9)


def test_one_after_the_other() -> None:
    with pytest.raises(InputError, match="word 'hi' starts at sample 0, before 'ho' ends at 1610"):
        Alignment(WORDS[::-1], 1600)
    with pytest.raises(InputError, match="phone 'h' starts at sample 0, before 'I' ends at 800"):
        Alignment(WORDS, 1600, (PHONES[1], PHONES[0]))
