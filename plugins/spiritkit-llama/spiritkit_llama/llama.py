"""Causal models on transformers; Llama (Touvron et al. 2023), the language model of Spirit LM (paper, section 3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from inspect import signature
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from transformers import GenerationConfig, LlamaForCausalLM, PreTrainedModel

from spiritkit import checkpoints
from spiritkit.devices import DTypeName
from spiritkit.errors import InputError, RequestError
from spiritkit.generation.sampling import allowed_rows, draw, seeded
from spiritkit.interfaces import LanguageModel
from spiritkit.types import Constraint, Sampling
from spiritkit_llama.checkpoint import configuration, load, read_trained_on, write_trained_on
from spiritkit_llama.embedding import resize
from spiritkit_llama.padding import by_length, document_positions, pad_left, pad_right

#: Tokens, padding included, that `score` and `hidden_states` run at once.
_BATCH_TOKENS = 8192
#: Logits in float32 that `score` holds at once: 128 MiB.
_LOGITS = 2**25


class CausalModel(LanguageModel):
    """What every causal transformer of the transformers library does alike.

    Args:
        module: the network, with an embedding, layers and an output embedding; its weights are where they stay.
        folder: where it comes from, which may say what units it was trained on; None if it was made anew.
        extend: whether the embedding may be given another number of rows.
        seed: of the rows that are drawn then.
    """

    def __init__(self, module: PreTrainedModel, *, folder: Path | None = None, extend: bool = False, seed: int = 0):
        self._module = module
        self._extend, self._seed = extend, seed
        self.trained_on = read_trained_on(folder) if folder else {}

    @property
    def rows(self) -> int:
        """Rows of the embedding, padding rows included."""
        return int(self._module.get_input_embeddings().num_embeddings)

    def resize(self, rows: int) -> bool:
        """Give the embedding `rows` rows, if `extend` is set: further ones are drawn, surplus ones cut off."""
        if self._extend and rows != self.rows:
            resize(self._module, rows, self._seed)
        return self._extend

    @property
    def context_length(self) -> int:
        """`max_position_embeddings` of the configuration, in tokens."""
        return int(self._module.config.max_position_embeddings)

    @property
    def module(self) -> PreTrainedModel:
        """The network, for training."""
        return self._module

    @property
    def layers(self) -> Sequence[torch.nn.Module]:
        """The decoder's layers."""
        depth = self._module.config.num_hidden_layers
        lists = (part for part in self._module.base_model.modules() if isinstance(part, torch.nn.ModuleList))
        return list(next(layers for layers in lists if len(layers) == depth))

    @property
    def embeddings(self) -> Sequence[torch.nn.Module]:
        """The input and the output embedding."""
        return self._module.get_input_embeddings(), self._module.get_output_embeddings()

    def training_inputs(self, ids: torch.Tensor, documents: torch.Tensor | None = None) -> dict[str, Any]:
        """See `LanguageModel.training_inputs`. Positions that begin anew tell transformers where a document begins;
        that the network heeds them is tried out once.

        Raises:
            RequestError: this network cannot keep documents apart.
        """
        if documents is None:
            # Without a mask transformers looks for documents, and gives attention one that keeps it from its fast path.
            return {"input_ids": ids, "use_cache": False, "attention_mask": torch.ones_like(ids)}
        if not self._separates_documents:
            raise RequestError(
                f"{type(self._module).__name__} lets documents of one sequence see each other; "
                "train it without document_mask"
            )
        return {"input_ids": ids, "use_cache": False, "position_ids": document_positions(documents)}

    def save(self, folder: Path, trained_on: Mapping[str, str]) -> None:
        """Write a plain Hugging Face folder (`config.json`, `model.safetensors`), and `trained_on` beside them."""
        # How a text model was sampled from says nothing of this one, and could keep it from being saved.
        self._module.generation_config = GenerationConfig.from_model_config(self._module.config)
        self._module.save_pretrained(folder)
        write_trained_on(folder, trained_on)

    def generate(self, ids: Sequence[int], constraint: Constraint, sampling: Sampling) -> Iterator[int]:
        """Continue `ids`, yielding each new id as soon as it is drawn, a stop id as the last.

        Prompt and new ids together never exceed `context_length`: generation ends when the context is full.

        Raises:
            RequestError: at the call: the constraint allows nothing, or ids that the model does not have.
            InputError: at the call: no ids, ids that the model does not have, or more than `context_length`.
        """
        self._check([ids])
        steps = self._steps([ids], allowed_rows(constraint, self.rows), sampling)
        return (id for (id,) in steps if id is not None)

    def generate_batch(
        self, batch: Sequence[Sequence[int]], constraint: Constraint, sampling: Sampling
    ) -> list[list[int]]:
        """Continue several prompts together; row i draws from seed `sampling.seed_of(i)`, as `generate` with that seed.

        The rows share every step, so prompts of similar length waste least.

        Raises:
            RequestError, InputError: as for `generate`.
        """
        self._check(batch)
        results: list[list[int]] = [[] for _ in batch]
        if batch:
            for step in self._steps(batch, allowed_rows(constraint, self.rows), sampling):
                for result, id in zip(results, step, strict=True):
                    if id is not None:
                        result.append(id)
        return results

    def score(self, batch: Sequence[Sequence[int]]) -> list[np.ndarray]:
        """For each sequence of T ids, float32 `[T - 1]`: the natural log-probability of ids 1…T - 1, each given all
        before it, over all `rows`. In float32 it does not depend on the rest of the batch beyond rounding. Sequences
        of one batch that are alike have the same scores in any format.

        Raises:
            InputError: a sequence is empty, is longer than `context_length`, or has ids that the model does not have.
        """
        self._check(batch)
        different = list(dict.fromkeys(tuple(ids) for ids in batch))
        results: dict[tuple[int, ...], np.ndarray] = {}
        for group in by_length([len(ids) for ids in different], _BATCH_TOKENS):
            sequences = [different[index] for index in group]
            scores = self._score(sequences).split([len(ids) - 1 for ids in sequences])
            results.update(zip(sequences, [part.numpy() for part in scores], strict=True))
        return [results[tuple(ids)] for ids in batch]

    def hidden_states(self, batch: Sequence[Sequence[int]]) -> list[np.ndarray]:
        """For each sequence of T ids, float32 `[L + 1, T, D]`: the embedding's output, then each of L layers'.

        The last is the last layer's own output; transformers' `hidden_states[-1]` is that after the final norm.

        Raises:
            InputError: as for `score`.
        """
        self._check(batch)
        results: dict[int, np.ndarray] = {}
        for group in by_length([len(ids) for ids in batch], _BATCH_TOKENS):
            layers = self._layers([batch[index] for index in group])
            for row, index in enumerate(group):
                own = [layer[row, : len(batch[index])].float().cpu() for layer in layers]
                results[index] = torch.stack(own).numpy()
        return [results[index] for index in range(len(batch))]

    def _check(self, batch: Sequence[Sequence[int]]) -> None:
        for ids in batch:
            if len(ids) == 0:
                raise InputError("a sequence has no ids; expected at least one")
            if len(ids) > self.context_length:
                raise InputError(
                    f"a sequence has {len(ids)} ids; the language model's context holds {self.context_length}"
                )
            wrong = next((id for id in ids if not 0 <= id < self.rows), None)
            if wrong is not None:
                raise InputError(f"id {wrong} is not the language model's; expected 0…{self.rows - 1}")

    def _steps(
        self, batch: Sequence[Sequence[int]], allowed: torch.Tensor, sampling: Sampling
    ) -> Iterator[list[int | None]]:
        """Yields, step by step, the new id of each row; None for a row that has ended."""
        ids, positions, mask = (tensor.to(self._device) for tensor in pad_left(batch))
        # Without padding no mask is needed, which lets attention take its fast path.
        padded = not bool(mask.all())
        left = [min(sampling.max_new_tokens, self.context_length - len(row)) for row in batch]
        generators = [seeded(sampling.seed_of(row)) for row in range(len(batch))]
        cache: Any = None
        while any(left):
            logits, cache = self._next(ids, positions, mask if padded else None, cache)
            allowed = allowed.to(logits.device)
            step = [
                draw(logits[row], allowed, sampling, generators[row]) if more else None for row, more in enumerate(left)
            ]
            yield step
            for row, id in enumerate(step):
                left[row] = 0 if id is None or id in sampling.stop_ids else left[row] - 1
            ids = torch.tensor([[id or 0] for id in step], device=self._device)
            positions = positions[:, -1:] + 1
            mask = torch.nn.functional.pad(mask, (0, 1), value=1)

    def _next(
        self, ids: torch.Tensor, positions: torch.Tensor, mask: torch.Tensor | None, cache: Any
    ) -> tuple[torch.Tensor, Any]:
        """Logits `[B, rows]` after the last of `ids` `[B, T]`, and the cache with them."""
        options = {"position_ids": positions, "logits_to_keep": 1}
        # Not around the whole loop: inference mode would leak to the caller between two steps.
        with _inference(self._module):
            output = self._module(
                input_ids=ids,
                attention_mask=mask,
                past_key_values=cache,
                use_cache=True,
                **{name: value for name, value in options.items() if name in self._arguments},
            )
        return output.logits[:, -1], output.past_key_values

    def _score(self, batch: Sequence[Sequence[int]]) -> torch.Tensor:
        """Log-probabilities of all rows, one behind the other: float32 `[sum of (T - 1)]`, on the CPU."""
        ids = pad_right(batch)
        wanted = torch.arange(1, ids.shape[1]) < torch.tensor([[len(row)] for row in batch])  # [B, T - 1]
        targets = ids[:, 1:][wanted]
        scores = []
        size = max(1, _LOGITS // self.rows)
        with _inference(self._module):
            for part, chosen_ids in zip(self._logits(ids, wanted, size), targets.split(size), strict=True):
                logits = part.float()
                chosen = logits.gather(1, chosen_ids[:, None].to(logits.device))[:, 0]
                scores.append((chosen - logits.logsumexp(dim=1)).cpu())
        return torch.cat(scores)

    def _logits(self, ids: torch.Tensor, wanted: torch.Tensor, size: int) -> Iterator[torch.Tensor]:
        """Logits after the ids `[B, T]` where `wanted` `[B, T - 1]`, `[size, rows]` at a time."""
        ids = ids.to(self._device)
        if self._head_is_linear:
            hidden = self._module.base_model(input_ids=ids, use_cache=False).last_hidden_state[:, :-1]
            for part in hidden[wanted.to(hidden.device)].split(size):
                yield self._module.get_output_embeddings()(part)
        else:
            logits = self._module(input_ids=ids, use_cache=False).logits[:, :-1]
            yield from logits[wanted.to(logits.device)].split(size)

    @cached_property
    def _head_is_linear(self) -> bool:
        """Whether logits are the output embedding of the last hidden states, and no more is done to them (as Gemma 2,
        Cohere and Granite do): then they need not be there for all positions at once.
        """
        ids = torch.arange(min(8, self.rows, self.context_length), device=self._device)[None]
        hidden = self._module.base_model(input_ids=ids, use_cache=False).last_hidden_state
        logits = self._module(input_ids=ids, use_cache=False).logits
        return torch.allclose(self._module.get_output_embeddings()(hidden), logits.to(hidden.device))

    @cached_property
    def _separates_documents(self) -> bool:
        """Whether what follows a restart of the positions is blind to what was before it."""
        if "position_ids" not in self._arguments or self.rows < 2:
            return False
        ids = torch.tensor([[0, 0, 0, 1], [1, 1, 0, 1]], device=self._device)
        positions = torch.tensor([[0, 1, 0, 1]] * 2, device=self._device)
        with _inference(self._module):
            one, other = self._module(input_ids=ids, position_ids=positions, use_cache=False).logits[:, 2:]
        return torch.equal(one, other)

    @cached_property
    def _arguments(self) -> frozenset[str]:
        """What the network's class takes: some know no positions, some give the logits of all."""
        return frozenset(signature(type(self._module).forward).parameters)

    def _layers(self, batch: Sequence[Sequence[int]]) -> list[torch.Tensor]:
        """The embedding's output and each layer's, `[B, T, D]`."""
        outputs: list[Any] = []
        handle = self.layers[-1].register_forward_hook(lambda *given: outputs.append(given[-1]))
        try:
            with _inference(self._module):
                result = self._module.base_model(
                    input_ids=pad_right(batch).to(self._device), use_cache=False, output_hidden_states=True
                )
        finally:
            handle.remove()
        # The last that transformers gives is that after the final norm.
        last = outputs[0] if isinstance(outputs[0], torch.Tensor) else outputs[0][0]
        return [*result.hidden_states[: self._module.config.num_hidden_layers], last]

    @property
    def _device(self) -> torch.device:
        """Where ids are to be put."""
        device = self._module.get_input_embeddings().weight.device
        return torch.device("cpu") if device.type == "meta" else device  # offloaded: accelerate moves them itself


class Llama(CausalModel):
    """A Llama 2 or 3 in Hugging Face format.

    Args:
        checkpoint: a folder with `config.json` and `model.safetensors` or `pytorch_model.bin` (one file or shards), or
            the name of a model on the Hugging Face hub.
        dtype: number format of the weights and of the arithmetic; probabilities are computed in float32 always.
        stored_dtype: number format that the weights are rounded to before they take `dtype`, whatever their file has.
            The released code reads Spirit LM as bfloat16, so results in float32 equal its only from rounded weights.
            None takes them as they are stored.
        device: where the whole model lies.
        device_map: spreads the model over devices as transformers does (`auto`, or submodule → device), in place of
            `device`. Needs accelerate.
        load_in: quantize the weights while loading. Needs bitsandbytes.
        rope_base: base of the rotary position embedding, in place of the checkpoint's. Spirit LM goes from Llama 2's
            10,000 to 100,000 (paper, section 3.2).
        extend: where the vocabulary needs another number of embedding rows than the checkpoint has, the embedding gets
            it (see `spiritkit_llama.embedding.resize`): the first step of training a text model on speech. Otherwise
            such a recipe is refused.
        seed: of the rows that `extend` draws.

    Raises:
        MissingFileError: no such folder or hub model, or a shard is missing.
        CheckpointError: not a Llama, unreadable, or with tensors missing, unknown or of another shape.
        RequestError: no such device; a package that an argument needs is not installed.
    """

    def __init__(
        self,
        *,
        checkpoint: Path | str,
        dtype: DTypeName = "bfloat16",
        stored_dtype: DTypeName | None = None,
        device: str = "auto",
        device_map: str | dict[str, int | str] | None = None,
        load_in: Literal["8bit", "4bit"] | None = None,
        rope_base: float | None = None,
        extend: bool = False,
        seed: int = 0,
    ):
        folder = checkpoints.resolve(checkpoint, "a Llama checkpoint folder")
        super().__init__(
            load(
                folder,
                configuration(folder, rope_base),
                LlamaForCausalLM,
                dtype=dtype,
                stored_dtype=stored_dtype,
                device=device,
                device_map=device_map,
                load_in=load_in,
            ),
            folder=folder,
            extend=extend,
            seed=seed,
        )


@contextmanager
def _inference(module: torch.nn.Module) -> Iterator[None]:
    """Without gradients and without what training adds (dropout; checkpointing, which would switch the cache off)."""
    training = module.training
    if training:
        module.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        if training:
            module.train()
