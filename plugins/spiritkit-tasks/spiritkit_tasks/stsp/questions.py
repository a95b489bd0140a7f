"""Questions of STSP, and their results as they come together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from spiritkit.interfaces import Item, Result
from spiritkit_tasks.stsp.files import Modality, StspPrompt


@dataclass(frozen=True)
class Question(Item):
    """A prompt in one modality; it is continued in both."""

    modality: Modality
    prompt: StspPrompt


class OpenResult:
    """The result of a question, until it is complete.

    Attributes:
        problem: why the question could not be put; None as long as there is no reason.
        asked: metric → what a reader wants to see of it.
    """

    def __init__(self, question: Question):
        self.question = question
        self.problem: str | None = None
        self.asked: dict[str, Any] = {}
        self._counts: dict[str, tuple[float, float]] = {}
        self._details: dict[str, Any] = {
            "id": question.prompt.id,
            "sentiment": question.prompt.sentiment,
            "asked": self.asked,
        }

    def judge_prompt(self, metric: str, sentiment: str) -> None:
        """What a classifier finds in the prompt itself."""
        self._details["judged"] = sentiment
        self.count(metric, [sentiment])

    def count(self, metric: str, sentiments: Sequence[str]) -> None:
        """How many are the prompt's, of how many."""
        self._counts[metric] = (
            float(sum(sentiment == self.question.prompt.sentiment for sentiment in sentiments)),
            float(len(sentiments)),
        )

    def result(self) -> Result:
        """It is complete."""
        if self.problem is not None:
            return Result(self.question.id, problem=self.problem)
        return Result(self.question.id, self._counts, self._details)
