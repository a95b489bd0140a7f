"""Task `few-shot-tts.v1`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from spiritkit.audio import read_audio
from spiritkit.checkpoints import require
from spiritkit.errors import RequestError
from spiritkit.interfaces import Corpus, Recognizer, Synthesizer, Trial
from spiritkit.types import Audio, Generation, Speech, Text
from spiritkit.utterances import AudioSource
from spiritkit_tasks.few_shot.base import Answer, FewShot, Pair
from spiritkit_tasks.few_shot.corpora import Case, Prompts, pairs
from spiritkit_tasks.prompts import Part
from spiritkit_tasks.speech import joined, keep, spoken
from spiritkit_tasks.words import Normalizer, character_errors, normalizer


class FewShotTTS(FewShot):
    """Synthesis (paper, section 4.2): `[Text]words 'stop'[Speech]…` for each example, its recording followed by the
    spoken word "stop"; then the text of the question. A recogniser writes down what the model says. Figures: character
    error rate, in %: wrong, missing and extra characters of all items, divided by the characters of all texts.

    The speech is cut at the spoken stop word in its transcript: what is heard from the stop word on is left out. Where
    the text itself has the word n times, it is cut at the (n + 1)th. Speech without stop word counts whole.

    A model trained on parallel data (`asr-tts.v1`) is asked with `prompts: markers`: `[Text]words[TTS]…`; its speech
    has no stop word, and ends where the model ends it.

    Writes what was said as `speech/ID N-shot.wav`.

    Args:
        data: texts; recordings are needed where examples are drawn from.
        recognizer: writes down what the model says.
        shots_from: where examples are drawn from; None for the other utterances of `data`.
        shots: numbers of examples, each of which gives a figure; None for 0, 1, 5 and 10.
        prompts: `flags`, or `markers` for `[TTS]` in place of `[Speech]` and of stop words.
        prefix: what stands before a text.
        suffix: what stands behind it; None for ` 'stop'`, and with `markers` nothing.
        stop_word: the word whose sound ends an example.
        stop_voice: says it.
        stop_recording: or a recording of it; `flags` with examples needs one of the two.
        case: `lower` writes texts in lower case.
        normalizer: how text and transcript are spelled before they are compared.
        max_prompt_tokens: the longest prompt, in the model's tokens; None for what its context holds.
        max_new_tokens: at most so many for an answer.
        temperature: 0 is greedy.
        top_p: nucleus of the distribution that is drawn from.
        benchmark: whose published figures stand beside: LibriSpeech test-clean or test-other.
    """

    figure = "CER"
    output = "speech"

    def __init__(
        self,
        *,
        data: Corpus,
        recognizer: Callable[[], Recognizer],
        shots_from: Corpus | None = None,
        shots: list[int] | None = None,
        prompts: Prompts = "flags",
        prefix: str = "",
        suffix: str | None = None,
        stop_word: str = "stop",
        stop_voice: Callable[[], Synthesizer] | None = None,
        stop_recording: Path | None = None,
        case: Case = "keep",
        normalizer: Normalizer = "english",
        max_prompt_tokens: int | None = 2048,
        max_new_tokens: int = 600,
        temperature: float = 0.8,
        top_p: float = 0.95,
        benchmark: Literal["tts-clean", "tts-other"] | None = None,
    ):
        shots = [0, 1, 5, 10] if shots is None else shots
        super().__init__(
            shots=shots,
            max_prompt_tokens=max_prompt_tokens,
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            top_p=top_p,
            benchmark=benchmark,
        )
        flags = prompts == "flags"
        given = sum(way is not None for way in (stop_voice, stop_recording))
        wanted = 1 if flags and max(shots) else 0
        if given > 1 or given < wanted or (given and not flags):
            raise RequestError(
                "the sound of the stop word: expected one of stop_voice and stop_recording with prompts: flags and "
                "examples, and neither with prompts: markers"
            )
        if flags and not re.fullmatch(r"\w+", stop_word):
            raise RequestError(f"stop_word is {stop_word!r}; expected one word")
        self._data, self._shots_from, self._case, self._normalizer = data, shots_from, case, normalizer
        self._marker = None if flags else "tts"
        self._prefix = prefix
        self._suffix = (f" '{stop_word}'" if flags else "") if suffix is None else suffix
        self._stop_word = stop_word if flags else None
        self._stop_voice, self._stop_recording = stop_voice, stop_recording
        self._recognizer = recognizer

    def input_files(self) -> list[Path]:
        """The tables of the corpora, and the recording of the stop word."""
        corpora = [self._data, *([self._shots_from] if self._shots_from else [])]
        files = [path for corpus in corpora for path in corpus.input_files()]
        if self._stop_recording is not None:
            files.append(require(self._stop_recording, "a recording of the stop word"))
        return files

    def item_files(self) -> list[Path]:
        """The tables of `data`."""
        return self._data.input_files()

    def _questions(self) -> list[Pair]:
        return pairs(self._data, "data", self._case)

    def _examples(self) -> list[Pair] | None:
        return None if self._shots_from is None else pairs(self._shots_from, "shots", self._case)

    def _problem(self, pair: Pair) -> str | None:
        if not normalizer(self._normalizer)(pair.text or ""):
            return f"its text is {pair.text!r}; expected at least one word"
        return None

    def _sources(self, pair: Pair, *, asked: bool) -> dict[str, AudioSource]:
        if asked or pair.sound is None:
            return {}
        return {pair.recording: pair.sound if self._stop is None else _Followed(pair.sound, self._stop)}

    def _example(self, pair: Pair, speech: Mapping[str, Speech]) -> list[Part]:
        return [self._words(pair), replace(speech[pair.recording], marker=self._marker)]

    def _question(self, pair: Pair, speech: Mapping[str, Speech]) -> list[Part]:
        return [self._words(pair), *([Speech(marker=self._marker)] if self._marker else [])]

    def _answers(self, asked: Sequence[tuple[Pair, Generation]], shots: int, trial: Trial) -> list[Answer]:
        spelled = normalizer(self._normalizer)
        said = [spoken(generation) for _, generation in asked]
        answers = []
        for (pair, _), audio, heard in zip(asked, said, self._heard(said), strict=True):
            text = pair.text or ""
            kept = heard if self._stop_word is None else before_stop_word(heard, self._stop_word, text)
            errors, characters = character_errors(spelled(text), spelled(kept))
            details = {
                "heard": heard,
                "counted": kept,
                "errors": errors,
                "characters": characters,
                "speech": keep(trial.folder, f"{pair.id} {shots}-shot", audio) if audio.samples.size else None,
            }
            answers.append(Answer(errors, characters, kept != heard, details))
        return answers

    def _words(self, pair: Pair) -> Text:
        return Text(f"{self._prefix}{pair.text}{self._suffix}")

    @cached_property
    def _stop(self) -> Audio | None:
        """The spoken stop word."""
        if self._stop_word is None:
            return None
        if self._stop_recording is not None:
            return read_audio(self._stop_recording, 16_000)
        assert self._stop_voice is not None  # the constructor asked for one of the two
        return self._stop_voice().speak([self._stop_word])[0]

    @cached_property
    def _ears(self) -> Recognizer:
        return self._recognizer()

    def _heard(self, said: Sequence[Audio]) -> list[str]:
        """Transcripts; silence is not given to the recogniser, which might hear words in it."""
        audible = [index for index, audio in enumerate(said) if np.any(audio.samples)]
        rate = self._ears.sample_rate
        transcripts = self._ears.transcribe([read_audio(said[index], rate) for index in audible]) if audible else []
        heard = dict(zip(audible, transcripts, strict=True))
        return [heard.get(index, "") for index in range(len(said))]


@dataclass(frozen=True)
class _Followed:
    """A recording with another sound behind it."""

    first: AudioSource
    then: Audio

    def load(self) -> Audio:
        """See `AudioSource`."""
        return joined([self.first.load(), self.then])


def before_stop_word(heard: str, stop_word: str, text: str) -> str:
    """What was heard before the stop word, of which the text that was to be said may have some itself."""
    pattern = re.compile(rf"\b{re.escape(stop_word)}\b", re.IGNORECASE)
    own = len(pattern.findall(text))
    found = list(pattern.finditer(heard))
    return heard[: found[own].start()] if len(found) > own else heard
