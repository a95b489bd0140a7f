"""The parts of one recipe, composed: audio → units → tokens → ids → language model → ids → tokens → audio."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from spiritkit import provenance
from spiritkit.audio import Recording
from spiritkit.errors import InputError, RequestError, SpiritkitError
from spiritkit.interfaces import LanguageModel, Serializer, SpeechTextModel, TextTokenizer, UnitTokenizer, Vocoder
from spiritkit.timing import timed
from spiritkit.types import (
    Audio,
    Generation,
    Output,
    Prompt,
    Sampling,
    Score,
    Speech,
    StreamSpec,
    Text,
    Tokens,
    Units,
    prompt_parts,
)
from spiritkit.vocabulary import Run, Vocabulary, first_spelling

T = TypeVar("T")


@dataclass(frozen=True)
class Parts:
    """What a pipeline is composed of. Each part is a function that builds it, called on first use: encoding loads no
    language model. None where the recipe has no such part.
    """

    tokenizers: Mapping[str, Callable[[], UnitTokenizer]] = field(default_factory=dict)
    sources: Mapping[str, Callable[[], str]] = field(default_factory=dict)
    serializer: Callable[[], Serializer] | None = None
    text_tokenizer: Callable[[], TextTokenizer] | None = None
    language_model: Callable[[], LanguageModel] | None = None
    vocoder: Callable[[], Vocoder] | None = None
    blocks: Sequence[Mapping[str, Any]] | None = None
    pad_to_multiple_of: int = 1
    bos: str | None = None
    eos: str | None = None
    trained_on: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    chunk_seconds: float = 100.0
    shortest_seconds: float = 0.08
    batch_seconds: float = 200.0


class _Job(NamedTuple):
    """One chunk of one recording: its audio at each sample rate that a tokenizer wants."""

    recording: int
    audio: dict[int, Audio]


class Pipeline(SpeechTextModel):
    """One recipe's parts, built on first use.

    Audio is cut into chunks of `chunk_seconds` before any tokenizer sees it, so that recordings of hours take bounded
    memory; the units of the chunks are joined.

    A recipe's pipeline can be pickled: another process that takes it builds its own parts.
    """

    def __init__(self, parts: Parts):
        self._parts = parts

    def __reduce__(self) -> tuple[type[Pipeline], tuple[Parts]]:
        return type(self), (self._parts,)

    def with_language_model(self, model: LanguageModel) -> Pipeline:
        """This pipeline with another language model, which says itself what units it was trained on; the parts that are
        built already are shared.
        """
        known = {key: value for key, value in self._parts.trained_on.items() if key != "language_model"}
        other = type(self)(replace(self._parts, language_model=lambda: model, trained_on=known))
        built = {name: part for name, part in self.__dict__.items() if name not in ("_parts", "language_model")}
        other.__dict__.update(built)
        return other

    # -- parts --------------------------------------------------------------------------------------------------------

    @cached_property
    def tokenizers(self) -> dict[str, UnitTokenizer]:
        """The tokenizers by their keys in the recipe, in its order."""
        if not self._parts.tokenizers:
            raise RequestError("the recipe has no tokenizers; add 'tokenizers: {name: {use: …}}'")
        return {key: build() for key, build in self._parts.tokenizers.items()}

    @cached_property
    def serializer(self) -> Serializer:
        """The recipe's serializer."""
        return _part(self._parts.serializer, "serializer")

    @cached_property
    def text_tokenizer(self) -> TextTokenizer:
        """The recipe's text tokenizer, told where the vocabulary's tokens begin if its own file has them."""
        tokenizer = _part(self._parts.text_tokenizer, "text_tokenizer")
        first = first_spelling(self._parts.blocks or ())
        start = None if first is None else tokenizer.find(first)
        if start is not None and start < tokenizer.size:
            tokenizer.restrict(start)
        return tokenizer

    @cached_property
    def vocoder(self) -> Vocoder:
        """The recipe's vocoder."""
        return _part(self._parts.vocoder, "vocoder")

    @cached_property
    def language_model(self) -> LanguageModel:
        """The recipe's language model, checked against the vocabulary."""
        return self.new_language_model()

    def new_language_model(self) -> LanguageModel:
        """The recipe's language model, built for the caller alone, who may change it: training does."""
        model = _part(self._parts.language_model, "language_model")
        if model.rows != self.vocabulary.rows and not model.resize(self.vocabulary.rows):
            raise RequestError(
                f"the vocabulary has {self.vocabulary.size} ids, padded to {self.vocabulary.rows} rows, but the "
                f"language model's embedding has {model.rows}; compare vocabulary.blocks and pad_to_multiple_of with it"
            )
        return model

    def _check_source(self, key: str, part: Vocoder | LanguageModel, source: Mapping[str, str]) -> None:
        """What the recipe says of a part's training overrules what the part itself knows."""
        provenance.check(key, self._parts.trained_on.get(key, part.trained_on), source)

    @cached_property
    def specs(self) -> tuple[StreamSpec, ...]:
        """The streams of all tokenizers, named by the recipe's keys, in its order."""
        return tuple(
            replace(spec, name=name)
            for key, tokenizer in self.tokenizers.items()
            for spec, name in zip(tokenizer.streams, _stream_names(key, tokenizer), strict=True)
        )

    @cached_property
    def sources(self) -> dict[str, str]:
        """Stream name → hash of what makes its codes: component, parameters and weights."""
        return {
            name: self._parts.sources[key]()
            for key, tokenizer in self.tokenizers.items()
            if key in self._parts.sources
            for name in _stream_names(key, tokenizer)
        }

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The recipe's vocabulary, checked against the text tokenizer's own file."""
        if self._parts.blocks is None:
            raise RequestError("the recipe has no vocabulary; add 'vocabulary: {blocks: […]}'")
        has_text = self._parts.text_tokenizer is not None
        vocabulary = Vocabulary.from_blocks(
            self._parts.blocks,
            specs=self.specs if self.has_tokenizers else (),  # a model of text alone has none
            text_size=self.text_tokenizer.size if has_text else None,
            pad_to_multiple_of=self._parts.pad_to_multiple_of,
            bos=self._parts.bos,
            eos=self._parts.eos,
        )
        if has_text:
            vocabulary.check(self.text_tokenizer)
        return vocabulary

    @property
    def has_vocabulary(self) -> bool:
        """Whether the recipe has a vocabulary, without which there are units and sound, but no strings and ids."""
        return self._parts.blocks is not None

    @property
    def has_text_tokenizer(self) -> bool:
        """Whether the recipe has a text tokenizer, without which there is speech only."""
        return self._parts.text_tokenizer is not None

    @property
    def has_tokenizers(self) -> bool:
        """Whether the recipe has tokenizers, without which sound cannot be encoded."""
        return bool(self._parts.tokenizers)

    @property
    def has_vocoder(self) -> bool:
        """Whether the recipe has a vocoder, without which speech stays silent."""
        return self._parts.vocoder is not None

    # -- audio → units → tokens → ids ---------------------------------------------------------------------------------

    def encode(self, audio: Path | str | Audio) -> Units:
        """Units of one recording of any length, sample rate and number of channels.

        Raises:
            MissingFileError, InputError: no such file; unreadable, damaged or too short.
        """
        return self.encode_batch([audio])[0]

    def encode_batch(self, audios: Sequence[Path | str | Audio]) -> list[Units]:
        """Units of several recordings; each is what it would be alone.

        Raises:
            SpiritkitError: of the first recording that cannot be encoded.
        """
        results = []
        for result in self.encode_each(audios):
            if isinstance(result, SpiritkitError):
                raise result
            results.append(result)
        return results

    def encode_each(self, audios: Iterable[Path | str | Audio]) -> Iterator[Units | SpiritkitError]:
        """Units of many recordings, in order, each as soon as it is whole; of one that cannot be encoded, its error.
        Chunks of several recordings run together, up to `batch_seconds` of audio at once.
        """
        finished: dict[int, list[Units] | SpiritkitError] = {}
        counter = _Counter(audios)
        next_out = 0
        for batch in self._batches(counter, finished):
            for recording, units in self._encode_jobs(batch):
                done = finished.setdefault(recording, [])
                if isinstance(units, SpiritkitError):
                    finished[recording] = units
                elif isinstance(done, list):
                    done.append(units)
            # A recording is whole once a later one has begun, or all are read.
            while next_out < counter.read - (0 if counter.exhausted else 1):
                yield self._joined(finished.pop(next_out))
                next_out += 1
        while next_out < counter.read:
            yield self._joined(finished.pop(next_out))
            next_out += 1

    def _batches(
        self, recordings: Iterable[tuple[int, Path | str | Audio]], failed: dict[int, list[Units] | SpiritkitError]
    ) -> Iterator[list[_Job]]:
        rates = sorted({tokenizer.sample_rate for tokenizer in self.tokenizers.values()})
        batch: list[_Job] = []
        seconds = 0.0
        for index, audio in recordings:
            try:
                for chunks in self._chunks(audio, rates):
                    length = float(chunks[rates[0]].duration)
                    if batch and seconds + length > self._parts.batch_seconds:
                        yield batch
                        batch, seconds = [], 0.0
                    batch.append(_Job(index, chunks))
                    seconds += length
            except SpiritkitError as error:
                failed[index] = error
                batch = [job for job in batch if job.recording != index]
        if batch:
            yield batch

    def _chunks(self, audio: Path | str | Audio, rates: Sequence[int]) -> Iterator[dict[int, Audio]]:
        streams = [
            Recording(audio).chunks(rate, self._parts.chunk_seconds, self._parts.shortest_seconds) for rate in rates
        ]
        for chunks in zip(*streams, strict=False):  # rounding may leave one rate a last sliver that another drops
            yield dict(zip(rates, chunks, strict=True))

    def _encode_jobs(self, batch: list[_Job]) -> list[tuple[int, Units | SpiritkitError]]:
        """Encode a batch; if a tokenizer refuses it, each job alone, so that one recording does not fail the others."""
        try:
            return list(self._encode_together(batch))
        except SpiritkitError as error:
            if len(batch) == 1:
                return [(batch[0].recording, error)]
            return [result for job in batch for result in self._encode_jobs([job])]

    def _encode_together(self, batch: list[_Job]) -> Iterator[tuple[int, Units | SpiritkitError]]:
        codes: list[dict[str, np.ndarray]] = [{} for _ in batch]
        for key, tokenizer in self.tokenizers.items():
            names = _stream_names(key, tokenizer)
            results = tokenizer.encode([job.audio[tokenizer.sample_rate] for job in batch])
            for found, units in zip(codes, results, strict=True):
                found.update(units.renamed(names).codes)
        for job, found in zip(batch, codes, strict=True):
            yield job.recording, Units(self.specs, found)

    def _joined(self, result: list[Units] | SpiritkitError) -> Units | SpiritkitError:
        if isinstance(result, SpiritkitError):
            return result
        codes = {spec.name: np.concatenate([units[spec.name] for units in result]) for spec in self.specs}
        return Units(self.specs, codes, self.sources)

    def to_tokens(self, units: Units) -> Tokens:
        """Units as the language model's tokens: deduplicated and merged."""
        return self.serializer.serialize(units)

    def to_string(self, speech: Units | Tokens | Sequence[int]) -> str:
        """Units, tokens or ids as one string; ids may hold text and markers too."""
        if isinstance(speech, Units):
            speech = self.to_tokens(speech)
        if isinstance(speech, Tokens):
            return self.vocabulary.string(speech)
        return "".join(
            self.text_tokenizer.decode(run) if is_text else "".join(map(self.vocabulary.spelling, run))
            for is_text, run in _runs(self._known(speech), lambda id: id < self.vocabulary.text_size)
        )

    def to_ids(self, speech: Units | Tokens | str) -> list[int]:
        """Ids of units, tokens or a string of markers, tokens and text, as they stand inside a sequence: no `<s>` in
        front.
        """
        if isinstance(speech, Units):
            speech = self.to_tokens(speech)
        if isinstance(speech, Tokens):
            return self.vocabulary.ids(speech)
        return [
            id
            for part in self.vocabulary.split(speech)
            for id in ([part] if isinstance(part, int) else self.text_tokenizer.encode(part))
        ]

    def to_units(self, tokens: Tokens) -> Units:
        """Frames of tokens, as the serializer reads them back; what it cannot know (durations) is its default."""
        # Parsed tokens have their streams in the order of the vocabulary's blocks; units have them in the recipe's.
        ranks = {spec.name: rank for rank, spec in enumerate(self.specs)} if self._parts.tokenizers else {}
        order = sorted(range(len(tokens.specs)), key=lambda index: ranks.get(tokens.specs[index].name, len(ranks)))
        specs = tuple(tokens.specs[index] for index in order)
        streams = np.argsort(order)[tokens.streams] if order else tokens.streams
        return self.serializer.deserialize(Tokens(specs, streams, tokens.codes, tokens.source))

    def parse(self, tokens: str | Sequence[int]) -> Tokens:
        """The speech tokens of a string or of ids, whatever a model may have written around them; what is no token of
        this vocabulary is passed over.
        """
        if isinstance(tokens, str):
            return self.vocabulary.tokens(part for part in self.vocabulary.split(tokens) if isinstance(part, int))
        return self.vocabulary.tokens(tokens)

    # -- ids → tokens → audio -----------------------------------------------------------------------------------------

    def decode(
        self,
        speech: Units | Tokens | str | Sequence[int],
        speaker: int | str | None = None,
        style: int | str | None = None,
        seed: int = 0,
    ) -> Audio:
        """Sound of units (durations as given), or of tokens, a string or ids (durations predicted).

        Args:
            speech: what to say; without any unit the audio is empty.
            speaker: index or name of the voice; None for the vocoder's default.
            style: index or name; None for the tokens' own, or the vocoder's default.
            seed: of whatever the vocoder draws at random.

        Raises:
            ProvenanceError: the units come from another tokenizer than those that the vocoder was trained on.
        """
        if not isinstance(speech, Units | Tokens):
            speech = self.parse(speech)
        self._check_source("vocoder", self.vocoder, speech.source)
        if isinstance(speech, Tokens) and self.vocoder.needs_units:
            speech = self.to_units(speech)
        return self.vocoder.decode([speech], speaker=speaker, style=style, seed=seed)[0]

    def frames(self, tokens: Tokens) -> Units | None:
        """The frames that `decode` makes of tokens, which tell when each is heard; None if the vocoder does not say."""
        return self.to_units(tokens) if self.vocoder.needs_units else self.vocoder.frames(tokens)

    # -- the language model -------------------------------------------------------------------------------------------

    def prompt(self, prompt: Prompt, output: Output = "any") -> tuple[str, list[int]]:
        """A prompt as string and ids (paper, section 3.2, and as the released code does).

        A marker goes before each run of one modality, and once more at the end if the wanted output differs from the
        last. A part that names a marker of its own has that one before it. The whole is encoded as one sequence, `<s>`
        first.
        """
        return self._prompt(self._encoded([prompt])[0], output)

    @property
    def context_length(self) -> int:
        """See `SpeechTextModel`."""
        return self.language_model.context_length

    def prompt_length(self, prompt: Prompt, output: Output = "any") -> int:
        """See `SpeechTextModel`."""
        return len(self.prompt(prompt, output)[1])

    def generate(
        self,
        prompt: Prompt,
        output: Output = "any",
        *,
        max_new_tokens: int = 200,
        temperature: float = 0.8,
        top_p: float = 0.95,
        seed: int = 0,
        speaker: int | str | None = None,
        style: int | str | None = None,
    ) -> Generation:
        """Continue a prompt.

        Args:
            prompt: a list of `Text` and `Speech`, or one of them.
            output: `text`, `speech`, or `any` for what the model chooses.
            max_new_tokens: at most so many; the end-of-sequence id ends it before.
            temperature: 0 is greedy.
            top_p: nucleus of the distribution that is drawn from.
            seed: the same seed gives the same result.
            speaker: voice of generated speech, as in `decode`.
            style: style of generated speech, as in `decode`.
        """
        return self.generate_batch(
            [prompt],
            output,
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            top_p=top_p,
            seed=seed,
            speaker=speaker,
            style=style,
        )[0]

    def generate_batch(
        self,
        prompts: Sequence[Prompt],
        output: Output = "any",
        *,
        max_new_tokens: int = 200,
        temperature: float = 0.8,
        top_p: float = 0.95,
        seed: int | Sequence[int] = 0,
        speaker: int | str | None = None,
        style: int | str | None = None,
    ) -> list[Generation]:
        """Continue several prompts together; prompt i draws from `seed + i`, or from `seed[i]`."""
        _check_output(output)
        eos_id = self.text_tokenizer.eos_id if self._parts.text_tokenizer else self.vocabulary.eos_id
        stop_ids = () if eos_id is None else (eos_id,)
        seeds = [seed + row for row in range(len(prompts))] if isinstance(seed, int) else seed
        sampling = Sampling(max_new_tokens, temperature, top_p, 0, stop_ids, tuple(seeds))
        constraint, model = self.vocabulary.constraint(output, stop_ids), self.language_model  # built before it counts
        seconds: dict[str, float] = {}
        with timed(seconds, "encode"):
            encoded = [self._prompt(parts, output) for parts in self._model_input(prompts)]
        with timed(seconds, "language_model"):
            continuations = model.generate_batch([ids for _, ids in encoded], constraint, sampling)
        return [
            self._generation(string, ids, new_ids, seconds, speaker=speaker, style=style, seed=own_seed)
            for (string, ids), new_ids, own_seed in zip(encoded, continuations, seeds, strict=True)
        ]

    def _generation(
        self, string: str, ids: list[int], new_ids: list[int], seconds: Mapping[str, float], **wishes: Any
    ) -> Generation:
        if self.has_vocoder and any(id >= self.vocabulary.text_size for id in new_ids):
            _ = self.vocoder  # built before its time counts
        own = dict(seconds)
        with timed(own, "vocoder"):
            spans = self.spans(new_ids, **wishes)
        return Generation(string, ids, new_ids, spans, own)

    def spans(
        self,
        ids: Sequence[int],
        *,
        speaker: int | str | None = None,
        style: int | str | None = None,
        seed: int = 0,
    ) -> list[Text | Speech]:
        """Ids split at every change of modality, text decoded and, where the recipe has a vocoder, speech too."""
        markers = {marker.id for marker in self.vocabulary.markers}
        spans: list[Text | Speech] = []
        for is_text, run in _runs(
            [id for id in self._known(ids) if id not in markers], lambda id: id < self.vocabulary.text_size
        ):
            if is_text:
                text = self.text_tokenizer.decode(run)
                if text:
                    spans.append(Text(text))
                continue
            tokens = self.vocabulary.tokens(run, self.sources)
            audio = None
            if self.has_vocoder:
                audio = self.decode(tokens, speaker=speaker, style=style, seed=seed)
            spans.append(Speech(audio, tokens))
        return spans

    def score(self, prompt: Prompt, continuation: Prompt) -> Score:
        """Log-probability of a continuation after a prompt, over all ids (paper, section 4.1).

        The marker between a prompt and a continuation of another modality belongs to the prompt. Where text runs on
        across the boundary and the two make a token together, that token belongs to the continuation.
        """
        return self.score_batch([(prompt, continuation)])[0]

    def score_batch(self, pairs: Sequence[tuple[Prompt, Prompt]]) -> list[Score]:
        """Scores of several (prompt, continuation) pairs, computed together."""
        contexts, wholes = [], []
        inputs = iter(self._model_input(side for pair in pairs for side in pair))
        for before, after in zip(inputs, inputs, strict=True):
            if not after:
                raise InputError("the continuation to score is empty")
            modality: Output = "text" if isinstance(after[0], Text) else "speech"
            contexts.append(self._prompt(before, modality, after[0].marker)[1])
            wholes.append(self._prompt(before + after, "any")[1])
        scores = []
        for context, whole, values in zip(contexts, wholes, self.language_model.score(wholes), strict=True):
            shared = next((i for i, (a, b) in enumerate(zip(context, whole, strict=False)) if a != b), len(context))
            if shared >= len(whole):
                raise InputError("the continuation to score adds no token to the prompt")
            if len(whole) == 1:
                raise InputError("the continuation to score is the first token of all, which nothing makes probable")
            scores.append(Score(float(values[max(shared - 1, 0) :].sum(dtype=np.float64)), len(whole) - max(shared, 1)))
        return scores

    def _encoded(self, prompts: Iterable[Prompt]) -> list[list[Text | Speech]]:
        """Prompts as lists, all their recordings encoded together, and one that occurs again only once."""
        given = [prompt_parts(prompt) for prompt in prompts]
        sounds = {
            _identity(part.audio): part.audio
            for parts in given
            for part in parts
            if isinstance(part, Speech) and part.tokens is None and part.audio is not None
        }
        units = self.encode_batch(list(sounds.values())) if sounds else []
        tokens = {key: self.to_tokens(one) for key, one in zip(sounds, units, strict=True)}
        return [
            [
                replace(part, tokens=tokens[_identity(part.audio)])
                if isinstance(part, Speech) and part.tokens is None and part.audio is not None
                else part
                for part in parts
            ]
            for parts in given
        ]

    def _model_input(self, prompts: Iterable[Prompt]) -> list[list[Text | Speech]]:
        """`_encoded` for the language model: refuses units that it was not trained on."""
        encoded = self._encoded(prompts)
        for part in (part for parts in encoded for part in parts):
            if isinstance(part, Speech) and part.tokens is not None:
                self._check_source("language_model", self.language_model, part.tokens.source)
        return encoded

    def _prompt(
        self, parts: Sequence[Text | Speech], output: Output, marker: str | None = None
    ) -> tuple[str, list[int]]:
        runs = [
            Run("text", part.text if part.text or part.marker is None else None, part.marker)
            if isinstance(part, Text)
            else Run("speech", part.tokens, part.marker)
            for part in parts
        ]
        if output != "any":
            runs.append(Run(output, None, marker))
        pieces = self.vocabulary.pieces(runs)
        tokenizer = self.text_tokenizer if self.has_text_tokenizer else None
        return self.vocabulary.written(pieces), self.vocabulary.assemble(pieces, tokenizer).tolist()

    def _known(self, ids: Iterable[int]) -> list[int]:
        return [id for id in ids if 0 <= id < self.vocabulary.size]


