"""What all likelihood tasks do alike."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path

from spiritkit.errors import SpiritkitError
from spiritkit.evaluation.asking import score_each
from spiritkit.evaluation.likelihood.contest import Candidate, Contests, Part
from spiritkit.interfaces import Item, Metric, Result, SpeechTextModel, Task, Trial
from spiritkit.types import Prompt, Score, Speech, Text


class LikelihoodTask(Task):
    """Accuracy: how often a model finds the right one of two more probable, by its log-probability for each token and
    by its log-probability as it is (`raw`). A tie counts one half.

    An item counts for all of its figures or, where a recording is missing or a sequence is longer than the model's
    context, for none: all figures of a task are of the same items.
    """

    @property
    @abstractmethod
    def figures(self) -> tuple[str, ...]:
        """Names of the normalised figures, in the table's order."""

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The normalised figures, then the raw ones."""
        return tuple(Metric(name) for name in (*self.figures, *(f"{name} raw" for name in self.figures)))

    def item_files(self) -> list[Path]:
        """The tables; where there are none, the recordings."""
        candidates = (candidate for item in self.items() for candidate in item.candidates)
        return self.input_files() or [path for one in candidates for path in one.recordings if path.is_file()]

    @abstractmethod
    def items(self) -> list[Contests]:
        """See `Task`."""

    def evaluate(self, model: SpeechTextModel, items: Sequence[Item], trial: Trial) -> Iterable[Result]:
        """See `Task`. What several candidates share, such as the text of all voices, is scored once."""
        contests = [item for item in items if isinstance(item, Contests)]
        hindered = {item.id: problem for item in contests if (problem := _hindrance(item))}
        asked = [candidate for item in contests if item.id not in hindered for candidate in item.candidates]
        scores, refused = _scores(model, asked)
        results = []
        for item in contests:
            problems = dict.fromkeys(refused[one] for one in item.candidates if one in refused)
            problem = hindered.get(item.id) or next(iter(problems), None)
            if problem:
                results.append(Result(item.id, problem=problem))
            else:
                results.append(Result(item.id, item.counts(scores), item.details(scores)))
        return results


def _hindrance(item: Contests) -> str | None:
    """Why an item cannot be scored, before any model is asked."""
    if item.problem:
        return item.problem
    files = dict.fromkeys(path for candidate in item.candidates for path in candidate.recordings)
    missing = [path for path in files if not path.is_file()]
    if not missing:
        return None
    return f"{missing[0]}: no such file" + (f", and {len(missing) - 1} more" if len(missing) > 1 else "")


def _scores(
    model: SpeechTextModel, candidates: Sequence[Candidate]
) -> tuple[dict[Candidate, Score], dict[Candidate, str]]:
    """The score of each candidate, or why there is none."""
    different = list(dict.fromkeys(candidates))
    answers = score_each(model, [(_prompt(one.prompt), _prompt(one.continuation)) for one in different])
    scores, refused = {}, {}
    for candidate, answer in zip(different, answers, strict=True):
        if isinstance(answer, SpiritkitError):
            refused[candidate] = str(answer)
        elif not math.isfinite(answer.log_probability) or answer.n_tokens < 1:
            refused[candidate] = f"the model gives log-probability {answer.log_probability} on {answer.n_tokens} tokens"
        else:
            scores[candidate] = answer
    return scores, refused


def _prompt(parts: Sequence[Part]) -> Prompt:
    return [Text(part) if isinstance(part, str) else Speech(part) for part in parts]
