"""Shards: what is written is read back, damage is noticed, folders join only where they go together."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spiritkit import StreamSpec, Units
from spiritkit.data.example import Example
from spiritkit.data.shards import Manifest, ShardEntry, Shards, shard_bytes
from spiritkit.errors import CheckpointError, InputError, MissingFileError, RequestError
from spiritkit.utterances import Alignment, Word

pq = pytest.importorskip("pyarrow.parquet")
pa = pytest.importorskip("pyarrow")

SPECS = (
    StreamSpec("hubert", 501, Fraction(2499, 100), True),
    StreamSpec("codec.0", 256, Fraction(25, 2), False),
    StreamSpec("wide", 70_000, Fraction(1), False),
)
SOURCE = {"hubert": "hubert.v1@0123", "wide": "wide.v1@4567"}


def put(folder: Path, shards: Sequence[Sequence[Example]], specs: Sequence[StreamSpec] = SPECS) -> Path:
    """A prepared folder with these shards."""
    (folder / "shards").mkdir(parents=True)
    entries = []
    for number, examples in enumerate(shards):
        data = shard_bytes(examples)
        name = f"shards/{number}.parquet"
        (folder / name).write_bytes(data)
        entries.append(ShardEntry(name, len(examples), len(data), hashlib.sha256(data).hexdigest()))
    seconds = sum(example.seconds for examples in shards for example in examples)
    Manifest(tuple(entries), tuple(specs), SOURCE if specs else {}, {"seconds": seconds}, {}).write(folder)
    return folder


def fields(example: Example) -> tuple[Any, ...]:
    """Everything in an example, in a form that `==` compares."""
    units = example.units
    codes = None if units is None else (units.specs, {name: units[name].tolist() for name in units}, units.source)
    return example.id, example.text, codes, example.seconds, example.alignment, dict(example.attributes)


def spoken(id: str, n: int = 4) -> Example:
    rng = np.random.default_rng(len(id))
    units = Units(SPECS, {spec.name: rng.integers(0, spec.size, n) for spec in SPECS}, SOURCE)
    words = Alignment((Word("a", 0, 5, 0.25), Word("b", 5, 9)), 16_000)
    return Example(id, "a b", units, 0.5, words, {"speaker": "x"})


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@st.composite
def alignments(draw: st.DrawFn) -> Alignment:
    times = sorted(draw(st.lists(st.integers(0, 1 << 40), max_size=8)))
    scores = st.none() | st.floats(0, 1)
    plain = texts.map(lambda text: "".join(text.split()) or "w")
    words = tuple(
        Word(draw(plain), start, stop, draw(scores)) for start, stop in zip(times[::2], times[1::2], strict=False)
    )
    return Alignment(words, draw(st.integers(1, 200_000)))


@st.composite
def units(draw: st.DrawFn) -> Units:
    codes = {spec.name: draw(st.lists(st.integers(0, spec.size - 1), max_size=6)) for spec in SPECS}
    return Units(SPECS, {name: np.array(values, dtype=np.int64) for name, values in codes.items()}, SOURCE)


examples = st.builds(
    Example,
    id=texts.map(lambda text: text or "id"),
    text=st.none() | texts,
    units=st.none() | units(),
    seconds=st.floats(0, 1e6),
    alignment=st.none() | alignments(),
    attributes=st.dictionaries(texts, texts, max_size=3),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(shards=st.lists(st.lists(examples, max_size=5), max_size=3))
def test_what_was_written_is_read_back(shards: list[list[Example]], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = put(tmp_path_factory.mktemp("shards") / "data", shards)
    read = Shards(folder, verify=True, megabytes=0)
    wanted = [fields(example) for examples in shards for example in examples]
    assert len(read) == len(wanted)
    assert read.shard_sizes == [len(examples) for examples in shards]
    assert [[fields(one) for one in read.examples(k)] for k in range(len(shards))] == [
        [fields(one) for one in examples] for examples in shards
    ]
    assert [fields(read.example(index)) for index in range(len(wanted))] == wanted
    assert [fields(example) for example in read] == wanted


def test_the_file_says_what_is_in_it(tmp_path: Path) -> None:
    """Types are as small as the codes allow, and any tool that reads Parquet can read them."""
    put(tmp_path / "a", [[spoken("one"), Example("two", "text alone")]])
    table = pq.read_table(tmp_path / "a" / "shards" / "0.parquet")
    types = {name: str(table.schema.field(name).type.value_type) for name in table.column_names if "units." in name}
    assert types == {"units.hubert": "uint16", "units.codec.0": "uint8", "units.wide": "uint32"}
    assert table.column("units.hubert").to_pylist()[0] == spoken("one").units["hubert"].tolist()  # type: ignore[index]
    assert table.column("units.hubert").to_pylist()[1] is None
    assert table.column("words").to_pylist()[0][0] == {"text": "a", "start": 0, "stop": 5, "score": 0.25}
    manifest = json.loads((tmp_path / "a" / "manifest.json").read_text())
    assert [stream["rate"] for stream in manifest["streams"]] == ["2499/100", "25/2", "1/1"]


def test_text_alone_has_no_stream_columns(tmp_path: Path) -> None:
    put(tmp_path / "a", [[Example("one", "text")]], specs=())
    assert "units" not in str(pq.read_schema(tmp_path / "a" / "shards" / "0.parquet").names)
    read = Shards(tmp_path / "a")
    assert (read.specs, read.source, read.seconds) == ((), {}, 0.0)


def test_equal_examples_give_equal_bytes() -> None:
    assert shard_bytes([spoken("a"), spoken("b")]) == shard_bytes([spoken("a"), spoken("b")])


@pytest.mark.parametrize(
    ("example", "message"),
    [
        (replace(spoken("a"), units=Units(SPECS[:1], {"hubert": np.zeros(2, int)}, SOURCE)), "one shard cannot hold"),
        (replace(spoken("a"), units=replace(spoken("a").units, source={})), "one shard cannot hold"),  # type: ignore[type-var]
        (Example("a", "half a \ud83d pair"), "not Unicode text"),
        (Example("a", "b", attributes={"speaker": 3}), "is the int 3; expected text"),  # type: ignore[dict-item]
    ],
)
def test_what_no_shard_can_hold(example: Example, message: str) -> None:
    with pytest.raises(InputError, match=message):
        shard_bytes([spoken("first"), example])


def test_folders_are_joined(tmp_path: Path) -> None:
    put(tmp_path / "a", [[spoken("1")], [spoken("22"), spoken("333")]])
    put(tmp_path / "b", [[spoken("4444")]])
    put(tmp_path / "text", [[Example("5", "text")]], specs=())
    read = Shards([tmp_path / "text", str(tmp_path / "a"), tmp_path / "b"])
    assert [example.id for example in read] == ["5", "1", "22", "333", "4444"]
    assert read.example(3).id == "333"
    assert (read.specs, read.source, read.seconds) == (SPECS, SOURCE, 2.0)
    for index in (-1, 5):
        with pytest.raises(IndexError, match=f"example {index}"):
            read.example(index)


def change(folder: Path, key: str, value: Any) -> None:
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest[key] = value
    path.write_text(json.dumps(manifest))


def test_folders_that_do_not_go_together_are_both_named(tmp_path: Path) -> None:
    for name in "ab":
        put(tmp_path / name, [[spoken("1")]])
    change(tmp_path / "b", "sources", {"hubert": "hubert.v1@other"})
    with pytest.raises(InputError, match=r"b does not go with .*a: its sources are .*other.* not .*0123"):
        Shards([tmp_path / "a", tmp_path / "b"])
    for name, spec, message in (
        ("c", replace(SPECS[0], size=7), r"its streams are .*size=7.*, not .*"),
        ("d", replace(SPECS[0], name="other"), r"its streams are \['other'\], none of which"),
    ):
        put(tmp_path / name, [[replace(spoken("1"), units=None)]], specs=[spec])
        with pytest.raises(InputError, match=rf"{name} does not go with .*a: {message}"):
            Shards([tmp_path / "a", tmp_path / name])


def test_streams_that_only_some_folders_have_are_left_to_those(tmp_path: Path) -> None:
    """Data that was prepared for Expressive goes with data for Base."""
    one = spoken("22")
    assert one.units is not None
    fewer = Units(SPECS[:1], {"hubert": one.units["hubert"]}, {"hubert": SOURCE["hubert"]})
    put(tmp_path / "both", [[spoken("1")]])
    put(tmp_path / "fewer", [[replace(one, units=fewer)]], specs=SPECS[:1])
    for folders in (["both", "fewer"], ["fewer", "both"]):
        read = Shards([tmp_path / name for name in folders])
        assert (read.specs, read.source) == (SPECS[:1], {"hubert": SOURCE["hubert"]})
        assert {example.id: set(example.units or ()) for example in read} == {
            "1": {"hubert", "codec.0", "wide"}, "22": {"hubert"},
        }  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return put(tmp_path / "data", [[spoken("1")], [spoken("22")]])


def truncate(folder: Path) -> None:
    path = folder / "shards" / "1.parquet"
    path.write_bytes(path.read_bytes()[:-10])


def flip(folder: Path) -> None:
    """One bit inside the data pages."""
    path = folder / "shards" / "1.parquet"
    data = bytearray(path.read_bytes())
    data[200] ^= 1
    path.write_bytes(data)


def foreign(folder: Path) -> None:
    path = folder / "shards" / "1.parquet"
    pq.write_table(pa.table({"a": [1]}), path)
    manifest = json.loads((folder / "manifest.json").read_text())
    change(folder, "shards", [manifest["shards"][0], manifest["shards"][1] | {"bytes": path.stat().st_size}])


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (
            lambda folder: (folder / "manifest.json").unlink(),
            MissingFileError,
            "run a step prepare.v1 to its end first",
        ),
        (lambda folder: (folder / "shards" / "1.parquet").unlink(), MissingFileError, "1.parquet: no such file"),
        (truncate, InputError, r"1.parquet: has \d+ bytes; manifest.json says \d+"),
        (lambda folder: (folder / "manifest.json").write_text("{}"), CheckpointError, "has format None; expected"),
        (lambda folder: (folder / "manifest.json").write_text("{"), CheckpointError, "not JSON"),
        (lambda folder: change(folder, "shards", [{"file": "x"}]), CheckpointError, "lists the shard"),
        (lambda folder: change(folder, "streams", [{"name": "x"}]), CheckpointError, "has no entry 'size'"),
        (lambda folder: change(folder, "streams", [3]), CheckpointError, "expected name, size, rate"),
    ],
)
def test_what_is_wrong_is_said_when_the_folder_is_opened(
    folder: Path, damage: Callable[[Path], Any], error: type[Exception], message: str
) -> None:
    damage(folder)
    with pytest.raises(error, match=message):
        Shards(folder)


def test_damage_inside_a_file(folder: Path) -> None:
    flip(folder)
    with pytest.raises(InputError, match=r"1.parquet: has SHA-256 \w+; manifest.json says"):
        Shards(folder, verify=True)
    read = Shards(folder)  # sizes are right
    assert read.example(0).id == "1"
    with pytest.raises(InputError, match=r"1.parquet: not a readable shard"):
        read.example(1)


def test_files_of_others(folder: Path) -> None:
    foreign(folder)
    with pytest.raises(InputError, match=r"1.parquet: a Parquet file, but no shard"):
        Shards(folder).example(1)
    data = shard_bytes([Example("1", "x"), Example("2", "x")])
    (folder / "shards" / "1.parquet").write_bytes(data)
    change(folder, "shards", [{"file": "shards/1.parquet", "rows": 1, "bytes": len(data), "sha256": ""}])
    with pytest.raises(InputError, match="not the shard that the manifest lists"):
        Shards(folder).example(0)


def test_a_request_without_folders() -> None:
    with pytest.raises(RequestError, match="no folder of prepared data"):
        Shards([])


def test_without_pyarrow(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(RequestError, match=r'pip install "spiritkit\[train\]"'):
        Shards(folder)
