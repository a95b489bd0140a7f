"""What the few-shot tasks share: drawing examples, fitting them into the context, and the sweep over their number."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from spiritkit.errors import RequestError, SpiritkitError
from spiritkit.evaluation.asking import generate_each
from spiritkit.evaluation.published import published
from spiritkit.interfaces import Item, Metric, Result, SpeechTextModel, Task, Trial
from spiritkit.seeding import derive
from spiritkit.types import Generation, Output, Sampling, Speech
from spiritkit.utterances import AudioSource
from spiritkit_tasks.few_shot.sweep import write_sweep
from spiritkit_tasks.prompts import Fitted, Part, Recordings, drawn, fitted


@dataclass(frozen=True)
class Pair(Item):
    """A recording and the text that belongs to it: an example, or a question of which one side is given.

    Attributes:
        recording: a name that is always the same recording's.
        sound: where it is read from; None where there is none.
        text: None where there is none.
    """

    recording: str = ""
    sound: AudioSource | None = None
    text: str | None = None


@dataclass(frozen=True)
class Answer:
    """How one continuation did: what is added to the metric's sum and weight, whether it has the flag that ends an
    answer, and what a reader wants to see.
    """

    total: float
    weight: float
    ended: bool
    details: Mapping[str, Any] = field(default_factory=dict)


class FewShot(Task):
    """A task that is put with each of several numbers of examples in the prompt.

    An item's examples are drawn by the seed and its id: with fewer of them it is asked with the first of more. Those
    that do not fit are left out, from the last on, and counted: `details` of an item has for each number how many it
    was asked with, and `finish` says how many items had fewer.

    Args:
        shots: numbers of examples, each of which gives a figure.
        max_prompt_tokens: the longest prompt, in the model's tokens; None for what its context holds.
        max_new_tokens: at most so many for an answer.
        temperature: 0 is greedy.
        top_p: nucleus of the distribution that is drawn from.
        benchmark: whose published figures stand beside.

    Raises:
        RequestError: a number is out of its range, or is named twice.
    """

    #: Names of the figure and of what one chooses from, e.g. `WER`.
    figure: ClassVar[str]
    output: ClassVar[Output]
    higher_is_better = False

    def __init__(
        self,
        *,
        shots: list[int],
        max_prompt_tokens: int | None,
        max_new_tokens: int,
        temperature: float,
        top_p: float,
        benchmark: str | None,
    ):
        Sampling(max_new_tokens, temperature, top_p)  # says now what is out of range
        if not shots or min(shots) < 0 or len(set(shots)) < len(shots):
            raise RequestError(f"shots is {shots}; expected different numbers of examples, each 0 or more")
        if max_prompt_tokens is not None and max_prompt_tokens < 1:
            raise RequestError(f"max_prompt_tokens is {max_prompt_tokens}; expected at least 1, or null")
        self._shots = sorted(shots)
        self._max_prompt_tokens, self._max_new_tokens = max_prompt_tokens, max_new_tokens
        self._temperature, self._top_p = temperature, top_p
        self.published = published(benchmark)
        self._recordings: Recordings | None = None

    # -- what a task says ---------------------------------------------------------------------------------------------

    @abstractmethod
    def _questions(self) -> list[Pair]:
        """What is asked."""

    @abstractmethod
    def _examples(self) -> list[Pair] | None:
        """What examples are drawn from; None for the other questions."""

    @abstractmethod
    def _problem(self, pair: Pair) -> str | None:
        """Why it cannot be asked, or None."""

    @abstractmethod
    def _sources(self, pair: Pair, *, asked: bool) -> dict[str, AudioSource]:
        """The recordings that stand in a prompt for an example, or for a question, by name."""

    @abstractmethod
    def _example(self, pair: Pair, speech: Mapping[str, Speech]) -> list[Part]:
        """An example, whole."""

    @abstractmethod
    def _question(self, pair: Pair, speech: Mapping[str, Speech]) -> list[Part]:
        """A question, up to where the answer begins."""

    @abstractmethod
    def _answers(self, asked: Sequence[tuple[Pair, Generation]], shots: int, trial: Trial) -> list[Answer]:
        """How each continuation did."""

    # -- Task ---------------------------------------------------------------------------------------------------------

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """One figure for each number of examples."""
        return tuple(Metric(self._name(n), higher_is_better=self.higher_is_better) for n in self._shots)

    def items(self) -> Sequence[Pair]:
        """What is asked.

        Raises:
            RequestError: there are fewer examples than the most that are wanted.
        """
        asked = self._asked
        there = len(self._candidates) - (self._pool is None)
        if there < self._shots[-1]:
            raise RequestError(
                f"shots has {self._shots[-1]}, but there are {max(there, 0)} examples with both text and sound to draw "
                "from; expected as many at least"
            )
        return asked

    def evaluate(self, model: SpeechTextModel, items: Sequence[Item], trial: Trial) -> Iterable[Result]:
        """See `Task.evaluate`."""
        pairs = [item for item in items if isinstance(item, Pair)]
        problems = {pair.id: problem for pair in pairs if (problem := self._problem(pair)) is not None}
        pairs = [pair for pair in pairs if pair.id not in problems]
        shots = {pair.id: self._drawn(pair, trial.seed) for pair in pairs}
        speech = self._speech(model, pairs, shots, trial.folder)
        for pair in pairs:
            needed = {name for shot in shots[pair.id] for name in self._sources(shot, asked=False)}
            for name in sorted(needed | self._sources(pair, asked=True).keys()):
                if isinstance(speech[name], SpiritkitError):
                    problems[pair.id] = str(speech[name])
        readable = {name: part for name, part in speech.items() if isinstance(part, Speech)}
        counts: dict[str, dict[str, tuple[float, float]]] = {pair.id: {} for pair in pairs}
        details: dict[str, dict[str, Any]] = {pair.id: {"reference": pair.text} for pair in pairs}
        for n in self._shots:
            asked: list[tuple[Pair, Fitted]] = []
            for pair in pairs:
                if pair.id in problems:
                    continue
                try:
                    asked.append((pair, self._prompt(model, pair, shots[pair.id][:n], readable)))
                except SpiritkitError as error:
                    problems[pair.id] = f"{n}-shot: {error}"
            generated: list[tuple[Pair, Generation]] = []
            for (pair, prompt), answer in zip(asked, self._generated(model, asked, n, trial.seed), strict=True):
                if isinstance(answer, SpiritkitError):
                    problems[pair.id] = f"{n}-shot: {answer}"
                    continue
                generated.append((pair, answer))
                details[pair.id][f"{n}-shot"] = {
                    "shots": prompt.shots,
                    "prompt_tokens": prompt.length,
                    "cut": len(answer.new_ids) >= self._max_new_tokens,
                }
            for (pair, _), answered in zip(generated, self._answers(generated, n, trial), strict=True):
                counts[pair.id][self._name(n)] = (float(answered.total), float(answered.weight))
                told = details[pair.id][f"{n}-shot"]
                told |= {"cut": told["cut"] and not answered.ended, **answered.details}
        for item in items:
            problem = problems.get(item.id)
            yield Result(item.id, problem=problem) if problem else Result(item.id, counts[item.id], details[item.id])

    def finish(self, results: Sequence[Result], trial: Trial) -> list[Path]:
        """The figures against the number of examples: `shots.json`, and plots of several numbers."""
        return write_sweep(
            trial.folder,
            figure=self.figure,
            shots=self._shots,
            metrics=self.metrics,
            results=results,
            seed=trial.seed,
        )

    # -- its own ------------------------------------------------------------------------------------------------------

    def _name(self, shots: int) -> str:
        return f"{self.figure} {shots}-shot"

    @cached_property
    def _asked(self) -> list[Pair]:
        return self._questions()

    @cached_property
    def _pool(self) -> list[Pair] | None:
        return self._examples()

    @cached_property
    def _candidates(self) -> list[Pair]:
        return [pair for pair in (self._asked if self._pool is None else self._pool) if pair.sound and pair.text]

    def _drawn(self, pair: Pair, seed: int) -> list[Pair]:
        others = self._candidates
        if self._pool is None:
            others = [other for other in others if other.id != pair.id]
        return drawn(others, self._shots[-1], seed, pair.id)

    def _speech(
        self, model: SpeechTextModel, pairs: Sequence[Pair], shots: Mapping[str, Sequence[Pair]], folder: Path
    ) -> dict[str, Speech | SpiritkitError]:
        sources: dict[str, AudioSource] = {}
        for pair in pairs:
            sources |= self._sources(pair, asked=True)
            for shot in shots[pair.id]:
                sources |= self._sources(shot, asked=False)
        if self._recordings is None or (self._recordings.model, self._recordings.folder) != (model, folder):
            self._recordings = Recordings(model, folder)
        return self._recordings.speech(sources)

    def _prompt(
        self, model: SpeechTextModel, pair: Pair, shots: Sequence[Pair], speech: Mapping[str, Speech]
    ) -> Fitted:
        return fitted(
            model,
            [self._example(shot, speech) for shot in shots],
            self._question(pair, speech),
            self.output,
            max_prompt_tokens=self._max_prompt_tokens,
            max_new_tokens=self._max_new_tokens,
        )

    def _generated(
        self, model: SpeechTextModel, asked: Sequence[tuple[Pair, Fitted]], shots: int, seed: int
    ) -> list[Generation | SpiritkitError]:
        return generate_each(
            model,
            [fit.prompt for _, fit in asked],
            self.output,
            max_new_tokens=self._max_new_tokens,
            temperature=self._temperature,
            top_p=self._top_p,
            seeds=[derive(seed, "answer", shots, pair.id) for pair, _ in asked],
        )
