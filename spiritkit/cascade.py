"""Recogniser → text model → synthesiser: the baseline that speech-text models are compared with (paper, section 4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from spiritkit.audio import read_audio
from spiritkit.checkpoints import require
from spiritkit.errors import InputError, RequestError
from spiritkit.interfaces import LanguageModel, Recognizer, SpeechTextModel, Synthesizer, TextTokenizer
from spiritkit.timing import timed
from spiritkit.types import Audio, Constraint, Generation, Output, Prompt, Sampling, Score, Speech, Text, prompt_parts

#: The same for the same sound: a file's path, time and size, or the number of an object in memory.
_Key = tuple[str, int, int] | int
#: So many recordings are in memory at once.
_RECORDINGS = 32


class Cascade(SpeechTextModel):
    """Writes down what is said, continues or scores the text, and says the continuation.

    The parts of a prompt become one text: what a recognizer wrote stands a space apart from its neighbours, other parts
    follow each other as they are. What it wrote is kept for each file, so that a recording in many prompts is heard
    once. `any` output is text; tokens are the text model's; markers that a part of the prompt names mean nothing here.

    Args:
        recognizer: writes down speech.
        language_model: continues text; its ids are the text tokenizer's.
        text_tokenizer: turns text into its ids and back.
        synthesizer: says continuations; None for a cascade that only writes.
        speaker: whose voice is heard: index or name; None for the synthesizer's first.

    Raises:
        RequestError: the text tokenizer has ids that the language model lacks. It is raised on first use, as are the
            errors of the parts, which are built then: the synthesizer when there is something to say.
    """

    def __init__(
        self,
        *,
        recognizer: Callable[[], Recognizer],
        language_model: Callable[[], LanguageModel],
        text_tokenizer: Callable[[], TextTokenizer],
        synthesizer: Callable[[], Synthesizer] | None = None,
        speaker: int | str | None = None,
    ):
        self._build_recognizer, self._build_synthesizer = recognizer, synthesizer
        self._build_model, self._build_tokenizer = language_model, text_tokenizer
        self._speaker = speaker
        self._heard: dict[_Key, str] = {}

    @property
    def context_length(self) -> int:
        """The text model's."""
        return self._model.context_length

    def prompt_length(self, prompt: Prompt, output: Output = "any") -> int:
        """See `SpeechTextModel.prompt_length`."""
        return len(self._ids(self._texts([prompt])[0]))

    def generate(
        self,
        prompt: Prompt,
        output: Output = "any",
        *,
        max_new_tokens: int = 200,
        temperature: float = 0.8,
        top_p: float = 0.95,
        seed: int = 0,
    ) -> Generation:
        """See `SpeechTextModel.generate`.

        Raises:
            SpiritkitError: a recording of the prompt cannot be read, or a part has none; speech is wanted, and there is
                no synthesizer.
        """
        return self.generate_batch(
            [prompt], output, max_new_tokens=max_new_tokens, temperature=temperature, top_p=top_p, seed=seed
        )[0]

    def generate_batch(
        self,
        prompts: Sequence[Prompt],
        output: Output = "any",
        *,
        max_new_tokens: int = 200,
        temperature: float = 0.8,
        top_p: float = 0.95,
        seed: int | Sequence[int] = 0,
    ) -> list[Generation]:
        """See `SpeechTextModel.generate_batch`."""
        if output not in ("text", "speech", "any"):
            raise RequestError(f"output is {output!r}; expected 'text', 'speech' or 'any'")
        if output == "speech" and self._build_synthesizer is None:
            raise RequestError("the cascade has no synthesizer; add 'synthesizer: {use: …}' for speech")
        seeds = [seed + row for row in range(len(prompts))] if isinstance(seed, int) else list(seed)
        stop = self._tokenizer.eos_id
        sampling = Sampling(max_new_tokens, temperature, top_p, 0, (stop,), tuple(seeds))
        seconds: dict[str, float] = {}
        model = self._model  # built before its time counts
        if any(isinstance(part, Speech) for prompt in prompts for part in prompt_parts(prompt)):
            _ = self._recognizer
        with timed(seconds, "recognizer"):
            texts = self._texts(prompts)
        batch = [self._ids(text) for text in texts]
        with timed(seconds, "language_model"):
            rows = model.generate_batch(batch, Constraint(((0, self._tokenizer.size),)), sampling)
        generations = []
        for text, ids, new_ids, own_seed in zip(texts, batch, rows, seeds, strict=True):
            own = dict(seconds)
            spans = self._spans(self._tokenizer.decode(new_ids), output, own_seed, own)
            generations.append(Generation(text, ids, new_ids, spans, own))
        return generations

    def score(self, prompt: Prompt, continuation: Prompt) -> Score:
        """Log-probability of the continuation's text after the prompt's. A token that the two make together where they
        meet belongs to the continuation.

        Raises:
            SpiritkitError: as for `generate`; the continuation is empty, or no word is heard in it.
        """
        return self.score_batch([(prompt, continuation)])[0]

    def score_batch(self, pairs: Sequence[tuple[Prompt, Prompt]]) -> list[Score]:
        """See `SpeechTextModel.score_batch`."""
        sides = [prompt_parts(side) for pair in pairs for side in pair]
        written = iter(self._written(sides))
        contexts, wholes = [], []
        for before, after in zip(written, written, strict=True):
            if not any(text for text, _ in after):
                raise InputError("the continuation to score is empty, or no word was heard in it")
            contexts.append(self._ids(_joined(before)))
            wholes.append(self._ids(_joined([*before, *after])))
        scores = []
        for context, whole, values in zip(contexts, wholes, self._model.score(wholes), strict=True):
            shared = next((i for i, (a, b) in enumerate(zip(context, whole, strict=False)) if a != b), len(context))
            first = max(1, shared)  # nothing comes before the first id, so that it has no probability
            if first >= len(whole):
                raise InputError("the continuation to score adds no token to the prompt")
            scores.append(Score(float(values[first - 1 :].sum(dtype=np.float64)), len(whole) - first))
        return scores

    # -- parts --------------------------------------------------------------------------------------------------------

    @cached_property
    def _recognizer(self) -> Recognizer:
        return self._build_recognizer()

    @cached_property
    def _tokenizer(self) -> TextTokenizer:
        return self._build_tokenizer()

    @cached_property
    def _model(self) -> LanguageModel:
        model = self._build_model()
        if self._tokenizer.size > model.rows:
            raise RequestError(
                f"the text tokenizer has {self._tokenizer.size} ids, but the language model's embedding has "
                f"{model.rows} rows; expected those of one model"
            )
        return model

    @cached_property
    def _synthesizer(self) -> Synthesizer:
        assert self._build_synthesizer is not None  # `generate_batch` sees to it
        return self._build_synthesizer()

    # -- prompts ------------------------------------------------------------------------------------------------------

    def _ids(self, text: str) -> list[int]:
        return self._tokenizer.assemble([text] if text else [])

    def _texts(self, prompts: Sequence[Prompt]) -> list[str]:
        return [_joined(each) for each in self._written([prompt_parts(prompt) for prompt in prompts])]

    def _written(self, prompts: Sequence[Sequence[Text | Speech]]) -> list[list[tuple[str, bool]]]:
        """The text of each part, and whether it was heard. A recording that occurs again is heard once."""
        keys = [
            [_identity(part) if isinstance(part, Speech) and part.marker is None else None for part in parts]
            for parts in prompts
        ]
        sounds = {key: sound for each in keys for key, sound in filter(None, each)}
        heard = {key: self._heard[key] for key in sounds if key in self._heard}
        new = [key for key in sounds if key not in heard]
        for start in range(0, len(new), _RECORDINGS):
            batch = new[start : start + _RECORDINGS]
            audios = [read_audio(sounds[key], self._recognizer.sample_rate) for key in batch]
            heard.update(zip(batch, self._recognizer.transcribe(audios), strict=True))
        self._heard.update({key: heard[key] for key in new if isinstance(key, tuple)})
        return [
            [
                (part.text, False) if isinstance(part, Text) else (heard[found[0]].strip() if found else "", True)
                for part, found in zip(parts, each, strict=True)
            ]
            for parts, each in zip(prompts, keys, strict=True)
        ]

    # -- continuations ------------------------------------------------------------------------------------------------

    def _spans(self, written: str, output: Output, seed: int, seconds: dict[str, float]) -> list[Text | Speech]:
        if output != "speech":
            return [Text(written)] if written else []
        if not written.strip():
            return []
        synthesizer = self._synthesizer  # built before its time counts
        with timed(seconds, "synthesizer"):
            return [Speech(synthesizer.speak([written], speaker=self._speaker, seed=seed)[0])]


def _identity(part: Speech) -> tuple[_Key, Path | Audio]:
    """What is the same for the same sound, and the sound."""
    if part.audio is None:
        raise InputError("a prompt part has tokens and no audio; a cascade takes text, or speech with audio")
    if isinstance(part.audio, Audio):
        return id(part.audio), part.audio
    path = require(part.audio, "an audio file")
    status = path.stat()
    return (str(path.resolve()), status.st_mtime_ns, status.st_size), path


def _joined(parts: Sequence[tuple[str, bool]]) -> str:
    """One text: a space where heard text meets other text, unless there is one."""
    whole, was_heard = "", False
    for text, heard in parts:
        if not text:
            continue
        if whole and (heard or was_heard) and not (whole[-1].isspace() or text[0].isspace()):
            whole += " "
        whole, was_heard = whole + text, heard
    return whole
