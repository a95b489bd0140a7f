"""A tokenizer of whole words, made of the texts that a classifier is trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from spiritkit.atomic import write_json, write_text

_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


def word_tokenizer(texts: Iterable[str], size: int, longest: int) -> PreTrainedTokenizerFast:
    """Words in lower case and punctuation marks, the most frequent ones first, between `[CLS]` and `[SEP]`.

    Args:
        texts: of the corpus.
        size: at most so many ids; other words are `[UNK]`.
        longest: so many tokens a text may have.
    """
    normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    splitter = pre_tokenizers.BertPreTokenizer()
    counts = Counter(word for text in texts for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text)))
    known = sorted((word for word in counts if word not in _SPECIAL), key=lambda word: (-counts[word], word))
    ids = {word: id for id, word in enumerate([*_SPECIAL, *known[: size - len(_SPECIAL)]])}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, splitter
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[(name, ids[name]) for name in ("[CLS]", "[SEP]")]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=longest,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
    )


def write_tokenizer(folder: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    """Write `tokenizer.json` and `tokenizer_config.json`, each atomically."""
    write_text(folder / "tokenizer.json", tokenizer.backend_tokenizer.to_str(pretty=True))
    write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": tokenizer.model_max_length,
            **{f"{name}_token": str(getattr(tokenizer, f"{name}_token")) for name in ("pad", "unk", "cls", "sep")},
        },
    )
