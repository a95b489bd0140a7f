"""The texts: English in form, the same for the same numbers, and each sentence in one split only."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from spiritkit_smallworld.language import SPLITS, document, documents, split_of
from spiritkit_smallworld.language.documents import draw_sentence, vocabulary, written_forms
from spiritkit_smallworld.language.forms import FORMS
from spiritkit_smallworld.language.stories import PLOTS, draw_story
from spiritkit_smallworld.language.tables import read_table
from spiritkit_smallworld.language.template import Filler, parse
from spiritkit_smallworld.language.words import WORDS
from spiritkit_smallworld.shard import shared_voice

N = 1500


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return [document(0, "train", index).text for index in range(N)]


def sentences_of(seed: int, split: str, n: int = 400) -> set[str]:
    return {sentence for index in range(n) for sentence in document(seed, split, index).sentences}  # type: ignore[arg-type]


def test_a_document_follows_from_its_numbers() -> None:
    for split in SPLITS:
        assert document(3, split, 7) == document(3, split, 7)
        assert document(3, split, 7) != document(3, split, 8)
        assert document(3, split, 7) != document(4, split, 7)


def test_sentences_of_one_split_never_occur_in_another_whatever_the_seed() -> None:
    found = {split: sentences_of(1, split) | sentences_of(2, split) for split in SPLITS}
    for split, sentences in found.items():
        assert {split_of(sentence) for sentence in sentences} == {split}
    assert not found["train"] & found["test"]
    assert not found["train"] & found["validation"]
    assert not found["validation"] & found["test"]
    assert split_of("The cat sleeps.") == split_of("the cat sleeps")


def test_vocabulary_and_variety(texts: list[str]) -> None:
    words = Counter(word for text in texts for word in re.findall(r"[a-z']+", text.lower()))
    assert 1000 < len(words) < 1600
    sentences = [document(0, "train", index, "sentences").text for index in range(N)]
    assert len(set(sentences)) > 0.98 * N


def test_words_in_no_order_are_each_as_likely_as_any_other() -> None:
    found = [document(0, "train", index, "words") for index in range(4 * N)]
    assert {text.kind for text in found} == {"words"}
    assert {split_of(text.text) for text in found} == {"train"}
    assert {len(text.text.split()) for text in found} == {3, 4, 5, 6, 7, 8}
    drawn = Counter(word for text in found for word in written_forms(text.text.split()))
    assert set(drawn) == set(written_forms(vocabulary()))
    mean = sum(drawn.values()) / len(drawn)
    assert max(drawn.values()) < 2.5 * mean
    assert drawn["the"] < 2.5 * mean  # a twelfth of the words of sentences
    assert {"Tom", "I", "Monday", "ask", "how"} <= set(vocabulary())
    assert not {"Ask", "How", "tom"} & set(vocabulary())


def test_scrambled_texts_are_sentences_some_of_whose_words_could_be_any() -> None:
    found = [document(0, "train", index, "scrambled") for index in range(N)]
    assert {text.kind for text in found} == {"scrambled"}
    assert {len(text.sentences) for text in found} == {2, 3, 4, 5}
    sentences = [sentence for text in found for sentence in text.sentences]
    assert {split_of(sentence) for sentence in sentences} == {"train"}
    assert all(re.fullmatch(r"[A-Z][^.!?]*[.!?]", sentence) for sentence in sentences)

    usual = (sentence for index in range(4 * N) for sentence in document(1, "train", index).sentences)
    known = {pair for sentence in usual for pair in pairwise(sentence.lower().split())}

    def share_of_known(texts: list[str]) -> float:
        pairs = [pair for text in texts for pair in pairwise(text.lower().split())]
        return sum(pair in known for pair in pairs) / len(pairs)

    others = [sentence for index in range(N) for sentence in document(0, "train", index).sentences]
    assert share_of_known(others) > 0.9
    assert 0.4 < share_of_known(sentences) < 0.6  # 0.7 ** 2: neither word is exchanged
    for sentence in sentences[:300]:
        shared_voice().phonemes(sentence)  # as many words as are written, or else it refuses


def test_no_words_in_a_row_are_taken_for_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """The voice reads Henry Laura as Henry the zeroth, book I as book one, and a last no as number."""
    few = ("book", "Clara's", "Henry", "I", "king", "no", "Queen", "round", "see")
    monkeypatch.setattr(documents, "vocabulary", lambda: few)
    found = [document(0, "train", index, "words").text for index in range(300)]
    assert {word for text in found for word in text[:-1].lower().split()} == {word.lower() for word in few}
    assert not any(re.search(r"([Bb]ook|[Kk]ing|Queen|[Rr]ound|Henry|I|Clara's) [A-Z]| no\.", text) for text in found)
    for text in found:
        shared_voice().phonemes(text)  # as many words as are written, or else it refuses


def test_a_word_is_written_with_a_capital_where_it_always_has_one() -> None:
    assert written_forms(["Rose", "saw", "a", "rose.", "Tom,", "the", "cat,", "saw", "Tom!"]) == {
        "rose": "rose",
        "saw": "saw",
        "a": "a",
        "tom": "Tom",
        "the": "the",
        "cat": "cat",
    }


def test_form_of_the_text(texts: list[str]) -> None:
    for text in texts:
        assert re.fullmatch(r"[A-Z][A-Za-z' ,.!?]*[.!?]", text), text
        assert "  " not in text
        assert not re.search(r" [.,!?]", text), text
        assert not re.search(r"\ba [aeio]", text.replace("a one", "")), text
        assert not re.search(r"\ban [^aeiouh]", text), text
        assert not re.search(r"\b(the the|the my|a the|the [A-Z]\w* [A-Z])\b", text), text
        assert not re.search(r"\b(I (is|has|was n|likes)|they is|we is|he are|she are)\b", text), text


def test_every_pattern_can_be_filled() -> None:
    rng = np.random.default_rng(0)
    for topic, patterns in read_table("sentences").items():
        for pattern in patterns:
            for _ in range(3):
                sentence = Filler(rng).fill(pattern)
                assert not set("{}()|<>=+") & set(sentence), (topic, sentence)


@pytest.mark.parametrize("plot", PLOTS)
def test_each_plot_has_stories_in_each_split(plot: str) -> None:
    branches = [branch for branch in read_table("stories")[plot] if branch not in ("let", "start")]
    assert len(branches) == 2
    for split in SPLITS:
        story = draw_story(np.random.default_rng(1), split, plot)
        assert 2 <= len(story.sentences) <= 5
        assert story.ending != story.wrong_ending
        assert {split_of(sentence) for sentence in (*story.sentences, story.wrong_ending)} == {split}


def test_pronouns_of_a_story_agree_with_its_person() -> None:
    women, men = ({word.text for word in WORDS.of(name)} for name in ("name-f", "name-m"))
    rng = np.random.default_rng(2)
    for _ in range(200):
        story = draw_story(rng, "train")
        names = [word for word in re.findall(r"[A-Z][a-z]+", " ".join(story.sentences)) if word in women | men]
        pronouns = set(re.findall(r"\b(he|she|his|her|him)\b", " ".join(story.sentences).lower()))
        if names and set(names) <= women:
            assert not pronouns & {"he", "his", "him"}, story
        if names and set(names) <= men:
            assert not pronouns & {"she", "her"}, story


def test_sentiment_is_that_of_the_words() -> None:
    judging = {
        kind: {word.text for name in names for word in WORDS.of(name)}
        for kind, names in {
            "positive": ("happy-adjective", "nice-adjective", "kind-adjective"),
            "negative": ("sad-adjective", "bad-adjective", "mean-adjective", "foul-adjective"),
        }.items()
    }
    rng = np.random.default_rng(3)
    for topic, other in (("positive", "negative"), ("negative", "positive")):
        for _ in range(150):
            sentence = draw_sentence(rng, "train", topic)
            assert sentence.sentiment == topic
            assert not judging[other] & set(re.findall(r"[a-z]+", sentence.text.lower())), sentence
    for topic in ("neutral", "question", "command"):
        for _ in range(150):
            sentence = draw_sentence(rng, "train", topic)
            assert sentence.sentiment == "neutral"
            words = set(re.findall(r"[a-z]+", sentence.text.lower()))
            assert not (judging["positive"] | judging["negative"]) & words, sentence


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (FORMS.past("carry"), "carried"), (FORMS.past("stop"), "stopped"), (FORMS.past("bake"), "baked"),
        (FORMS.past("go"), "went"), (FORMS.past("play"), "played"), (FORMS.past("pick up"), "picked up"),
        (FORMS.ing("sit"), "sitting"), (FORMS.ing("write"), "writing"), (FORMS.ing("play"), "playing"),
        (FORMS.present("watch", 3, False), "watches"), (FORMS.present("carry", 3, False), "carries"),
        (FORMS.present("have", 3, False), "has"), (FORMS.present("be", 1, False), "am"),
        (FORMS.present("was", 3, True), "were"), (FORMS.present("like", 3, True), "like"),
        (FORMS.plural("berry"), "berries"), (FORMS.plural("box"), "boxes"), (FORMS.plural("mouse"), "mice"),
        (FORMS.plural("post office"), "post offices"), (FORMS.plural("key"), "keys"),
        (FORMS.articles("a apple and an dog, a hour, a uniform"), "an apple and a dog, an hour, a uniform"),
    ],
)  # fmt: skip
def test_forms(made: str, expected: str) -> None:
    assert made == expected


def test_contrast_changes_nothing_else() -> None:
    pattern = "{name} put the <{c=color} {g=garment}|{g} {c}> on the {furniture}."
    right, wrong = (Filler(np.random.default_rng(5)).fill(pattern, wrong=side) for side in (False, True))
    assert right != wrong
    assert sorted(right.split()) == sorted(wrong.split())


@pytest.mark.parametrize("pattern", ["a (b|c", "a <b|c", "(a|{b"])
def test_open_brackets_are_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="not closed"):
        parse(pattern)
