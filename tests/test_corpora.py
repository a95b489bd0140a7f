"""Corpora of files on disk, and corpora of corpora."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from spiritkit.data.corpora.folder import FolderCorpus
from spiritkit.data.corpora.joined import JoinedCorpus
from spiritkit.data.corpora.subset import SubsetCorpus
from spiritkit.data.corpora.text import TextCorpus
from spiritkit.data.corpora.values import TimedWord, alignment_of
from spiritkit.errors import InputError, MissingFileError, RequestError, SpiritkitError
from spiritkit.interfaces import Corpus
from spiritkit.testing import CorpusContract
from spiritkit.utterances import Alignment, Utterance, Word


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three recordings of a tenth of a second, and one of another rate, below a folder."""
    rng = np.random.default_rng(0)
    for name, rate in (("a.wav", 16_000), ("b.flac", 16_000), ("deep/c.1.wav", 16_000), ("deep/d.wav", 22_050)):
        path = tmp_path / "clips" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, rng.standard_normal(rate // 10) * 0.1, rate)
    return tmp_path / "clips"


def table(folder: Path, name: str, text: str) -> Path:
    path = folder.parent / name
    path.write_text(text, encoding="utf-8")
    return path


def read(folder: Path, name: str, text: str) -> list[Utterance]:
    return list(FolderCorpus(audio=str(folder), transcripts=table(folder, name, text)))


def jsonl(*rows: Any) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


ROWS = jsonl(
    {"id": "one", "audio": "a.wav", "text": "hi ho", "words": [["hi", 0.01, 0.03], ["ho", 0.03, 0.1]], "speaker": "x"},
    {"audio": "deep/d.wav", "words": [{"word": "so", "start": 0, "end": 0.05, "score": 0.5}]},
    {"id": "gone", "text": "not there"},
)


# -- contracts --------------------------------------------------------------------------------------------------------


class TestFolder(CorpusContract):
    component = "folder.v1"

    @pytest.fixture
    def parameters(self, folder: Path) -> dict[str, Any]:
        return {"audio": str(folder), "transcripts": table(folder, "table.jsonl", ROWS)}


class TestFolderAlone(CorpusContract):
    component = "folder.v1"

    @pytest.fixture
    def parameters(self, folder: Path) -> dict[str, Any]:
        return {"audio": str(folder)}


class TestText(CorpusContract):
    component = "text.v1"

    @pytest.fixture
    def parameters(self, tmp_path: Path) -> dict[str, Any]:
        (tmp_path / "one.txt").write_text("the cat\n\nthe dog\n")
        (tmp_path / "two.jsonl").write_text(jsonl({"text": "a"}, {"text": None}, {"text": "b\nc"}))
        return {"files": [str(tmp_path)]}


class TestJoined(CorpusContract):
    component = "joined.v1"

    @pytest.fixture
    def parameters(self, folder: Path) -> dict[str, Any]:
        alone = FolderCorpus(audio=str(folder))
        return {"corpora": [alone, FolderCorpus(audio=str(folder), transcripts=table(folder, "t.jsonl", ROWS)), alone]}


class TestSubset(CorpusContract):
    component = "subset.v1"

    @pytest.fixture
    def parameters(self, folder: Path) -> dict[str, Any]:
        return {"corpus": FolderCorpus(audio=str(folder)), "every": 2}


# -- folder.v1 --------------------------------------------------------------------------------------------------------


def test_recordings_without_a_table(folder: Path) -> None:
    corpus = FolderCorpus(audio=str(folder))
    assert [utterance.id for utterance in corpus] == ["a", "b", "deep/c.1", "deep/d"]
    assert all(utterance.text is None for utterance in corpus)
    assert corpus.input_files() == []


def test_rows_have_sound_text_times_and_attributes(folder: Path) -> None:
    one, two, three = read(folder, "table.jsonl", ROWS)
    assert (one.id, one.text, one.attributes) == ("one", "hi ho", {"speaker": "x"})
    assert one.alignment == Alignment((Word("hi", 160, 480), Word("ho", 480, 1600)), 16_000)
    assert one.audio.load().samples.shape == (1, 1600)
    assert (two.id, two.text) == ("deep/d", "so")  # without text, that of the words
    assert two.alignment == Alignment((Word("so", 0, 800, 0.5),), 16_000)  # at 16 kHz, whatever the file has
    assert two.audio.load().sample_rate == 22_050
    assert three.text == "not there"
    with pytest.raises(MissingFileError, match=r"clips/gone: no such file or folder; expected an audio file"):
        three.audio.load()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.csv", 'id,text,speaker\na,"hi, ho",x\ndeep/c.1,"the ""end""",\n'),
        ("t.csv", 'Audio,Transcription,speaker\r\na.wav,"hi, ho",x\r\n\r\ndeep/c.1.wav,"the ""end""",\r\n'),
        ("t.tsv", 'path\tsentence\tspeaker\na.wav\thi, ho\tx\ndeep/c.1.wav\tthe "end"\t\n'),
        ("t.txt", 'path\tsentence\tspeaker\na.wav\thi, ho\tx\ndeep/c.1.wav\tthe "end"\t\n'),
        ("t.csv", '\ufefffile|text|speaker\na.wav|hi, ho|x\ndeep/c.1.wav|the "end"|\n'),
        ("t.jsonl", jsonl({"wav": "a", "text": "hi, ho", "speaker": "x"}, {"wav": "deep/c.1", "text": 'the "end"'})),
    ],
)
def test_tables_with_named_columns(folder: Path, name: str, text: str) -> None:
    first, second = read(folder, name, text)
    assert (first.id, first.text, first.attributes) == ("a", "hi, ho", {"speaker": "x"})
    assert (second.id, second.text, second.attributes) == ("deep/c.1", 'the "end"', {})
    assert first.audio.load().samples.shape == second.audio.load().samples.shape == (1, 1600)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("metadata.csv", 'a|Chapter 2, "one"|Chapter two, "one"\nb|no numbers|\n'),  # LJSpeech
        ("pairs.csv", 'a,"Chapter two, ""one"""\nb,no numbers\n'),
        ("pairs.txt", 'a.wav\tChapter two, "one"\nb.flac\tno numbers\n'),
        ("text", 'a Chapter two, "one"\n\nb   no numbers\n'),  # Kaldi
        ("pandas.csv", ',id,text\n0,a,"Chapter two, ""one"""\n1,b,no numbers\n'),
        ("text.txt", 'a.wav|Chapter two, "one"\nb.flac|no numbers\n'),
    ],
)
def test_tables_without_a_header(folder: Path, name: str, text: str) -> None:
    first, second = read(folder, name, text)
    assert (first.id, first.text) == ("a", 'Chapter two, "one"')
    assert (second.id, second.text) == ("b", "no numbers")
    assert first.audio.load().samples.shape == second.audio.load().samples.shape == (1, 1600)


