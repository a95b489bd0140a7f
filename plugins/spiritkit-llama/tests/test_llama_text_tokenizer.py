"""SentencePiece: ids as the original model gives them for whole strings, text that stays text, and back."""

from __future__ import annotations

import random

import pytest
import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from spiritkit_llama.text_tokenizer import SentencePiece

from spiritkit.errors import CheckpointError, InputError, MissingFileError

LLAMA = {
    "model_type": "bpe",
    "vocab_size": 360,
    "byte_fallback": True,
    "split_digits": True,
    "normalization_rule_name": "identity",
    "remove_extra_whitespaces": False,
}
OPTIONS = {
    "llama": LLAMA,
    "no-prefix": {**LLAMA, "add_dummy_prefix": False},
    "unigram": {"model_type": "unigram", "vocab_size": 100},  # NFKC, white space at the ends removed
    "suffix": {"model_type": "unigram", "vocab_size": 100, "treat_whitespace_as_suffix": True},
}
#: Pieces of text whose borders are where encoders differ: spaces, digits, bytes, what is normalised.
SNIPPETS = [
    "The cat",
    " sat on",
    "mat ",
    "",
    " ",
    "  two",
    "\n",
    "42",
    "é日本",
    "\u00a0",
    "ﬁ½",
    "🙂",
    "[Hu",
    "[",
    "]",
    "▁",
]


@pytest.fixture(scope="module", params=OPTIONS)
def trained(request, train_sentencepiece):
    """A model file and its options' name."""
    return train_sentencepiece(request.param, **OPTIONS[request.param]), request.param


@pytest.fixture(scope="module")
def llama_text(train_sentencepiece):
    return SentencePiece(model=train_sentencepiece("plain", **LLAMA))


def test_assembled_ids_equal_those_of_the_whole_string(trained):
    path, name = trained
    original = sentencepiece.SentencePieceProcessor(model_file=str(path))
    tokenizer = SentencePiece(model=path)
    pick = random.Random(1)
    for _ in range(300):
        markers = range(tokenizer.size, original.get_piece_size())
        parts = [pick.choice([pick.choice(SNIPPETS), pick.choice(markers)]) for _ in range(pick.randint(0, 8))]
        string = "".join(part if isinstance(part, str) else original.id_to_piece(part) for part in parts)
        if name == "suffix":
            string = string.rstrip(" ")
        assert tokenizer.assemble(parts) == [1, *original.encode(string)], (parts, string)


def test_a_prompt_that_opens_with_a_marker_has_the_dummy_prefix_before_it(llama_text):
    text, (lone,) = llama_text.find("[Text]"), [llama_text.find("▁")]
    ids = llama_text.assemble([text, "The cat"])
    assert ids[:3] == [1, lone, text]
    assert ids[3:] == llama_text.encode("The cat")
    assert llama_text.assemble([]) == [1]


def test_released_layout(reference_checkpoints):
    folder = reference_checkpoints / "spiritlm_model"
    for name, last in (("base", "[Hu500]"), ("expressive", "[St99]")):
        tokenizer = SentencePiece(model=folder / f"spirit-lm-{name}-7b" / "tokenizer.model")
        assert (tokenizer.size, tokenizer.bos_id, tokenizer.eos_id) == (32000, 1, 2)
        assert [tokenizer.find(piece) for piece in ("[Text]", "[Speech]", "[Hu0]")] == [32000, 32001, 32002]
        assert tokenizer.find(last) == {"[Hu500]": 32502, "[St99]": 32666}[last]
        assert tokenizer.find("[TTS]") is None


def test_text_that_looks_like_a_token_stays_text(llama_text):
    for text in ("[Hu1]", "a[Hu11] b", "[Text]The cat[Speech]", "<s> </s>", "<0x41>"):
        for ids in (llama_text.encode(text), llama_text.assemble([text])[1:]):
            assert max(ids) < llama_text.size
            assert min(ids) > 2
        assert llama_text.decode(llama_text.encode(text)) == text


def test_encoding_adds_nothing_and_decoding_undoes_it(llama_text):
    assert llama_text.encode("") == []
    assert llama_text.decode([]) == ""
    for text in (*SNIPPETS, " and the queen", "tab\tline\n", "\x00\x1f", "\U0010ffff"):
        if "▁" not in text:  # SentencePiece's own spelling of a space
            assert llama_text.decode(llama_text.encode(text)) == text


def test_decoding_leaves_special_pieces_out(llama_text):
    ids = llama_text.encode(" sat on")
    assert llama_text.decode([1, *ids[:1], 0, *ids[1:], 2]) == " sat on"


def test_broken_bytes_become_replacement_characters(llama_text):
    byte = llama_text.find("<0xE6>")
    whole = [llama_text.find(f"<0x{value:02X}>") for value in "日".encode()]
    assert llama_text.decode(whole) == "日"
    assert llama_text.decode([byte, *llama_text.encode("cat")]) == "�cat"
    assert llama_text.decode(whole[:2]) == "��"
    assert llama_text.decode([byte, *whole]) == "�日"


def test_ids_of_markers_are_not_text(llama_text):
    for id in (llama_text.size, -1):
        with pytest.raises(InputError, match=f"id {id} is no text; expected 0…"):
            llama_text.decode([id])


@pytest.mark.parametrize("text", ["a\ud800", "a\ufdd0"])
def test_text_that_is_no_text_is_refused(llama_text, text):
    with pytest.raises(InputError, match="at 1"):
        llama_text.encode(text)
    with pytest.raises(InputError, match="at 1"):
        llama_text.assemble([text])


def test_a_model_without_special_pieces(train_sentencepiece):
    tokenizer = SentencePiece(model=train_sentencepiece("bare", **{**LLAMA, "bos_id": -1, "eos_id": 1}))
    assert (tokenizer.bos_id, tokenizer.eos_id) == (None, 1)
    assert tokenizer.assemble([tokenizer.size]) == [tokenizer.find("▁"), tokenizer.size]
    with pytest.raises(CheckpointError, match="no end-of-sequence piece"):
        SentencePiece(model=train_sentencepiece("endless", **{**LLAMA, "eos_id": -1}))


def test_files_that_are_no_model(tmp_path):
    path = tmp_path / "tokenizer.model"
    with pytest.raises(MissingFileError, match="SentencePiece model"):
        SentencePiece(model=path)
    with pytest.raises(CheckpointError, match="not a SentencePiece model"):
        SentencePiece(model=tmp_path)
    for content in (b"", b"version https://git-lfs.github.com/spec/v1\n", bytes(100)):
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match="not a SentencePiece model"):
            SentencePiece(model=path)


def test_a_model_that_sentencepiece_refuses(tmp_path):
    model = sentencepiece_model_pb2.ModelProto()
    model.pieces.add(piece="a", score=0.0)  # no piece for the unknown
    path = tmp_path / "tokenizer.model"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(CheckpointError, match="does not take it"):
        SentencePiece(model=path)
