"""Text: ids as the tokenizer gives them for whole strings, text that stays text, and back."""

from __future__ import annotations

import random

import pytest
from spiritkit_hf.text_tokenizer import HFTokenizer
from transformers import AddedToken, AutoTokenizer, PreTrainedTokenizerFast

from spiritkit.errors import CheckpointError, InputError, MissingFileError, RequestError
from spiritkit.testing import TextTokenizerContract

UNITS = [*(f"<Un{unit}>" for unit in range(5)), "<speech>", "<text>"]
KINDS = ["llama3", "qwen", "llama2", "unigram"]
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
    "🙂",
    "<Un",
    "<",
    ">",
    "    x",
    "e\u0301",
]


class Contract(TextTokenizerContract):
    component = "hf-tokenizer.v1"

    @pytest.fixture
    def parameters(self, tokenizers):
        return {"checkpoint": tokenizers(self.tokenizer, *getattr(self, "more", ()))}


class TestByteLevel(Contract):
    tokenizer = "llama3"


class TestByteLevelWithUnits(Contract):
    tokenizer = "qwen"
    more = UNITS


class TestDummyPrefix(Contract):
    tokenizer = "llama2"


class TestUnigram(Contract):
    tokenizer = "unigram"
    texts = ("the cat", " sat on", "two  spaces", "", "<s>", "a</s>b", "[Hu5]", "<unk>")


@pytest.mark.parametrize("kind", KINDS)
def test_assembled_ids_equal_those_of_the_whole_string(tokenizers, kind):
    original = AutoTokenizer.from_pretrained(tokenizers(kind))
    tokenizer = HFTokenizer(checkpoint=tokenizers(kind))
    assert tokenizer.size == len(original)
    original.add_tokens([AddedToken(unit, normalized=False) for unit in UNITS])
    pick = random.Random(1)
    for _ in range(200):
        parts = [
            pick.choice([pick.choice(SNIPPETS), tokenizer.size + pick.randrange(7)]) for _ in range(pick.randint(1, 8))
        ]
        string = "".join(part if isinstance(part, str) else UNITS[part - tokenizer.size] for part in parts)
        bos = [] if tokenizer.bos_id is None else [tokenizer.bos_id]
        assert tokenizer.assemble(parts) == bos + original(string, add_special_tokens=False).input_ids, parts


@pytest.mark.parametrize("kind", KINDS)
def test_text_inside_a_sequence(tokenizers, kind):
    tokenizer = HFTokenizer(checkpoint=tokenizers(kind))
    known = tokenizer.size
    for text in SNIPPETS:
        ids = tokenizer.assemble([known, text, known])
        assert ids[ids.index(known) :] == [known, *tokenizer.encode(text), known]


@pytest.mark.parametrize(
    ("kind", "special"),
    [("llama3", "<|eot_id|>"), ("qwen", "<|endoftext|>"), ("llama2", "</s>"), ("unigram", "</s>")],
)
def test_text_that_looks_like_a_special_token_stays_text(tokenizers, kind, special):
    original = AutoTokenizer.from_pretrained(tokenizers(kind))
    tokenizer = HFTokenizer(checkpoint=tokenizers(kind))
    id = original.convert_tokens_to_ids(special)
    assert original(special, add_special_tokens=False).input_ids[-1] == id
    ids = tokenizer.encode(f"a{special}b")
    assert id not in ids
    assert tokenizer.decode(ids) == f"a{special}b"
    assert tokenizer.decode([id, *ids, id]) == f"a{special}b"


def test_added_tokens_that_are_not_special_stay_what_they_are(tokenizers):
    original = AutoTokenizer.from_pretrained(tokenizers("qwen"))
    tokenizer = HFTokenizer(checkpoint=tokenizers("qwen"))
    for text in ("a    b", "x<tool_call>"):
        ids = tokenizer.encode(text)
        assert ids == original(text).input_ids
        assert max(ids) > tokenizer.eos_id
        assert tokenizer.decode(ids) == text


def test_units_in_the_tokenizers_own_file(tokenizers):
    without, tokenizer = (HFTokenizer(checkpoint=tokenizers("qwen", *more)) for more in ([], UNITS))
    assert (tokenizer.size, tokenizer.find("<Un0>")) == (without.size + 7, without.size)
    assert tokenizer.encode("<Un3>") == [without.size + 3]
    assert tokenizer.find("cat") is None  # a piece of text is no marker
    tokenizer.restrict(tokenizer.find("<Un0>"))
    assert tokenizer.size == without.size
    for text in ("<Un3>", "a<Un3><speech> b", "x<tool_call>"):
        assert tokenizer.encode(text) == without.encode(text)
        assert tokenizer.decode(tokenizer.encode(text)) == text
    parts = [tokenizer.size + 5, tokenizer.size + 3, "The cat"]
    assert tokenizer.assemble(parts) == without.assemble(parts)
    with pytest.raises(InputError, match=rf"id {without.size} is no text; expected 0…"):
        tokenizer.decode([without.size])


@pytest.mark.parametrize("kind", ["llama2", "qwen"])
def test_text_is_not_cut_off(tokenizers, kind):
    tokenizer = HFTokenizer(checkpoint=tokenizers(kind))
    with pytest.raises(RequestError, match=r"tokens begin at id 1, but .* is id \d+, which is text"):
        tokenizer.restrict(1)
    assert tokenizer.decode(tokenizer.encode("the cat")) == "the cat"


