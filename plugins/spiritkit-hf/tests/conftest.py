"""Small causal models and tokenizers, written to disk as the hub has them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    GPT2Config,
    LlamaConfig,
    OPTConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2Config,
)

_SMALL = {
    "vocab_size": 50,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
}
CONFIGS: dict[str, Callable[..., Any]] = {
    "llama": lambda **more: LlamaConfig(**_SMALL | more),
    "qwen": lambda **more: Qwen2Config(**_SMALL | {"tie_word_embeddings": True} | more),
    "opt": lambda **more: OPTConfig(  # as OPT-350M: a narrow embedding, the norm behind each block
        **{
            "vocab_size": 50,
            "hidden_size": 32,
            "ffn_dim": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "max_position_embeddings": 64,
            "word_embed_proj_dim": 16,
            "do_layer_norm_before": False,
        }
        | more
    ),
    "gpt2": lambda **more: GPT2Config(
        **{"vocab_size": 50, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64} | more
    ),
    "gemma": lambda **more: Gemma2Config(**_SMALL | {"head_dim": 8, "final_logit_softcapping": 3.0} | more),
}
WORDS = ["the", "a", "cat", "dog", "king", "queen", "river", "sat", "on", "mat", "went", "to", "and", "saw", "her"]


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def network(kind: str, **settings: Any) -> PreTrainedModel:
    """Weights large enough for clear preferences."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = AutoModelForCausalLM.from_config(CONFIGS[kind](**settings)).eval()
        for parameter in module.parameters():
            if parameter.dim() == 2:
                torch.nn.init.normal_(parameter, std=0.5)
    return module


def write_slamkit(module: PreTrainedModel, folder: Path) -> None:
    """A model as SlamKit's `UnitLM.save_pretrained` writes it."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "architectures": ["UnitLM"],
        "model_type": "speech_language_model",
        "base_model_name": "some/model",
        "base_config": module.config.to_dict(),
        "vocab_size": module.config.vocab_size,
        "twist_init": True,
    }
    (folder / "config.json").write_text(json.dumps(settings, default=str))
    tied = module.config.tie_word_embeddings
    tensors = {
        f"lm.{name}": tensor.clone()
        for name, tensor in module.state_dict().items()
        if not (tied and name == "lm_head.weight")
    }
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.fixture(scope="session")
def make_network() -> Callable[..., PreTrainedModel]:
    """A network in memory: its kind, and settings of its configuration."""
    return network


@pytest.fixture(scope="session")
def make_slamkit() -> Callable[[PreTrainedModel, Path], None]:
    """Writes a network in SlamKit's format."""
    return write_slamkit


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A folder with a network of a kind, as transformers saves it. Read only."""

    @cache
    def folder(kind: str) -> Path:
        path = tmp_path_factory.mktemp(kind)
        network(kind).save_pretrained(path)
        return path

    return folder


def _lines() -> list[str]:
    pick = random.Random(0)
    return [" ".join(pick.choices(WORDS, k=12)).capitalize() + ". 1 23" for _ in range(300)]


def _byte_level(special: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=330, initial_alphabet=alphabet, show_progress=False, special_tokens=[])
    tokenizer.train_from_iterator(_lines(), trainer)
    tokenizer.add_special_tokens(special)
    return tokenizer


def llama3() -> PreTrainedTokenizerFast:
    """Byte-level, whole words first; a token in front of every sequence."""
    tokenizer = _byte_level(["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"])
    data = json.loads(tokenizer.to_str())
    data["model"]["ignore_merges"] = True
    tokenizer = Tokenizer.from_str(json.dumps(data))
    bos = ("<|begin_of_text|>", tokenizer.token_to_id("<|begin_of_text|>"))
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{bos[0]} $A", special_tokens=[bos])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=bos[0], eos_token="<|end_of_text|>")


def qwen() -> PreTrainedTokenizerFast:
    """Byte-level with NFC; added tokens that are not special, and nothing in front."""
    tokenizer = _byte_level(["<|endoftext|>"])
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.add_tokens(["<tool_call>", "    "])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|endoftext|>")


def llama2() -> PreTrainedTokenizerFast:
    """SentencePiece-like BPE with a dummy prefix before each stretch of text, special tokens first."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    trainer = trainers.BpeTrainer(
        vocab_size=330,
        show_progress=False,
        special_tokens=["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))],
    )
    tokenizer.train_from_iterator(_lines(), trainer)
    data = json.loads(tokenizer.to_str())
    data["added_tokens"] = data["added_tokens"][:3]  # bytes are pieces, no added tokens
    tokenizer = Tokenizer.from_str(json.dumps(data))
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    bos = ("<s>", tokenizer.token_to_id("<s>"))
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[bos])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def unigram() -> PreTrainedTokenizerFast:
    """Unigram with a dummy prefix before the first stretch only; its special tokens are pieces that text could give."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="first")
    trainer = trainers.UnigramTrainer(
        vocab_size=120,
        show_progress=False,
        unk_token="<unk>",
        special_tokens=["<s>", "</s>", "<unk>"],
        initial_alphabet=list("abcdefghijklmnopqrstuvwxyz<>/[]|_0123456789HuUTextSpch+=▁"),
    )
    tokenizer.train_from_iterator(_lines(), trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


TOKENIZERS = {"llama3": llama3, "qwen": qwen, "llama2": llama2, "unigram": unigram}


@pytest.fixture(scope="session")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A folder with a tokenizer of a kind, with further tokens added behind. Read only."""

    @cache
    def folder(kind: str, *more: str) -> Path:
        tokenizer = TOKENIZERS[kind]()
        tokenizer.add_tokens(list(more))
        path = tmp_path_factory.mktemp(kind)
        tokenizer.save_pretrained(path)
        return path

    return folder
