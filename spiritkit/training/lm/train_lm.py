"""Step `train-lm.v1`: the loop that trains a language model on text and speech (paper, section 3.2)."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch

from spiritkit import devices
from spiritkit.atomic import write_json
from spiritkit.checks import check_range
from spiritkit.data.mixture import Mixture, Share, used
from spiritkit.data.packing import FixedBatches
from spiritkit.errors import RequestError, SpiritkitError
from spiritkit.interfaces import Context, LanguageModel, Step
from spiritkit.interleave.sequence import Sequencer
from spiritkit.seeding import torch_seeded
from spiritkit.training.checkpoint import is_finished
from spiritkit.training.distributed import is_main, process_group, rank, world_size
from spiritkit.training.lm.blocks import Blocks
from spiritkit.training.lm.data import Batches, lanes, manifests
from spiritkit.training.lm.export import export
from spiritkit.training.lm.lora import Lora, add_adapters
from spiritkit.training.lm.loss import losses, targets
from spiritkit.training.lm.optimizer import OptimizerName, optimizers
from spiritkit.training.lm.parallel import (
    ParallelName,
    WeightsState,
    accumulating,
    make_whole,
    parallelize,
    prepare_layers,
    summed,
)
from spiritkit.training.lm.throughput import Throughput
from spiritkit.training.lm.validation import Validation
from spiritkit.training.loop import Stateful, Training
from spiritkit.training.schedule import ScheduleName, factor

#: In place of no weight at all, where a batch has only tokens that do not count.
_TINY = 1e-30


class TrainLM(Step):
    """Trains the recipe's language model on prepared data, and writes it to `model/`.

    Weights and moments are float32, whatever number format the recipe's language model has; `model/` is written in that
    format. The loss is the mean over all tokens of a batch, so neither accumulation nor the number of processes changes
    it. An interrupted run goes on from its last state, bit for bit as if it had not stopped (on the CPU); its number of
    processes may change. Under `torchrun` each process takes part.

    Beside `model/`, which the language model's component loads, it writes `validation.json`, `log.jsonl` and, where
    TensorBoard is installed, `tensorboard/`.

    Args:
        data: shares of prepared data; null leaves one out.
        validation: shares that are not trained on, each read once in a fixed order.
        steps: how many batches are trained on.
        batch_size: rows of a batch, over all processes. The paper has about a million tokens in a batch.
        micro_batch_size: rows that a process computes at once; gradients accumulate.
        sequence_length: tokens of a row.
        document_mask: keeps the documents of a row from seeing each other; their positions begin at 0 each.
        optimizer: `adamw` as Llama 2, or `muon` for the matrices of the layers and AdamW for all else, which learns in
            fewer steps; not of shards.
        learning_rate: after warm-up (3e-5 in the paper).
        schedule: `constant` as in the paper, or falling to 0 in a line or a cosine.
        warmup_steps: the learning rate rises over so many steps.
        betas: of AdamW (Llama 2's).
        weight_decay: for the matrices of the layers only (Llama 2's).
        clip_norm: gradients of a greater norm are scaled down to it; null clips none.
        loss_weights: what a token's loss counts: `text`, `markers`, or the name of a stream → weight; 1 where nothing
            is said. Reports of `loss` are weighted too, validation is not.
        precision: what is computed in.
        activation_checkpointing: computes each layer again for the gradient, which takes a third more time and much
            less memory.
        compile: compiles each layer with `torch.compile`.
        lora: trains low-rank adapters in place of all weights; needs peft.
        parallel: of several processes, `ddp` gives each the whole model, `fsdp2` a shard.
        device: where it is trained. For a model that is too large for one GPU, set `language_model.device` to `cpu`,
            and only shards go to each.
        validate_every: steps between two validations; one follows the last step.
        save_every: steps between two states from which an interrupted run goes on.
        report_every: steps between two lines of the log.
        peak_flops: operations a second that one device could do, for the model FLOP utilisation; null looks it up, or
            measures it.
    """

    sections = ("tokenizers", "serializer", "text_tokenizer", "vocabulary", "language_model")
    runtime = (
        "activation_checkpointing",
        "compile",
        "device",
        "micro_batch_size",
        "parallel",
        "peak_flops",
        "report_every",
        "save_every",
        "validate_every",
    )
    distributed = True

    def __init__(
        self,
        *,
        data: dict[str, Share],
        validation: dict[str, Share] | None = None,
        steps: int,
        batch_size: int = 256,
        micro_batch_size: int = 1,
        sequence_length: int = 4096,
        document_mask: bool = False,
        optimizer: OptimizerName = "adamw",
        learning_rate: float = 3e-5,
        schedule: ScheduleName = "constant",
        warmup_steps: int = 0,
        betas: tuple[float, float] = (0.9, 0.95),
        weight_decay: float = 0.1,
        clip_norm: float | None = 1.0,
        loss_weights: dict[str, float] | None = None,
        precision: Literal["float32", "bfloat16"] = "bfloat16",
        activation_checkpointing: bool = False,
        compile: bool = False,
        lora: Lora | None = None,
        parallel: ParallelName = "ddp",
        device: str = "auto",
        validate_every: int = 1000,
        save_every: int = 1000,
        report_every: int = 10,
        peak_flops: float | None = None,
    ):
        self._parameters: dict[str, Any] = {
            "steps": steps,
            "batch_size": batch_size,
            "sequence_length": sequence_length,
            "document_mask": document_mask,
            "optimizer": optimizer,
            "learning_rate": learning_rate,
            "schedule": schedule,
            "warmup_steps": warmup_steps,
            "betas": list(betas),
            "weight_decay": weight_decay,
            "clip_norm": clip_norm,
            "loss_weights": loss_weights or {},
            "precision": precision,
            "lora": lora,
        }
        _check(
            self._parameters
            | {
                "micro_batch_size": micro_batch_size,
                "validate_every": validate_every,
                "save_every": save_every,
                "report_every": report_every,
                "peak_flops": peak_flops,
            }
        )
        if optimizer == "muon" and parallel == "fsdp2":
            raise RequestError("optimizer is muon, which needs whole matrices; expected parallel ddp, not fsdp2")
        if not used(data):
            raise RequestError("data has no share; expected at least one with a weight above 0")
        self._data, self._validation = data, validation or {}
        used(self._validation)  # for its checks: before a folder with an earlier result is cleared
        self._steps, self._batch_size, self._micro_batch_size = steps, batch_size, micro_batch_size
        self._length, self._document_mask, self._optimizer = sequence_length, document_mask, optimizer
        self._learning_rate, self._schedule, self._warmup_steps = learning_rate, schedule, warmup_steps
        self._betas, self._weight_decay = (betas[0], betas[1]), weight_decay
        self._clip_norm = math.inf if clip_norm is None else clip_norm
        self._loss_weights = loss_weights or {}
        self._precision = precision
        self._activation_checkpointing, self._compile, self._lora = activation_checkpointing, compile, lora
        self._parallel, self._device = parallel, device
        self._validate_every, self._save_every, self._report_every = validate_every, save_every, report_every
        self._peak_flops = peak_flops

    def input_files(self) -> list[Path]:
        """The manifests of the prepared data, in which the hash of every shard is."""
        return manifests(self._data) + manifests(self._validation)

    def run(self, context: Context) -> None:
        """See `Step.run`."""
        if is_finished(context.folder, context.folder / "model"):
            return
        with process_group(self._device) as device:
            self._train(context, device)

    def _train(self, context: Context, device: torch.device) -> None:
        precision = devices.dtype(self._precision)

        # The network: float32 weights, rounded where it computes.
        pipeline = context.pipeline
        part = pipeline.new_language_model()
        self._check_part(part)
        network = part.module
        stored_dtype = next(network.parameters()).dtype
        network.float().train()
        merge_adapters = add_adapters(part, self._lora, context.seed) if self._lora else None
        throughput = Throughput(
            part,
            length=self._length,
            tokens=self._batch_size * self._length,
            device=device,
            precision=precision,
            peak_flops=self._peak_flops,
        )
        prepare_layers(part.layers, recompute=self._activation_checkpointing, compile=self._compile)
        model = parallelize(network, part.layers, device, self._parallel, precision)
        trainers = optimizers(
            self._optimizer,
            network,
            part.layers,
            part.embeddings,
            learning_rate=self._learning_rate,
            betas=self._betas,
            weight_decay=self._weight_decay,
        )
        trained = [parameter for parameter in network.parameters() if parameter.requires_grad]

        def logits(called: torch.nn.Module, ids: torch.Tensor, documents: torch.Tensor) -> torch.Tensor:
            inputs = part.training_inputs(ids, documents if self._document_mask else None)
            with torch.autocast(device.type, precision, enabled=precision is not torch.float32):
                found: torch.Tensor = called(**inputs).logits
            return found

        # The data: this process's rows.
        sequencer = Sequencer.of(pipeline)
        blocks = Blocks.of(pipeline.vocabulary)
        weight_of = blocks.weights(self._loss_weights).to(device)
        mixture = Mixture(self._data, sequencer, context.seed)
        batches = Batches(mixture, self._length, self._batch_size)
        validation = self._new_validation(sequencer, context.seed, blocks, device)

        parts: dict[str, Stateful] = {"weights": WeightsState(network, trainers), "batches": batches}
        if validation:
            parts["validation"] = validation
        training = Training(
            context,
            steps=self._steps,
            parts=parts,
            save_every=self._save_every,
            report_every=self._report_every,
            derive=throughput,
        )
        for step in training:
            learning_rate = self._learning_rate * factor(self._schedule, step, self._steps, self._warmup_steps)
            for group in (group for trainer in trainers for group in trainer.param_groups):
                group["lr"] = learning_rate

            ids, documents = batches.next(device)
            wanted, counted = targets(ids, documents, self._document_mask)
            weights = weight_of[wanted] * counted
            total_weight = summed(weights.sum()).clamp(min=_TINY)  # of the whole batch, in all processes
            total_loss = torch.zeros((), device=device)
            for first in range(0, len(ids), self._micro_batch_size):
                rows = slice(first, first + self._micro_batch_size)
                is_last = rows.stop >= len(ids)
                with accumulating(model, is_last), torch_seeded(context.seed, "dropout", step, rank(), first):
                    found = losses(logits(model, ids[rows], documents[rows]), wanted[rows])
                    loss = (found * weights[rows]).sum() / total_weight
                    # The processes' gradients are averaged, but they are to be summed.
                    (loss * world_size()).backward()  # type: ignore[no-untyped-call]
                total_loss += loss.detach()

            norm = torch.nn.utils.clip_grad_norm_(trained, self._clip_norm)
            gradient_norm = float(norm.full_tensor() if hasattr(norm, "full_tensor") else norm)
            if not math.isfinite(gradient_norm):
                raise SpiritkitError(
                    f"step {step + 1}: the norm of the gradient is {gradient_norm}; try a lower learning_rate (it is "
                    f"{learning_rate:g}), more warmup_steps, or precision float32"
                )
            for trainer in trainers:
                trainer.step()
                trainer.zero_grad()
            training.report(loss=float(summed(total_loss)), learning_rate=learning_rate, gradient_norm=gradient_norm)

            if validation and training.due(self._validate_every):
                with training.untimed():
                    network.eval()
                    training.report_now(**validation.run(partial(logits, network)))
                    network.train()

        # The result.
        visited = batches.visited()
        make_whole(network)
        if is_main():
            if merge_adapters:
                merge_adapters()
            figures = validation.latest if validation else {}
            if validation:
                write_json(context.folder / "validation.json", figures)
            export(
                context.folder / "model",
                part,
                stored_dtype,
                pipeline.text_tokenizer if pipeline.has_text_tokenizer else None,
                mixture.sources,
                visited=visited,
                parameters=self._parameters,
                validation=figures,
                seed=context.seed,
            )
        training.finish()

    def _check_part(self, part: LanguageModel) -> None:
        """See that the recipe's language model can be trained as asked, before time is spent on it."""
        name = type(part).__name__
        if self._batch_size % world_size():
            raise RequestError(f"batch_size is {self._batch_size}; expected a multiple of the {world_size()} processes")
        if type(part).save is LanguageModel.save:
            raise RequestError(f"{name} cannot be saved; expected a language model that can be trained")
        if self._length > part.context_length:
            raise RequestError(
                f"sequence_length is {self._length}; the language model's context holds {part.context_length}"
            )
        odd = next((one for one in part.module.parameters() if not one.is_floating_point()), None)
        if odd is not None:
            raise RequestError(f"{name} is quantized (weights are {odd.dtype}); load it whole to train it")
        if self._document_mask:
            part.training_inputs(torch.zeros(1, 2, dtype=torch.int64), torch.zeros(1, 2, dtype=torch.int64))

    def _new_validation(
        self, sequencer: Sequencer, seed: int, blocks: Blocks, device: torch.device
    ) -> Validation | None:
        if not used(self._validation):
            return None
        mixture = Mixture(self._validation, sequencer, seed)
        n_rows = self._micro_batch_size * world_size()
        shares = {name: FixedBatches(mixture, name, self._length, n_rows, lanes(n_rows)) for name in mixture.sizes}
        return Validation(shares, blocks, self._document_mask, device)


def _check(parameters: dict[str, Any]) -> None:
    at_least = {
        "steps": 1,
        "batch_size": 1,
        "micro_batch_size": 1,
        "sequence_length": 2,
        "warmup_steps": 0,
        "weight_decay": 0,
        "validate_every": 1,
        "save_every": 1,
        "report_every": 1,
    }
    for name, least in at_least.items():
        check_range("train-lm.v1", {name: parameters[name]}, at_least=least)
    above_zero = ("learning_rate", "clip_norm", "peak_flops")
    check_range("train-lm.v1", {name: parameters[name] for name in above_zero}, above=0)
    betas = parameters["betas"]
    if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
        raise RequestError(f"betas are {betas}; expected two numbers in 0…1")
    weights = {f"loss_weights.{name}": weight for name, weight in parameters["loss_weights"].items()}
    check_range("train-lm.v1", weights, at_least=0)
