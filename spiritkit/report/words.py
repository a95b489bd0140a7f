"""Panel `words.v1`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from spiritkit.audio import read_audio
from spiritkit.errors import RequestError, SpiritkitError
from spiritkit.interfaces import Aligner, Clip, Label, Labels, Panel, Recognizer, Track
from spiritkit.utterances import Utterance

if TYPE_CHECKING:
    from spiritkit.pipeline import Pipeline


class Words(Panel):
    """The words of a stretch of speech: those that are given for it, or else those that a recogniser hears.

    Args:
        texts: what is said in recordings, by their file names without ending.
        recognizer: hears the words of the other stretches; null leaves these without words.
        aligner: finds when each word is said; without one, or where it finds no way, the words stand below the whole.

    Raises:
        RequestError: neither `texts` nor `recognizer`.
    """

    def __init__(
        self,
        *,
        texts: dict[str, str] | None = None,
        recognizer: Callable[[], Recognizer] | None = None,
        aligner: Callable[[], Aligner] | None = None,
    ):
        if not texts and not recognizer:
            raise RequestError("words.v1: neither texts nor recognizer is given; expected at least one of them")
        self._texts: Mapping[str, str] = texts or {}
        self._recognizer = cache(recognizer) if recognizer else None
        self._aligner = cache(aligner) if aligner else None

    def input_files(self) -> list[Path]:
        """The files of the aligner."""
        return self._aligner().input_files() if self._aligner else []

    def tracks(self, clip: Clip, pipeline: Pipeline) -> list[Track]:
        """One track, or none where no word is known."""
        if not clip.audio.samples.size:
            return []
        given = self._texts.get(clip.name)
        text = self._heard(clip) if given is None else given
        if not text.split():
            return []
        can_align = given is None or clip.whole  # words of what is cut off would be found where they are not
        return [Labels("words", (self._timed(clip, text) if can_align else None) or [_below_the_whole(clip, text)])]

    def _heard(self, clip: Clip) -> str:
        if self._recognizer is None:
            return ""
        recognizer = self._recognizer()
        return recognizer.transcribe([read_audio(clip.audio, recognizer.sample_rate)])[0]

    def _timed(self, clip: Clip, text: str) -> list[Label]:
        """The words with their times; none where they are not found."""
        if self._aligner is None:
            return []
        aligner = self._aligner()
        audio = read_audio(clip.audio, aligner.sample_rate)
        (found,) = aligner.align([Utterance(clip.name, audio, text)], [audio])
        if isinstance(found, SpiritkitError):
            return []
        rate = found.sample_rate
        return [
            Label(word.start / rate, word.stop / rate, word.text, number) for number, word in enumerate(found.words)
        ]


def _below_the_whole(clip: Clip, text: str) -> Label:
    return Label(0, float(clip.audio.duration), text)
