"""How many phones can be told from units, which is what a language model and a vocoder have to go by.

Two convolutions, which see four frames to each side, learn with CTC to write down phones from the units of utterances
of the small world's training split, and are measured on its test split: a table of phone error rates by style. Take a
world of `kind: scrambled`, whose texts leave nothing to guess. Needs spiritkit-tasks.

    spiritkit run tiny/smallworld hours=3 held_out_hours=0.4 steps.corpus.kind=scrambled steps.tests=null \\
        output_dir=WORLD
    python benchmarks/phones_from_units.py --world WORLD/corpus tiny/base parts=RUNS
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from typing import NamedTuple

import torch
from spiritkit_smallworld.corpora import Smallworld
from spiritkit_tasks.words import word_errors
from torch import nn
from torch.nn.utils.rnn import pad_sequence

import spiritkit

_WIDTH, _KERNEL = 192, 5
_OUTPUTS = 2  # a frame: it may hold two phones
_BATCH, _RATE = 12, 3e-3


class Heard(NamedTuple):
    """Units of an utterance, the phones in it, and how it is said."""

    units: torch.Tensor
    phones: list[str]
    style: str


class Reader(nn.Module):
    """Units `[B, T]` → log-probabilities of phones and a blank `[B, 2 · T, C]`."""

    def __init__(self, n_units: int, n_phones: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(n_units, _WIDTH)
        self.convolutions = nn.ModuleList(nn.Conv1d(_WIDTH, _WIDTH, _KERNEL, padding=_KERNEL // 2) for _ in range(2))
        self.spread = nn.Linear(_WIDTH, _OUTPUTS * _WIDTH)
        self.output = nn.Linear(_WIDTH, n_phones + 1)

    def forward(self, units: torch.Tensor) -> torch.Tensor:
        x = self.embedding(units).transpose(1, 2)
        for convolution in self.convolutions:
            x = x + torch.relu(convolution(x))
        x = torch.relu(self.spread(x.transpose(1, 2))).unflatten(-1, (_OUTPUTS, _WIDTH)).flatten(1, 2)
        return self.output(x).log_softmax(-1)


def encoded(pipeline: spiritkit.Pipeline, stream: str, world: str, split: str, size: int | None) -> list[Heard]:
    """The utterances of a split."""
    found = []
    for utterance in Smallworld(folder=world, split=split, size=size):
        units = torch.from_numpy(pipeline.encode(utterance.audio.load())[stream])
        phones = [phone.text for phone in utterance.alignment.phones]
        found.append(Heard(units, phones, utterance.attributes["style"]))
    return found


def trained(heard: list[Heard], classes: dict[str, int], n_units: int, steps: int, seed: int) -> Reader:
    """A network that has learnt to read."""
    torch.manual_seed(seed)
    draw = random.Random(seed)
    reader, ctc = Reader(n_units, len(classes)), nn.CTCLoss(zero_infinity=True)
    optimizer = torch.optim.AdamW(reader.parameters(), _RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, steps)
    for _ in range(steps):
        batch = draw.sample(heard, min(_BATCH, len(heard)))
        written = [torch.tensor([classes[phone] for phone in one.phones]) for one in batch]
        loss = ctc(
            reader(pad_sequence([one.units for one in batch], batch_first=True)).transpose(0, 1),
            torch.cat(written),
            torch.tensor([_OUTPUTS * len(one.units) for one in batch]),
            torch.tensor([len(phones) for phones in written]),
        )
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(reader.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return reader.eval()


@torch.inference_mode()
def errors(reader: Reader, one: Heard, names: list[str]) -> int:
    """Phones that are read wrong, are missing or too many."""
    best = reader(one.units[None])[0].argmax(-1).tolist()
    read = [names[this] for this, before in zip(best, [0, *best], strict=False) if this and this != before]
    wrong, _ = word_errors(" ".join(one.phones), " ".join(read))
    return wrong


def main() -> None:
    """Encode, train, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    parser.add_argument("--world", required=True, help="a folder that make-smallworld.v1 wrote")
    parser.add_argument("--stream", default="hubert")
    parser.add_argument("--utterances", type=int, default=900, help="to learn from (%(default)s)")
    parser.add_argument("--steps", type=int, default=300, help=f"of {_BATCH} utterances (%(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()

    pipeline = spiritkit.load(given.recipe, given.overrides)
    heard, held_out = (
        encoded(pipeline, given.stream, given.world, split, size)
        for split, size in (("train", given.utterances), ("test", None))
    )
    [n_units] = [spec.size for spec in pipeline.specs if spec.name == given.stream]
    names = ["", *sorted({phone for one in (*heard, *held_out) for phone in one.phones})]  # the first is the blank
    classes = {phone: number for number, phone in enumerate(names)}
    reader = trained(heard, classes, n_units, given.steps, given.seed)
    wrong, there = Counter[str](), Counter[str]()
    for one in held_out:
        mistakes = errors(reader, one, names)
        for group in (one.style, "all"):
            wrong[group] += mistakes
            there[group] += len(one.phones)
    print("| style | phones | wrong |\n|---|---|---|")
    for group in sorted(there, key=lambda name: (name == "all", name)):
        print(f"| {group} | {there[group]} | {100 * wrong[group] / there[group]:.1f} % |")


if __name__ == "__main__":
    main()
