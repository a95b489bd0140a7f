"""Text or phonemes → sound with the times of words and phones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from spiritkit.errors import InputError
from spiritkit.utterances import Word
from spiritkit_smallworld.voice.profiles import SPEAKERS, STYLES, Speaker
from spiritkit_smallworld.voice.render import HOP, Controls, render

_DURATIONS = "/Clip_output_0"  # the tensor of the network that holds how many frames each phoneme lasts
_FRAMES_PER_DURATION = 2
_EARLIER = 1200  # samples: phonemes sound 75 ms before the network's count says so
_INSIDE_LATER = 350  # samples: but inside words 53 ms, as hissing ones show; a word has what may be its first sound
_PAUSES = frozenset(",.!?;:—…")
STRESS = "ˈˌ"  # marks among phonemes
_BEFORE, _AFTER = 800, 4800  # samples kept before the first word of a sentence and after its last
FADE = 80
_BLOCK = 80  # samples, of which the level is measured
_QUIET = 10 ** (-35 / 20)  # of the loudest block: below it a word is over
_PEAK = 0.98
_NEXT = 800  # samples before the start of the next word that may be its own sound
_RELEASE = 320  # samples after the last block that is louder


@dataclass(frozen=True, eq=False)
class Spoken:
    """Speech.

    Attributes:
        samples: float32 `[T]` at `SAMPLE_RATE`.
        words: in order, one for each word of the text as `text.split()` gives them; times in samples.
        phones: of all words, in order, without stress; times in samples, to 25 ms.
    """

    samples: np.ndarray
    words: tuple[Word, ...]
    phones: tuple[Word, ...]


class Voice:
    """Speaks. The network runs on one thread, so that the same words in the same profile are the same samples."""

    def __init__(self) -> None:
        import onnx
        import onnxruntime
        from hibari import Hibari

        self._hibari = Hibari(threads=1)
        model = onnx.load(self._hibari.model_path)
        model.graph.output.append(onnx.ValueInfoProto(name=_DURATIONS))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session: Any = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def phonemes(self, sentence: str) -> str:
        """The phonemes of a sentence, words separated by spaces, punctuation at the end of words.

        Raises:
            InputError: it has another number of words than the sentence, e.g. because of digits.
        """
        phonemes = " ".join(self._hibari.phonemize(sentence))
        if len(phonemes.split()) != len(sentence.split()):
            raise InputError(
                f"{sentence!r} is spoken {phonemes!r}: another number of words; spell out numbers and signs"
            )
        return phonemes

    def speak(self, sentences: Sequence[str], speaker: str | Speaker, style: str, rng: np.random.Generator) -> Spoken:
        """Sentences, one after another.

        Args:
            sentences: of at most 400 phonemes each.
            speaker: a key of `SPEAKERS`, or somebody else.
            style: a key of `STYLES`.
            rng: of the noise in the sound.

        Raises:
            InputError: as `phonemes`.
        """
        said = [(sentence.split(), self.phonemes(sentence)) for sentence in sentences]
        return self._join([self._say(words, phonemes, speaker, style, rng) for words, phonemes in said], style)

    def read(self, text: str, speaker: str, style: str, rng: np.random.Generator) -> np.ndarray:
        """Any text, as well as it can be said, sentence after sentence: numbers and signs are spelled out, what has no
        sound is left out.

        Args:
            text: whatever it is.
            speaker: a key of `SPEAKERS`.
            style: a key of `STYLES`.
            rng: of the noise in the sound.

        Returns:
            Samples float32 `[T]` at `SAMPLE_RATE`; none if there is no word.
        """
        parts = []
        for phonemes in self._hibari.phonemize(text):
            known = "".join(character for character in phonemes if character in self._hibari.vocab)
            words = [word for word in known.split() if set(word) - _PAUSES]
            if any(character.isalpha() for character in known):
                parts.append(self._say(words, phonemes, speaker, style, rng))
        return self._join(parts, style).samples if parts else np.zeros(0, np.float32)

    def speak_phonemes(self, word: str, phonemes: str, speaker: str, style: str, rng: np.random.Generator) -> Spoken:
        """One word that is given by its phonemes (the alphabet of misaki), e.g. a non-word."""
        return self._join([self._say([word], phonemes, speaker, style, rng)], style)

    def _say(
        self, words: list[str], phonemes: str, speaker: str | Speaker, style: str, rng: np.random.Generator
    ) -> Spoken:
        """One sentence, not yet normalised, cut to its speech."""
        who, how = SPEAKERS[speaker] if isinstance(speaker, str) else speaker, STYLES[style]
        characters = [character for character in phonemes if character in self._hibari.vocab]
        ids = [0, *(self._hibari.vocab[character] for character in characters), 0]
        *frames, durations = self._session.run(
            None, {"ids": np.array([ids], np.int64), "speed": np.ones(1, np.float32)}
        )
        controls = Controls(
            pitch=who.pitch * how.pitch,
            range=who.range * how.range,
            formants=who.formants,
            speed=who.speed * how.speed,
            tilt=who.tilt + how.tilt,
            slope=how.slope,
        )
        samples = render([frame[0] for frame in frames], controls, rng)
        edges = np.cumsum(np.ravel(durations)) * _FRAMES_PER_DURATION * HOP - _EARLIER
        edges = (edges / controls.speed).astype(int)
        spans = _before_pauses(samples, *_spans(characters, edges))
        first = max(0, spans[0][0] - _BEFORE)
        samples = samples[first : spans[-1][1] + _AFTER].copy()
        samples[:FADE] *= np.linspace(0, 1, FADE, dtype=np.float32)
        samples[-FADE:] *= np.linspace(1, 0, FADE, dtype=np.float32)
        phones = _phones(characters, edges + int(_INSIDE_LATER / controls.speed), spans)
        said = [Word(word, *span) for word, span in zip(words, spans, strict=True)]
        return Spoken(samples, _moved(said, -first), _moved(phones, -first))

    def _join(self, parts: list[Spoken], style: str) -> Spoken:
        words: list[Word] = []
        phones: list[Word] = []
        at = 0
        for part in parts:
            words += _moved(part.words, at)
            phones += _moved(part.phones, at)
            at += len(part.samples)
        joined = np.concatenate([part.samples for part in parts])
        level = _levels(joined)
        speech = float(np.sqrt((level[level > level.max() * _QUIET] ** 2).mean()))
        gain = min(10 ** (STYLES[style].level / 20) / speech, _PEAK / float(np.abs(joined).max()))
        return Spoken(joined * np.float32(gain), tuple(words), tuple(phones))


def _spans(characters: list[str], edges: np.ndarray) -> tuple[list[tuple[int, int]], list[bool]]:
    """First sample, and one past the last, of each word, and whether a pause follows it. `edges[i]` is where the
    character `i` begins. A word lasts until the next one begins; one before a pause as long as its phonemes.
    """
    spans: list[tuple[int, int]] = []
    pauses: list[bool] = []
    start: int | None = None
    stop = 0
    for index, character in enumerate([*characters, " "]):
        if character == " ":
            if start is not None:
                spans.append((start, stop))
                pauses.append(characters[index - 1] in _PAUSES)
                start = None
        elif character not in _PAUSES:
            if start is None:
                start = max(0, int(edges[index]))
                if spans and not pauses[-1]:
                    spans[-1] = spans[-1][0], start
            stop = max(start, int(edges[index + 1]))
    pauses[-1] = True
    return spans, pauses


def _phones(characters: list[str], edges: np.ndarray, spans: list[tuple[int, int]]) -> list[Word]:
    """The phones of words that last as `spans` says. A phone begins where the mark of its stress does, and lasts until
    the next one begins, or the word ends.
    """
    phones: list[Word] = []
    starts: list[list[tuple[str, int]]] = []
    begun: int | None = None
    for index, character in enumerate([" ", *characters]):
        if character == " ":
            starts.append([])
            begun = None
        elif character not in _PAUSES:
            begun = int(edges[index - 1]) if begun is None else begun
            if character not in STRESS:
                starts[-1].append((character, begun))
                begun = None
    for (start, stop), inside in zip(spans, filter(None, starts), strict=True):
        borders = [start, *(min(max(start, at), stop) for _, at in inside[1:]), stop]
        phones += [Word(phone, *times) for (phone, _), times in zip(inside, pairwise(borders), strict=True)]
    return phones


def _moved(words: Sequence[Word], by: int) -> tuple[Word, ...]:
    """The same, so many samples later."""
    return tuple(Word(word.text, word.start + by, word.stop + by) for word in words)


def _levels(samples: np.ndarray) -> np.ndarray:
    """Root of the mean square of each block, float32 `[T // _BLOCK]`."""
    n_blocks = len(samples) // _BLOCK
    levels: np.ndarray = np.sqrt((samples[: n_blocks * _BLOCK].reshape(n_blocks, _BLOCK) ** 2).mean(axis=1))
    return levels


def _before_pauses(samples: np.ndarray, spans: list[tuple[int, int]], pauses: list[bool]) -> list[tuple[int, int]]:
    """The same spans, but for words before a pause: the network counts silence to their last phoneme, so that they end
    where their sound does.
    """
    level = _levels(samples)
    loud = level > level.max() * _QUIET
    starts = [start for start, _ in spans[1:]] + [len(samples) + _NEXT]
    result = []
    for (start, stop), pause, following in zip(spans, pauses, starts, strict=True):
        if pause:
            heard = np.flatnonzero(loud[start // _BLOCK : (following - _NEXT) // _BLOCK])
            if len(heard):
                stop = (start // _BLOCK + int(heard[-1]) + 1) * _BLOCK + _RELEASE
        result.append((start, max(start, min(stop, following, len(samples)))))
    return result
