"""A tiny Whisper with random weights, written to disk as the hub has them."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import GenerationConfig, WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration


def _write_tokenizer(folder: Path) -> dict[str, int]:
    """Bytes and a merge; languages, tasks and times behind them. The ids of these."""
    letters = [*sorted(pre_tokenizers.ByteLevel.alphabet()), "th"]
    specials = ["<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|de|>", "<|translate|>", "<|transcribe|>"]
    specials += ["<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"]
    vocabulary = {token: id for id, token in enumerate(letters)}
    tokenizer = Tokenizer(models.BPE(vocabulary, [("t", "h")]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(specials)
    tokenizer.save(str(folder / "tokenizer.json"))
    ids = {token: len(letters) + number for number, token in enumerate(specials)}
    # The slow form of version 4 of transformers reads these.
    (folder / "vocab.json").write_text(json.dumps({**vocabulary, specials[0]: ids[specials[0]]}))
    (folder / "merges.txt").write_text("#version: 0.2\nt h\n")
    added = {id: {"content": token, "special": True} for token, id in ids.items()}
    ends = {f"{name}_token": specials[0] for name in ("bos", "eos", "unk", "pad")}
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "WhisperTokenizer", "added_tokens_decoder": added, **ends})
    )
    return ids


@pytest.fixture(scope="session")
def whisper_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bool], Path]:
    """A folder with a multilingual model, or with an English one. Read only."""

    @cache
    def folder(multilingual: bool) -> Path:
        path = tmp_path_factory.mktemp("whisper")
        ids = _write_tokenizer(path)
        config = WhisperConfig(
            vocab_size=max(ids.values()) + 1, d_model=32, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
            decoder_attention_heads=2, encoder_ffn_dim=64, decoder_ffn_dim=64, max_target_positions=24,
            bos_token_id=ids["<|endoftext|>"], eos_token_id=ids["<|endoftext|>"], pad_token_id=ids["<|endoftext|>"],
            decoder_start_token_id=ids["<|startoftranscript|>"], suppress_tokens=None, begin_suppress_tokens=None,
            init_std=0.6,
        )  # fmt: skip
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = WhisperForConditionalGeneration(config)
        generation = {
            "max_length": 24,
            "is_multilingual": multilingual,
            "no_timestamps_token_id": ids["<|notimestamps|>"],
            "decoder_start_token_id": ids["<|startoftranscript|>"],
            "bos_token_id": ids["<|endoftext|>"],
            "eos_token_id": ids["<|endoftext|>"],
            "pad_token_id": ids["<|endoftext|>"],
        }
        if multilingual:
            generation["lang_to_id"] = {name: ids[name] for name in ("<|en|>", "<|de|>")}
            generation["task_to_id"] = {name: ids[f"<|{name}|>"] for name in ("transcribe", "translate")}
        model.generation_config = GenerationConfig(**generation)
        model.save_pretrained(path)
        WhisperFeatureExtractor().save_pretrained(path)
        return path

    return folder
