"""Task `mmlu.v1`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from spiritkit.checks import check_range
from spiritkit.errors import RequestError, SpiritkitError
from spiritkit.evaluation.likelihood.breakdown import write_breakdown
from spiritkit.evaluation.published import published as published_figures
from spiritkit.interfaces import Item, Metric, Result, SpeechTextModel, Task, Trial
from spiritkit.suggest import suggestion
from spiritkit.types import Score
from spiritkit_lm_eval.mmlu_data import LETTERS, files_of, is_remote, located, read_questions

if TYPE_CHECKING:
    from lm_eval.api.task import Task as LMEvalTask

RAW, NORMALISED = "accuracy", "accuracy normalised"


@dataclass(frozen=True)
class Question(Item):
    """A question.

    Attributes:
        subject: as in lm-eval and on the hub, e.g. `high_school_physics`.
        index: among the subject's.
    """

    subject: str
    index: int


class _Subject(NamedTuple):
    task: LMEvalTask
    questions: list[dict[str, Any]]
    category: str


class MMLU(Task):
    """MMLU (Hendrycks et al. 2021): a question with four answers, of which the model is to name the right one's letter,
    in text, after five questions of the subject with their letters.

    The prompts are those of lm-eval's own task `mmlu`. `accuracy` counts the most probable of the four letters, over
    all questions, as MMLU is reported; `accuracy normalised` takes log-probabilities for each token, which is the same
    wherever the letters have as many tokens as each other. A question that is longer than the model's context, shots
    and all, counts nowhere and is reported. `breakdown.json` has the figures by category and by subject.

    Args:
        data: a folder laid out as `cais/mmlu` on the Hugging Face hub (a folder for each subject, in it
            `dev-00000-of-00001.parquet`, `test-…`), or a name on the hub.
        shots: how many questions of `dev`, in its order, precede each; there are 5.
        subjects: which are asked; None for all 57.
        split: `test`, or the smaller `validation`.

    Raises:
        RequestError: a number out of its range; no subject, or an unknown one.
    """

    metrics = (Metric(RAW), Metric(NORMALISED))
    published = published_figures("mmlu")
    packages = ("lm-eval",)  # the prompts are its

    def __init__(
        self,
        *,
        data: str = "cais/mmlu",
        shots: int = 5,
        subjects: list[str] | None = None,
        split: Literal["test", "validation"] = "test",
    ):
        check_range("mmlu.v1", {"shots": shots}, at_least=0)
        if subjects is not None and (not subjects or len(set(subjects)) < len(subjects)):
            raise RequestError(f"mmlu.v1: subjects is {subjects}; expected names, each once, or null for all")
        self._data, self._shots, self._wanted, self._split = data, shots, subjects, split

    def input_files(self) -> list[Path]:
        """The questions; of data on the hub none."""
        return self._files(self._split, *(["dev"] if self._shots else []))

    def item_files(self) -> list[Path]:
        """The questions that are asked; of data on the hub none."""
        return self._files(self._split)

    def _files(self, *splits: str) -> list[Path]:
        if is_remote(self._data):
            return []
        folder = located(self._data, [])
        return [path for subject in self._names for split in splits for path in files_of(folder, subject, split)]

    def items(self) -> list[Question]:
        """The questions by subject, in the order of their files; ids are `subject/index`."""
        return [
            Question(f"{name}/{index}", name, index)
            for name, subject in self._subjects.items()
            for index in range(len(subject.questions))
        ]

    def evaluate(self, model: SpeechTextModel, items: Sequence[Item], trial: Trial) -> Iterable[Result]:
        """See `Task`."""
        from spiritkit_lm_eval.model import score_texts
        from spiritkit_lm_eval.requests import requests_of

        questions = [item for item in items if isinstance(item, Question)]
        pairs: list[tuple[str, str]] = []
        for item in questions:
            subject = self._subjects[item.subject]
            document = subject.questions[item.index]
            requests = requests_of(subject.task, document, item.index, shots=self._shots, seed=0)
            pairs += [request.args for request in requests]
        answers = score_texts(model, pairs)
        return [
            self._result(item, answers[start : start + len(LETTERS)])
            for item, start in zip(questions, range(0, len(answers), len(LETTERS)), strict=True)
        ]

    def finish(self, results: Sequence[Result], trial: Trial) -> list[Path]:
        """Write `breakdown.json`: the figures by category and by subject."""
        return write_breakdown(self, ("category", "subject"), results, trial)

    def _result(self, item: Question, answers: Sequence[Score | SpiritkitError]) -> Result:
        scores = [answer for answer in answers if isinstance(answer, Score)]
        if len(scores) < len(answers):
            return Result(item.id, problem=str(next(one for one in answers if isinstance(one, SpiritkitError))))
        if not all(math.isfinite(score.log_probability) and score.n_tokens for score in scores):
            return Result(item.id, problem=f"the model's scores of the letters are {scores}")
        subject = self._subjects[item.subject]
        answer = subject.questions[item.index]["answer"]
        by_letter = dict(zip(LETTERS, scores, strict=True))
        chosen = max(by_letter, key=lambda letter: by_letter[letter].log_probability)  # the first of equals
        normalised = max(by_letter, key=lambda letter: by_letter[letter].per_token)
        return Result(
            item.id,
            counts={
                RAW: (float(chosen == LETTERS[answer]), 1.0),
                NORMALISED: (float(normalised == LETTERS[answer]), 1.0),
            },
            details={
                "category": subject.category,
                "subject": item.subject,
                "answer": LETTERS[answer],
                "chosen": chosen,
                "scores": {letter: [score.log_probability, score.n_tokens] for letter, score in by_letter.items()},
            },
        )

    @cached_property
    def _names(self) -> list[str]:
        from spiritkit_lm_eval.mmlu_prompts import categories

        known = categories()
        for name in self._wanted or ():
            if name not in known:
                raise RequestError(f"mmlu.v1: no subject {name!r}{suggestion(name, known)}")
        return list(self._wanted or known)

    @cached_property
    def _subjects(self) -> dict[str, _Subject]:
        from spiritkit_lm_eval.mmlu_prompts import categories, subject_tasks

        folder = located(self._data, self._names)
        questions = {name: read_questions(folder, name, self._split) for name in self._names}
        examples = {name: read_questions(folder, name, "dev") if self._shots else [] for name in self._names}
        for name, some in examples.items():
            if len(some) < self._shots:
                raise RequestError(f"mmlu.v1: shots is {self._shots}; {name} has {len(some)} questions in dev")
        tasks = subject_tasks({name: {"dev": examples[name], "test": questions[name]} for name in self._names})
        return {name: _Subject(tasks[name], questions[name], categories()[name]) for name in self._names}
