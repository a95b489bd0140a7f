"""A part of a corpus."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from spiritkit.checks import check_range
from spiritkit.errors import RequestError
from spiritkit.interfaces import Corpus
from spiritkit.seeding import derive
from spiritkit.suggest import suggestion
from spiritkit.utterances import Utterance

_SEEDS = 1 << 63  # how many seeds `derive` can give


class SubsetCorpus(Corpus):
    """Some utterances of a corpus, in its order. Each parameter selects from what those above it leave; with
    `complement`, two subsets divide a corpus into training and validation data.

    Args:
        corpus: the corpus.
        where: for each attribute that counts, the values that are wanted: `{speaker: [ann, bob]}`.
        share: about this share of the utterances, in 0…1, chosen by their ids: what is chosen stays so when the corpus
            grows, and of two shares with one seed the smaller is part of the larger.
        seed: of `share`; another one chooses other utterances.
        every: every so many utterances one, from the first on.
        first: at most so many.
        complement: take exactly the utterances that the parameters above leave out.

    Raises:
        RequestError: a value is out of its range.
    """

    def __init__(
        self,
        *,
        corpus: Corpus,
        where: dict[str, list[str]] | None = None,
        share: float = 1.0,
        seed: int = 0,
        every: int = 1,
        first: int | None = None,
        complement: bool = False,
    ):
        check_range("subset.v1", {"share": share}, at_least=0, at_most=1)
        check_range("subset.v1", {"every": every}, at_least=1)
        check_range("subset.v1", {"first": first}, at_least=0)
        self._corpus, self._where, self._complement = corpus, where or {}, complement
        self._share, self._seed, self._every, self._first = share, seed, every, first

    def __iter__(self) -> Iterator[Utterance]:
        """See `Corpus`.

        Raises:
            RequestError: no utterance has an attribute that `where` names.
        """
        names: set[str] = set()
        n_matching = n_selected = 0
        for utterance in self._corpus:
            names.update(utterance.attributes)
            selected = self._matches(utterance)
            if selected:
                selected = n_matching % self._every == 0 and (self._first is None or n_selected < self._first)
                n_matching += 1
            n_selected += selected
            if selected != self._complement:
                yield utterance
            if n_selected == self._first and not self._complement:
                return
        for name in self._where:
            if name not in names:
                listed = ", ".join(sorted(names)) or "none"
                hint = suggestion(name, names, otherwise=f"; there are {listed}")
                raise RequestError(f"where: no utterance of the corpus has an attribute {name!r}{hint}")

    def __len__(self) -> int:
        """See `Corpus`. The corpus is gone through for it, once."""
        return self._length

    def input_files(self) -> list[Path]:
        """Those of the corpus."""
        return self._corpus.input_files()

    @cached_property
    def _length(self) -> int:
        return sum(1 for _ in self)

    def _matches(self, utterance: Utterance) -> bool:
        return all(utterance.attributes.get(name) in values for name, values in self._where.items()) and (
            self._share == 1 or derive(self._seed, "subset", utterance.id) < self._share * _SEEDS
        )
