"""Each span policy does what its name says, for any number of words and any random numbers."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spiritkit.errors import RequestError
from spiritkit.interfaces import Span, SpanPolicy
from spiritkit.interleave.asr_tts import AsrTts
from spiritkit.interleave.few_shot import FewShot
from spiritkit.interleave.fixed_spans import FixedSpans
from spiritkit.interleave.poisson import PoissonSpans
from spiritkit.interleave.random_words import RandomWords
from spiritkit.interleave.runs import runs
from spiritkit.interleave.speech_only import SpeechOnly
from spiritkit.interleave.text_only import TextOnly
from spiritkit.interleave.word_level import WordLevel
from spiritkit.interleave.word_spans import WordSpans
from spiritkit.testing import SpanPolicyContract

n_words = st.integers(1, 120)
seeds = st.integers(0, 2**32)
shares = st.floats(0, 1)


class TestWordSpans(SpanPolicyContract):
    component = "word-spans.v1"


class TestRandom(SpanPolicyContract):
    component = "random.v1"


class TestSpan(SpanPolicyContract):
    component = "span.v1"


class TestPoisson(SpanPolicyContract):
    component = "poisson.v1"


class TestWordLevel(SpanPolicyContract):
    component = "word-level.v1"


class TestAsrTts(SpanPolicyContract):
    component = "asr-tts.v1"


class TestFewShot(SpanPolicyContract):
    component = "few-shot.v1"


class TestSpeechOnly(SpanPolicyContract):
    component = "speech-only.v1"


class TestTextOnly(SpanPolicyContract):
    component = "text-only.v1"


def drawn(policy: SpanPolicy, n: int, seed: int) -> list[Span]:
    return list(policy.spans(n, np.random.default_rng(seed)))


def assert_turns(spans: list[Span], n: int) -> None:
    """Every word once, in order, and neighbouring spans of two modalities."""
    edges = [0, *[span.stop for span in spans]]
    assert [span.start for span in spans] == edges[:-1]
    assert edges[-1] == n
    assert all(span.start < span.stop for span in spans)
    assert all(before.modality != after.modality for before, after in pairwise(spans))


def n_spoken(spans: list[Span]) -> int:
    return sum(span.stop - span.start for span in spans if span.modality == "speech")


@given(n_words, seeds, st.integers(1, 20), st.integers(0, 9), st.integers(1, 20), st.integers(0, 9))
def test_word_spans_have_lengths_within_bounds(n: int, seed: int, text: int, more: int, speech: int, mort: int) -> None:
    bounds = {"text": (text, text + more), "speech": (speech, speech + mort)}
    spans = drawn(WordSpans(text_words=bounds["text"], speech_words=bounds["speech"]), n, seed)
    assert_turns(spans, n)
    for index, span in enumerate(spans):
        shortest, longest = bounds[span.modality]
        is_last = index == len(spans) - 1
        assert (1 if is_last else shortest) <= span.stop - span.start <= longest


def test_word_spans_are_the_papers_by_default() -> None:
    lengths: dict[str, Counter[int]] = {"text": Counter(), "speech": Counter()}
    first: Counter[str] = Counter()
    for seed in range(400):
        spans = drawn(WordSpans(), 400, seed)
        first[spans[0].modality] += 1
        for span in spans[:-1]:
            lengths[span.modality][span.stop - span.start] += 1
    assert set(lengths["text"]) == set(range(10, 31))
    assert set(lengths["speech"]) == set(range(5, 16))
    for counts in lengths.values():  # uniform
        assert max(counts.values()) < 1.5 * min(counts.values())
    assert 150 < first["text"] < 250


@given(n_words, seeds, shares)
def test_random_words_and_fixed_spans_take_turns(n: int, seed: int, share: float) -> None:
    assert_turns(drawn(RandomWords(speech=share), n, seed), n)
    assert_turns(drawn(FixedSpans(length=3, probability=share), n, seed), n)


def test_random_words_are_speech_with_their_probability() -> None:
    assert abs(n_spoken(drawn(RandomWords(), 20_000, 0)) - 10_000) < 300
    assert abs(n_spoken(drawn(RandomWords(speech=0.2), 20_000, 0)) - 4000) < 300
    assert n_spoken(drawn(RandomWords(speech=0), 50, 0)) == 0
    assert n_spoken(drawn(RandomWords(speech=1), 50, 0)) == 50


@given(n_words, seeds, st.integers(1, 12), shares)
def test_fixed_spans_are_whole(n: int, seed: int, length: int, probability: float) -> None:
    spans = drawn(FixedSpans(length=length, probability=probability), n, seed)
    for span in spans:
        if span.modality == "speech" and span.stop < n:
            assert (span.stop - span.start) % length == 0


def test_half_of_the_words_are_in_fixed_spans_by_default() -> None:
    spoken = np.mean([n_spoken(drawn(FixedSpans(), 1000, seed)) for seed in range(100)])
    assert abs(spoken / 1000 - 10 / 19) < 0.02


@given(n_words, seeds, st.floats(0.1, 30), shares)
def test_poisson_spans_reach_their_share_exactly(n: int, seed: int, mean: float, share: float) -> None:
    spans = drawn(PoissonSpans(mean_words=mean, share=share), n, seed)
    assert_turns(spans, n)
    assert n_spoken(spans) == math.ceil(round(share * n, 6))


def test_poisson_spans_have_the_mean_length_and_lie_anywhere() -> None:
    lengths, spoken = [], np.zeros(300)
    for seed in range(600):
        spans = drawn(PoissonSpans(share=0.05), 300, seed)  # few, so that they seldom touch or are shortened
        for span in spans:
            if span.modality == "speech":
                lengths.append(span.stop - span.start)
                spoken[span.start : span.stop] += 1
    assert abs(np.mean(lengths) - (10 + 5) / 2) < 0.8  # one of two is shortened to what is left of 15 words
    assert spoken[:100].sum() == pytest.approx(spoken[100:200].sum(), rel=0.15)
    assert spoken[200:].sum() == pytest.approx(spoken[100:200].sum(), rel=0.15)


@given(n_words, seeds)
def test_word_level_writes_and_speaks_each_word(n: int, seed: int) -> None:
    spans = drawn(WordLevel(), n, seed)
    assert [(span.modality, span.start, span.stop) for span in spans] == [
        (modality, word, word + 1) for word in range(n) for modality in ("text", "speech")
    ]


@given(st.integers(0, 120), seeds)
def test_whole_utterances(n: int, seed: int) -> None:
    assert drawn(SpeechOnly(), n, seed) == [Span("speech", 0, n)]
    assert drawn(TextOnly(), n, seed) == [Span("text", 0, n)]
    asr = [Span("speech", 0, n), Span("text", 0, n, "asr")]
    tts = [Span("text", 0, n), Span("speech", 0, n, "tts")]
    assert drawn(AsrTts(), n, seed) in (asr, tts)
    assert drawn(AsrTts(asr=1), n, seed) == asr
    assert drawn(AsrTts(asr=0), n, seed) == tts


def test_one_of_two_visits_is_recognition() -> None:
    first = Counter(drawn(AsrTts(), 5, seed)[0].modality for seed in range(400))
    assert 150 < first["speech"] < 250


def test_only_where_speech_is_cut_an_alignment_is_needed() -> None:
    assert AsrTts.needs == {"text", "speech"}
    assert (SpeechOnly.needs, TextOnly.needs) == ({"speech"}, {"text"})
    for policy in (WordSpans, RandomWords, FixedSpans, PoissonSpans, WordLevel):
        assert policy.needs == {"alignment"}


@given(st.lists(st.booleans(), max_size=40))
def test_runs_are_the_words_again(spoken: list[bool]) -> None:
    spans = runs(np.array(spoken, dtype=bool))
    assert_turns(spans, len(spoken))
    assert [span.modality == "speech" for span in spans for _ in range(span.start, span.stop)] == spoken


@pytest.mark.parametrize(
    ("policy", "parameters", "message"),
    [
        (WordSpans, {"text_words": [10]}, r"word-spans.v1: text_words is \[10\]; expected \[shortest, longest\]"),
        (WordSpans, {"speech_words": [5, 4]}, r"speech_words is \[5, 4\]"),
        (WordSpans, {"speech_words": [0, 4]}, r"speech_words is \[0, 4\]"),
        (RandomWords, {"speech": 1.5}, r"random.v1: speech is 1.5; expected 0…1"),
        (FixedSpans, {"length": 0}, r"span.v1: length is 0"),
        (FixedSpans, {"probability": math.nan}, r"span.v1: probability is nan"),
        (PoissonSpans, {"mean_words": 0.0}, r"poisson.v1: mean_words is 0.0"),
        (PoissonSpans, {"mean_words": math.inf}, r"poisson.v1: mean_words is inf"),
        (PoissonSpans, {"share": -0.1}, r"poisson.v1: share is -0.1"),
        (AsrTts, {"asr": 2.0}, r"asr-tts.v1: asr is 2.0"),
        (FewShot, {"asr": -1.0}, r"few-shot.v1: asr is -1.0"),
    ],
)
def test_parameters_that_cannot_be(policy: type, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        policy(**parameters)
