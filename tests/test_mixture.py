"""Mixtures of shares, packed into rows: weights, order, exact resume, the same batches for any number of processes."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spiritkit import StreamSpec, Units
from spiritkit.data.example import Example
from spiritkit.data.examples import Examples
from spiritkit.data.mixture import Mixture, Share
from spiritkit.data.packing import FixedBatches, PackedBatch, PackedBatches, merged, statistics
from spiritkit.data.portion import Portion
from spiritkit.data.shards import Manifest, ShardEntry, shard_bytes
from spiritkit.data.visits import GROUP, Visits
from spiritkit.errors import ProvenanceError, RequestError
from spiritkit.interfaces import SpanPolicy, TextTokenizer
from spiritkit.interleave.sequence import Sequencer
from spiritkit.interleave.speech_only import SpeechOnly
from spiritkit.interleave.text_only import TextOnly
from spiritkit.interleave.word_spans import WordSpans
from spiritkit.serializers.time_merge import TimeMerge
from spiritkit.utterances import Alignment, Word
from spiritkit.vocabulary import Vocabulary

HUBERT = StreamSpec("hubert", 500, Fraction(25), True)


class Characters(TextTokenizer):
    """Code points up to 1000; 1000 opens a sequence and 1001 ends it."""

    size = 1002
    bos_id = 1000
    eos_id = 1001

    def encode(self, text: str) -> list[int]:
        return list(map(ord, text))

    def decode(self, ids: Sequence[int]) -> str:
        return "".join(chr(id) for id in ids if id < 1000)


BLOCKS = [{"text": True}, {"markers": ["[Text]", "[Speech]"]}, {"stream": "hubert", "format": "[Hu{}]"}]
VOCABULARY = Vocabulary.from_blocks(BLOCKS, specs=[HUBERT], text_size=1002)
FIRST_UNIT = 1004
SEQUENCER = Sequencer(
    vocabulary=VOCABULARY, serializer=TimeMerge(), text_tokenizer=Characters(), sources={"hubert": "vq.v1@1"}
)


class Memory:
    """Examples in shards of a few rows, all in memory; it notes which are read."""

    def __init__(self, examples: Sequence[Example], rows: int = 5, source: str = "vq.v1@1"):
        self.specs = (HUBERT,)
        self.source = {"hubert": source}
        self.examples = examples
        self.shard_sizes = [len(examples[start : start + rows]) for start in range(0, len(examples), rows)]
        self.read: list[int] = []

    def example(self, index: int) -> Example:
        self.read.append(index)
        return self.examples[index]


def utterance(number: int, *, aligned: bool = True) -> Example:
    """Its id is the character that its text and its words are made of, and the code of all its frames."""
    rng = np.random.default_rng(number)
    n_words = int(rng.integers(1, 12))
    letter = chr(ord("A") + number)
    words = tuple(Word(letter, 100 * word, 100 * word + 80) for word in range(n_words))
    units = Units((HUBERT,), {"hubert": np.arange(n_words * 3) % 2 * 100 + number})
    alignment = Alignment(words, 1000) if aligned else None
    return Example(f"u{number}", " ".join([letter] * n_words), units, 0.1 * n_words, alignment)


def document(number: int) -> Example:
    """A text whose length differs much from one to the next: some are longer than a row."""
    return Example(f"d{number}", chr(ord("a") + number) * int(np.random.default_rng(number).integers(1, 150)))


UTTERANCES = [utterance(number) for number in range(23)]
DOCUMENTS = [document(number) for number in range(17)]
DATA: dict[str, Sequence[Example]] = {"speech": UTTERANCES, "text": DOCUMENTS}
THIRDS: dict[str, Share] = {
    "speech": Share(shards=["speech"], policy=SpeechOnly()),
    "speech-text": Share(shards=["speech"], policy=WordSpans(text_words=(1, 3), speech_words=(1, 3))),
    "text": Share(shards=["text"], policy=TextOnly()),
}


def in_memory(folders: list[str]) -> Examples:
    return Memory([example for folder in folders for example in DATA[folder]])


def mixture(shares: dict[str, Share] = THIRDS, seed: int = 0) -> Mixture:
    return Mixture(shares, SEQUENCER, seed, in_memory)


def batches(n_rows: int = 4, length: int = 64, lanes: Sequence[int] | None = None, **options: Any) -> PackedBatches:
    return PackedBatches(mixture(**options), length, n_rows, lanes)


def stacked(packed: PackedBatches, n: int) -> np.ndarray:
    """Ids and documents of the next batches: int64 `[n, 2, B, T]`."""
    found = [packed.next_batch() for _ in range(n)]
    return np.array([[batch.ids, batch.documents] for batch in found])


def written(rows: np.ndarray) -> list[list[int]]:
    """The documents of one lane, from its rows one behind the other, without the last, which may not be whole."""
    ids = rows.reshape(-1).tolist()
    ends = [position + 1 for position, id in enumerate(ids) if id == Characters.eos_id]
    return [ids[start:stop] for start, stop in zip([0, *ends[:-1]], ends, strict=True)]


# -- the order of visits ----------------------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 9), min_size=1, max_size=20), st.integers(0, 2**32))
def test_every_epoch_has_every_example_once(sizes: list[int], seed: int) -> None:
    visits, n = Visits(sizes, seed, "test"), sum(sizes)
    for epoch in (0, 1, 7):
        found = [visits.visit(number) for number in range(epoch * n, (epoch + 1) * n)]
        assert {one for one, _ in found} == {epoch}
        assert sorted(index for _, index in found) == list(range(n))


def test_few_shards_are_open_at_a_time() -> None:
    sizes, n = [50] * 40, 2000
    visits = Visits(sizes, 0, "test")
    shards = [visits.visit(number)[1] // 50 for number in range(2 * n)]
    for start in range(0, 2 * n, 50 * GROUP):
        assert len(set(shards[start : start + 50 * GROUP])) == GROUP
    assert shards[:n] != shards[n:]
    assert len({tuple(shards[start : start + 200]) for start in range(0, n, 200)}) == n // 200


def test_orders_differ_with_seed_purpose_and_epoch() -> None:
    orders = [
        [visits.visit(number)[1] for number in range(start, start + 30)]
        for visits, start in (
            (Visits([30], 0, "a"), 0), (Visits([30], 0, "a"), 30), (Visits([30], 1, "a"), 0), (Visits([30], 0, "b"), 0),
        )
    ]  # fmt: skip
    assert len({tuple(order) for order in orders}) == 4


# -- the mixture ------------------------------------------------------------------------------------------------------


def test_spans_are_drawn_anew_at_each_visit_and_are_the_same_again() -> None:
    one = mixture()
    visits = [one.document("speech-text", epoch, 3).ids.tolist() for epoch in range(6)]
    assert len({tuple(ids) for ids in visits}) > 1
    assert [mixture().document("speech-text", epoch, 3).ids.tolist() for epoch in range(6)] == visits
    assert [mixture(seed=1).document("speech-text", epoch, 3).ids.tolist() for epoch in range(6)] != visits


def test_examples_join_to_documents() -> None:
    """Two to four of one shard, the first in its turn; others the next time; and the same again."""
    memory = Memory([utterance(number) for number in range(20)])
    shares: dict[str, Share] = {"text": Share(shards=["a"], policy=TextOnly(), joined=[2, 4])}
    mixture, again = (Mixture(shares, SEQUENCER, 0, lambda folders: memory) for _ in range(2))
    sizes, drawn = set(), set()
    for number in range(200):
        expected = again.visit("text", number).ids.tolist()
        memory.read.clear()
        assert mixture.visit("text", number).ids.tolist() == expected
        first, *others = memory.read
        assert {other // 5 for other in others} <= {first // 5}
        sizes.add(1 + len(others))
        drawn.add((first, *others))
    assert sizes == {2, 3, 4}
    assert len(drawn) > 100


def test_what_a_policy_cannot_use_joins_nothing() -> None:
    memory = Memory([utterance(0), utterance(1, aligned=False)])
    share = Share(shards=["a"], policy=WordSpans(), joined=[8, 8])
    mixture = Mixture({"speech-text": share}, SEQUENCER, 0, lambda folders: memory)
    document = mixture.document("speech-text", 0, 0)
    assert document.lacks is None
    assert FIRST_UNIT + 1 not in document.ids
    assert mixture.document("speech-text", 0, 1).lacks == "alignment"


def test_words_in_a_row_stand_for_the_whole() -> None:
    """Two to four words, anywhere, each in one modality; a shorter utterance whole."""
    memory = Memory([utterance(number) for number in range(20)])
    share = Share(shards=["a"], policy=WordSpans(text_words=(1, 1), speech_words=(1, 1)), words=[2, 4])
    mixture = Mixture({"speech-text": share}, SEQUENCER, 0, lambda folders: memory)
    counts = set()
    for number in range(300):
        ids = mixture.visit("speech-text", number).ids.tolist()
        example = memory.examples[memory.read[-1]]
        assert example.alignment is not None
        n_words, n_spans = len(example.alignment.words), sum(id in {1002, 1003} for id in ids)
        assert min(2, n_words) <= n_spans <= min(4, n_words)
        counts.add((n_words, n_spans))
    assert {(11, 2), (11, 3), (11, 4)} <= counts


def test_words_in_a_row_may_be_any() -> None:
    words = tuple(Word(str(word), 100 * word, 100 * word + 80) for word in range(9))
    example = Example("n", "one text", Units((HUBERT,), {"hubert": np.arange(27)}), 0.9, Alignment(words, 1000))
    share = Share(shards=["a"], policy=TextOnly(), words=[1, 2])
    mixture = Mixture({"text": share}, SEQUENCER, 0, lambda folders: Memory([example]))
    seen = {Characters().decode(mixture.visit("text", number).ids[2:].tolist()) for number in range(300)}
    assert seen == {str(n) for n in range(9)} | {f"{n} {n + 1}" for n in range(8)}


def test_words_in_a_row_need_an_alignment() -> None:
    share = Share(shards=["a"], policy=TextOnly(), words=[1, 2])
    memory = Memory([utterance(0), utterance(1, aligned=False)])
    mixture = Mixture({"text": share}, SEQUENCER, 0, lambda folders: memory)
    assert [mixture.document("text", 0, index).lacks for index in range(2)] == [None, "alignment"]


def test_weights_are_shares_of_tokens() -> None:
    shares: dict[str, Share] = {**THIRDS, "text": Share(shards=["text"], policy=TextOnly(), weight=2.0)}
    packed = batches(shares=shares, n_rows=4)
    stacked(packed, 100)
    tokens = {share: visited.tokens for share, visited in packed.statistics().items()}
    assert sum(tokens.values()) == pytest.approx(100 * 4 * 64, abs=4 * 200)
    assert tokens["speech"] == pytest.approx(100 * 64, abs=4 * 200)
    assert tokens["speech-text"] == pytest.approx(100 * 64, abs=4 * 200)
    assert tokens["text"] == pytest.approx(2 * 100 * 64, abs=4 * 200)


def test_thirds_do_not_drift() -> None:
    """At any time no lane is further from its weights than the longest documents are long."""
    packed = batches(n_rows=3)
    for _ in range(60):
        packed.next_batch()
        for lane in packed.state_dict()["lanes"].values():
            assert max(lane["tokens"].values()) - min(lane["tokens"].values()) <= 153


def test_rows_of_one_batch_begin_with_different_shares() -> None:
    first = [row[1] for row in batches(n_rows=3, length=8).next_batch().ids]
    assert sorted(first) == sorted([1002, 1003, first[1]])


def test_weight_zero_leaves_a_share_out() -> None:
    shares = {**THIRDS, "text": Share(shards=["no such folder"], policy=TextOnly(), weight=0)}
    assert set(mixture(shares).sizes) == {"speech", "speech-text"}


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({"a": Share(shards=["text"], policy=TextOnly(), weight=0)}, "the mixture has no share"),
        ({"a": Share(shards=["text"], policy=TextOnly(), weight=-1.0)}, "share 'a': weight is -1.0"),
        ({"a": Share(shards=["text"], policy=TextOnly(), joined=[0, 2])}, r"share 'a': joined is \[0, 2\]; expected"),
        ({"a": Share(shards=["text"], policy=TextOnly(), words=[3, 2])}, r"share 'a': words is \[3, 2\]; expected"),
        ({"a": Share(shards=["text"], policy=TextOnly(), joined=[3])}, r"share 'a': joined is \[3\]; expected"),
        ({"a": Share(shards=["text"], policy=TextOnly(), weight=math.nan)}, "share 'a': weight is nan"),
        ({"a": Share(shards=["text"], policy=TextOnly(), weight=math.inf)}, "share 'a': weight is inf"),
        ({"a": Share(shards=["text"], policy=TextOnly(), fraction=0.0)}, "share 'a': fraction is 0.0"),
        ({"a": Share(shards=["text"], policy=TextOnly(), fraction=math.nan)}, "share 'a': fraction is nan"),
        ({"a": Share(shards=[], policy=TextOnly())}, "share 'a': shards is empty"),
    ],
)
def test_mixtures_that_cannot_be(shares: dict[str, Share], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        mixture(shares)


def test_data_that_does_not_fit() -> None:
    shares = {"a": Share(shards=["x", "y"], policy=SpeechOnly())}
    with pytest.raises(RequestError, match=r"share 'a' \(x, y\): the data has no examples"):
        Mixture(shares, SEQUENCER, 0, lambda folders: Memory([]))
    with pytest.raises(ProvenanceError, match=r"share 'a' \(x, y\): units of stream 'hubert' come from other.v1@2"):
        Mixture(shares, SEQUENCER, 0, lambda folders: Memory(UTTERANCES, source="other.v1@2"))
    Mixture({"a": Share(shards=["x"], policy=TextOnly())}, SEQUENCER, 0, lambda folders: Memory(UTTERANCES, 5, "o@2"))


def test_sources_are_those_of_what_is_heard() -> None:
    """Of the streams that are written, and not of units in data of which only the text is read."""
    opened = {"heard": Memory(UTTERANCES), "read": Memory(UTTERANCES, source="other.v1@2")}
    opened["heard"].source["pitch"] = "f0.v1@3"
    shares = {
        "speech": Share(shards=["heard"], policy=SpeechOnly()),
        "text": Share(shards=["read"], policy=TextOnly()),
    }
    assert Mixture(shares, SEQUENCER, 0, lambda folders: opened[folders[0]]).sources == {"hubert": "vq.v1@1"}


# -- rows -------------------------------------------------------------------------------------------------------------


def test_a_lane_has_whole_documents_one_behind_the_other() -> None:
    """Lane b of B: documents b, b + B, … of each share, those longer than a row too; nothing is lost at row ends."""
    one, n_rows = mixture(), 3
    rows = stacked(batches(n_rows=n_rows, length=50), 80)[:, 0]
    long = 0
    for lane in range(n_rows):
        next_visit = dict.fromkeys(THIRDS, lane)
        for ids in written(rows[:, lane]):
            share = next(name for name in THIRDS if one.visit(name, next_visit[name]).ids.tolist() == ids)
            next_visit[share] += n_rows
            long += len(ids) > 100
        assert min(next_visit.values()) > 30
    assert long > 10


def test_documents_are_numbered_within_their_row() -> None:
    for batch in (PackedBatch(*pair) for pair in stacked(batches(length=50), 20)):
        assert batch.ids.shape == batch.documents.shape == (4, 50)
        assert (batch.documents[:, 0] == 0).all()
        ends = batch.ids[:, :-1] == Characters.eos_id
        np.testing.assert_array_equal(np.diff(batch.documents, axis=1), ends)


def test_every_example_comes_once_an_epoch() -> None:
    shares: dict[str, Share] = {"text": THIRDS["text"]}
    rows = stacked(batches(shares=shares, n_rows=2), 60)[:, 0]
    # In the order of visits, which goes through the lanes in turn.
    documents = [written(rows[:, lane]) for lane in range(2)]
    n_epochs = min(map(len, documents)) * 2 // len(DOCUMENTS)
    order = [ids for pair in zip(*documents, strict=False) for ids in pair]
    assert n_epochs >= 2
    for epoch in range(n_epochs):
        letters = [chr(ids[2]) for ids in order[epoch * len(DOCUMENTS) : (epoch + 1) * len(DOCUMENTS)]]
        assert Counter(letters) == Counter(str(one.text)[0] for one in DOCUMENTS)


@pytest.mark.parametrize("n_processes", [1, 2, 4])
def test_the_same_batches_for_any_number_of_processes(n_processes: int) -> None:
    whole = stacked(batches(n_rows=4), 12)
    for process in range(n_processes):
        lanes = range(process, 4, n_processes)
        np.testing.assert_array_equal(stacked(batches(n_rows=4, lanes=lanes), 12), whole[:, :, lanes])


def test_the_same_batches_for_the_same_seed() -> None:
    np.testing.assert_array_equal(stacked(batches(), 8), stacked(batches(), 8))
    assert (stacked(batches(), 8) != stacked(batches(seed=1), 8)).any()


@pytest.mark.parametrize("n_done", range(8))
def test_resuming_goes_on_with_the_next_batch(n_done: int) -> None:
    whole = stacked(batches(), 12)
    packed = batches()
    stacked(packed, n_done)
    state = json.loads(json.dumps(packed.state_dict()))
    resumed = batches()
    stacked(resumed, 3)  # what it has done before does not matter
    resumed.load_state_dict(state)
    np.testing.assert_array_equal(stacked(resumed, 12 - n_done), whole[n_done:])
    assert resumed.statistics() == batches_statistics(12)


def batches_statistics(n: int) -> Any:
    packed = batches()
    stacked(packed, n)
    return packed.statistics()


def test_states_of_two_processes_are_gone_on_with_by_four_and_by_one() -> None:
    whole = stacked(batches(n_rows=4), 10)
    two = [batches(n_rows=4, lanes=range(process, 4, 2)) for process in range(2)]
    for packed in two:
        stacked(packed, 5)
    state = json.loads(json.dumps(merged(packed.state_dict() for packed in two)))
    for n_processes in (1, 4):
        for process in range(n_processes):
            lanes = range(process, 4, n_processes)
            packed = batches(n_rows=4, lanes=lanes)
            packed.load_state_dict(state)
            np.testing.assert_array_equal(stacked(packed, 5), whole[5:, :, lanes])
    assert statistics(state) == batches_statistics(5)
    assert len(json.dumps(state)) < 4 * 400


def test_states_of_something_else_are_refused() -> None:
    state = batches().state_dict()
    with pytest.raises(RequestError, match="batches of 4 rows; these have 3"):
        batches(n_rows=3).load_state_dict(state)
    with pytest.raises(RequestError, match=r"the state has no row 1; expected the states of all processes, merged"):
        batches().load_state_dict(batches(lanes=[0, 2]).state_dict())
    with pytest.raises(RequestError, match=r"23 \(speech-text\), 17 \(text\) examples; now they have 17 \(text\)"):
        batches(shares={"text": THIRDS["text"]}).load_state_dict(state)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"length": 0}, "sequence_length is 0"),
        ({"n_rows": 0}, "rows_per_batch is 0"),
        ({"lanes": [4]}, "row 4 of a batch of 4; expected 0…3"),
    ],
)
def test_batches_that_cannot_be(options: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        batches(**options)


# -- examples that cannot be used -------------------------------------------------------------------------------------


def sparse(every: int) -> Callable[[list[str]], Examples]:
    examples = [utterance(number, aligned=number % every == every - 1) for number in range(20)]
    return lambda folders: Memory(examples)


def test_examples_without_what_the_policy_needs_are_counted() -> None:
    packed = PackedBatches(Mixture({"a": THIRDS["speech-text"]}, SEQUENCER, 0, sparse(4)), 32, 2)
    stacked(packed, 30)
    visited = packed.statistics()["a"]
    assert visited.documents > 20
    assert visited.skipped["alignment"] == pytest.approx(3 * visited.documents, rel=0.1)
    assert visited.epochs == (visited.documents + visited.skipped["alignment"]) / 20
    letters = {chr(id) for row in stacked(packed, 30)[:, 0] for id in row.reshape(-1) if 65 <= id < 1000}
    assert letters == {chr(ord("A") + number) for number in (3, 7, 11, 15, 19)}


def test_a_share_of_which_nothing_can_be_used() -> None:
    packed = PackedBatches(Mixture({"a": THIRDS["speech-text"]}, SEQUENCER, 0, sparse(21)), 32, 2)
    with pytest.raises(RequestError, match="share 'a': none of its 20 examples can be used; what they lack: alignment"):
        packed.next_batch()


def test_a_share_of_which_one_example_can_be_used() -> None:
    packed = PackedBatches(Mixture({"a": THIRDS["speech-text"]}, SEQUENCER, 0, sparse(20)), 32, 2)
    assert {chr(id) for id in stacked(packed, 10)[:, 0].reshape(-1) if 65 <= id < 1000} == {"T"}


# -- validation -------------------------------------------------------------------------------------------------------


def test_fixed_batches_have_every_example_once_in_order() -> None:
    one = mixture()
    found = list(FixedBatches(one, "speech-text", 50, 4))
    ids = np.concatenate([batch.ids for batch in found]).reshape(-1)
    documents = np.concatenate([batch.documents for batch in found])
    expected = [id for index in range(23) for id in one.document("speech-text", 0, index).ids.tolist()]
    assert ids[: len(expected)].tolist() == expected
    assert (documents.reshape(-1) == -1).sum() == len(ids) - len(expected) > 0
    assert (documents.reshape(-1)[len(expected) :] == -1).all()
    assert all(batch.ids.shape == (4, 50) for batch in found)
    inner = documents.reshape(-1)[: len(expected) // 50 * 50].reshape(-1, 50)
    assert (inner[:, 0] == 0).all()
    np.testing.assert_array_equal(np.diff(inner, axis=1), ids[: inner.size].reshape(-1, 50)[:, :-1] == 1001)


def test_fixed_batches_are_the_same_again_and_for_any_number_of_processes() -> None:
    whole = [batch.ids for batch in FixedBatches(mixture(), "text", 30, 4)]
    passes = FixedBatches(mixture(), "text", 30, 4, lanes=[1, 3])
    for _ in range(2):
        np.testing.assert_array_equal([batch.ids for batch in passes], np.array(whole)[:, [1, 3]])


def test_fixed_batches_that_end_with_a_row_have_no_row_more() -> None:
    length = sum(len(mixture().document("text", 0, index).ids) for index in range(17))
    found = list(FixedBatches(mixture(), "text", length, 1))
    assert len(found) == 1
    assert (found[0].documents >= 0).all()


def test_fixed_batches_count_what_they_leave_out() -> None:
    one = Mixture({"a": THIRDS["speech-text"]}, SEQUENCER, 0, sparse(4))
    passes = FixedBatches(one, "a", 30, 2)
    for _ in range(2):
        assert len(list(passes)) > 0
        assert passes.skipped == {"alignment": 15}
    with pytest.raises(RequestError, match="no share 'b'; there are a"):
        FixedBatches(one, "b", 30, 2)


# -- from disk --------------------------------------------------------------------------------------------------------


def prepared(folder: Path, examples: Sequence[Example], rows: int) -> str:
    """A folder as the step `prepare.v1` leaves it."""
    folder.mkdir()
    entries = list(_shards(folder, examples, rows))
    units = examples[0].units
    Manifest(tuple(entries), units.specs if units else (), units.source if units else {}, {}, {}).write(folder)
    return str(folder)


def _shards(folder: Path, examples: Sequence[Example], rows: int) -> Iterator[ShardEntry]:
    for start in range(0, len(examples), rows):
        part = examples[start : start + rows]
        data = shard_bytes(part)
        (folder / f"{start}.parquet").write_bytes(data)
        yield ShardEntry(f"{start}.parquet", len(part), len(data), hashlib.sha256(data).hexdigest())


def test_shards_on_disk_give_what_is_in_memory(tmp_path: Path) -> None:
    folders = {
        "speech": [prepared(tmp_path / "a", UTTERANCES[:15], 5), prepared(tmp_path / "b", UTTERANCES[15:], 5)],
        "text": [prepared(tmp_path / "text", DOCUMENTS, 5)],
    }
    shares: dict[str, Share] = {
        name: Share(shards=folders[share.shards[0]], policy=share.policy) for name, share in THIRDS.items() if share
    }
    on_disk = PackedBatches(Mixture(shares, SEQUENCER, 0), 64, 4)
    np.testing.assert_array_equal(stacked(on_disk, 20), stacked(batches(), 20))


def test_policies_of_other_makers_can_do_without_any_word() -> None:
    class Silent(SpanPolicy):
        needs = frozenset({"text"})

        def spans(self, n_words: int, rng: np.random.Generator) -> list[Any]:
            return []

    packed = PackedBatches(Mixture({"a": Share(shards=["text"], policy=Silent())}, SEQUENCER, 0, in_memory), 8, 1)
    assert packed.next_batch().ids.tolist() == [[1000, 1001] * 4]


def test_a_fraction_of_the_examples_is_among_those_of_a_greater_one() -> None:
    examples = Memory([document(number) for number in range(23)])
    few, more = (Portion(examples, fraction, 3) for fraction in (0.4, 0.8))
    ids = [{part.example(index).id for index in range(sum(part.shard_sizes))} for part in (few, more)]
    assert (few.shard_sizes, more.shard_sizes) == ([2, 2, 2, 2, 2], [4, 4, 4, 4, 3])
    assert ids[0] < ids[1]
    assert [Portion(examples, 0.4, seed).example(0).id for seed in range(9)].count(few.example(0).id) < 9
    assert Portion(Memory([document(0)] * 100, rows=100), 0.07, 3).shard_sizes == [7]
    some = {"text": Share(shards=["text"], policy=TextOnly(), fraction=0.2)}
    assert 0 < mixture(some).sizes["text"] < len(DOCUMENTS) / 2
