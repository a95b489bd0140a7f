"""What a language model is trained on: shares of prepared data, each with its span policy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

import numpy as np

from spiritkit.checks import check_range
from spiritkit.data.example import Example
from spiritkit.data.examples import Examples
from spiritkit.data.portion import Portion
from spiritkit.data.shards import Shards
from spiritkit.data.visits import Visits
from spiritkit.errors import RequestError
from spiritkit.interfaces import Span, SpanPolicy
from spiritkit.interfaces.span_policy import Need
from spiritkit.interleave.checks import check_lengths
from spiritkit.interleave.sequence import Sequencer
from spiritkit.seeding import numpy_generator


@dataclass(frozen=True, kw_only=True)
class Share:
    """One share of a mixture.

    Attributes:
        shards: folders of prepared data, taken together.
        policy: what is written and what is spoken.
        weight: the tokens of this share to those of the others; 0 leaves it out.
        fraction: how many of the examples are used, in 0…1.
        joined: the least and the most examples that make one document, as shots make a prompt; how many is drawn each
            time, and so is what joins the example whose turn it is. None for one example each.
        words: the fewest and the most words in a row that are taken of an example in place of the whole, drawn each
            time. It needs an alignment. Short ones are what a small model learns words from first.
    """

    shards: list[str]
    policy: SpanPolicy
    weight: float = 1.0
    fraction: float = 1.0
    joined: list[int] | None = None
    words: list[int] | None = None

    @property
    def needs(self) -> frozenset[Need]:
        """What an example must have."""
        return self.policy.needs if self.words is None else self.policy.needs | {"alignment"}


def used(shares: Mapping[str, Share]) -> dict[str, Share]:
    """The shares that are not left out.

    Raises:
        RequestError: a weight, fraction or range that is none; a share without folders. The message names the share.
    """
    for name, share in shares.items():
        check_range(f"share {name!r}", {"weight": share.weight}, at_least=0)
        check_range(f"share {name!r}", {"fraction": share.fraction}, above=0, at_most=1)
        for key, lengths, unit in (("joined", share.joined, "example"), ("words", share.words, "word")):
            if lengths is not None:
                check_lengths(f"share {name!r}", key, lengths, unit)
        if not share.shards:
            raise RequestError(f"share {name!r}: shards is empty; expected at least one folder of prepared data")
    return {name: share for name, share in shares.items() if share.weight}


class Document(NamedTuple):
    """One visit of an example, and of those that join it.

    Attributes:
        ids: int64 `[N]`; empty if the example cannot be used.
        lacks: what it lacks of the policy's needs then, or `tokens` if it has all but gives no id.
    """

    ids: np.ndarray
    lacks: str | None


class _Opened(NamedTuple):
    examples: Examples
    share: Share
    visits: Visits
    size: int


class Mixture:
    """Shares of prepared data as documents of ids.

    Spans are drawn anew at each visit, from the seed, the share, the epoch and the example alone.

    Args:
        shares: by name; a weight of 0 leaves a share out.
        sequencer: writes the documents.
        seed: of the order of examples, and of spans.
        open_shards: reads the folders of a share.

    Attributes:
        weights: share → its weight.
        sources: stream → what made its codes, as the data of the shares with speech say.

    Raises:
        RequestError: no share is left; one that cannot be (see `used`); data without examples, or of other streams
            than the recipe's.
        ProvenanceError: units of another tokenizer than the recipe's.
    """

    def __init__(
        self,
        shares: Mapping[str, Share],
        sequencer: Sequencer,
        seed: int,
        open_shards: Callable[[list[str]], Examples] = Shards,
    ):
        self._sequencer, self._seed = sequencer, seed
        self._opened: dict[str, _Opened] = {}
        self.weights: dict[str, float] = {}
        self.sources: dict[str, str] = {}
        self._usable: set[str] = set()
        opened = cache(lambda folders: open_shards(list(folders)))  # shares of the same data read it together
        for name, share in used(shares).items():
            self._opened[name] = self._open(name, share, opened(tuple(share.shards)))
            self.weights[name] = share.weight
        if not self._opened:
            raise RequestError("the mixture has no share; expected at least one with a weight above 0")

    @property
    def sizes(self) -> dict[str, int]:
        """How many examples each share has."""
        return {name: opened.size for name, opened in self._opened.items()}

    def visit(self, share: str, number: int) -> Document:
        """Document `number` of a share's endless order."""
        return self.document(share, *self._opened[share].visits.visit(number))

    def document(self, share: str, epoch: int, index: int) -> Document:
        """Example `index` of a share as it is read in an epoch.

        Raises:
            SpiritkitError: the data cannot be read.
        """
        opened = self._opened[share]
        example = opened.examples.example(index)
        lacks: str | None = self._sequencer.lacks(example, opened.share.needs)
        if lacks:
            return Document(np.zeros(0, dtype=np.int64), lacks)
        rng = numpy_generator(self._seed, "spans", share, epoch, index)
        read = [example, *self._joining(share, epoch, index)]
        ids = self._sequencer.ids(*((one, self._spans(one, opened.share, rng)) for one in read))
        return Document(ids, None if len(ids) else "tokens")

    def check_usable(self, share: str) -> None:
        """Look through a share, the first time it is asked for, for an example that can be used.

        Raises:
            RequestError: there is none.
        """
        if share in self._usable:
            return
        size = self._opened[share].size
        lacks = set()
        for index in range(size):
            document = self.document(share, 0, index)
            if document.lacks is None:
                self._usable.add(share)
                return
            lacks.add(document.lacks)
        raise RequestError(
            f"share {share!r}: none of its {size} examples can be used; what they lack: {', '.join(sorted(lacks))}"
        )

    def _spans(self, example: Example, share: Share, rng: np.random.Generator) -> list[Span]:
        """Of the whole example, or of some words in a row."""
        n_words = self._sequencer.n_words(example)
        if share.words is None:
            return list(share.policy.spans(n_words, rng))
        least, most = (min(n_words, words) for words in share.words)
        count = int(rng.integers(least, most + 1))
        first = int(rng.integers(n_words - count + 1))
        spans = share.policy.spans(count, rng)
        return [replace(span, start=first + span.start, stop=first + span.stop) for span in spans]

    def _joining(self, share: str, epoch: int, index: int) -> list[Example]:
        """What joins an example in an epoch. Those that the policy cannot use are left out."""
        opened = self._opened[share]
        if opened.share.joined is None:
            return []
        rng = numpy_generator(self._seed, "joined", share, epoch, index)
        least, most = opened.share.joined
        stops = np.cumsum(opened.examples.shard_sizes)
        # From the example's own shard, which is in memory.
        shard = int(np.searchsorted(stops, index, side="right"))
        start = int(stops[shard]) - opened.examples.shard_sizes[shard]
        others = rng.integers(start, int(stops[shard]), size=int(rng.integers(least, most + 1)) - 1)
        drawn = (opened.examples.example(int(other)) for other in others)
        return [other for other in drawn if not self._sequencer.lacks(other, opened.share.needs)]

    def _open(self, name: str, share: Share, examples: Examples) -> _Opened:
        if share.fraction < 1:
            examples = Portion(examples, share.fraction, self._seed)
        size = sum(examples.shard_sizes)
        where = f"share {name!r} ({', '.join(share.shards)})"
        if not size:
            raise RequestError(f"{where}: the data has no examples")
        if share.needs & {"speech", "alignment"}:
            self._sequencer.check(where, examples.specs, examples.source)
            names = {spec.name for spec in self._sequencer.specs}
            self.sources |= {name: source for name, source in examples.source.items() if name in names}
        visits = Visits(examples.shard_sizes, self._seed, "visits", name)
        return _Opened(examples, share, visits, size)
