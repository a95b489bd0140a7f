"""Prompts with examples: recordings encoded once, and no longer than the model's context."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from spiritkit.checkpoints import require
from spiritkit.data.audio_file import AudioFile
from spiritkit.errors import SpiritkitError
from spiritkit.interfaces import SpeechTextModel
from spiritkit.pipeline import Pipeline
from spiritkit.seeding import numpy_generator
from spiritkit.types import Audio, Output, Speech, Text
from spiritkit.utterances import AudioSource
from spiritkit_tasks.speech import keep

Part = Text | Speech
T = TypeVar("T")


class Recordings:
    """The recordings of a task's prompts for one model. The same examples stand in many prompts, so a recipe's
    tokenizers encode each only once; another model is given files, which it may know again by their paths.

    Args:
        model: reads the prompts.
        folder: where sound that is no file by itself is written for such a model, as `recordings/NAME.wav`.
    """

    def __init__(self, model: SpeechTextModel, folder: Path):
        self.model, self.folder = model, folder
        self._known: dict[str, Speech | SpiritkitError] = {}

    def speech(self, sources: Mapping[str, AudioSource]) -> dict[str, Speech | SpiritkitError]:
        """Recordings as parts of prompts, or why one cannot be read.

        Args:
            sources: what reads each, by a name that is always the same recording's.
        """
        new = {name: source for name, source in sources.items() if name not in self._known}
        self._known |= self._encoded(self.model, new) if isinstance(self.model, Pipeline) else self._filed(new)
        return {name: self._known[name] for name in sources}

    def _encoded(self, pipeline: Pipeline, sources: Mapping[str, AudioSource]) -> dict[str, Speech | SpiritkitError]:
        found: dict[str, Speech | SpiritkitError] = {}
        loaded: dict[str, Audio] = {}
        for name, source in sources.items():
            try:
                loaded[name] = source.load()
            except SpiritkitError as error:
                found[name] = error
        for name, units in zip(loaded, pipeline.encode_each(loaded.values()), strict=True):
            found[name] = units if isinstance(units, SpiritkitError) else Speech(tokens=pipeline.to_tokens(units))
        return found

    def _filed(self, sources: Mapping[str, AudioSource]) -> dict[str, Speech | SpiritkitError]:
        found: dict[str, Speech | SpiritkitError] = {}
        for name, source in sources.items():
            try:
                found[name] = Speech(self._file(name, source))
            except SpiritkitError as error:
                found[name] = error
        return found

    def _file(self, name: str, source: AudioSource) -> Path:
        if isinstance(source, AudioFile) and source == AudioFile(source.path):  # the whole of it
            return require(source.path, "an audio file")
        return self.folder / keep(self.folder, name, source.load(), "recordings")


@dataclass(frozen=True)
class Fitted:
    """A prompt that fits.

    Attributes:
        prompt: examples, then the question.
        shots: how many examples it has.
        length: in the model's tokens; None where the model cannot say.
    """

    prompt: list[Part]
    shots: int
    length: int | None


def fitted(
    model: SpeechTextModel,
    shots: Sequence[Sequence[Part]],
    question: Sequence[Part],
    output: Output,
    *,
    max_prompt_tokens: int | None,
    max_new_tokens: int,
) -> Fitted:
    """The first of some examples, as many as fit, and the question, which is put even if it does not.

    A prompt fits if it has at most `max_prompt_tokens`, and the model's context holds `max_new_tokens` behind it.
    """
    context = model.context_length
    bounds = [max_prompt_tokens, None if context is None else context - max_new_tokens]
    limit = min((bound for bound in bounds if bound is not None), default=None)
    for count in range(len(shots), -1, -1):
        prompt = [part for shot in shots[:count] for part in shot] + list(question)
        length = model.prompt_length(prompt, output)
        if limit is None or length is None or length <= limit:
            break
    return Fitted(prompt, count, length)


def drawn(candidates: Sequence[T], n: int, seed: int, item: str) -> list[T]:
    """The examples of one item, at most `n`: fewer are the first of more."""
    order = numpy_generator(seed, "shots", item).permutation(len(candidates))[:n]
    return [candidates[int(index)] for index in order]
