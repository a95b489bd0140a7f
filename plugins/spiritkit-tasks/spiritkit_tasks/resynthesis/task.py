"""Task `resynthesis.v1`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any, Literal

import numpy as np

from spiritkit.atomic import write_json
from spiritkit.audio import read_audio
from spiritkit.errors import RequestError, SpiritkitError
from spiritkit.evaluation.published import published
from spiritkit.interfaces import (
    Classifier,
    Corpus,
    F0Extractor,
    Item,
    Metric,
    Recognizer,
    Result,
    SpeechTextModel,
    Task,
    Trial,
)
from spiritkit.pipeline import Pipeline
from spiritkit.seeding import derive
from spiritkit.types import Audio, Tokens, Units
from spiritkit.utterances import Utterance
from spiritkit_tasks.resynthesis.bit_rate import entropy_rate, nominal, token_codes
from spiritkit_tasks.resynthesis.f0_error import frame_errors
from spiritkit_tasks.speech import keep
from spiritkit_tasks.words import Normalizer, normalizer, word_errors


@dataclass(frozen=True)
class Spoken(Item):
    """A recording to encode and speak again."""

    utterance: Utterance


class Resynthesis(Task):
    """What tokenizers and vocoder keep of speech (paper, section 4.4): each recording is encoded and spoken again. The
    recipe needs no language model, and none is loaded.

    Figures: `bit rate`, the paper's nominal one, and `entropy rate`, that of the tokens' entropy; `tokens`, how many a
    language model sees a second; `encoding` and `decoding`, median speeds, each recording alone; `WER` of a
    recogniser that listens to the copy, and `WER original`; `F0 frame error`: frames whose voicing differs or whose
    pitch is off by more than 20 % (Chu and Alwan 2009), of all; `style` and `style original`: how often a classifier
    finds the style that the corpus names. An utterance without transcript or style counts for the others.

    Writes the copies as `speech/ID.wav`, and `resynthesis.json`: how much was left out of which figure.

    Args:
        data: recordings, for WER with transcripts.
        recognizer: writes down originals and copies; None for no WER.
        f0: tells their pitch; None for no F0 frame error.
        style_classifier: tells their style; None for no style.
        style_attribute: the attribute of utterances that has the style.
        style_labels: label of the classifier → value of the attribute, where they differ.
        durations: `given` decodes the frames as they were; `predicted` decodes the tokens, as generated speech is.
        speaker_attribute: the attribute of utterances that names the voice to speak with; where the vocoder has no such
            voice, and with None, its default speaks.
        normalizer: how transcripts are spelled before they are compared.
        benchmark: whose published figures stand beside.

    Raises:
        RequestError: F0 frames cannot be compared with predicted durations: the copy has other times.
    """

    def __init__(
        self,
        *,
        data: Corpus,
        recognizer: Callable[[], Recognizer] | None = None,
        f0: Callable[[], F0Extractor] | None = None,
        style_classifier: Callable[[], Classifier] | None = None,
        style_attribute: str = "style",
        style_labels: dict[str, str] | None = None,
        durations: Literal["given", "predicted"] = "given",
        speaker_attribute: str | None = None,
        normalizer: Normalizer = "english",
        benchmark: Literal["resynthesis"] | None = None,
    ):
        if f0 is not None and durations == "predicted":
            raise RequestError("f0 compares frame by frame, and predicted durations move them; use durations: given")
        self._data = data
        self._recognizer, self._f0, self._classifier = recognizer, f0, style_classifier
        self._style_attribute = style_attribute
        self._style_labels = {label.lower(): style.lower() for label, style in (style_labels or {}).items()}
        self._durations, self._speaker_attribute, self._normalizer = durations, speaker_attribute, normalizer
        self.published = published(benchmark)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What can be measured with the parts that are given."""
        metrics = [
            Metric("bit rate", unit="bit/s", higher_is_better=False, digits=0),
            Metric("entropy rate", unit="bit/s", higher_is_better=False, digits=0),
            Metric("tokens", unit="1/s", higher_is_better=False),
            Metric("encoding", unit="× real time"),
            Metric("decoding", unit="× real time"),
        ]
        if self._recognizer:
            metrics += [Metric("WER", higher_is_better=False), Metric("WER original", higher_is_better=None)]
        if self._f0:
            metrics.append(Metric("F0 frame error", higher_is_better=False))
        if self._classifier:
            metrics += [Metric("style"), Metric("style original", higher_is_better=None)]
        return tuple(metrics)

    def input_files(self) -> list[Path]:
        """The tables of the corpus."""
        return self._data.input_files()

    def items(self) -> Sequence[Spoken]:
        """The utterances of the corpus that have sound."""
        return [Spoken(utterance.id, utterance) for utterance in self._data if utterance.audio is not None]

    def evaluate(self, model: SpeechTextModel, items: Sequence[Item], trial: Trial) -> Iterable[Result]:
        """See `Task.evaluate`.

        Raises:
            RequestError: the model is no recipe's: it has no tokenizers and no vocoder.
        """
        if not isinstance(model, Pipeline):
            raise RequestError(
                f"resynthesis.v1 measures tokenizers and a vocoder, and {type(model).__name__} is no recipe's parts; "
                "leave 'model' out"
            )
        _ = model.specs, model.vocoder  # what they take to load is no part of the speed
        for item in items:
            assert isinstance(item, Spoken)
            try:
                yield self._result(model, item.utterance, trial)
            except SpiritkitError as error:
                if isinstance(error, RequestError) and not isinstance(error, FileNotFoundError):
                    raise  # the recipe is wrong, not the recording
                yield Result(item.id, problem=str(error))

    def overall(self, results: Sequence[Result]) -> dict[str, float]:
        """Entropy rate and speeds."""
        done = [result.details for result in results]
        seconds = sum(details["seconds"] for details in done)
        return {
            "entropy rate": entropy_rate([details["codes"] for details in done], seconds),
            "encoding": median(details["seconds"] / details["encoding"] for details in done),
            "decoding": median(details["seconds"] / details["decoding"] for details in done),
        }

    def finish(self, results: Sequence[Result], trial: Trial) -> list[Path]:
        """What was left out: `resynthesis.json`."""
        done = [result.details for result in results if result.problem is None]
        if not done:
            return []
        summary: dict[str, Any] = {
            "utterances": len(done),
            "seconds": sum(details["seconds"] for details in done),
            "other_speaker": sum(details.get("speaker") == "default" for details in done),
            "without_transcript": sum("heard" not in details for details in done) if self._recognizer else 0,
            "without_style": sum("style" not in details for details in done) if self._classifier else 0,
        }
        for key, what in (
            ("other_speaker", "were spoken with the vocoder's default voice, which has none of theirs"),
            ("without_transcript", "have no transcript, and count for no WER"),
            ("without_style", "have no style that the classifier knows, and count for none"),
        ):
            if summary[key]:
                print(f"{summary[key]} of {len(done)} recordings {what}")
        write_json(trial.folder / "resynthesis.json", summary)
        return [trial.folder / "resynthesis.json"]

    # -- one recording ------------------------------------------------------------------------------------------------

    def _result(self, pipeline: Pipeline, utterance: Utterance, trial: Trial) -> Result:
        assert utterance.audio is not None  # of those without there is no item
        original = utterance.audio.load()
        seconds = float(original.duration)
        started = time.perf_counter()
        units = pipeline.encode(original)
        encoding = time.perf_counter() - started
        speech = units if self._durations == "given" else pipeline.to_tokens(units)
        started = time.perf_counter()
        copy, speaker = self._decoded(pipeline, speech, utterance, derive(trial.seed, "decode", utterance.id))
        decoding = time.perf_counter() - started
        codes = token_codes(units)
        bits = nominal(units.specs)
        counts: dict[str, tuple[float, float]] = {
            "bit rate": (bits * seconds, seconds),
            "tokens": (float(sum(map(len, codes.values()))), seconds),
        }
        details: dict[str, Any] = {
            "seconds": seconds,
            "encoding": encoding,
            "decoding": decoding,
            "speech": keep(trial.folder, utterance.id, copy) if copy.samples.size else None,
            "codes": codes,
        }
        if speaker is not None:
            details["speaker"] = speaker
        self._hear(utterance, original, copy, counts, details)
        self._follow(original, copy, counts, details)
        self._judge(utterance, original, copy, counts, details)
        return Result(utterance.id, counts, details)

    def _decoded(
        self, pipeline: Pipeline, speech: Units | Tokens, utterance: Utterance, seed: int
    ) -> tuple[Audio, str | None]:
        """The copy, and whose voice it has: None where nobody's is asked for."""
        wanted = utterance.attributes.get(self._speaker_attribute) if self._speaker_attribute else None
        if wanted is not None:
            try:
                return pipeline.decode(speech, speaker=wanted, seed=seed), wanted
            except RequestError:  # a voice it lacks; any other fault shows again without a voice
                pass
        audio = pipeline.decode(speech, seed=seed)
        return audio, "default" if self._speaker_attribute else None

    def _hear(
        self,
        utterance: Utterance,
        original: Audio,
        copy: Audio,
        counts: dict[str, tuple[float, float]],
        details: dict[str, Any],
    ) -> None:
        spelled = normalizer(self._normalizer)
        text = spelled(utterance.text or "") if self._recognizer else ""
        if not text:
            return
        rate = self._ears.sample_rate
        # Silence is not given to the recogniser, which might hear words in it.
        sounds = [audio if np.any(audio.samples) else None for audio in (copy, original)]
        heard = iter(self._ears.transcribe([read_audio(sound, rate) for sound in sounds if sound is not None]))
        for sound, metric, key in zip(sounds, ("WER", "WER original"), ("heard", "heard_original"), strict=True):
            details[key] = next(heard) if sound is not None else ""
            errors, words = word_errors(text, spelled(details[key]))
            counts[metric] = (float(errors), float(words))
        details["reference"] = utterance.text

    def _follow(
        self, original: Audio, copy: Audio, counts: dict[str, tuple[float, float]], details: dict[str, Any]
    ) -> None:
        if not self._f0:
            return
        rate = self._pitch.sample_rate
        errors = frame_errors(*self._pitch.extract([read_audio(original, rate), read_audio(copy, rate)]))
        details["f0"] = errors._asdict()
        counts["F0 frame error"] = (float(errors.voicing + errors.gross), float(errors.frames))

    def _judge(
        self,
        utterance: Utterance,
        original: Audio,
        copy: Audio,
        counts: dict[str, tuple[float, float]],
        details: dict[str, Any],
    ) -> None:
        style = utterance.attributes.get(self._style_attribute, "").lower() if self._classifier else ""
        if not style or style not in {self._style(label) for label in self._styles.labels}:
            return
        rate = self._styles.sample_rate
        found = {}
        for metric, audio in (("style", copy), ("style original", original)):
            found[metric] = ""
            if np.any(audio.samples):
                probabilities = self._styles.classify([read_audio(audio, rate)])[0]
                found[metric] = self._style(max(self._styles.labels, key=lambda label: probabilities[label]))
            counts[metric] = (float(found[metric] == style), 1.0)
        details["style"] = {"wanted": style, "copy": found["style"], "original": found["style original"]}

    def _style(self, label: str) -> str:
        return self._style_labels.get(label.lower(), label.lower())

    @cached_property
    def _ears(self) -> Recognizer:
        assert self._recognizer is not None  # asked for by those only who have one
        return self._recognizer()

    @cached_property
    def _pitch(self) -> F0Extractor:
        assert self._f0 is not None
        return self._f0()

    @cached_property
    def _styles(self) -> Classifier:
        assert self._classifier is not None
        classifier = self._classifier()
        if classifier.modality != "speech":
            raise RequestError(f"style_classifier judges {classifier.modality}; expected one of speech")
        return classifier