def test_text_and_values_may_be_missing_or_of_any_kind(folder: Path) -> None:
    rows = jsonl(
        {"id": 7, "audio": "a.wav", "text": "", "words": [], "n": 3, "ok": True, "tags": ["x"], "none": None},
        {"audio": str(folder / "b.flac")},
    )
    first, second = read(folder, "t.jsonl", rows)
    assert (first.id, first.text, first.alignment) == ("7", None, None)
    assert first.attributes == {"n": "3", "ok": "true", "tags": '["x"]'}
    assert second.id == "b"
    assert second.audio.load().samples.shape == (1, 1600)


def test_words_stand_in_csv_as_json(folder: Path) -> None:
    (utterance,) = read(
        folder, "t.tsv", 'id\ttext\twords\na\thi ho\t[["hi", 0, 0.02], [" ", 0.02, 0.03], ["ho", 0.03, 0.1]]\n'
    )
    assert utterance.alignment == Alignment((Word("hi", 0, 320), Word("ho", 480, 1600)), 16_000)


def test_a_bar_in_a_transcript_is_text(folder: Path) -> None:
    assert [utterance.text for utterance in read(folder, "text.txt", "a one | two\nb three\n")] == [
        "one | two",
        "three",
    ]


def test_a_table_may_be_compressed(folder: Path) -> None:
    path = folder.parent / "t.csv.gz"
    path.write_bytes(gzip.compress(b"id,text\na,hi\n"))
    assert [utterance.text for utterance in FolderCorpus(audio=str(folder), transcripts=path)] == ["hi"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("t.jsonl", '{"id": "a"}\n{"id": \n', r"t.jsonl:2: not JSON: .*; expected one object a line"),
        ("t.jsonl", "[1]\n", r"t.jsonl:1: holds a list; expected a JSON object"),
        ("t.jsonl", '{"id": "a", "text": "\\ud83d"}', r"t.jsonl:1: not JSON: .* surrogates not allowed; expected"),
        ("t.jsonl", f'{{"id": "a", "size": {"9" * 5000}}}', r"t.jsonl:1: not JSON: Exceeds the limit"),
        ("t.jsonl", '{"text": "hi"}', r"t.jsonl:1: has no recording; expected id or one of audio, "),
        ("t.jsonl", '{"id": "a", "text": 3}', r"t.jsonl:1: text is 3; expected a string"),
        (
            "t.jsonl",
            '{"id": "a", "words": [["x", 1]]}',
            r"t.jsonl:1: words: item 1 is \['x', 1\]; expected \[word, start,",
        ),
        ("t.jsonl", '{"id": "a", "words": {"x": 1}}', r"t.jsonl:1: words: is \{'x': 1\}; expected a list"),
        ("t.jsonl", '{"id": "a", "words": [["x", 2, 1]]}', r"word 'x' lasts from 2 to 1 s; expected 0 ≤ start ≤ end"),
        ("t.jsonl", '{"id": "a", "words": [["x", 2, 3], ["y", 1, 4]]}', r"'y' starts at 1 s, before 'x' does at 2 s"),
        ("t.jsonl", '{"id": "a", "words": [["x y", 2, 3]]}', r"t.jsonl:1: word 'x y'; expected text without white"),
        ("t.csv", "id,words\na,[", r"t.csv:2: words: not JSON"),
        ("t.csv", "id,text\na,hi\nb,hi\na,ho\n", r"t.csv:4: id 'a' is that of line 2 too"),
        ("t.csv", "id,text\na,hi,ho\n", r"t.csv:2: has 3 columns; expected 2: id, text"),
        ("t.csv", "id,text,id\n", r"t.csv:1: column 'id' is named twice"),
        (
            "t.csv",
            "a,b,c,d\n",
            r"t.csv:1: has 4 columns and no header; expected recording and text, or a first line that",
        ),
        ("t.csv", 'id,text\na,"hi\n', r"t.csv:2: not CSV"),
    ],
)
def test_malformed_tables_are_named_with_the_line(folder: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(folder, name, text)


def test_a_row_that_cannot_be_used_shows_before_any_work(folder: Path) -> None:
    """A table that is mended is another one, so what was done with the old one would be lost."""
    path = table(folder, "t.jsonl", jsonl({"audio": "a.wav"}, {"audio": "b.wav", "words": [["b", 1, 0.5]]}))
    with pytest.raises(InputError, match=r"t\.jsonl:2: word 'b' lasts from 1 to 0\.5 s"):
        len(FolderCorpus(audio=str(folder), transcripts=path))


def test_bytes_that_are_no_text(folder: Path) -> None:
    path = folder.parent / "t.csv"
    path.write_bytes(b"id,text\na,caf\xe9\n")
    with pytest.raises(InputError, match=r"t.csv:2: not UTF-8"):
        list(FolderCorpus(audio=str(folder), transcripts=path))
    path = folder.parent / "t.csv.gz"
    path.write_bytes(gzip.compress(b"id,text\na,hi\n" * 100)[:-20])
    with pytest.raises(InputError, match=r"t.csv.gz: unreadable after line"):
        list(FolderCorpus(audio=str(folder), transcripts=path))


def test_a_folder_that_is_none(folder: Path) -> None:
    with pytest.raises(MissingFileError, match="nowhere: no such file or folder; expected a folder of recordings"):
        list(FolderCorpus(audio=str(folder / "nowhere")))
    with pytest.raises(RequestError, match=r"a.wav: is a file; expected a folder"):
        list(FolderCorpus(audio=str(folder / "a.wav")))
    with pytest.raises(MissingFileError, match=r"t.csv: no such file or folder; expected a table of transcripts"):
        list(FolderCorpus(audio=str(folder), transcripts=folder / "t.csv"))


@given(
    st.lists(st.tuples(st.integers(0, 9), st.floats(0, 3), st.floats(0, 1))), st.sampled_from([8000, 16_000, 44_100])
)
def test_given_times_become_samples(items: list[tuple[int, float, float]], rate: int) -> None:
    times = sorted((start, start + length) for _, start, length in items)
    alignment = alignment_of([TimedWord(f"w{i}", *time) for i, time in enumerate(times)], rate)
    assert [word.text for word in alignment.words] == [f"w{i}" for i in range(len(times))]
    before = 0.0
    for word, (start, stop) in zip(alignment.words, times, strict=True):
        assert abs(word.start / rate - max(start, before)) <= 1 / rate
        before = max(before, stop)
        assert abs(word.stop / rate - before) <= 1 / rate


# -- text.v1 ----------------------------------------------------------------------------------------------------------


def texts(corpus: Corpus) -> dict[str, str | None]:
    return {utterance.id: utterance.text for utterance in corpus}


def test_documents_of_all_formats(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "lines.txt").write_bytes("one\r\n\u2028 two\n \n three".encode())
    (tmp_path / "a" / "x.jsonl.gz").write_bytes(gzip.compress(jsonl({"text": "four"}, {"text": "five\n"}).encode()))
    parquet.write_table(pa.table({"text": ["six", None, "seven"], "n": [1, 2, 3]}), tmp_path / "b.parquet")
    corpus = TextCorpus(files=[str(tmp_path / "a"), str(tmp_path / "*.parquet")])
    assert texts(corpus) == {
        "lines:1": "one",
        "lines:2": "\u2028 two",
        "lines:4": " three",
        "x:1": "four",
        "x:2": "five\n",
        "b:1": "six",
        "b:3": "seven",
    }
    assert len(corpus) == 7
    assert corpus.input_files() == [
        tmp_path / "a" / "lines.txt",
        tmp_path / "a" / "x.jsonl.gz",
        tmp_path / "b.parquet",
    ]


def test_paragraphs(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("\n\none\ntwo\n \n\nthree\n")
    assert texts(TextCorpus(files=[str(tmp_path)], split="paragraph")) == {"t:3": "one\ntwo", "t:7": "three"}


def test_the_key_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(jsonl({"content": "hi", "text": 3}))
    assert texts(TextCorpus(files=[str(tmp_path / "t.json")], key="content")) == {"t:1": "hi"}


def test_files_of_one_name_have_ids_of_their_own(tmp_path: Path) -> None:
    for name in ("x/t.txt", "y/t.txt", "t.jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text('{"text": "hi"}\n')
    corpus = TextCorpus(files=[str(tmp_path / name) for name in ("x", "y", "t.jsonl")])
    assert list(texts(corpus)) == ["t:1", "t-2:1", "t-3:1"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.jsonl", b'{"text": "a"}\n{"txt": "b"}\n', r"t.jsonl:2: has no key 'text'; did you mean 'txt'\?"),
        ("t.jsonl", b'{"text": ["a"]}\n', r"t.jsonl:1: text is a list; expected a string"),
        ("t.parquet", b"PAR1 it is not", r"t.parquet: not readable as Parquet"),
        ("t.txt", b"fine\n\xff\n", r"t.txt:2: not UTF-8"),
        ("t.doc", b"", r"t.doc: expected a name that ends in \.jsonl"),
    ],
)
def test_documents_that_cannot_be_read(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SpiritkitError, match=message):
        list(TextCorpus(files=[str(tmp_path / name)]))


def test_columns_that_hold_no_text(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pa.table({"n": [1]}), tmp_path / "t.parquet")
    for key, message in (("n", "column 'n' holds int64; expected strings"), ("zzz", "has no column 'zzz'; it has 'n'")):
        with pytest.raises(InputError, match=message):
            list(TextCorpus(files=[str(tmp_path)], key=key))


def test_text_that_is_not_there(tmp_path: Path) -> None:
    for files in ([], [str(tmp_path)], [str(tmp_path / "*.txt")], [str(tmp_path / "t.txt")]):
        with pytest.raises(RequestError):
            list(TextCorpus(files=files))


# -- joined.v1, subset.v1 ---------------------------------------------------------------------------------------------


class Made(Corpus):
    """Utterances with the ids 0…n - 1; every third is by ann."""

    def __init__(self, n: int):
        self._n = n

    def __iter__(self):
        for i in range(self._n):
            yield Utterance(str(i), text="x", attributes={"speaker": "bob" if i % 3 else "ann"})

    def __len__(self) -> int:
        return self._n


def ids(corpus: Corpus) -> list[str]:
    assert len(corpus) == len(list(corpus))
    return [utterance.id for utterance in corpus]


def test_ids_get_a_prefix_only_where_they_need_one() -> None:
    assert ids(JoinedCorpus(corpora=[Made(2), Made(3), Made(1)])) == ["0", "1", "2/0", "2/1", "2", "3/0"]
    with pytest.raises(RequestError, match="corpora is empty"):
        JoinedCorpus(corpora=[])


def test_subsets() -> None:
    def subset(n: int = 10, **options: Any) -> list[str]:
        return ids(SubsetCorpus(corpus=Made(n), **options))

    assert subset(first=3) == ["0", "1", "2"]
    assert subset(every=4) == ["0", "4", "8"]
    assert subset(where={"speaker": ["ann", "eve"]}) == ["0", "3", "6", "9"]
    assert subset(where={"speaker": ["ann"]}, every=2, first=1) == ["0"]
    assert subset(first=0) == []
    assert subset(n=5, first=3, complement=True) == ["3", "4"]
    assert subset(n=7, where={"speaker": ["ann"]}, every=2, complement=True) == ["1", "2", "3", "4", "5"]


def test_a_share_is_drawn_by_id() -> None:
    def share(n: int, share: float, **options: Any) -> set[str]:
        return set(ids(SubsetCorpus(corpus=Made(n), share=share, **options)))

    small = share(1000, 0.2)
    assert 150 < len(small) < 250
    assert small <= share(1000, 0.5)  # a smaller share is part of a larger one
    assert small == share(2000, 0.2) & set(map(str, range(1000)))  # and stays when the corpus grows
    assert small != share(1000, 0.2, seed=1)
    assert small.isdisjoint(rest := share(1000, 0.2, complement=True))
    assert len(small | rest) == 1000
    assert share(100, 0) == set()
    assert len(share(100, 1.0)) == 100


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SubsetCorpus(corpus=Made(3), share=1.5), "subset.v1: share is 1.5; expected 0…1"),
        (lambda: SubsetCorpus(corpus=Made(3), every=0), "subset.v1: every is 0; expected at least 1"),
        (lambda: SubsetCorpus(corpus=Made(3), first=-1), "subset.v1: first is -1; expected at least 0"),
        (lambda: list(SubsetCorpus(corpus=Made(3), where={"speeker": ["x"]})), "'speeker'; did you mean 'speaker'"),
        (lambda: list(SubsetCorpus(corpus=Made(3), where={"zz": ["x"]})), "attribute 'zz'; there are speaker"),
    ],
)
def test_subsets_that_cannot_be(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        make()
