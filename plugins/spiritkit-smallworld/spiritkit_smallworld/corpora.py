"""Corpora `smallworld.v1` and `smallworld-text.v1`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

from spiritkit.checkpoints import require
from spiritkit.checks import check_range
from spiritkit.data.audio_file import AudioFile
from spiritkit.errors import InputError, RequestError
from spiritkit.interfaces import Corpus
from spiritkit.utterances import Alignment, Utterance, Word
from spiritkit_smallworld.language import Split, document
from spiritkit_smallworld.language.documents import Kind
from spiritkit_smallworld.voice.profiles import SPEAKERS, STYLES

_ATTRIBUTES = ("speaker", "style", "sentiment", "kind", "topic")
_KINDS = {"sentences": "sentence", "stories": "story", "mixed": None, "words": "words", "scrambled": "scrambled"}


class Smallworld(Corpus):
    """Utterances that `make-smallworld.v1` has written, with the times of words and phones and the attributes
    `speaker`, `style`, `sentiment`, `kind` and `topic`.

    Args:
        folder: of the step.
        split: train, validation or test.
        kind: which of the utterances.
        speakers, styles: only these; None for all.
        size: at most so many utterances; None for all.
        hours: utterances in order until there is so much sound; None for all.
        text_only: leave the sound out.

    Raises:
        RequestError: a speaker or style that does not exist, or a number out of its range.
    """

    def __init__(
        self,
        *,
        folder: str,
        split: Split = "train",
        kind: Kind = "mixed",
        speakers: list[str] | None = None,
        styles: list[str] | None = None,
        size: int | None = None,
        hours: float | None = None,
        text_only: bool = False,
    ):
        self._folder = Path(folder).expanduser() / split
        self._kind, self._speakers, self._styles = _KINDS[kind], speakers, styles
        self._size, self._hours, self._text_only = size, hours, text_only
        for what, given, known in (("speaker", speakers, SPEAKERS), ("style", styles, STYLES)):
            for name in given or ():
                if name not in known:
                    raise RequestError(f"no {what} {name!r}; there are {', '.join(known)}")
        check_range("smallworld.v1", {"size": size}, at_least=1)
        check_range("smallworld.v1", {"hours": hours}, above=0)

    def input_files(self) -> list[Path]:
        """The table of the split."""
        return [self._folder / "utterances.jsonl"]

    def __len__(self) -> int:
        return len(self._utterances)

    def __iter__(self) -> Iterator[Utterance]:
        return iter(self._utterances)

    @cached_property
    def _utterances(self) -> list[Utterance]:
        table = require(self._folder / "utterances.jsonl", "a table that step make-smallworld.v1 writes")
        found: list[Utterance] = []
        seconds = 0.0
        with table.open(encoding="utf-8") as file:
            for number, text in enumerate(file, 1):
                if (self._size is not None and len(found) >= self._size) or (
                    self._hours is not None and seconds >= self._hours * 3600
                ):
                    break
                try:
                    line = json.loads(text)
                    if self._wanted(line):
                        found.append(self._utterance(line))
                        seconds += (line["stop"] - line["start"]) / line["sample_rate"]
                except (ValueError, KeyError, TypeError) as error:  # InputError is a ValueError
                    reason = f"no {error}" if isinstance(error, KeyError) else str(error)
                    raise InputError(
                        f"{table}:{number}: {reason}; expected a line as step make-smallworld.v1 writes it"
                    ) from error
        return found

    def _wanted(self, line: dict[str, Any]) -> bool:
        return (
            self._kind in (None, line["kind"])
            and (self._speakers is None or line["speaker"] in self._speakers)
            and (self._styles is None or line["style"] in self._styles)
        )

    def _utterance(self, line: dict[str, Any]) -> Utterance:
        rate = line["sample_rate"]
        audio = AudioFile(
            self._folder / line["audio"], Fraction(line["start"], rate), Fraction(line["stop"] - line["start"], rate)
        )
        words, phones = (tuple(Word(*timed) for timed in line[key]) for key in ("words", "phones"))
        return Utterance(
            id=line["id"],
            audio=None if self._text_only else audio,
            text=line["text"],
            alignment=None if self._text_only else Alignment(words, rate, phones),
            attributes={key: line[key] for key in _ATTRIBUTES},
        )


class SmallworldText(Corpus):
    """Texts without sound, made when they are asked for: any number, each a function of `seed`, `split` and its own
    number. Attributes: `sentiment`, `kind`, `topic`.

    Args:
        split: sentences of one split never occur in another, nor in the other splits of `make-smallworld.v1`.
        kind: single sentences, stories, both (mixed), or words in no order.
        size: how many.
        seed: of the texts; `make-smallworld.v1` takes the recipe's.

    Raises:
        RequestError: `size` is not positive.
    """

    def __init__(self, *, split: Split = "train", kind: Kind = "mixed", size: int = 10_000, seed: int = 0):
        check_range("smallworld-text.v1", {"size": size}, at_least=1)
        self._split, self._kind, self._size, self._seed = split, kind, size, seed

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Utterance]:
        for index in range(self._size):
            text = document(self._seed, self._split, index, self._kind)
            yield Utterance(
                id=f"{self._split}-{self._kind}-{self._seed}-{index:07}",
                text=text.text,
                attributes={"sentiment": text.sentiment, "kind": text.kind, "topic": text.topic},
            )
