"""A small Llama and SentencePiece models, made here."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import sentencepiece
import torch
from sentencepiece import sentencepiece_model_pb2
from spiritkit_llama.llama import Llama
from transformers import LlamaConfig, LlamaForCausalLM

MARKERS = ["[Text]", "[Speech]", "[Hu0]", "[Hu1]", "[Hu11]"]


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def network() -> LlamaForCausalLM:
    """Two layers, 50 rows, context of 64, weights large enough for clear preferences."""
    config = LlamaConfig(
        vocab_size=50,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=64,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = LlamaForCausalLM(config).eval()
        for parameter in module.parameters():
            if parameter.dim() == 2:
                torch.nn.init.normal_(parameter, std=0.5)
    return module


@pytest.fixture(scope="session")
def checkpoint(network: LlamaForCausalLM, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`network` as transformers saves it. Read only."""
    folder = tmp_path_factory.mktemp("llama")
    network.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def llama(checkpoint: Path) -> Llama:
    """`network` through the component."""
    return Llama(checkpoint=checkpoint, dtype="float32", device="cpu")


@pytest.fixture(scope="session")
def train_sentencepiece(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Trains a model on a few words, with MARKERS as its last pieces."""

    def train(name: str, **options: object) -> Path:
        words = [
            "the",
            "a",
            "cat",
            "dog",
            "king",
            "queen",
            "river",
            "sat",
            "on",
            "mat",
            "went",
            "to",
            "and",
            "saw",
            "her",
        ]
        pick = random.Random(0)
        lines = [" ".join(pick.choices(words, k=12)).capitalize() + "." for _ in range(400)]
        buffer = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines),
            model_writer=buffer,
            num_threads=1,
            minloglevel=2,
            hard_vocab_limit=False,
            **options,
        )
        model = sentencepiece_model_pb2.ModelProto.FromString(buffer.getvalue())
        for marker in MARKERS:
            model.pieces.add(
                piece=marker, score=0.0, type=sentencepiece_model_pb2.ModelProto.SentencePiece.USER_DEFINED
            )
        path = tmp_path_factory.mktemp(name) / "tokenizer.model"
        path.write_bytes(model.SerializeToString())
        return path

    return train
