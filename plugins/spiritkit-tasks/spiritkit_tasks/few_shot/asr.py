"""Task `few-shot-asr.v1`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from spiritkit.interfaces import Corpus, Trial
from spiritkit.types import Generation, Speech, Text
from spiritkit.utterances import AudioSource
from spiritkit_tasks.few_shot.base import Answer, FewShot, Pair
from spiritkit_tasks.few_shot.corpora import Case, Prompts, pairs
from spiritkit_tasks.few_shot.flags import until
from spiritkit_tasks.prompts import Part
from spiritkit_tasks.words import Normalizer, normalizer, word_errors


class FewShotASR(FewShot):
    """Recognition (paper, section 4.2): `[Speech]…[Text]<START Transcript>words<END>` for each example, then the
    recording up to the first flag. What the model writes is cut at the next flag. Figures: word error rate, in %:
    wrong, missing and extra words of all items, divided by the words of all transcripts.

    A model trained on parallel data (`asr-tts.v1`) is asked with `prompts: markers`: `[Speech]…[ASR]words`.

    Args:
        data: recordings with transcripts.
        shots_from: where examples are drawn from; None for the other utterances of `data`.
        shots: numbers of examples, each of which gives a figure; None for 0, 1, 5 and 10.
        prompts: `flags`, or `markers` for `[ASR]` in place of `[Text]` and of flags.
        prefix: the flag before a transcript; None for that of `prompts`.
        suffix: the flag behind it, likewise.
        case: `lower` writes transcripts in lower case, for the model to read and to be compared with.
        normalizer: how transcript and answer are spelled before they are compared.
        max_prompt_tokens: the longest prompt, in the model's tokens; None for what its context holds.
        max_new_tokens: at most so many for an answer.
        temperature: 0 is greedy.
        top_p: nucleus of the distribution that is drawn from.
        benchmark: whose published figures stand beside: LibriSpeech test-clean or test-other.
    """

    figure = "WER"
    output = "text"

    def __init__(
        self,
        *,
        data: Corpus,
        shots_from: Corpus | None = None,
        shots: list[int] | None = None,
        prompts: Prompts = "flags",
        prefix: str | None = None,
        suffix: str | None = None,
        case: Case = "keep",
        normalizer: Normalizer = "english",
        max_prompt_tokens: int | None = 1024,
        max_new_tokens: int = 200,
        temperature: float = 0.0,
        top_p: float = 0.95,
        benchmark: Literal["asr-clean", "asr-other"] | None = None,
    ):
        super().__init__(
            shots=[0, 1, 5, 10] if shots is None else shots,
            max_prompt_tokens=max_prompt_tokens,
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            top_p=top_p,
            benchmark=benchmark,
        )
        self._data, self._shots_from, self._case, self._normalizer = data, shots_from, case, normalizer
        defaults = ("<START Transcript>", "<END>") if prompts == "flags" else ("", "")
        self._marker = "asr" if prompts == "markers" else None
        self._prefix = defaults[0] if prefix is None else prefix
        self._suffix = defaults[1] if suffix is None else suffix

    def input_files(self) -> list[Path]:
        """The tables of the corpora."""
        return [*self._data.input_files(), *(self._shots_from.input_files() if self._shots_from else [])]

    def item_files(self) -> list[Path]:
        """The tables of `data`."""
        return self._data.input_files()

    def _questions(self) -> list[Pair]:
        return pairs(self._data, "data", self._case)

    def _examples(self) -> list[Pair] | None:
        return None if self._shots_from is None else pairs(self._shots_from, "shots", self._case)

    def _problem(self, pair: Pair) -> str | None:
        if pair.sound is None:
            return "has no recording"
        if not normalizer(self._normalizer)(pair.text or ""):
            return f"its transcript is {pair.text!r}; expected at least one word"
        return None

    def _sources(self, pair: Pair, *, asked: bool) -> dict[str, AudioSource]:
        return {pair.recording: pair.sound} if pair.sound else {}

    def _example(self, pair: Pair, speech: Mapping[str, Speech]) -> list[Part]:
        return [speech[pair.recording], Text(f"{self._prefix}{pair.text}{self._suffix}", self._marker)]

    def _question(self, pair: Pair, speech: Mapping[str, Speech]) -> list[Part]:
        begun = [Text(self._prefix, self._marker)] if self._prefix or self._marker else []
        return [speech[pair.recording], *begun]

    def _answers(self, asked: Sequence[tuple[Pair, Generation]], shots: int, trial: Trial) -> list[Answer]:
        spelled = normalizer(self._normalizer)
        answers = []
        for pair, generation in asked:
            written = generation.text
            answer = until(written, self._suffix, self._prefix)
            ended = answer != written.strip()
            errors, words = word_errors(spelled(pair.text or ""), spelled(answer))
            answers.append(Answer(errors, words, ended, {"answer": answer, "errors": errors, "words": words}))
        return answers
