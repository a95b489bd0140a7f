from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spiritkit import StreamSpec, Vocabulary
from spiritkit.errors import InputError, RequestError
from spiritkit.interfaces import TextTokenizer
from spiritkit.vocabulary import first_spelling

HUBERT = StreamSpec("hubert", 501, Fraction(2499, 100), True)
PITCH = StreamSpec("pitch", 64, Fraction(25, 2), True)
STYLE = StreamSpec("style", 100, Fraction(1), False)
SPECS = (STYLE, PITCH, HUBERT)
BASE: list[dict[str, Any]] = [
    {"text": True},
    {"markers": ["[Text]", "[Speech]"]},
    {"stream": "hubert", "format": "[Hu{}]"},
]
EXPRESSIVE = [*BASE, {"stream": "pitch", "format": "[Pi{}]"}, {"stream": "style", "format": "[St{}]"}]


def vocabulary(blocks: Sequence[dict[str, Any]], pad: int = 256, text_size: int | None = 32_000) -> Vocabulary:
    """Of the streams that the blocks name."""
    named = {block.get("stream") for block in blocks}
    specs = [spec for spec in SPECS if spec.name in named]
    return Vocabulary.from_blocks(blocks, specs=specs, text_size=text_size, pad_to_multiple_of=pad)


def test_ids_and_rows_of_the_release() -> None:
    base, expressive = vocabulary(BASE), vocabulary(EXPRESSIVE)
    assert (base.size, base.rows) == (32_503, 32_512)
    assert (expressive.size, expressive.rows) == (32_667, 32_768)
    assert expressive.spelling(32_000) == "[Text]"
    assert expressive.spelling(32_001) == "[Speech]"
    assert expressive.spelling(32_002) == "[Hu0]"
    assert expressive.spelling(32_502) == "[Hu500]"
    assert expressive.spelling(32_503) == "[Pi0]"
    assert expressive.spelling(32_567) == "[St0]"
    assert expressive.spelling(32_666) == "[St99]"


def test_appended_blocks_move_nothing() -> None:
    before, after = vocabulary(BASE), vocabulary([*BASE, {"markers": ["[ASR]", "[TTS]"]}])
    assert after.spelling(32_503) == "[ASR]"
    assert [after.spelling(id) for id in range(32_000, 32_503)] == [before.spelling(id) for id in range(32_000, 32_503)]


def test_constraints_of_the_three_modalities() -> None:
    expressive = vocabulary(EXPRESSIVE)
    assert expressive.constraint("text", [2]).ranges == ((0, 32_000),)
    assert expressive.constraint("speech", [2]).ranges == ((2, 3), (32_002, 32_667))
    assert expressive.constraint("any").ranges == ((0, 32_667),)  # padding rows are never produced


UNIT_ONLY: list[dict[str, Any]] = [{"markers": ["<pad>", "<S>"]}, {"stream": "hubert", "format": "<Un{}>"}]


