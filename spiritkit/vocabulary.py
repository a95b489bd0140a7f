"""The only owner of ids: which id every piece of text, marker and speech token has.

A vocabulary is a row of blocks in the recipe's order: text, markers, streams. Ids follow from the order, so a block
that is appended moves nothing before it. What a token looks like, which markers there are and where they stand belong
to the recipe; nothing here knows `[Hu5]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from spiritkit.errors import InputError, RequestError
from spiritkit.interfaces import TextTokenizer
from spiritkit.types import Constraint, Output, StreamSpec, Tokens


class Run(NamedTuple):
    """What a sequence says in one modality.

    Attributes:
        modality: `text` or `speech`.
        content: text, or speech tokens; None for nothing, where only the marker is wanted.
        marker: role of the marker before it; None for that of the modality, which is written only where the modality
            changes.
    """

    modality: str
    content: str | Tokens | None
    marker: str | None = None


@dataclass(frozen=True)
class StreamBlock:
    """The ids of one stream: code c is id `start + c` and is spelled `format.format(c)`."""

    spec: StreamSpec
    start: int
    format: str

    @property
    def stop(self) -> int:
        """One past the last id."""
        return self.start + self.spec.size


@dataclass(frozen=True)
class Marker:
    """A single id that says what follows. Its role is its letters in lower case: `[Text]`, `<text>` → `text`."""

    spelling: str
    id: int

    @property
    def role(self) -> str:
        """What it announces."""
        return "".join(filter(str.isalpha, self.spelling)).lower()


@dataclass(frozen=True)
class Vocabulary:
    """Ids of text, markers and streams.

    Attributes:
        text_size: ids 0…text_size - 1 are text; 0 for a model without text.
        markers: in the order of their ids.
        streams: in the order of their ids.
        size: ids run from 0 to size - 1.
        rows: `size`, padded up to the recipe's multiple: the rows of the embedding.
        bos_id: the marker that opens every sequence, None without one or where the text tokenizer does it.
        eos_id: the marker that ends a sequence, likewise.
    """

    text_size: int
    markers: tuple[Marker, ...]
    streams: tuple[StreamBlock, ...]
    size: int
    rows: int
    bos_id: int | None
    eos_id: int | None
    _pattern: re.Pattern[str] = field(repr=False, compare=False)

    @classmethod
    def from_blocks(
        cls,
        blocks: Sequence[Mapping[str, Any]],
        *,
        specs: Iterable[StreamSpec],
        text_size: int | None,
        pad_to_multiple_of: int = 1,
        bos: str | None = None,
        eos: str | None = None,
    ) -> Vocabulary:
        """Compute ids from a recipe's blocks.

        Streams that no block names get one behind all others, spelled `[name:0]`, `[name:1]`, …, so that a recipe may
        add or swap a tokenizer without a word on the vocabulary.

        Args:
            blocks: each one of `{text: true}`, `{markers: [spelling, …]}`, `{stream: name, format: "[Hu{}]"}`. One that
                names the key of a tokenizer of K streams stands for K blocks, spelled `[Hu0_{}]`, `[Hu1_{}]`, …
            specs: the streams there are.
            text_size: ids that the text tokenizer takes; None without one.
            pad_to_multiple_of: the embedding's rows are padded up to a multiple of it.
            bos: the marker that opens every sequence, for a model without text.
            eos: the marker that ends a sequence, for a model without text.

        Raises:
            RequestError: a block names no stream, a spelling occurs twice, text does not come first, …
        """
        by_name = {spec.name: spec for spec in specs}
        blocks = _following(blocks, by_name)
        markers: list[Marker] = []
        streams: list[StreamBlock] = []
        text, start = 0, 0
        for number, block in enumerate(blocks):
            where = f"vocabulary.blocks.{number}"
            problem = block_problem(block)
            if problem:
                raise RequestError(f"{where}: {problem}")
            if "text" in block:
                if text_size is None:
                    raise RequestError(f"{where}: a text block needs a text_tokenizer")
                if start:
                    raise RequestError(f"{where}: the text block must come first: text ids start at 0")
                start = text = text_size
            elif "markers" in block:
                for spelling in block["markers"]:
                    markers.append(Marker(spelling, start))
                    start += 1
            else:
                name = block["stream"]
                if name not in by_name:
                    raise RequestError(f"{where}: no stream {name!r}; there are {', '.join(by_name) or 'none'}")
                streams.append(StreamBlock(by_name[name], start, block["format"]))
                start = streams[-1].stop
        if pad_to_multiple_of < 1:
            raise RequestError(f"vocabulary.pad_to_multiple_of is {pad_to_multiple_of}; expected 1 or more")
        spellings = [marker.spelling for marker in markers] + [stream.format for stream in streams]
        names = [stream.spec.name for stream in streams]
        for kind, values in (("spelling", spellings), ("stream", names)):
            twice = {value for value in values if values.count(value) > 1}
            if twice:
                raise RequestError(f"vocabulary.blocks: {kind} {sorted(twice)[0]!r} occurs twice")
        ends = {"bos": bos, "eos": eos}
        for key, spelling in ends.items():
            problem = end_problem(spelling, blocks)
            if problem:
                raise RequestError(f"vocabulary.{key}: {problem}")
        ids: dict[str | None, int] = {marker.spelling: marker.id for marker in markers}
        return cls(
            text_size=text,
            markers=tuple(markers),
            streams=tuple(streams),
            size=start,
            rows=-(-start // pad_to_multiple_of) * pad_to_multiple_of,
            bos_id=ids.get(bos),
            eos_id=ids.get(eos),
            _pattern=_pattern(markers, streams),
        )

    def check(self, tokenizer: TextTokenizer) -> None:
        """Compare with the ids that the text tokenizer's own file gives to markers and speech tokens, if it has any.

        Raises:
            RequestError: they differ; the message names the first token and both ids.
        """
        for id in range(self.text_size, self.size):
            theirs = tokenizer.find(self.spelling(id))
            if theirs is not None and theirs != id:
                raise RequestError(
                    f"vocabulary: {self.spelling(id)!r} is id {id} by the recipe's blocks but {theirs} in the text "
                    "tokenizer's own file; put the blocks in the file's order, with the streams' sizes"
                )

    def marker(self, role: str) -> Marker | None:
        """The marker of that role, e.g. `text` or `speech`; None if the vocabulary has none."""
        return next((marker for marker in self.markers if marker.role == role), None)

    def stream(self, name: str) -> StreamBlock:
        """The block of one stream.

        Raises:
            RequestError: the vocabulary has no such stream.
        """
        for block in self.streams:
            if block.spec.name == name:
                return block
        raise RequestError(f"stream {name!r} has no block in the vocabulary; add {{stream: {name}, format: …}}")

    @property
    def specs(self) -> tuple[StreamSpec, ...]:
        """The streams that have ids, in the order of their ids."""
        return tuple(block.spec for block in self.streams)

    def ids(self, tokens: Tokens) -> list[int]:
        """Ids of tokens.

        Raises:
            RequestError: a stream of theirs has no block.
        """
        ids: list[int] = self._ids_of(tokens).tolist()
        return ids

    def _ids_of(self, tokens: Tokens) -> np.ndarray:
        starts = np.array([self.stream(spec.name).start for spec in tokens.specs], dtype=np.int64)
        return starts[tokens.streams] + tokens.codes if len(tokens) else np.zeros(0, dtype=np.int64)

    # -- whole sequences ----------------------------------------------------------------------------------------------

    def pieces(self, runs: Iterable[Run]) -> list[str | np.ndarray]:
        """Runs with their markers (paper, section 3.2), as text and known ids, int64 `[n]` with n > 0.

        Raises:
            RequestError: a run names a marker that the vocabulary lacks; a stream has no block.
        """
        pieces: list[str | np.ndarray] = []
        known: list[np.ndarray] = []
        last: str | None = None
        for modality, content, role in runs:
            if role is not None or modality != last:
                marker = self.marker(role or modality)
                if marker:
                    known.append(np.array([marker.id]))
                elif role is not None:
                    raise RequestError(
                        f"the sequence has a marker {role!r}, which is not among the vocabulary's "
                        f"({', '.join(one.role for one in self.markers) or 'none'}); for another "
                        f"add {{markers: ['[{role.strip('[]').upper()}]']}} to vocabulary.blocks"
                    )
                last = modality
            if isinstance(content, Tokens):
                known.append(self._ids_of(content))
            elif content is not None:
                _append(pieces, known)
                pieces.append(content)
        _append(pieces, known)
        return pieces

    def assemble(self, pieces: Sequence[str | np.ndarray], text_tokenizer: TextTokenizer | None) -> np.ndarray:
        """Ids of a whole sequence, int64 `[N]`: `<s>` first where the model wants it, no `</s>`.

        Raises:
            RequestError: there is text, but no text tokenizer.
        """
        if text_tokenizer is None:
            known = [np.array([] if self.bos_id is None else [self.bos_id], dtype=np.int64)]
            for piece in pieces:
                if isinstance(piece, str):
                    raise RequestError(f"the recipe has no text_tokenizer; it cannot read the text {piece!r}")
                known.append(piece)
            return np.concatenate(known)
        # The text tokenizer is told of each run of known ids as if it were one id, beyond all that there are.
        beyond = max(self.size, text_tokenizer.size)
        parts = [piece if isinstance(piece, str) else beyond + index for index, piece in enumerate(pieces)]
        whole = np.array(text_tokenizer.assemble(parts), dtype=np.int64)
        joined: list[np.ndarray] = []
        end = 0
        for position in np.flatnonzero(whole >= beyond).tolist():
            joined += [whole[end:position], np.asarray(pieces[int(whole[position]) - beyond])]
            end = position + 1
        return np.concatenate([*joined, whole[end:]])

    def written(self, pieces: Iterable[str | np.ndarray]) -> str:
        """Pieces as one string."""
        return "".join(
            piece if isinstance(piece, str) else "".join(map(self.spelling, piece.tolist())) for piece in pieces
        )

    def tokens(self, ids: Iterable[int], source: Mapping[str, str] | None = None) -> Tokens:
        """The speech tokens among ids; text, markers, padding and ids that do not exist are left out."""
        given = list(ids)
        for id in given:
            if not isinstance(id, int | np.integer):
                raise InputError(f"id {id!r} is a {type(id).__name__}; expected whole numbers")
        array = np.array([id for id in given if 0 <= id < self.size], dtype=np.int64)
        streams, codes = np.full(len(array), -1), np.zeros(len(array), dtype=np.int64)
        for index, block in enumerate(self.streams):
            inside = (array >= block.start) & (array < block.stop)
            streams[inside], codes[inside] = index, array[inside] - block.start
        known = streams >= 0
        return Tokens(self.specs, streams[known], codes[known], source or {})

    def spelling(self, id: int) -> str:
        """How a marker or speech token is written.

        Raises:
            InputError: the id is none of theirs (text is the text tokenizer's to spell).
        """
        for marker in self.markers:
            if marker.id == id:
                return marker.spelling
        for block in self.streams:
            if block.start <= id < block.stop:
                return block.format.format(id - block.start)
        raise InputError(f"id {id} is no marker or speech token; those are among {self.text_size}…{self.size - 1}")

    def string(self, tokens: Tokens) -> str:
        """Tokens as one string."""
        formats = [self.stream(spec.name).format for spec in tokens.specs]
        pairs = zip(tokens.streams.tolist(), tokens.codes.tolist(), strict=True)
        return "".join([formats[stream].format(code) for stream, code in pairs])

    def split(self, string: str) -> list[str | int]:
        """A string as text and the ids of the markers and speech tokens in it.

        What is almost a token (`[Hu999]` with 501 codes, `[Hu1`, `[hu1]`) is text.
        """
        parts: list[str | int] = []
        end = 0
        for match in self._pattern.finditer(string):
            id = self._id(match)
            if id is None:
                continue
            if match.start() > end:
                parts.append(string[end : match.start()])
            parts.append(id)
            end = match.end()
        if end < len(string):
            parts.append(string[end:])
        return parts

    def _id(self, match: re.Match[str]) -> int | None:
        index = match.lastindex
        if index is None:
            return next(marker.id for marker in self.markers if marker.spelling == match.group())
        block, digits = self.streams[index - 1], match.group(index)
        canonical = digits == "0" or not digits.startswith("0")
        return block.start + int(digits) if canonical and int(digits) < block.spec.size else None

    def constraint(self, output: Output, stop_ids: Sequence[int] = ()) -> Constraint:
        """What may be produced for an output modality (paper, section 3.2, and as the released code does).

        `text` leaves text ids, `speech` leaves stream ids; neither leaves markers, both leave `stop_ids`. `any` leaves
        all. Padding rows are never among them.

        Raises:
            RequestError: the vocabulary has no ids of that modality.
        """
        if output == "any":
            return Constraint(((0, self.size),))
        if output == "text":
            ranges = [(0, self.text_size)] if self.text_size else []
        else:
            ranges = [(block.start, block.stop) for block in self.streams]
        if not ranges:
            raise RequestError(f"output is {output!r}, of which the vocabulary's blocks have no ids")
        ranges += [(id, id + 1) for id in stop_ids]
        return Constraint(_union(ranges))


def _append(pieces: list[str | np.ndarray], known: list[np.ndarray]) -> None:
    """Move known ids to the pieces, as one."""
    ids = np.concatenate(known) if known else np.zeros(0, dtype=np.int64)
    known.clear()
    if len(ids):
        pieces.append(ids)


def block_problem(block: Any) -> str | None:
    """What is wrong with the shape of one block of a recipe, or None."""
    expected = "expected {text: true}, {markers: [spelling, …]} or {stream: name, format: '[Hu{}]'}"
    if not isinstance(block, Mapping):
        return f"is {block!r}; {expected}"
    keys = set(block)
    if keys == {"text"}:
        return None if block["text"] is True else f"text is {block['text']!r}; expected true"
    if keys == {"markers"}:
        markers = block["markers"]
        if not isinstance(markers, Sequence) or isinstance(markers, str):
            return f"markers is {markers!r}; expected a list of spellings"
        wrong = [marker for marker in markers if not isinstance(marker, str) or not marker]
        return f"marker {wrong[0]!r}; expected a spelling such as '[Text]'" if wrong else None
    if keys == {"stream", "format"}:
        if not isinstance(block["stream"], str):
            return f"stream is {block['stream']!r}; expected the name of a stream"
        form = block["format"]
        plain = isinstance(form, str) and form.count("{}") == 1
        if not plain or "{" in form.replace("{}", "") or "}" in form.replace("{}", "") or form == "{}":
            return f"format is {form!r}; expected a spelling with one {{}} for the code, such as '[Hu{{}}]'"
        return None
    return f"has keys {', '.join(map(str, block)) or '(none)'}; {expected}"


def _following(blocks: Sequence[Mapping[str, Any]], streams: Iterable[str]) -> list[Mapping[str, Any]]:
    """Blocks for exactly the streams there are, as far as blocks and streams can be matched."""
    names = list(streams)
    expanded: list[Mapping[str, Any]] = []
    for block in blocks:
        name = block.get("stream") if block_problem(block) is None else None
        several = [other for other in names if name not in names and other.startswith(f"{name}.")]
        for index, other in enumerate(several):
            expanded.append({"stream": other, "format": block["format"].replace("{}", f"{index}_{{}}")})
        if not several:
            expanded.append(block)
    named = {block.get("stream") for block in expanded if isinstance(block, Mapping)}
    expanded += [{"stream": name, "format": f"[{name}:{{}}]"} for name in names if name not in named]
    return expanded


def first_spelling(blocks: Sequence[Any]) -> str | None:
    """How the first id behind the text block is written; None if there is no text or nothing behind it."""
    text, *rest = blocks or [None]
    if not isinstance(text, Mapping) or "text" not in text:
        return None
    spellings = (
        (block["markers"] if "markers" in block else [block["format"].format(0)])
        for block in rest
        if block_problem(block) is None
    )
    return next((spelling for some in spellings for spelling in some), None)


def end_problem(spelling: str | None, blocks: Sequence[Any]) -> str | None:
    """What is wrong with a recipe's `bos` or `eos`, or None."""
    if spelling is None:
        return None
    known = [block for block in blocks if block_problem(block) is None]
    if any("text" in block for block in known):
        return f"is {spelling!r}, but sequences with text are opened and ended by the text tokenizer; leave it out"
    markers = [marker for block in known for marker in block.get("markers", ())]
    return None if spelling in markers else f"no marker {spelling!r}; there are {', '.join(markers) or 'none'}"


def _pattern(markers: Sequence[Marker], streams: Sequence[StreamBlock]) -> re.Pattern[str]:
    """One group for each stream, in order; a marker matches without a group. Nine digits bound what `int` is given."""
    forms = [re.escape(block.format).replace(r"\{\}", "([0-9]{1,9})") for block in streams]
    spelled = [re.escape(marker.spelling) for marker in sorted(markers, key=lambda marker: -len(marker.spelling))]
    return re.compile("|".join(spelled + forms) or r"(?!)")


def _union(ranges: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Ranges sorted, merged where they touch, empty ones left out."""
    merged: list[tuple[int, int]] = []
    for start, stop in sorted(range for range in ranges if range[0] < range[1]):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(stop, merged[-1][1])
        else:
            merged.append((start, stop))
    return tuple(merged)
