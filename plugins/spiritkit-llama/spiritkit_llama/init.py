"""A Llama with random weights, to be trained from nothing."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel

from spiritkit import devices
from spiritkit.checks import check_range
from spiritkit.devices import DTypeName
from spiritkit.errors import RequestError
from spiritkit.seeding import torch_seeded
from spiritkit_llama.checkpoint import read_configuration, with_rope_base
from spiritkit_llama.llama import CausalModel

#: What a model has that is given neither sizes nor a configuration: about 40 million parameters, and its embeddings.
_SIZES = {
    "hidden_size": 512,
    "num_hidden_layers": 8,
    "num_attention_heads": 8,
    "max_position_embeddings": 4096,
    "rms_norm_eps": 1e-5,
}


class LlamaInit(CausalModel):
    """A Llama (Touvron et al. 2023) whose weights are drawn: normal with the standard deviation that the configuration
    names (0.02), norms 1. Its embedding has as many rows as the vocabulary needs. Only training gives it a use; the
    paper's ablation "random initialisation" is `config` with the `config.json` of Llama 2.

    Args:
        config: a `config.json` from which sizes are taken that are not given here; no weights are read.
        hidden_size: width of the layers; 512 without `config`.
        layers: how many; 8 without `config`.
        heads: of attention; 8 without `config`.
        kv_heads: of keys and values; as many as heads without `config`.
        intermediate_size: width inside the feed-forward layers; without `config` 8/3 of `hidden_size`, up to the next
            multiple of 64.
        context_length: the longest sequence, in tokens; 4,096 without `config`.
        rope_base: base of the rotary position embedding; 10,000 without `config`.
        tie_embeddings: whether input and output embedding are one; they are two without `config`.
        seed: of the weights.
        dtype: number format of the weights and of the arithmetic.
        device: where the whole model lies.

    Raises:
        MissingFileError: no such file.
        CheckpointError: `config` is not a Llama's.
        RequestError: sizes that do not fit each other; no such device.
    """

    def __init__(
        self,
        *,
        config: Path | None = None,
        hidden_size: int | None = None,
        layers: int | None = None,
        heads: int | None = None,
        kv_heads: int | None = None,
        intermediate_size: int | None = None,
        context_length: int | None = None,
        rope_base: float | None = None,
        tie_embeddings: bool | None = None,
        seed: int = 0,
        dtype: DTypeName = "float32",
        device: str = "auto",
    ):
        given = {
            "hidden_size": hidden_size,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "num_key_value_heads": kv_heads,
            "intermediate_size": intermediate_size,
            "max_position_embeddings": context_length,
            "tie_word_embeddings": tie_embeddings,
        }
        sizes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        check_range("llama-init.v1", {name: sizes[name] for name in sizes if name != "tie_word_embeddings"}, at_least=1)
        if config is None:
            sizes = _SIZES | sizes
            sizes.setdefault("intermediate_size", -(-sizes["hidden_size"] * 8 // (3 * 64)) * 64)
            sizes.setdefault("num_key_value_heads", sizes["num_attention_heads"])
            _check(sizes)
            self._config = LlamaConfig(**with_rope_base(sizes, rope_base))
        else:
            self._config = read_configuration(config, rope_base, **sizes)
            _check(self._config.to_dict())
        self._seed, self._dtype, self._place = seed, devices.dtype(dtype), devices.device(device)
        self.trained_on = {}

    @property
    def rows(self) -> int:
        """Rows of the embedding."""
        return int(self._config.vocab_size)

    @property
    def context_length(self) -> int:
        """As given."""
        return int(self._config.max_position_embeddings)

    def resize(self, rows: int) -> bool:
        """Give the embedding `rows` rows: the weights are drawn when they are first used, or again."""
        self._config.vocab_size = rows
        self.__dict__.pop("_module", None)
        return True

    @cached_property
    def _module(self) -> PreTrainedModel:  # type: ignore[override]
        with torch_seeded(self._seed, "llama-init"):  # on the CPU, so that a seed means the same on any device
            module = LlamaForCausalLM(self._config).eval()
        for parameter in module.parameters():  # not buffers: the rotary frequencies are float32 always
            parameter.data = parameter.data.to(self._dtype)
        return module.to(self._place)


def _check(sizes: Mapping[str, Any]) -> None:
    width, heads, kv_heads = sizes["hidden_size"], sizes["num_attention_heads"], sizes["num_key_value_heads"]
    if width % heads or (width // heads) % 2:
        raise RequestError(f"hidden_size is {width} with {heads} heads; expected an even multiple of the heads")
    if heads % kv_heads:
        raise RequestError(f"{heads} heads share {kv_heads} kv_heads; expected a divisor of the heads")
