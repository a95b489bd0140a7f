"""What the trainers of classifiers share: labels from a corpus, networks to begin with, the loop, and the result."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch.nn import functional as F
from transformers import PretrainedConfig, PreTrainedModel

from spiritkit import devices
from spiritkit.atomic import replacing, write_text
from spiritkit.checks import check_range
from spiritkit.errors import CheckpointError, InputError, RequestError
from spiritkit.interfaces import Context
from spiritkit.suggest import suggestion
from spiritkit.training import Training
from spiritkit.training.schedule import ScheduleName, factor
from spiritkit.utterances import Utterance
from spiritkit_hf.pretrained import first_line

#: The inputs of a network and the classes int64 `[B]` that it is to find.
Batch = tuple[dict[str, torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Plan:
    """How long, and how, a classifier is trained.

    Attributes:
        steps: of training.
        batch_size: examples in a batch.
        learning_rate: AdamW's.
        schedule: of the learning rate.
        warmup: steps over which it rises from 0.
        weight_decay: AdamW's.
        validate_every: steps between two measurements.
        save_every: steps between two states to go on from.
    """

    steps: int
    batch_size: int
    learning_rate: float
    schedule: ScheduleName
    warmup: int
    weight_decay: float
    validate_every: int
    save_every: int

    def check(self, component: str) -> None:
        """See that the numbers are in range.

        Raises:
            RequestError: one is not; it is named as the component's.
        """
        values = {name: value for name, value in asdict(self).items() if name != "schedule"}
        at_least = {name: values.pop(name) for name in ("warmup", "weight_decay")}
        check_range(component, values, above=0)
        check_range(component, at_least, at_least=0)


def classes(
    utterances: Sequence[Utterance], attribute: str, known: Sequence[str] | None = None
) -> tuple[list[str], list[int]]:
    """The values of an attribute as classes.

    Args:
        utterances: each with the attribute.
        attribute: its name.
        known: the names of the classes; None for the values that occur, sorted.

    Returns:
        The names, and for each utterance the number of its own.

    Raises:
        InputError: an utterance lacks the attribute, has a value that is not known, or all have the same.
    """
    for utterance in utterances:
        if attribute not in utterance.attributes:
            raise InputError(
                f"utterance {utterance.id!r} has no attribute {attribute!r}; expected one of every utterance"
            )
    values = [utterance.attributes[attribute] for utterance in utterances]
    names = sorted(set(values)) if known is None else list(known)
    for utterance, value in zip(utterances, values, strict=True):
        if value not in names:
            raise InputError(
                f"utterance {utterance.id!r} has {attribute} {value!r}; training knows {', '.join(map(repr, names))}"
            )
    if len(names) < 2:
        raise InputError(f"all utterances have {attribute} {names[0]!r}; expected at least two values to tell apart")
    return names, [names.index(value) for value in values]


def check_architecture(config: type[PretrainedConfig], values: Mapping[str, Any]) -> None:
    """See that these are names of values of a configuration.

    Raises:
        RequestError: one is not.
    """
    known = config().to_dict()
    for name in values:
        if name not in known:
            raise RequestError(f"architecture.{name}: {config.__name__} has no such value{suggestion(name, known)}")


def new(model_class: Any, config: type[PretrainedConfig], values: Mapping[str, Any], names: Sequence[str]) -> Any:
    """A network with random weights, drawn from PyTorch's global random numbers.

    Raises:
        RequestError: sizes that do not go together.
    """
    try:
        return model_class(config(**values, num_labels=len(names)))
    except Exception as error:  # transformers checks little: a wrong value may fail anywhere in its constructors
        raise RequestError(f"architecture: no network can be made of these sizes: {first_line(error)}") from error


def from_checkpoint(auto_class: Any, folder: Path, names: Sequence[str]) -> Any:
    """The network of a checkpoint, with a head for these labels; one that it does not have is drawn at random.

    Raises:
        CheckpointError: transformers cannot load it, or a tensor of its body is missing or of another shape.
    """
    try:
        model, info = auto_class.from_pretrained(
            folder,
            num_labels=len(names),
            problem_type="single_label_classification",
            dtype=torch.float32,
            local_files_only=True,
            trust_remote_code=False,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    except Exception as error:  # transformers raises whatever the broken files lead it to
        raise CheckpointError(folder, f"transformers cannot load it: {first_line(error)}") from error
    if hasattr(model.config, "apply_spec_augment"):
        model.config.apply_spec_augment = False  # it draws from NumPy's global random numbers
    body = f"{model.base_model_prefix}."
    mismatched = {key if isinstance(key, str) else key[0] for key in info["mismatched_keys"]}
    lacking = sorted(
        name for name in {*info["missing_keys"], *mismatched}
        if name.startswith(body) and not name.endswith("masked_spec_embed")
    )  # fmt: skip
    if lacking:
        raise CheckpointError(folder, f"no tensor {lacking[0]!r} of the shape that its config.json says")
    return model


def fit(
    context: Context,
    model: PreTrainedModel,
    plan: Plan,
    *,
    batch: Callable[[int], Batch],
    measure: Callable[[], dict[str, float]] | None,
    device: str,
) -> tuple[Training, dict[str, float]]:
    """Train a network to tell classes.

    Args:
        context: of the step.
        model: the network.
        plan: how.
        batch: the number of a step → its batch, which depends on nothing else.
        measure: what is measured on validation data, in evaluation mode.
        device: where the network runs.

    Returns:
        The training, to be finished when the result is written, and the figures after the last step.
    """
    model.to(devices.device(device))
    optimizer = torch.optim.AdamW(
        model.parameters(), plan.learning_rate, betas=(0.9, 0.98), weight_decay=plan.weight_decay
    )
    training = Training(
        context,
        steps=plan.steps,
        parts={"model": model, "optimizer": optimizer},
        save_every=plan.save_every,
        report_every=min(50, plan.validate_every),
    )
    for step in training:
        inputs, wanted = batch(step)
        model.train()
        logits = model(**{name: value.to(model.device) for name, value in inputs.items()}).logits  # [B, K]
        wanted = wanted.to(model.device)
        loss = F.cross_entropy(logits.float(), wanted)
        optimizer.param_groups[0]["lr"] = plan.learning_rate * factor(plan.schedule, step, plan.steps, plan.warmup)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

        training.report(loss=loss, training_accuracy=(logits.argmax(-1) == wanted).float().mean())
        if measure and training.due(plan.validate_every):
            with training.untimed():
                model.eval()
                training.report_now(**measure())
    model.eval()
    return training, measure() if measure else {}


def accuracy(found: Sequence[int], wanted: Sequence[int]) -> dict[str, float]:
    """The share of classes that were found, and what naming the most frequent one each time would reach."""
    most = max(map(list(wanted).count, set(wanted)))
    return {
        "accuracy": sum(a == b for a, b in zip(found, wanted, strict=True)) / len(wanted),
        "share_of_the_most_frequent_label": most / len(wanted),
    }


def write(folder: Path, model: PreTrainedModel, names: Sequence[str]) -> None:
    """Write `model.safetensors` and `config.json`, each atomically."""
    model.config.id2label = dict(enumerate(names))
    model.config.label2id = {name: number for number, name in enumerate(names)}
    model.config.architectures = [type(model).__name__]
    tensors = {name: tensor.detach().cpu().clone() for name, tensor in model.state_dict().items()}
    with replacing(folder / "model.safetensors") as temporary:
        save_file(tensors, temporary, metadata={"format": "pt"})
    config = {**json.loads(model.config.to_json_string(use_diff=False)), "_name_or_path": ""}
    write_text(folder / "config.json", json.dumps(config, indent=1, sort_keys=True) + "\n")
