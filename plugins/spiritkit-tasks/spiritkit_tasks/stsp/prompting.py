"""Prompts of STSP: examples, then the question."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from spiritkit.data.audio_file import AudioFile
from spiritkit.errors import SpiritkitError
from spiritkit.interfaces import SpeechTextModel, Trial
from spiritkit.types import Speech, Text
from spiritkit_tasks.prompts import Fitted, Part, Recordings, fitted
from spiritkit_tasks.stsp.directions import Direction, source, target
from spiritkit_tasks.stsp.examples import balanced, written
from spiritkit_tasks.stsp.files import StspExample
from spiritkit_tasks.stsp.questions import Question


class Prompting:
    """Draws the examples of each question, reads the recordings, and writes prompts that fit into a model's context.

    Args:
        folder: paths of recordings are below it.
        examples: of each direction that is asked.
        most: examples that a question has at most.
        max_new_tokens: what the context must hold behind a prompt.
    """

    def __init__(
        self,
        folder: Path,
        examples: Mapping[Direction, Sequence[StspExample]],
        most: int,
        max_new_tokens: Mapping[Direction, int],
    ):
        self._folder, self._examples, self._most, self._max_new_tokens = folder, examples, most, max_new_tokens
        self._recordings: Recordings | None = None

    def directions_of(self, question: Question) -> list[Direction]:
        """Those in which it is asked."""
        return [direction for direction in self._examples if source(direction) == question.modality]

    def speech(
        self, model: SpeechTextModel, questions: Sequence[Question], trial: Trial
    ) -> dict[str, Speech | SpiritkitError]:
        """The recordings that stand in the questions' prompts, or why one cannot be read."""
        if self._recordings is None or (self._recordings.model, self._recordings.folder) != (model, trial.folder):
            self._recordings = Recordings(model, trial.folder)
        paths = {path for question in questions for path in self.needed(question, trial.seed)}
        return self._recordings.speech({path: AudioFile(self._folder / path) for path in sorted(paths)})

    def needed(self, question: Question, seed: int) -> Iterator[str]:
        """Paths, below the folder, of the recordings that stand in a question's prompts."""
        if question.modality == "speech":
            yield question.prompt.content
        for direction in self.directions_of(question):
            for example in self._drawn(question, direction, seed):
                if direction[0] == "S":
                    yield example.prompt
                if direction[-1] == "S":
                    yield example.generation

    def prompt(
        self,
        model: SpeechTextModel,
        question: Question,
        direction: Direction,
        shots: int,
        *,
        speech: Mapping[str, Speech | SpiritkitError],
        seed: int,
    ) -> Fitted:
        """The question with at most so many examples; `speech` has all recordings that are needed."""

        def part(letter: str, content: str) -> Part:
            if letter == "T":
                return Text(content)
            recording = speech[content]
            assert isinstance(recording, Speech)  # else the question has its problem already
            return recording

        examples = self._drawn(question, direction, seed)[:shots]
        return fitted(
            model,
            [
                written(part(direction[0], example.prompt), part(direction[-1], example.generation))
                for example in examples
            ],
            [part(direction[0], question.prompt.content)],
            target(direction),
            max_prompt_tokens=None,
            max_new_tokens=self._max_new_tokens[direction],
        )

    def _drawn(self, question: Question, direction: Direction, seed: int) -> list[StspExample]:
        return balanced(self._examples[direction], self._most, seed, f"{direction} {question.id}")
