"""One document of training data: utterances in spans of text and speech, as ids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from spiritkit import provenance
from spiritkit.errors import InputError, ProvenanceError, RequestError
from spiritkit.interfaces import Serializer, Span, TextTokenizer
from spiritkit.interfaces.span_policy import Need
from spiritkit.types import StreamSpec, Tokens, Units
from spiritkit.utterances import Alignment
from spiritkit.vocabulary import Run, Vocabulary

if TYPE_CHECKING:
    from spiritkit.data.example import Example
    from spiritkit.pipeline import Pipeline

#: An example, and the spans in which it is read.
Read: TypeAlias = "tuple[Example, Iterable[Span]]"
#: In the order in which a lack is reported.
_NEEDS: tuple[Need, ...] = ("text", "speech", "alignment")


class Sequencer:
    """Writes examples as the language model reads them (paper, section 3.2).

    Speech is cut in the middle of the gap between two words; the first span begins with the recording, and the last
    ends with it. Each stretch can be read alone: deduplication does not reach over a cut, and slower streams are
    restated behind it (see `Serializer.serialize`). Text is the words joined by spaces, and the example's own text,
    spelled as it is, where a span has all of them. Markers and text are encoded as those of a prompt are
    (`Pipeline.prompt`), so text that looks like a token stays text. The end-of-sequence id ends the document, where the
    model has one.

    Args:
        vocabulary: gives the ids.
        serializer: writes units as tokens; None for a model of text alone.
        text_tokenizer: None for a model of speech alone.
        specs: the streams, in the order in which tokens that start together are written; None for the vocabulary's.
            An example may have more, which are left out.
        sources: stream → what makes its codes, where that is known (see `spiritkit.provenance`).
    """

    def __init__(
        self,
        *,
        vocabulary: Vocabulary,
        serializer: Serializer | None,
        text_tokenizer: TextTokenizer | None = None,
        specs: Sequence[StreamSpec] | None = None,
        sources: Mapping[str, str] | None = None,
    ):
        self._vocabulary, self._serializer, self._text_tokenizer = vocabulary, serializer, text_tokenizer
        self._specs = vocabulary.specs if specs is None else tuple(specs)
        self._sources = sources or {}
        self._eos_id = text_tokenizer.eos_id if text_tokenizer else vocabulary.eos_id

    @property
    def specs(self) -> tuple[StreamSpec, ...]:
        """The streams that it writes."""
        return self._specs

    @classmethod
    def of(cls, pipeline: Pipeline) -> Sequencer:
        """The sequencer of a recipe; without tokenizers it writes text alone."""
        speech = pipeline.has_tokenizers
        return cls(
            vocabulary=pipeline.vocabulary,
            serializer=pipeline.serializer if speech else None,
            text_tokenizer=pipeline.text_tokenizer if pipeline.has_text_tokenizer else None,
            specs=pipeline.specs if speech else (),
            sources=pipeline.sources if speech else None,
        )

    def check(self, where: str, specs: Iterable[StreamSpec], source: Mapping[str, str]) -> None:
        """Refuse prepared units that are not those of this sequencer's streams.

        Args:
            where: what holds the units, for messages.
            specs: the streams there.
            source: stream → what made its codes; streams of which either side is unknown pass.

        Raises:
            RequestError: this sequencer writes text alone; a stream is missing there, or is another there.
            ProvenanceError: its codes come from another tokenizer.
        """
        if not self._specs or self._serializer is None:
            raise RequestError(
                f"{where}: is to be read as speech, but the recipe has no tokenizers; expected policies that read "
                "text, or 'tokenizers: {name: {use: …}}' and a serializer"
            )
        there = {spec.name: spec for spec in specs}
        for spec in self._specs:
            found = there.get(spec.name)
            if found is None:
                raise RequestError(
                    f"{where}: no stream {spec.name!r}; there are {', '.join(there) or 'none'}. Prepare the data with "
                    "the tokenizers of this recipe"
                )
            if found != spec:
                raise RequestError(
                    f"{where}: stream {spec.name!r} is {_shown(found)}; expected {_shown(spec)}, as in this recipe"
                )
            wanted = self._sources.get(spec.name)
            if wanted and spec.name in source and not provenance.fits(wanted, source[spec.name]):
                raise ProvenanceError(
                    f"{where}: units of stream {spec.name!r} come from {source[spec.name]}, but this recipe's "
                    f"tokenizers make units of {wanted}; prepare the data with the tokenizers of this recipe"
                )

    def lacks(self, example: Example, needs: Iterable[Need]) -> Need | None:
        """The first of a policy's needs that an example does not meet, or None."""
        wanted = set(needs)
        aligned = example.alignment is not None and bool(example.alignment.words)
        has = {
            "text": aligned or _has_text(example),
            "speech": example.units is not None and any(len(example.units[name]) for name in example.units),
        }
        has["alignment"] = aligned and has["speech"]
        return next((need for need in _NEEDS if need in wanted and not has[need]), None)

    def n_words(self, example: Example) -> int:
        """How many words a policy has to place: those of the alignment, else those of the text."""
        if example.alignment is not None:
            return len(example.alignment.words)
        return len(example.text.split()) if example.text else 0

    def ids(self, *read: Read) -> np.ndarray:
        """The document: int64 `[N]`.

        Args:
            read: examples, each with its spans as a `SpanPolicy` gives them for `n_words(example)`.

        Raises:
            InputError: an example lacks what a span takes from it.
            RequestError: the vocabulary lacks a marker or a stream; there is text without a text tokenizer, or speech
                without a serializer.
        """
        ids = self._vocabulary.assemble(self._pieces(read), self._text_tokenizer)
        return ids if self._eos_id is None else np.append(ids, self._eos_id)

    def string(self, *read: Read) -> str:
        """The document as one string of markers, tokens and text.

        Raises:
            InputError, RequestError: as for `ids`.
        """
        return self._vocabulary.written(self._pieces(read))

    def _pieces(self, read: Iterable[Read]) -> list[str | np.ndarray]:
        return self._vocabulary.pieces(self._runs(read))

    def _runs(self, read: Iterable[Read]) -> Iterator[Run]:
        last: str | None = None
        for example, spans in read:
            n_words = self.n_words(example)
            units = None
            for span in spans:
                if span.stop > n_words:
                    raise InputError(f"example {example.id!r} has {n_words} words; a span has {span.start}…{span.stop}")
                if span.modality == "text":
                    text = f"{span.prefix}{_text(example, span, n_words)}{span.suffix}"
                    # Only a marker parts the words of two spans.
                    yield Run("text", f" {text}" if last == "text" and span.marker is None else text, span.marker)
                else:
                    units = self._units(example) if units is None else units
                    yield Run("speech", self._speech(example, units, span, n_words), span.marker)
                last = span.modality

    def _units(self, example: Example) -> Units:
        units = example.units
        if units is None:
            raise InputError(f"example {example.id!r} has no speech, which a span takes from it")
        if units.specs == self._specs:
            return units
        self.check(f"example {example.id!r}", units.specs, units.source)
        return Units(self._specs, {spec.name: units[spec.name] for spec in self._specs}, units.source)

    def _speech(self, example: Example, units: Units, span: Span, n_words: int) -> Tokens:
        assert self._serializer is not None  # without one there are no streams, and `check` has refused the units
        if span.start == 0 and span.stop == n_words:
            return self._serializer.serialize(units)
        alignment = example.alignment
        if alignment is None:
            raise InputError(f"example {example.id!r} has no word times, which a span of its speech takes")
        start = _cut(alignment, span.start) if span.start else Fraction(0)
        return self._serializer.serialize(units, start, _cut(alignment, span.stop) if span.stop < n_words else None)


def _text(example: Example, span: Span, n_words: int) -> str:
    if span.start == 0 and span.stop == n_words and _has_text(example):
        return str(example.text)
    if example.alignment is not None:
        return " ".join([word.text for word in example.alignment.words[span.start : span.stop]])
    if example.text is None:
        raise InputError(f"example {example.id!r} has no text, which a span takes from it")
    return " ".join(example.text.split()[span.start : span.stop])


def _has_text(example: Example) -> bool:
    return bool(example.text) and not str(example.text).isspace()


def _cut(alignment: Alignment, word: int) -> Fraction:
    """The middle, in seconds, between a word and the one before it."""
    return Fraction(alignment.words[word - 1].stop + alignment.words[word].start, 2 * alignment.sample_rate)


def _shown(spec: StreamSpec) -> str:
    return f"{spec.size} codes at {spec.rate} a second, {'' if spec.deduplicate else 'not '}deduplicated"
