"""Continuations of STSP's prompts, and their sentiment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from spiritkit.errors import SpiritkitError
from spiritkit.evaluation.asking import generate_each
from spiritkit.interfaces import SpeechTextModel, Trial
from spiritkit.seeding import derive
from spiritkit.types import Generation, Speech
from spiritkit_tasks.prompts import Fitted
from spiritkit_tasks.speech import keep, spoken
from spiritkit_tasks.stsp.directions import Direction, figure, short, target
from spiritkit_tasks.stsp.files import Modality
from spiritkit_tasks.stsp.judges import Judge
from spiritkit_tasks.stsp.prompting import Prompting
from spiritkit_tasks.stsp.questions import OpenResult

_Asked = Sequence[tuple[OpenResult, Fitted]]


@dataclass(frozen=True)
class Continuing:
    """Has prompts continued, and the continuations judged.

    Attributes:
        prompting: writes the prompts.
        judges: of the modalities in which prompts are continued.
        max_new_tokens: at most so many for a continuation.
        runs: how often each prompt is continued.
        temperature: 0 is greedy.
        top_p: nucleus of the distribution that is drawn from.
    """

    prompting: Prompting
    judges: Mapping[Modality, Judge]
    max_new_tokens: Mapping[Direction, int]
    runs: int
    temperature: float
    top_p: float

    def ask(
        self,
        model: SpeechTextModel,
        direction: Direction,
        shots: int,
        *,
        results: Iterable[OpenResult],
        speech: Mapping[str, Speech | SpiritkitError],
        trial: Trial,
    ) -> None:
        """Continue the prompts of one direction, with one number of examples, in all runs, and judge what comes."""
        name = figure(direction, shots)
        asked: list[tuple[OpenResult, Fitted]] = []
        for one in results:
            if one.problem is not None or direction not in self.prompting.directions_of(one.question):
                continue
            try:
                prompt = self.prompting.prompt(model, one.question, direction, shots, speech=speech, seed=trial.seed)
                asked.append((one, prompt))
            except SpiritkitError as error:
                one.problem = f"{name}: {error}"
        predicted: dict[str, list[str]] = {one.question.id: [] for one, _ in asked}
        said: dict[str, list[str | None]] = {one.question.id: [] for one, _ in asked}
        for run in range(self.runs):
            made = self._continued(model, direction, name, asked, run=run, seed=trial.seed)
            contents = [answer.text if target(direction) == "text" else spoken(answer) for _, answer in made]
            sentiments = self.judges[target(direction)].sentiments(contents)
            for (one, _), content, sentiment in zip(made, contents, sentiments, strict=True):
                if isinstance(sentiment, SpiritkitError):
                    one.problem = f"{name}: {sentiment}"
                    continue
                predicted[one.question.id].append(sentiment)
                if isinstance(content, str):
                    said[one.question.id].append(content)
                elif not run:
                    file = f"{one.question.prompt.id} {short(direction)} {shots}-shot"
                    kept = keep(trial.folder, file, content) if content.samples.size else None
                    said[one.question.id].append(kept)
        for one, fit in asked:
            if one.problem is None:
                one.count(name, predicted[one.question.id])
                one.asked[name] = {
                    "shots": fit.shots,
                    "prompt_tokens": fit.length,
                    "predicted": predicted[one.question.id],
                    "said": said[one.question.id],
                }

    def _continued(
        self, model: SpeechTextModel, direction: Direction, name: str, asked: _Asked, *, run: int, seed: int
    ) -> list[tuple[OpenResult, Generation]]:
        """One run's continuations; a prompt that fails has its problem."""
        answers = generate_each(
            model,
            [fit.prompt for _, fit in asked],
            target(direction),
            max_new_tokens=self.max_new_tokens[direction],
            temperature=self.temperature,
            top_p=self.top_p,
            seeds=[derive(seed, name, run, one.question.id) for one, _ in asked],
        )
        made: list[tuple[OpenResult, Generation]] = []
        for (one, _), answer in zip(asked, answers, strict=True):
            if isinstance(answer, SpiritkitError):
                one.problem = f"{name}: {answer}"
            else:
                made.append((one, answer))
        return made
