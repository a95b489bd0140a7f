"""Prepared data, by shard and by number."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path

from spiritkit.checkpoints import require
from spiritkit.data.example import Example
from spiritkit.data.shards.columns import Columns
from spiritkit.data.shards.manifest import Manifest, ShardEntry
from spiritkit.data.shards.schema import load_pyarrow
from spiritkit.errors import InputError, RequestError
from spiritkit.types import StreamSpec


class Shards:
    """The examples of one folder that a step `prepare.v1` wrote, or of several, one after the other.

    Shards that were read last stay in memory. Reading shard by shard touches each file once; examples at random from
    more than fits in `megabytes` read a whole shard each.

    Args:
        folder: one or several. Streams that they share are of one kind and from one source; some may have more, and
            folders of text alone go with any.
        verify: compare the SHA-256 of every file with the manifest's. Without it, files are there and have the right
            size, and damage shows when a shard is read.
        megabytes: how much of the shards stays in memory.

    Attributes:
        specs: the streams that all folders with units have, whose examples may have more; empty for text alone.
        source: stream → what made its codes.
        shard_sizes: how many examples each shard holds; examples are numbered through them in order.
        seconds: how much sound there is in all.

    Raises:
        MissingFileError: a folder is not prepared to its end, or has lost a shard.
        InputError: a file is not the one that was written; or the folders do not go together, both are named.
        RequestError: no folder; pyarrow is not installed.
    """

    def __init__(
        self, folder: Path | str | Sequence[Path | str], *, verify: bool = False, megabytes: int = 1000
    ) -> None:
        load_pyarrow()
        folders = [Path(one).expanduser() for one in ([folder] if isinstance(folder, Path | str) else folder)]
        if not folders:
            raise RequestError("no folder of prepared data is given; expected at least one")
        manifests = {one: Manifest.read(one) for one in folders}
        self.specs, self.source = _common(manifests)
        self._entries = [
            (one / entry.file, entry, manifests[one].streams) for one in folders for entry in manifests[one].shards
        ]
        for path, entry, _ in self._entries:
            _check(path, entry, verify)
        self.shard_sizes = [entry.rows for _, entry, _ in self._entries]
        self.seconds = sum(float(manifests[one].totals.get("seconds", 0.0)) for one in folders)
        self._ends = list(accumulate(self.shard_sizes))
        self._limit = megabytes * 1_000_000
        self._kept: OrderedDict[int, Columns] = OrderedDict()

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __iter__(self) -> Iterator[Example]:
        for shard in range(len(self.shard_sizes)):
            yield from self.examples(shard)

    def examples(self, shard: int) -> list[Example]:
        """All examples of shard `shard`, counted over all folders from 0 on, in the order of the corpus.

        Raises:
            InputError: the file is damaged.
        """
        columns = self._columns(shard)
        return [columns.example(row) for row in range(len(columns))]

    def example(self, index: int) -> Example:
        """Example `index`, counted over all shards.

        Raises:
            IndexError: there are fewer.
            InputError: the file is damaged.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"example {index}; expected 0…{len(self) - 1}")
        shard = bisect_right(self._ends, index)
        return self._columns(shard).example(index - (self._ends[shard] - self.shard_sizes[shard]))

    def _columns(self, shard: int) -> Columns:
        if shard in self._kept:
            self._kept.move_to_end(shard)
            return self._kept[shard]
        path, entry, specs = self._entries[shard]
        columns = Columns(path)
        if len(columns) != entry.rows or columns.specs not in ((), specs):
            raise InputError(f"{path}: not the shard that the manifest lists; it is to be prepared again")
        self._kept[shard] = columns
        while len(self._kept) > 1 and sum(one.bytes for one in self._kept.values()) > self._limit:
            self._kept.popitem(last=False)
        return columns


def _common(manifests: dict[Path, Manifest]) -> tuple[tuple[StreamSpec, ...], dict[str, str]]:
    """The streams that all folders with units have, and their sources."""
    spoken = {folder: manifest for folder, manifest in manifests.items() if manifest.streams}
    if not spoken:
        return (), {}
    (first, wanted), *others = spoken.items()
    names = [spec.name for spec in wanted.streams]
    for folder, found in others:
        there = [spec.name for spec in found.streams]
        names = [name for name in names if name in there]
        if not names:
            raise InputError(
                f"{folder} does not go with {first}: its streams are {there}, none of which all others have"
            )
        for what, one, other in (
            ("streams", _named(wanted.streams, names), _named(found.streams, names)),
            ("sources", _of(wanted.sources, names), _of(found.sources, names)),
        ):
            if one != other:
                raise InputError(f"{folder} does not go with {first}: its {what} are {other}, not {one}")
    return tuple(_named(wanted.streams, names).values()), _of(wanted.sources, names)


def _named(specs: Sequence[StreamSpec], names: Sequence[str]) -> dict[str, StreamSpec]:
    return {spec.name: spec for spec in specs if spec.name in names}


def _of(sources: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    return {name: source for name, source in sources.items() if name in names}


def _check(path: Path, entry: ShardEntry, verify: bool) -> None:
    size = require(path, "a shard that manifest.json lists; prepare the data again").stat().st_size
    if size != entry.bytes:
        raise InputError(f"{path}: has {size} bytes; manifest.json says {entry.bytes}; it is to be prepared again")
    if verify and (found := file_sha256(path)) != entry.sha256:
        raise InputError(f"{path}: has SHA-256 {found}; manifest.json says {entry.sha256}; it is to be prepared again")


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
