"""The values that flow between parts: audio, units, tokens, prompts.

All are frozen and checked when made, hold NumPy arrays (so that importing them costs no PyTorch), and raise
`InputError` on values that cannot be used. Shape letters: `T` samples or frames, `C` channels, `N` tokens.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from spiritkit.errors import InputError

#: What a model is to continue with: text, speech, or what it chooses.
Output = Literal["text", "speech", "any"]


@dataclass(frozen=True, eq=False)
class Audio:
    """Sampled sound.

    Attributes:
        samples: float32 `[T]` (mono) or `[C, T]`, nominally in -1…1; never NaN or infinite. Integer input is
            refused: its full scale is not known.
        sample_rate: samples per second, in Hz.
    """

    samples: np.ndarray
    sample_rate: int

    def __post_init__(self) -> None:
        samples = np.asarray(self.samples)
        if samples.dtype.kind != "f":
            raise InputError(f"audio samples are {samples.dtype}; expected floats in -1…1")
        if samples.ndim not in (1, 2) or (samples.ndim == 2 and not len(samples)):
            raise InputError(f"audio samples have shape {list(samples.shape)}; expected [T] or [C, T]")
        if not _is_number(self.sample_rate) or not 0 < self.sample_rate < math.inf:
            raise InputError(f"sample rate {self.sample_rate!r}; expected a positive number of Hz")
        finite = np.isfinite(samples)
        if not finite.all():
            where = np.argwhere(~finite)[0]
            raise InputError(f"audio sample {int(where[-1])} is {samples[tuple(where)]}; expected finite numbers")
        object.__setattr__(self, "samples", np.ascontiguousarray(samples, dtype=np.float32))
        object.__setattr__(self, "sample_rate", int(self.sample_rate))

    def load(self) -> Audio:
        """Itself: sound in memory is a source of sound too (see `spiritkit.utterances.AudioSource`)."""
        return self

    def mono(self, sample_rate: int) -> np.ndarray:
        """The samples, float32 `[T]`, of audio that is mono and has the wanted rate already.

        Raises:
            InputError: it has not.
        """
        if self.samples.ndim != 1 or self.sample_rate != sample_rate:
            raise InputError(
                f"audio is {list(self.samples.shape)} at {self.sample_rate} Hz; expected mono [T] at {sample_rate} Hz"
            )
        return self.samples

    @property
    def duration(self) -> Fraction:
        """Length in seconds, exact."""
        return Fraction(self.samples.shape[-1], self.sample_rate)


@dataclass(frozen=True)
class StreamSpec:
    """What one stream of codes looks like.

    Attributes:
        name: the recipe's key of its tokenizer (`key.0`, `key.1`… for a tokenizer of several streams).
        size: codes run from 0 to `size` - 1.
        rate: codes per second, exact: code i starts at i / rate seconds.
        deduplicate: whether a run of equal codes becomes one token.
    """

    name: str
    size: int
    rate: Fraction
    deduplicate: bool

    def __post_init__(self) -> None:
        if self.size < 1:
            raise InputError(f"stream {self.name!r} has {self.size} codes; expected at least 1")
        if self.rate <= 0:
            raise InputError(f"stream {self.name!r} has rate {self.rate}; expected a positive number of codes a second")


def _codes(values: Any, what: str) -> np.ndarray:
    array = np.asarray(values)
    if array.size == 0:
        return np.zeros(0, dtype=np.int64)
    if array.dtype.kind not in "iu" or array.ndim != 1:
        raise InputError(f"{what} are {array.dtype} {list(array.shape)}; expected whole numbers [T]")
    return array.astype(np.int64)


def _check_range(codes: np.ndarray, spec: StreamSpec) -> None:
    if codes.size and (codes.min() < 0 or codes.max() >= spec.size):
        at = int(np.flatnonzero((codes < 0) | (codes >= spec.size))[0])
        raise InputError(f"stream {spec.name!r} has code {int(codes[at])} at {at}; expected 0…{spec.size - 1}")


@dataclass(frozen=True, eq=False)
class Units(Mapping[str, np.ndarray]):
    """Frames: one code a frame for each stream, each stream at its own rate. `units["hubert"]` is int64 `[T]`.

    Attributes:
        specs: the streams, in the order in which two tokens that start together are written.
        codes: stream name → int64 `[T]`, T of that stream.
        source: stream name → hash of the component, its parameters and weights that made the codes; empty where
            unknown (units from elsewhere).
    """

    specs: tuple[StreamSpec, ...]
    codes: Mapping[str, np.ndarray]
    source: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [spec.name for spec in self.specs]
        if set(names) != set(self.codes):
            raise InputError(f"units have streams {sorted(self.codes)}; their specs name {sorted(names)}")
        checked = {}
        for spec in self.specs:
            checked[spec.name] = _codes(self.codes[spec.name], f"units of stream {spec.name!r}")
            _check_range(checked[spec.name], spec)
        object.__setattr__(self, "codes", checked)
        object.__setattr__(self, "source", dict(self.source))

    def __getitem__(self, name: str) -> np.ndarray:
        return self.codes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.codes)

    def __len__(self) -> int:
        return len(self.codes)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Units):
            return NotImplemented
        return self.specs == other.specs and all(np.array_equal(self[name], other[name]) for name in self)

    __hash__ = None  # type: ignore[assignment]

    def renamed(self, names: Sequence[str]) -> Units:
        """The same units with the streams called `names`, in order."""
        return Units(
            specs=tuple(replace(spec, name=name) for spec, name in zip(self.specs, names, strict=True)),
            codes={name: self.codes[spec.name] for spec, name in zip(self.specs, names, strict=True)},
            source={
                name: self.source[spec.name]
                for spec, name in zip(self.specs, names, strict=True)
                if spec.name in self.source
            },
        )


class Token(NamedTuple):
    """One token of one stream."""

    stream: str
    code: int


@dataclass(frozen=True, eq=False)
class Tokens:
    """What the language model sees: deduplicated, merged over streams; durations are not known any more.

    Attributes:
        specs: the streams a token may belong to.
        streams: int64 `[N]`, for each token the index of its stream in `specs`.
        codes: int64 `[N]`, for each token its code.
        source: as in `Units`.
    """

    specs: tuple[StreamSpec, ...]
    streams: np.ndarray
    codes: np.ndarray
    source: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        streams, codes = _codes(self.streams, "stream indices"), _codes(self.codes, "token codes")
        if streams.shape != codes.shape:
            raise InputError(f"{len(streams)} stream indices for {len(codes)} codes; expected as many")
        if streams.size and not (streams.min() >= 0 and streams.max() < len(self.specs)):
            raise InputError(f"stream indices run to {streams.max()}; expected 0…{len(self.specs) - 1}")
        sizes = np.array([spec.size for spec in self.specs], dtype=np.int64)
        if codes.size and (codes.min() < 0 or (codes >= sizes[streams]).any()):
            for index, spec in enumerate(self.specs):
                _check_range(codes[streams == index], spec)
        object.__setattr__(self, "streams", streams)
        object.__setattr__(self, "codes", codes)
        object.__setattr__(self, "source", dict(self.source))

    def __len__(self) -> int:
        return len(self.codes)

    def __iter__(self) -> Iterator[Token]:
        for stream, code in zip(self.streams.tolist(), self.codes.tolist(), strict=True):
            yield Token(self.specs[stream].name, code)

    def __getitem__(self, name: str) -> np.ndarray:
        """The codes of one stream, in order: int64 `[n]`."""
        index = [spec.name for spec in self.specs].index(name)
        codes: np.ndarray = self.codes[self.streams == index]
        return codes

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tokens) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True)
class Text:
    """Words as a prompt part, or as a span that a model wrote. Text that looks like a token stays text.

    Attributes:
        text: the words.
        marker: in a prompt, role of the marker before it, e.g. `asr` for `[ASR]`; None for that of text, which is
            written only where the modality changes. Without words it asks for what the marker announces.
    """

    text: str
    marker: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.text, str):
            raise InputError(f"Text takes a string, not {type(self.text).__name__}")


@dataclass(frozen=True, eq=False)
class Speech:
    """Sound as a prompt part, or as a span that a model spoke.

    Attributes:
        audio: a path or `Audio`. None in a generated span when the recipe has no vocoder.
        tokens: the span's tokens, where they are known already: then the audio is not encoded again.
        marker: as in `Text`, e.g. `tts` for `[TTS]`; with it there may be neither audio nor tokens.
    """

    audio: Path | str | Audio | None = None
    tokens: Tokens | None = None
    marker: str | None = None

    def __post_init__(self) -> None:
        if self.audio is None and self.tokens is None and self.marker is None:
            raise InputError("Speech takes audio (a path or Audio) or tokens; got neither")
        if not isinstance(self.audio, Path | str | Audio | None):
            raise InputError(
                f"Speech takes a path or Audio, not {type(self.audio).__name__}; wrap samples in Audio(samples, rate)"
            )


#: One part of a prompt; a plain string is text.
PromptPart = Text | Speech | str
#: What a model continues: parts of text and speech in order, or a single one.
Prompt = PromptPart | Sequence[PromptPart]


def prompt_parts(prompt: Prompt) -> list[Text | Speech]:
    """A prompt as a list.

    Raises:
        InputError: it, or a part of it, is something else.
    """
    parts: list[Text | Speech] = []
    if not isinstance(prompt, Text | Speech | str | Sequence):
        raise InputError(f"a prompt is a {type(prompt).__name__}; expected Text, Speech, a string or a list of these")
    for part in [prompt] if isinstance(prompt, Text | Speech | str) else prompt:
        if not isinstance(part, Text | Speech | str):
            raise InputError(f"a prompt part is a {type(part).__name__}; expected Text, Speech or a string")
        parts.append(Text(part) if isinstance(part, str) else part)
    return parts


@dataclass(frozen=True)
class Constraint:
    """Which ids a model may produce: half-open ranges, sorted and disjoint. Everything else has probability 0."""

    ranges: tuple[tuple[int, int], ...]

    def __contains__(self, id: int) -> bool:
        return any(start <= id < stop for start, stop in self.ranges)


@dataclass(frozen=True)
class Sampling:
    """How the next id is drawn.

    Attributes:
        max_new_tokens: at most so many ids are produced.
        temperature: logits are divided by it; 0 takes the most probable id (greedy).
        top_p: the smallest set of ids with at least this probability is kept, in 0…1.
        seed: the same seed gives the same ids.
        stop_ids: an id of these ends the sequence and is kept as its last.
        seeds: of the rows of a batch, one for each; without them row i draws from `seed + i`.
    """

    max_new_tokens: int = 200
    temperature: float = 0.8
    top_p: float = 0.95
    seed: int = 0
    stop_ids: tuple[int, ...] = ()
    seeds: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not _is_whole(self.max_new_tokens) or self.max_new_tokens < 0:
            raise InputError(f"max_new_tokens is {self.max_new_tokens!r}; expected a whole number, 0 or more")
        if not (_is_number(self.temperature) and 0 <= self.temperature < math.inf):
            raise InputError(f"temperature is {self.temperature!r}; expected 0 (greedy) or more, and finite")
        if not (_is_number(self.top_p) and 0 < self.top_p <= 1):
            raise InputError(f"top_p is {self.top_p!r}; expected more than 0, at most 1")
        for seed in (self.seed, *self.seeds):
            if not _is_whole(seed) or not 0 <= seed < 1 << 63:
                raise InputError(f"seed is {seed!r}; expected a whole number, 0…2^63 - 1")

    def seed_of(self, row: int) -> int:
        """What row `row` of a batch draws from."""
        return self.seeds[row] if self.seeds else self.seed + row


def _is_whole(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return _is_whole(value) or isinstance(value, float | np.floating)


@dataclass(frozen=True, eq=False)
class Generation:
    """What a speech-text model made of a prompt.

    Attributes:
        prompt_string: the prompt as one string of markers, tokens and text.
        prompt_ids: the prompt as the model saw it.
        new_ids: what the model produced, with the `</s>` that ended it, if one did.
        spans: `new_ids` split at every change of modality: `Text` and `Speech` in order.
        seconds: stage → how long it took, as far as the model tells; a pipeline: `encode` (sound → tokens → ids),
            `language_model`, `vocoder`, where the first two are those of all prompts that were run together.
    """

    prompt_string: str
    prompt_ids: list[int]
    new_ids: list[int]
    spans: list[Text | Speech]
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """All generated text, joined."""
        return "".join(span.text for span in self.spans if isinstance(span, Text))


@dataclass(frozen=True)
class Score:
    """How probable a continuation is.

    Attributes:
        log_probability: sum over its tokens of the natural log-probability.
        n_tokens: how many tokens were summed.
    """

    log_probability: float
    n_tokens: int

    @property
    def per_token(self) -> float:
        """Log-probability divided by the number of tokens (the normalised score of the paper's section 4)."""
        return self.log_probability / self.n_tokens