def test_which_token_opens_a_sequence(tokenizers, tmp_path):
    llama, qwen = tokenizers("llama3"), tokenizers("qwen")
    begin = AutoTokenizer.from_pretrained(llama).convert_tokens_to_ids("<|begin_of_text|>")
    assert HFTokenizer(checkpoint=llama).bos_id == begin
    assert HFTokenizer(checkpoint=llama, bos=False).bos_id is None
    assert HFTokenizer(checkpoint=llama, bos="<|eot_id|>").bos_id == begin + 2
    assert HFTokenizer(checkpoint=llama, bos=False).assemble(["the"]) == HFTokenizer(checkpoint=llama).encode("the")
    assert HFTokenizer(checkpoint=qwen).bos_id is None
    # GPT-2, SmolLM: the token is named, but the tokenizer does not put it there.
    named = AutoTokenizer.from_pretrained(qwen, bos_token="<|endoftext|>")
    named.save_pretrained(tmp_path)
    assert HFTokenizer(checkpoint=tmp_path).bos_id is None


def test_which_token_ends_a_sequence(tokenizers, tmp_path):
    end = AutoTokenizer.from_pretrained(tokenizers("llama3")).convert_tokens_to_ids("<|end_of_text|>")
    assert HFTokenizer(checkpoint=tokenizers("llama3")).eos_id == end
    assert HFTokenizer(checkpoint=tokenizers("llama3"), eos="<|eot_id|>").eos_id == end + 1
    for name in ("bos", "eos"):
        with pytest.raises(RequestError, match=f"{name} is '<nope>', which is no token of"):
            HFTokenizer(checkpoint=tokenizers("llama3"), **{name: "<nope>"})
    original = AutoTokenizer.from_pretrained(tokenizers("qwen"))
    PreTrainedTokenizerFast(tokenizer_object=original.backend_tokenizer).save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match="no end-of-sequence token; say which one it is"):
        HFTokenizer(checkpoint=tmp_path)
    assert HFTokenizer(checkpoint=tmp_path, eos="<|endoftext|>").eos_id == original.eos_token_id


@pytest.mark.parametrize("kind", ["llama3", "llama2"])
def test_broken_bytes_become_replacement_characters(tokenizers, kind):
    tokenizer = HFTokenizer(checkpoint=tokenizers(kind))
    ids = tokenizer.encode("日")[-3:]
    assert tokenizer.decode(ids) == "日"
    assert set(tokenizer.decode(ids[:2])) == {"�"}
    assert tokenizer.decode([ids[0], *tokenizer.encode("cat")[-1:]]).startswith("�")


@pytest.mark.parametrize("text", ["a\ud800", "a\ufdd0", "a\ufdd1"])
def test_text_that_is_no_text_is_refused(tokenizers, text):
    tokenizer = HFTokenizer(checkpoint=tokenizers("llama3"))
    for call in (tokenizer.encode, lambda text: tokenizer.assemble([text])):
        with pytest.raises(InputError, match="at 1"):
            call(text)


def test_text_for_which_there_is_no_token(tmp_path):
    from tokenizers import Tokenizer, models

    words = Tokenizer(models.WordLevel({"the": 0, "</s>": 1}))
    PreTrainedTokenizerFast(tokenizer_object=words, eos_token="</s>").save_pretrained(tmp_path)
    tokenizer = HFTokenizer(checkpoint=tmp_path)
    assert tokenizer.encode("the") == [0]
    with pytest.raises(InputError, match="cannot encode the text"):
        tokenizer.encode("cat")


def test_folders_without_a_tokenizer(tmp_path):
    with pytest.raises(MissingFileError, match="tokenizer in Hugging Face format"):
        HFTokenizer(checkpoint=tmp_path / "absent")
    with pytest.raises(CheckpointError, match="transformers finds no tokenizer in it"):
        HFTokenizer(checkpoint=tmp_path)
    (tmp_path / "tokenizer.json").write_text("{")
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast"}')
    with pytest.raises(CheckpointError, match="transformers finds no tokenizer in it"):
        HFTokenizer(checkpoint=tmp_path)


def test_only_the_tokenizers_files_are_fetched(tokenizers, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "huggingface_hub.snapshot_download",
        lambda name, **options: asked.append((name, options["allow_patterns"])) or str(tokenizers("llama3")),
    )
    assert HFTokenizer(checkpoint="some/model").size > 300
    assert asked == [("some/model", ["*.json", "*.txt", "*.model"])]


def test_code_beside_a_tokenizer_is_not_run(tokenizers, tmp_path, monkeypatch):
    import json

    AutoTokenizer.from_pretrained(tokenizers("llama3")).save_pretrained(tmp_path)
    path = tmp_path / "tokenizer_config.json"
    settings = json.loads(path.read_text()) | {
        "tokenizer_class": "Mine",
        "auto_map": {"AutoTokenizer": ["mine.Mine", "mine.Mine"]},
    }
    path.write_text(json.dumps(settings))
    (tmp_path / "mine.py").write_text(f"open({str(tmp_path / 'trace')!r}, 'w')\nclass Mine: ...\n")
    with pytest.raises(CheckpointError):
        HFTokenizer(checkpoint=tmp_path)
    assert not (tmp_path / "trace").exists()
