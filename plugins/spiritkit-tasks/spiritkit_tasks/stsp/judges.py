"""Classifiers as judges of sentiment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from spiritkit.audio import read_audio
from spiritkit.data.audio_file import AudioFile
from spiritkit.errors import InputError, RequestError, SpiritkitError
from spiritkit.interfaces import Classifier
from spiritkit.types import Audio
from spiritkit_tasks.stsp.files import EMOTIONS, SENTIMENTS, Modality
from spiritkit_tasks.stsp.questions import OpenResult

#: What classifiers call a sentiment, beside emotions of the paper.
_KNOWN: dict[str, str] = {**EMOTIONS, **dict(zip(SENTIMENTS, SENTIMENTS, strict=True))}


class Judge:
    """Tells the sentiment of text, or of speech: that of the label that a classifier finds most probable.

    Args:
        build: gives the classifier, when it is first needed.
        modality: what it is to judge.
        labels: label → sentiment, beside `positive`, `happy` and the like, which are known in any case.
        key: the task's parameters' name for it, for messages.
    """

    def __init__(self, build: Callable[[], Classifier], modality: Modality, labels: Mapping[str, str], key: str):
        wrong = sorted(set(labels.values()) - set(SENTIMENTS))
        if wrong:
            raise RequestError(f"{key}_labels: has {wrong[0]!r}; expected {', '.join(SENTIMENTS)}")
        self._build, self._modality, self._key = build, modality, key
        self._sentiments = {**_KNOWN, **{label.lower(): sentiment for label, sentiment in labels.items()}}
        self._built: Classifier | None = None

    def sentiments(self, batch: Sequence[str | Audio]) -> list[str | SpiritkitError]:
        """The sentiment of each, empty for text without words and for speech without sound; or why it cannot be judged,
        such as a text that is too long for the classifier.

        Raises:
            RequestError: the classifier judges the other modality, or has a label that means no sentiment.
        """
        classifier = self._classifier
        heard: list[str | Audio] = []
        places: list[int] = []
        for index, one in enumerate(batch):
            if isinstance(one, Audio):
                if np.any(one.samples):
                    places.append(index)
                    heard.append(read_audio(one, classifier.sample_rate))
            elif one.strip():
                places.append(index)
                heard.append(one)
        found: list[str | SpiritkitError] = [""] * len(batch)
        for index, sentiment in zip(places, self._classified(heard), strict=True):
            found[index] = sentiment
        return found

    def _classified(self, heard: Sequence[str | Audio]) -> list[str | SpiritkitError]:
        if not heard:
            return []
        try:
            judged = self._classifier.classify(heard)  # type: ignore[arg-type]
        except InputError as error:
            if len(heard) == 1:
                return [error]
            return [sentiment for one in heard for sentiment in self._classified([one])]
        labels = self._classifier.labels
        best = [max(labels, key=lambda label: probabilities[label]) for probabilities in judged]
        return [self._sentiments[label.lower()] for label in best]

    @property
    def _classifier(self) -> Classifier:
        if self._built is None:
            classifier = self._build()
            if classifier.modality != self._modality:
                raise RequestError(
                    f"{self._key}_classifier judges {classifier.modality}; expected one of {self._modality}"
                )
            strange = [label for label in classifier.labels if label.lower() not in self._sentiments]
            if strange:
                raise RequestError(
                    f"{self._key}_classifier has labels {', '.join(strange)}, which say no sentiment; add "
                    f"'{self._key}_labels: {{{strange[0]}: positive, …}}' ({', '.join(SENTIMENTS)})"
                )
            self._built = classifier
        return self._built


def judge_prompts(
    judge: Judge, modality: Modality, metric: str, *, results: Iterable[OpenResult], folder: Path
) -> None:
    """Judge the prompts of one modality themselves; a recording that cannot be read is its question's problem.

    Args:
        judge: of that modality.
        modality: the others' prompts are left alone.
        metric: counts how often the judge is right.
        results: of all questions.
        folder: paths of recordings are below it.
    """
    asked: list[tuple[OpenResult, str | Audio]] = []
    for one in results:
        if one.question.modality != modality or one.problem is not None:
            continue
        content = one.question.prompt.content
        try:
            asked.append((one, content if modality == "text" else AudioFile(folder / content).load()))
        except SpiritkitError as error:  # a model that is given files has not read it yet
            one.problem = str(error)
    sentiments = judge.sentiments([content for _, content in asked])
    for (one, _), sentiment in zip(asked, sentiments, strict=True):
        if isinstance(sentiment, SpiritkitError):
            one.problem = str(sentiment)
        else:
            one.judge_prompt(metric, sentiment)
