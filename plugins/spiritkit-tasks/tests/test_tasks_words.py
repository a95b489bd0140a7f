"""Errors counted by hand."""

from __future__ import annotations

import pytest
from spiritkit_tasks.few_shot.flags import until
from spiritkit_tasks.words import character_errors, normalizer, word_errors


@pytest.mark.parametrize(
    ("reference", "heard", "errors", "words"),
    [
        ("the cat sat", "the cat sat", 0, 3),
        ("the cat sat", "", 3, 3),
        ("the cat sat", "a cat sat down", 2, 3),  # one wrong, one too many
        ("one", "one two three four", 3, 1),  # more errors than words
    ],
)
def test_word_errors(reference: str, heard: str, errors: int, words: int) -> None:
    assert word_errors(reference, heard) == (errors, words)


def test_character_errors_count_spaces() -> None:
    assert character_errors("ab cd", "abcd") == (1, 5)
    assert character_errors("ab", "xbc") == (2, 2)
    assert character_errors("ab", "") == (2, 2)


def test_normalizers() -> None:
    text = "  He's GOT twenty-two colours, hasn't he? "
    assert normalizer("english")(text) == "he has got 22 colors has not he"
    assert normalizer("basic")(text) == "he s got twenty two colours hasn t he"
    assert normalizer("none")(text) == "He's GOT twenty-two colours, hasn't he?"


def test_an_answer_ends_at_the_first_flag() -> None:
    assert until(" the cat <END> and <START> more", "<START>", "<END>") == "the cat"
    assert until("the cat", "<END>", "") == "the cat"
    assert until("the cat\nA:on", "\n", "A:") == "the cat"
    assert until("the cat sat", " cat ") == "the"
