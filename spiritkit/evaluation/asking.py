"""Many questions to a model at once, where one that fails takes no other with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from spiritkit.errors import MissingFileError, RequestError, SpiritkitError
from spiritkit.interfaces import SpeechTextModel
from spiritkit.types import Generation, Output, Prompt, Score

Question = TypeVar("Question")
Answer = TypeVar("Answer")


def score_each(model: SpeechTextModel, pairs: Sequence[tuple[Prompt, Prompt]]) -> list[Score | SpiritkitError]:
    """The score of each (prompt, continuation), or why there is none: a recording that is missing, a sequence longer
    than the model's context.

    Raises:
        RequestError: it is not the question that is at fault, but the model as it was composed.
    """
    return _each(model.score_batch, pairs)


def generate_each(
    model: SpeechTextModel,
    prompts: Sequence[Prompt],
    output: Output,
    *,
    max_new_tokens: int,
    temperature: float,
    top_p: float = 1.0,
    seeds: Sequence[int],
) -> list[Generation | SpiritkitError]:
    """The continuation of each prompt, drawn from its own seed, or why there is none.

    Raises:
        RequestError: as for `score_each`.
    """

    def generate(questions: Sequence[tuple[Prompt, int]]) -> list[Generation]:
        return model.generate_batch(
            [prompt for prompt, _ in questions],
            output,
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            top_p=top_p,
            seed=[seed for _, seed in questions],
        )

    return _each(generate, list(zip(prompts, seeds, strict=True)))


def _each(
    ask: Callable[[Sequence[Question]], list[Answer]], questions: Sequence[Question]
) -> list[Answer | SpiritkitError]:
    if not questions:
        return []
    try:
        return list(ask(questions))
    except SpiritkitError as error:
        if isinstance(error, RequestError) and not isinstance(error, MissingFileError):
            raise
        if len(questions) == 1:
            return [error]
    # One of them failed: alone it fails again, and the others do not.
    return [answer for question in questions for answer in _each(ask, [question])]
