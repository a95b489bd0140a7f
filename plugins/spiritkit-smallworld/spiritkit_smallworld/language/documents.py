"""Text by number: sentences, stories, and texts that tell nothing of what comes next, each a pure function of (seed,
split, index).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Literal

import numpy as np

from spiritkit.seeding import numpy_generator
from spiritkit_smallworld.language.splits import Split, split_of
from spiritkit_smallworld.language.stories import draw_story
from spiritkit_smallworld.language.tables import read_table
from spiritkit_smallworld.language.template import Filler

Kind = Literal["sentences", "stories", "mixed", "words", "scrambled"]
_SHARES = {"neutral": 0.5, "question": 0.08, "command": 0.06, "positive": 0.18, "negative": 0.18}
_STORIES = 0.4  # of the documents of a mixed corpus
_N_READ = 20_000  # documents that have nearly every word
_N_WORDS = 3, 8
_N_SCRAMBLED = 2, 5  # sentences of a scrambled text
_EXCHANGED = 0.3  # of its words
_PUNCTUATION = ".,?!"
_NUMBERED = frozenset({"book", "round", "king", "queen"})  # a number with a capital may follow


@dataclass(frozen=True)
class Document:
    """One text.

    Attributes:
        sentences: in order.
        kind: `sentence`, `story`, `words` or `scrambled`.
        sentiment: positive, negative or neutral, by its words.
        topic: the kind of sentence, or the plot of the story; or the same as `kind`.
    """

    sentences: tuple[str, ...]
    kind: str
    sentiment: str
    topic: str

    @property
    def text(self) -> str:
        """The whole."""
        return " ".join(self.sentences)


def document(seed: int, split: Split, index: int, kind: Kind = "mixed") -> Document:
    """Document number `index` of a split. Its sentences occur in no other split, whatever the seed."""
    rng = numpy_generator(seed, "document", split, kind, index)
    if kind == "words":
        return draw_words(rng, split)
    if kind == "scrambled":
        return draw_scrambled(rng, split)
    if kind == "stories" or (kind == "mixed" and rng.random() < _STORIES):
        story = draw_story(rng, split)
        return Document(story.sentences, "story", story.sentiment, story.plot)
    return draw_sentence(rng, split)


def draw_sentence(rng: np.random.Generator, split: Split, topic: str | None = None) -> Document:
    """A sentence of a split; `topic` is a kind of `sentences.yaml`, None for any."""
    if topic is None:
        topic = str(rng.choice(list(_SHARES), p=list(_SHARES.values())))
    patterns = read_table("sentences")[topic]
    while True:
        sentence = Filler(rng).fill(patterns[rng.integers(len(patterns))])
        if split_of(sentence) == split:
            return Document((sentence,), "sentence", topic if topic in ("positive", "negative") else "neutral", topic)


def draw_words(rng: np.random.Generator, split: Split) -> Document:
    """A few words of the small world in no order, each as likely as any other: what follows from no other word has to
    be heard.
    """
    words = vocabulary()
    low, high = _N_WORDS
    while True:
        drawn = [words[index] for index in rng.integers(len(words), size=rng.integers(low, high + 1))]
        text = " ".join(drawn) + "."
        if split_of(text) == split and _is_said_word_by_word(drawn):
            return Document((text[0].upper() + text[1:],), "words", "neutral", "words")


def draw_scrambled(rng: np.random.Generator, split: Split) -> Document:
    """Sentences of several documents one after the other, in which words are exchanged for any others: as long as a
    story, and to be said or written down only by who reads or hears each word.
    """
    low, high = _N_SCRAMBLED
    sentences: list[str] = []
    for _ in range(rng.integers(low, high + 1)):
        while True:
            source = draw_story(rng, split).sentences if rng.random() < 0.5 else draw_sentence(rng, split).sentences
            words = _exchanged(rng, source[rng.integers(len(source))].split())
            text = " ".join(words)
            if split_of(text) == split and _is_said_word_by_word([word.strip(_PUNCTUATION) for word in words]):
                sentences.append(text[0].upper() + text[1:])
                break
    return Document(tuple(sentences), "scrambled", "neutral", "scrambled")


def _exchanged(rng: np.random.Generator, words: list[str]) -> list[str]:
    """Some of the words exchanged for others, with the punctuation that is behind them."""
    others = vocabulary()
    result = []
    for word in words:
        if rng.random() < _EXCHANGED:
            bare = word.rstrip(_PUNCTUATION)
            word = others[rng.integers(len(others))] + word[len(bare) :]
        result.append(word)
    return result


def _is_said_word_by_word(words: list[str]) -> bool:
    """Whether the voice takes no two of them for a number: Henry Laura for a king and his, book I for book one; nor a
    last no for the short form of one.
    """
    numbered = any((a[0].isupper() or a in _NUMBERED) and b[0].isupper() for a, b in pairwise(words))
    return not numbered and words[-1] != "no"


@cache
def vocabulary() -> tuple[str, ...]:
    """The words of sentences and stories, in order, as they are written inside a sentence."""
    first: list[str] = []
    inside: list[str] = []
    for index in range(_N_READ):
        for sentence in document(0, "train", index).sentences:
            word, *others = sentence.split()
            first.append(word.lower())  # what is a name stands inside others too
            inside += others
    return tuple(form for _, form in sorted((written_forms(first) | written_forms(inside)).items()))


def written_forms(words: Iterable[str]) -> dict[str, str]:
    """Distinct words in lower case, each → as it is written: a word that always has a capital letter keeps it.

    Args:
        words: as texts have them: some begin a sentence, some have punctuation behind.
    """
    forms: dict[str, str] = {}
    for word in words:
        form = word.strip(_PUNCTUATION)
        forms[form.lower()] = max(form, forms.get(form.lower(), ""))
    return forms
