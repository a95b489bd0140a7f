"""A vocoder that is there already as the beginning of another."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import torch
from torch.nn.utils.parametrize import is_parametrized

from spiritkit.errors import CheckpointError
from spiritkit_hifigan.config import HifiGanConfig, read_config
from spiritkit_hifigan.training.generator import Generator
from spiritkit_hifigan.weights import read_folded

#: What may differ: rows of the tables other than that of units.
_FREE = {"pitches", "style_tokens", "speakers", "styles"}


@torch.no_grad()
def start_from(folder: Path, generator: Generator) -> None:
    """Give a generator the weights of a vocoder's folder. A table of as many rows goes on, whatever they stood for; one
    that the folder has not, or has with another number of rows, keeps what was drawn, and so do its channels of the
    first convolution; one that only the folder has is left out.

    Raises:
        MissingFileError, CheckpointError: what is not there or not as it should be; the networks differ in more than
            tables.
    """
    theirs, ours = read_config(folder / "config.json"), generator.config
    for field in fields(HifiGanConfig):
        given, wanted = getattr(theirs, field.name), getattr(ours, field.name)
        if field.name not in _FREE and given != wanted:
            raise CheckpointError(
                folder / "config.json", f"{field.name} is {given}; expected {wanted}, as the vocoder to be trained has"
            )
    path, tensors = read_folded(folder)
    own = generator.folded()
    tensors["conv_pre.weight"] = _first_convolution(tensors, theirs, own["conv_pre.weight"], ours, path)
    for name, drawn in own.items():
        given = tensors.get(name)
        stem, _, leaf = name.rpartition(".")
        if given is None or given.shape != drawn.shape:
            if stem.rpartition(".")[2] in ours.tables:
                continue
            what = "no tensor" if given is None else f"{list(given.shape)} as tensor"
            raise CheckpointError(path, f"{what} {name!r}; expected {list(drawn.shape)}")
        module = generator.get_submodule(stem)
        if is_parametrized(module, leaf):
            setattr(module, leaf, given.float())  # sets direction and gain
        else:
            getattr(module, leaf).copy_(given)


def _first_convolution(
    tensors: dict[str, torch.Tensor], theirs: HifiGanConfig, drawn: torch.Tensor, ours: HifiGanConfig, path: Path
) -> torch.Tensor:
    """`[C, D · tables, K]`, the channels of each table from where that table has them."""
    given = tensors.get("conv_pre.weight")
    if given is None or list(given.shape) != [len(drawn), theirs.input_width, drawn.shape[2]]:
        raise CheckpointError(path, "no tensor 'conv_pre.weight' of the shape that config.json tells")
    places = {name: slice(at * theirs.width, (at + 1) * theirs.width) for at, name in enumerate(theirs.tables)}
    blocks = drawn.split(ours.width, dim=1)
    return torch.cat(
        [
            given[:, places[name]] if theirs.tables.get(name) == rows else block
            for (name, rows), block in zip(ours.tables.items(), blocks, strict=True)
        ],
        dim=1,
    )