class _Counter(Iterable[tuple[int, T]]):
    """Numbers items as they are taken, and knows how many were and whether that was all."""

    def __init__(self, items: Iterable[T]):
        self._items = items
        self.read = 0
        self.exhausted = False

    def __iter__(self) -> Iterator[tuple[int, T]]:
        for item in self._items:
            self.read += 1
            yield self.read - 1, item
        self.exhausted = True


def _identity(audio: Path | str | Audio | None) -> str | int:
    """The same for the same recording: a path, or the object."""
    return id(audio) if isinstance(audio, Audio) else str(audio)


def _part(build: Callable[[], T] | None, name: str) -> T:
    if build is None:
        raise RequestError(f"the recipe has no {name}; add '{name}: {{use: …}}'")
    return build()


def _stream_names(key: str, tokenizer: UnitTokenizer) -> list[str]:
    count = len(tokenizer.streams)
    return [key] if count == 1 else [f"{key}.{index}" for index in range(count)]


def _runs(ids: Iterable[int], group: Callable[[int], bool]) -> Iterator[tuple[bool, list[int]]]:
    from itertools import groupby

    for value, run in groupby(ids, key=group):
        yield value, list(run)


def _check_output(output: str) -> None:
    if output not in ("text", "speech", "any"):
        raise RequestError(f"output is {output!r}; expected 'text', 'speech' or 'any'")