def test_markers_that_open_and_end_sequences() -> None:
    slam = Vocabulary.from_blocks(UNIT_ONLY, specs=[HUBERT], text_size=None, bos="<S>", eos="<S>")
    assert (slam.text_size, slam.bos_id, slam.eos_id, slam.size) == (0, 1, 1, 503)
    assert slam.constraint("speech", [1]).ranges == ((1, 503),)
    with pytest.raises(RequestError, match="output is 'text', of which the vocabulary's blocks have no ids"):
        slam.constraint("text", [1])
    assert (vocabulary(BASE).bos_id, vocabulary(BASE).eos_id) == (None, None)


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        (UNIT_ONLY, "vocabulary.eos: no marker '</s>'; there are <pad>, <S>"),
        (UNIT_ONLY[1:], "vocabulary.eos: no marker '</s>'; there are none"),
        (BASE, "vocabulary.eos: is '</s>', but sequences with text are opened and ended by the text tokenizer"),
    ],
)
def test_markers_that_cannot_end_sequences(blocks: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        Vocabulary.from_blocks(blocks, specs=SPECS, text_size=32_000, eos="</s>")


def test_the_first_id_behind_text() -> None:
    assert first_spelling(BASE) == "[Text]"
    assert first_spelling([{"text": True}, {"markers": []}, BASE[2]]) == "[Hu0]"
    assert first_spelling([{"text": True}]) is None
    assert first_spelling(UNIT_ONLY) is None
    assert first_spelling([]) is None


def test_marker_roles_are_their_letters() -> None:
    sims = vocabulary([{"text": True}, {"stream": "hubert", "format": "<Un{}>"}, {"markers": ["<speech>", "<text>"]}])
    speech = sims.marker("speech")
    assert speech is not None
    assert (speech.spelling, speech.id) == ("<speech>", 32_501)
    assert sims.marker("asr") is None


def test_split_takes_whole_tokens_only() -> None:
    parts = vocabulary(EXPRESSIVE).split("[Text]a [Hu5][Hu501][Hu05][hu5] [Pi63][Pi64]b[Spee[Speech][St99][Hu1")
    assert parts == [32_000, "a ", 32_007, "[Hu501][Hu05][hu5] ", 32_566, "[Pi64]b[Spee", 32_001, 32_666, "[Hu1"]


@given(st.lists(st.integers(0, 32_666)))
def test_tokens_and_strings_round_trip(ids: list[int]) -> None:
    expressive = vocabulary(EXPRESSIVE)
    speech = [id for id in ids if id >= 32_002]
    tokens = expressive.tokens(ids)
    assert expressive.ids(tokens) == speech
    assert expressive.split(expressive.string(tokens)) == speech


@given(st.text(alphabet="[]HuPiSt0123456789 Textpch٣", max_size=60))
def test_split_loses_no_character(text: str) -> None:
    expressive = vocabulary(EXPRESSIVE)
    parts = expressive.split(text)
    assert "".join(part if isinstance(part, str) else expressive.spelling(part) for part in parts) == text


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ([{"txt": True}], "vocabulary.blocks.0"),
        ([{"markers": ["[A]", 3]}], "marker 3"),
        ([{"markers": "[A]"}], "list of spellings"),
        ([{"stream": "huber", "format": "[Hu{}]"}], "no stream 'huber'"),
        ([{"stream": "hubert", "format": "[Hu]"}], "one {} for the code"),
        ([{"stream": "hubert", "format": "[{}{}]"}], "one {} for the code"),
        ([{"stream": "hubert", "format": "{0}{}"}], "one {} for the code"),
        ([{"markers": ["[A]"]}, {"text": True}], "must come first"),
        ([{"markers": ["[A]", "[A]"]}], "occurs twice"),
        ([*BASE, BASE[2]], "occurs twice"),
        ([{"stream": "hubert", "format": "[X{}]"}, {"stream": "hubert", "format": "[Y{}]"}], "'hubert' occurs twice"),
    ],
)
def test_wrong_blocks(blocks: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(RequestError, match=message.replace("{", r"\{").replace("}", r"\}")):
        vocabulary(blocks)


def test_wrong_padding_and_missing_text_tokenizer() -> None:
    with pytest.raises(RequestError, match="pad_to_multiple_of is 0"):
        vocabulary(BASE, pad=0)
    with pytest.raises(RequestError, match="text_tokenizer"):
        vocabulary(BASE, text_size=None)


def test_spelling_of_text_is_not_the_vocabularys() -> None:
    with pytest.raises(InputError, match="id 5"):
        vocabulary(BASE).spelling(5)


def test_ids_that_are_none() -> None:
    expressive = vocabulary(EXPRESSIVE)
    assert expressive.ids(expressive.tokens([2**70, -1, 32_005, 32_700, 2**63])) == [32_005]
    for wrong in (32_005.7, "[Hu3]", None):
        with pytest.raises(InputError, match="expected whole numbers"):
            expressive.tokens([wrong])  # type: ignore[list-item]


def test_streams_without_a_block_follow_behind() -> None:
    after = Vocabulary.from_blocks(BASE, specs=SPECS, text_size=32_000)
    assert after.spelling(32_502) == "[Hu500]"  # nothing before them moves
    assert [block.spec.name for block in after.streams] == ["hubert", "style", "pitch"]
    assert after.spelling(32_503) == "[style:0]"
    assert after.split("[style:99][pitch:63]") == [32_602, 32_666]


def test_a_block_stands_for_all_streams_of_its_tokenizer() -> None:
    specs = [StreamSpec(f"hubert.{index}", 4 + index, Fraction(25), False) for index in range(2)]
    after = Vocabulary.from_blocks(BASE, specs=specs, text_size=32_000)
    assert [after.spelling(id) for id in (32_002, 32_005, 32_006, 32_010)] == [
        "[Hu0_0]",
        "[Hu0_3]",
        "[Hu1_0]",
        "[Hu1_4]",
    ]
    assert after.size == 32_011


class Pieces(TextTokenizer):
    """A text tokenizer whose file has speech tokens at ids of its own."""

    size = 32_000
    eos_id = 2
    bos_id = 1

    def __init__(self, pieces: dict[str, int]):
        self.pieces = pieces

    def encode(self, text: str) -> list[int]:
        return []

    def decode(self, ids: Sequence[int]) -> str:
        return ""

    def find(self, piece: str) -> int | None:
        return self.pieces.get(piece)


def test_vocabulary_is_checked_against_the_tokenizers_file() -> None:
    vocabulary(BASE).check(Pieces({"[Hu3]": 32_005}))
    with pytest.raises(RequestError, match=r"'\[Hu3\]' is id 32005 .* but 32004"):
        vocabulary(BASE).check(Pieces({"[Hu3]": 32_004}))
