"""Recordings with what is said in them: what corpora give, aligners time, and shards hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Protocol

from spiritkit.errors import InputError
from spiritkit.types import Audio

#: Times in tables and files are rounded: so much, in seconds, a word may outlast the sound.
_SLACK = 0.05


@dataclass(frozen=True)
class Word:
    """One word and when it is said.

    Attributes:
        text: the word as it is written, without white space.
        start: its first sample, at the sample rate of its alignment.
        stop: one past its last sample.
        score: how sure an aligner is of it, in 0…1; None for times that were given.
    """

    text: str
    start: int
    stop: int
    score: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.stop:
            raise InputError(
                f"word {self.text!r} lasts from sample {self.start} to {self.stop}; expected 0 ≤ start ≤ stop"
            )
        if not self.text or self.text.split() != [self.text]:
            raise InputError(f"word {self.text!r}; expected text without white space")


@dataclass(frozen=True)
class Alignment:
    """The words of a recording in the order in which they are said.

    Attributes:
        words: each starts no earlier than the one before it ends.
        sample_rate: samples per second, in Hz, that the words' times count.
        phones: the same of phones, where they are known.
    """

    words: tuple[Word, ...]
    sample_rate: int
    phones: tuple[Word, ...] = ()

    def __post_init__(self) -> None:
        if self.sample_rate < 1:
            raise InputError(f"an alignment has sample rate {self.sample_rate}; expected a positive number of Hz")
        for kind, spans in (("word", self.words), ("phone", self.phones)):
            for before, after in pairwise(spans):
                if after.start < before.stop:
                    raise InputError(
                        f"{kind} {after.text!r} starts at sample {after.start}, before {before.text!r} ends at "
                        f"{before.stop}"
                    )

    @property
    def score(self) -> float | None:
        """Mean score of the words, each weighted by its length; None if they have none."""
        scored = [(word.score, max(1, word.stop - word.start)) for word in self.words if word.score is not None]
        if not scored:
            return None
        return sum(score * length for score, length in scored) / sum(length for _, length in scored)

    def within(self, seconds: float) -> Alignment:
        """The same for a sound that lasts `seconds`: words and phones that outlast it by a little, as rounded times do,
        are cut to its end.

        Raises:
            InputError: one ends more than 0.05 s after it.
        """
        end = round(seconds * self.sample_rate)
        both = (*self.words, *self.phones)
        for one in both:
            if one.stop > end + _SLACK * self.sample_rate:
                raise InputError(
                    f"{one.text!r} ends at {one.stop / self.sample_rate:g} s, after the sound, which lasts "
                    f"{seconds:g} s"
                )
        if all(one.stop <= end for one in both):
            return self
        words, phones = (
            tuple(replace(one, start=min(one.start, end), stop=min(one.stop, end)) for one in spans)
            for spans in (self.words, self.phones)
        )
        return replace(self, words=words, phones=phones)


class AudioSource(Protocol):
    """Something that sound can be read from, when it is needed. It can be pickled, so that another process reads it."""

    def load(self) -> Audio:
        """The sound.

        Raises:
            SpiritkitError: it cannot be read; the message names the file.
        """
        ...


@dataclass(frozen=True)
class Utterance:
    """One item of a corpus: sound, text, or both.

    Attributes:
        id: unique in its corpus, and the same in every run.
        audio: where its sound is read from (`Audio` in memory is one too); None for text alone.
        text: what is said, or written; None where it is not known.
        alignment: when each word is said, where the corpus knows.
        attributes: whatever else is known: `speaker`, `style`, `language`, …
    """

    id: str
    audio: AudioSource | None = None
    text: str | None = None
    alignment: Alignment | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.id:
            raise InputError("an utterance has an empty id")
        if self.audio is None and self.text is None:
            raise InputError(f"utterance {self.id!r} has neither audio nor text")
