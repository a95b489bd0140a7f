"""Parts that break their contracts, each in one way. `test_contracts.py` runs this file and expects the failures.

The name of a test class has, behind the part's, the test that must fail for it, or `nothing` for a part that is whole.
"""

from __future__ import annotations

import string
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

import spiritkit.cli.new_plugin
from spiritkit import Constraint, Score, Speech, testing
from spiritkit.errors import SpiritkitError
from spiritkit.interfaces import F0, Clip, Label, Labels, Metric, Result, Span, Track
from spiritkit.types import Audio, Sampling, StreamSpec, Tokens, Units
from spiritkit.utterances import Alignment, Utterance


def part(kind: str) -> Any:
    """The class that `spiritkit new-plugin` writes for a kind."""
    template = Path(spiritkit.cli.new_plugin.__file__).parent / "templates" / f"{kind}.py.template"
    code = string.Template(template.read_text(encoding="utf-8")).substitute(class_name="Part", component="part.v1")
    module = ModuleType(f"part_{kind}")
    sys.modules[module.__name__] = module
    exec(compile(code, str(template), "exec"), vars(module))
    return module.Part


Tokenizer, Quantizer, Extractor, Serializer = map(part, ("unit_tokenizer", "quantizer", "f0_extractor", "serializer"))
Text, Model, Vocoder, Step = map(part, ("text_tokenizer", "language_model", "vocoder", "step"))
Policy, Aligner, Corpus = map(part, ("span_policy", "aligner", "corpus"))
Recognizer, Synthesizer, Classifier = map(part, ("recognizer", "synthesizer", "classifier"))
Both = part("speech_text_model")
Panel = part("panel")
Quiz = part("task")
AUDIO = [str(Path(__file__).parent / "conformance" / "vibrato.wav")]
SPECS = (StreamSpec("hubert", 40, Fraction(25), True),)


def case(contract: type, target: type, caught_by: str = "nothing", **values: Any) -> None:
    """Adds the test class of a part that no plugin offers."""

    @pytest.fixture
    def make(self: Any) -> Callable[[], Any]:
        return lambda: target(**values)

    @pytest.fixture
    def specs(self: Any) -> tuple[StreamSpec, ...]:
        return SPECS

    name = f"Test{contract.__name__}{target.__name__}__{caught_by}"
    globals()[name] = type(name, (contract,), {"make": make, "specs": specs})


# -- unit tokenizers --------------------------------------------------------------------------------------------------


class Positional(Tokenizer):
    def __init__(self, size: int = 32):
        super().__init__(size=size)


class Unannotated(Tokenizer):
    def __init__(self, *, size=32):
        super().__init__(size=size)


class Growing(Tokenizer):
    """Its stream changes with what it has encoded."""

    def encode(self, audios: list[Audio]) -> list[Units]:
        self._size += 1
        return super().encode(audios)


class HalfRate(Tokenizer):
    def encode(self, audios: list[Audio]) -> list[Units]:
        return [Units(self.streams, {"units": units["units"][::2]}) for units in super().encode(audios)]


class Levelling(Tokenizer):
    """Divides by the loudest sample of the batch."""

    def encode(self, audios: list[Audio]) -> list[Units]:
        peak = max([float(np.abs(audio.samples).max(initial=1e-9)) for audio in audios], default=1.0)
        return super().encode([Audio(audio.samples / peak, audio.sample_rate) for audio in audios])


class NeedsAFrame(Tokenizer):
    def encode(self, audios: list[Audio]) -> list[Units]:
        assert all(len(audio.samples) >= 640 for audio in audios)
        return super().encode(audios)


class Dithering(Tokenizer):
    def encode(self, audios: list[Audio]) -> list[Units]:
        noisy = [audio.samples + 0.1 * np.random.rand(len(audio.samples)) for audio in audios]
        return super().encode([Audio(samples, 16_000) for samples in noisy])


case(testing.UnitTokenizerContract, Tokenizer)
case(testing.UnitTokenizerContract, Positional, "test_constructor_takes_annotated_keywords_only")
case(testing.UnitTokenizerContract, Unannotated, "test_constructor_takes_annotated_keywords_only")
case(testing.UnitTokenizerContract, Quantizer, "test_is_of_its_kind")
case(testing.UnitTokenizerContract, Growing, "test_streams_are_constant")
case(testing.UnitTokenizerContract, HalfRate, "test_rate_is_the_number_of_frames_a_second")
case(testing.UnitTokenizerContract, Levelling, "test_a_batch_is_as_its_audios_alone")
case(testing.UnitTokenizerContract, NeedsAFrame, "test_short_and_silent_audio")
case(testing.UnitTokenizerContract, Dithering, "test_codes_depend_on_nothing_else")


# -- quantizers, F0 extractors, serializers ---------------------------------------------------------------------------


class ShortCodes(Quantizer):
    def quantize(self, features: list[torch.Tensor]) -> list[np.ndarray]:
        return [codes.astype(np.int32) for codes in super().quantize(features)]


class OutOfRange(Quantizer):
    def quantize(self, features: list[torch.Tensor]) -> list[np.ndarray]:
        return [codes + self.size for codes in super().quantize(features)]


class FrameShort(Extractor):
    def extract(self, audios: list[Audio]) -> list[F0]:
        return [F0(track.hz[1:], track.voiced[1:]) for track in super().extract(audios)]


class NotANumber(Extractor):
    def extract(self, audios: list[Audio]) -> list[F0]:
        return [F0(np.where(track.hz > 0, track.hz, np.nan), track.voiced) for track in super().extract(audios)]


class Octave(Extractor):
    def extract(self, audios: list[Audio]) -> list[F0]:
        return [F0(track.hz * 2, track.voiced) for track in super().extract(audios)]


class LosesTheLast(Serializer):
    def serialize(self, units: Units, start: Fraction = Fraction(0), stop: Fraction | None = None) -> Tokens:
        tokens = super().serialize(units, start, stop)
        return Tokens(tokens.specs, tokens.streams[:-1], tokens.codes[:-1], tokens.source)


class NoStretches(Serializer):
    def serialize(self, units: Units, start: Fraction = Fraction(0), stop: Fraction | None = None) -> Tokens:
        return super().serialize(units)


class NeedsTokens(Serializer):
    def deserialize(self, tokens: Tokens) -> Units:
        assert len(tokens)
        return super().deserialize(tokens)


class Backwards(Serializer):
    def deserialize(self, tokens: Tokens) -> Units:
        units = super().deserialize(tokens)
        return Units(units.specs, {name: codes[::-1] for name, codes in units.items()}, units.source)


case(testing.QuantizerContract, Quantizer)
case(testing.QuantizerContract, ShortCodes, "test_codes_are_in_range")
case(testing.QuantizerContract, OutOfRange, "test_codes_are_in_range")
case(testing.F0ExtractorContract, Extractor)
case(testing.F0ExtractorContract, FrameShort, "test_tracks_have_a_frame_for_each_time")
case(testing.F0ExtractorContract, NotANumber, "test_values")
case(testing.F0ExtractorContract, Octave, "test_a_tone_is_found")
case(testing.SerializerContract, Serializer)
case(testing.SerializerContract, LosesTheLast, "test_tokens_hold_every_stream_in_its_order")
case(testing.SerializerContract, NoStretches, "test_stretches_share_no_frame_and_leave_none_out")
case(testing.SerializerContract, NeedsTokens, "test_whatever_a_model_emits_is_read")
case(testing.SerializerContract, Backwards, "test_one_stream_comes_back")


# -- text tokenizers and language models ------------------------------------------------------------------------------


class Opens(Text):
    def encode(self, text: str) -> list[int]:
        return [256, *super().encode(text)]


class ReadsSpecials(Text):
    def encode(self, text: str) -> list[int]:
        return [257] if text == "</s>" else super().encode(text)


class Strict(Text):
    def decode(self, ids: Any) -> str:
        return bytes(id for id in ids if id < 256).decode()


class LowerCase(Text):
    def encode(self, text: str) -> list[int]:
        return super().encode(text.lower())


class Headless(Text):
    def assemble(self, parts: Any) -> list[int]:
        return super().assemble(parts)[1:]


class Unconstrained(Model):
    def generate(self, ids: Any, constraint: Any, sampling: Sampling) -> Iterator[int]:
        return super().generate(ids, Constraint(((0, self.rows),)), sampling)


class Endless(Model):
    def generate(self, ids: Any, constraint: Any, sampling: Sampling) -> Iterator[int]:
        settings = {"temperature": sampling.temperature, "top_p": sampling.top_p, "seed": sampling.seed}
        return super().generate(ids, constraint, Sampling(sampling.max_new_tokens, **settings))


class OneSeed(Model):
    def generate_batch(self, batch: Any, constraint: Any, sampling: Sampling) -> list[list[int]]:
        return [list(self.generate(ids, constraint, sampling)) for ids in batch]


class GlobalRandomness(Model):
    def generate(self, ids: Any, constraint: Any, sampling: Sampling) -> Iterator[int]:
        seed = int(torch.randint(1 << 30, ()))
        settings = {"temperature": sampling.temperature, "top_p": sampling.top_p, "stop_ids": sampling.stop_ids}
        return super().generate(ids, constraint, Sampling(sampling.max_new_tokens, seed=seed, **settings))


class Cold(Model):
    """Draws at half the temperature asked for."""

    def generate(self, ids: Any, constraint: Any, sampling: Sampling) -> Iterator[int]:
        settings = {"top_p": sampling.top_p, "seed": sampling.seed, "stop_ids": sampling.stop_ids}
        return super().generate(
            ids, constraint, Sampling(sampling.max_new_tokens, temperature=sampling.temperature / 2, **settings)
        )


class Bits(Model):
    def score(self, batch: Any) -> list[np.ndarray]:
        return [values / np.float32(np.log(2)) for values in super().score(batch)]


class Clairvoyant(Model):
    """Its scores depend on what follows."""

    def score(self, batch: Any) -> list[np.ndarray]:
        return [np.float32(values - 0.01 * len(values)) for values in super().score(batch)]


class Flat(Model):
    def hidden_states(self, batch: Any) -> list[np.ndarray]:
        return [states[0] for states in super().hidden_states(batch)]


case(testing.TextTokenizerContract, Text)
case(testing.TextTokenizerContract, Opens, "test_any_text_has_ids_of_text")
case(testing.TextTokenizerContract, ReadsSpecials, "test_any_text_has_ids_of_text")
case(testing.TextTokenizerContract, Strict, "test_any_ids_decode")
case(testing.TextTokenizerContract, LowerCase, "test_text_comes_back")
case(testing.TextTokenizerContract, Headless, "test_a_sequence_is_assembled")
case(testing.LanguageModelContract, Model)
case(testing.LanguageModelContract, Unconstrained, "test_only_allowed_ids_are_produced")
case(testing.LanguageModelContract, Endless, "test_a_stop_id_ends_the_sequence")
case(testing.LanguageModelContract, OneSeed, "test_a_batch_is_as_its_prompts_alone")
case(testing.LanguageModelContract, GlobalRandomness, "test_global_random_numbers_are_left_alone")
case(testing.LanguageModelContract, GlobalRandomness, "test_a_seed_decides")
case(testing.LanguageModelContract, Cold, "test_draws_follow_the_scores")
case(testing.LanguageModelContract, Bits, "test_scores_are_log_probabilities")
case(testing.LanguageModelContract, Clairvoyant, "test_scores_look_back_only")
case(testing.LanguageModelContract, Flat, "test_hidden_states")


# -- vocoders and steps -----------------------------------------------------------------------------------------------


class Click(Vocoder):
    """Makes a sound of nothing."""

    def _samples(self, speech: Any) -> np.ndarray:
        return np.append(super()._samples(speech), np.float32(0))


class Fading(Vocoder):
    """Fades out every piece, so a stream is not as the whole."""

    def _samples(self, speech: Any) -> np.ndarray:
        samples = super()._samples(speech)
        return samples * np.linspace(1, 0, len(samples), dtype=np.float32)


class Padding(Vocoder):
    def decode(self, speech: Any, **wishes: Any) -> list[Audio]:
        audios = super().decode(speech, **wishes)
        longest = max([len(audio.samples) for audio in audios], default=0)
        return [Audio(np.pad(audio.samples, (0, longest - len(audio.samples))), 16_000) for audio in audios]


class AnyVoice(Vocoder):
    def decode(self, speech: Any, **wishes: Any) -> list[Audio]:
        return super().decode(speech)


class Slow(Vocoder):
    def _samples(self, speech: Any) -> np.ndarray:
        return super()._samples(speech).repeat(2)


class Hoarse(Vocoder):
    def _samples(self, speech: Any) -> np.ndarray:
        samples = super()._samples(speech)
        return (samples + 0.01 * np.random.rand(len(samples))).astype(np.float32)


class NeedsEveryStream(Vocoder):
    def _samples(self, speech: Any) -> np.ndarray:
        assert len(speech.specs) == 1
        return super()._samples(speech)


class Ahead(Vocoder):
    def frames(self, tokens: Tokens) -> Units:
        frames = super().frames(tokens)
        return Units(frames.specs, {name: codes[1:] for name, codes in frames.items()})


class ReallySlow(Step):
    def __init__(self, *, audio: list[str]):
        time.sleep(0.2)
        super().__init__(audio=audio)


class Lazy(Step):
    def run(self, context: Any) -> None:
        pass


class Once(Step):
    def run(self, context: Any) -> None:
        assert not list(context.folder.iterdir())
        super().run(context)


class Appending(Step):
    """Begins anew after an interruption, behind what is there."""

    def run(self, context: Any) -> None:
        for name in context.progress(["a", "b", "c"]):
            with (context.folder / "out.txt").open("a") as file:
                file.write(name)


class Invents(Step):
    def input_files(self) -> list[Path]:
        return [Path("/no/such/file")]


case(testing.VocoderContract, Vocoder)
case(testing.VocoderContract, Click, "test_nothing_gives_no_sound")
case(testing.VocoderContract, Fading, "test_a_stream_is_as_the_whole")
case(testing.VocoderContract, Padding, "test_a_batch_is_as_its_parts_alone")
case(testing.VocoderContract, AnyVoice, "test_unknown_speakers_are_refused")
case(testing.VocoderContract, Slow, "test_units_last_as_long_as_they_say")
case(testing.VocoderContract, Hoarse, "test_results_depend_on_nothing_else")
case(testing.VocoderContract, NeedsEveryStream, "test_missing_streams_take_defaults")
case(testing.VocoderContract, Ahead, "test_frames_sound_as_their_tokens")
case(testing.StepContract, Step, audio=AUDIO)
case(testing.StepContract, ReallySlow, "test_constructor_is_cheap", audio=AUDIO)
case(testing.StepContract, Lazy, "test_the_result_is_whole_and_stays", audio=AUDIO)
case(testing.StepContract, Once, "test_the_result_is_whole_and_stays", audio=AUDIO)
case(testing.StepContract, Appending, "test_an_interrupted_run_is_made_good", audio=AUDIO)
case(testing.StepContract, Invents, "test_sections_and_input_files", audio=AUDIO)


# -- span policies ----------------------------------------------------------------------------------------------------


class NeedsMagic(Policy):
    needs = frozenset({"magic"})


class Stutters(Policy):
    def spans(self, n_words: int, rng: np.random.Generator) -> list[Span]:
        spans: list[Span] = super().spans(n_words, rng)
        return [*spans, spans[-1]]


class Forgets(Policy):
    def spans(self, n_words: int, rng: np.random.Generator) -> list[Span]:
        return [span for span in super().spans(n_words, rng) if span.modality == "text"]


class TakesTimes(Policy):
    """Cuts speech of which it needs no word times."""

    needs = frozenset({"text", "speech"})


class Bracketed(Policy):
    def spans(self, n_words: int, rng: np.random.Generator) -> list[Span]:
        return [Span(span.modality, span.start, span.stop, "[TTS]") for span in super().spans(n_words, rng)]


class Remembers(Policy):
    _before = 0

    def spans(self, n_words: int, rng: np.random.Generator) -> list[Span]:
        self._before += 1
        return super().spans(n_words, np.random.default_rng(self._before))


case(testing.SpanPolicyContract, Policy)
case(testing.SpanPolicyContract, NeedsMagic, "test_what_it_needs_is_known")
case(testing.SpanPolicyContract, Stutters, "test_every_word_is_there_once_and_in_order")
case(testing.SpanPolicyContract, Forgets, "test_every_word_is_there_once_and_in_order")
case(testing.SpanPolicyContract, TakesTimes, "test_spans_take_only_what_it_needs")
case(testing.SpanPolicyContract, Bracketed, "test_markers_are_roles")
case(testing.SpanPolicyContract, Remembers, "test_the_same_random_numbers_give_the_same_spans")


# -- aligners ---------------------------------------------------------------------------------------------------------


class LosesAWord(Aligner):
    def align(self, utterances: Any, audios: Any) -> list[Any]:
        found = super().align(utterances, audios)
        return [Alignment(each.words[1:], 16_000) if isinstance(each, Alignment) else each for each in found]


class Seconds(Aligner):
    """Gives times in samples of another rate than it says."""

    def align(self, utterances: Any, audios: Any) -> list[Any]:
        found = super().align(utterances, audios)
        return [Alignment(each.words, 8_000) if isinstance(each, Alignment) else each for each in found]


class Padded(Aligner):
    """Takes all for as long as the longest."""

    def align(self, utterances: Any, audios: Any) -> list[Any]:
        longest = max([len(audio.samples) for audio in audios], default=0)
        return super().align(
            utterances, [Audio(np.resize(audio.samples, longest), 16_000) if longest else audio for audio in audios]
        )


class Raises(Aligner):
    def align(self, utterances: Any, audios: Any) -> list[Any]:
        found = super().align(utterances, audios)
        if any(isinstance(each, SpiritkitError) for each in found):
            raise next(each for each in found if isinstance(each, SpiritkitError))
        return found


class Guesses(Aligner):
    def align(self, utterances: Any, audios: Any) -> list[Any]:
        self._threshold = float(np.random.rand()) * 0.05
        return super().align(utterances, audios)


class NamesNoFile(Aligner):
    def input_files(self) -> list[Path]:
        return [Path("there is no such file")]


case(testing.AlignerContract, Aligner)
case(testing.AlignerContract, LosesAWord, "test_each_word_has_its_time")
case(testing.AlignerContract, Seconds, "test_each_word_has_its_time")
case(testing.AlignerContract, Padded, "test_a_batch_is_as_its_utterances_alone")
case(testing.AlignerContract, Raises, "test_what_cannot_be_aligned_is_told")
case(testing.AlignerContract, Guesses, "test_times_depend_on_nothing_else")
case(testing.AlignerContract, NamesNoFile, "test_input_files_are_there")


# -- corpora ----------------------------------------------------------------------------------------------------------


class MissesTheLast(Corpus):
    def __len__(self) -> int:
        return super().__len__() - 1


class Unnamed(Corpus):
    def __iter__(self) -> Iterator[Utterance]:
        return (replace(utterance, id="utterance") for utterance in super().__iter__())


class Shuffled(Corpus):
    def __iter__(self) -> Iterator[Utterance]:
        utterances = list(super().__iter__())
        return (utterances[i] for i in np.random.permutation(len(utterances)))


class OneReader(Corpus):
    """Whoever goes through it again takes from those who do already."""

    _left: Iterator[Utterance] | None = None

    def __iter__(self) -> Iterator[Utterance]:
        if self._left is None:
            self._left = super().__iter__()
        yield from self._left
        self._left = None


class NoTable(Corpus):
    def input_files(self) -> list[Path]:
        return [Path("there is no such table")]


class Unreadable:
    def load(self) -> Audio:
        raise KeyError("samples")


class Traceback(Corpus):
    def __iter__(self) -> Iterator[Utterance]:
        return (replace(utterance, audio=Unreadable()) for utterance in super().__iter__())


class Early(Corpus):
    """Counts samples at another rate than it says."""

    def __iter__(self) -> Iterator[Utterance]:
        for utterance in super().__iter__():
            assert utterance.alignment
            yield replace(utterance, alignment=Alignment(utterance.alignment.words, 8_000))


class Local(Corpus):
    def __iter__(self) -> Iterator[Utterance]:
        for utterance in super().__iter__():
            source = utterance.audio
            assert source

            class Here:
                load = staticmethod(source.load)

            yield replace(utterance, audio=Here())


case(testing.CorpusContract, Corpus)
case(testing.CorpusContract, MissesTheLast, "test_it_has_as_many_utterances_as_it_says")
case(testing.CorpusContract, Unnamed, "test_ids_are_unique")
case(testing.CorpusContract, Shuffled, "test_utterances_are_the_same_each_time")
case(testing.CorpusContract, OneReader, "test_utterances_are_the_same_each_time")
case(testing.CorpusContract, NoTable, "test_input_files_are_there")
case(testing.CorpusContract, Traceback, "test_sound_is_read_or_the_reason_is_told")
case(testing.CorpusContract, Early, "test_sound_is_read_or_the_reason_is_told")
case(testing.CorpusContract, Local, "test_utterances_can_be_sent_to_other_processes")


# -- recognizers, synthesizers, classifiers ---------------------------------------------------------------------------


class Breathless(Recognizer):
    """Hears the first 30 seconds, in a batch."""

    def transcribe(self, audios: Any) -> list[str]:
        longest = 30 * 16_000 if len(audios) > 1 else None
        return super().transcribe([Audio(audio.samples[:longest], 16_000) for audio in audios])


class PadsToTheLongest(Recognizer):
    def transcribe(self, audios: Any) -> list[str]:
        longest = max([len(audio.samples) for audio in audios], default=0)
        wrapped = [np.pad(audio.samples, (0, longest - len(audio.samples)), mode="reflect") for audio in audios]
        return super().transcribe([Audio(samples, 16_000) for samples in wrapped])


class Deaf(Recognizer):
    def transcribe(self, audios: Any) -> list[str]:
        return ["" for _ in audios]


class HearsThings(Recognizer):
    def transcribe(self, audios: Any) -> list[str]:
        return [text or "Thank you." for text in super().transcribe(audios)]


class AnyRate(Recognizer):
    def transcribe(self, audios: Any) -> list[str]:
        return super().transcribe([Audio(audio.samples.reshape(-1), 16_000) for audio in audios])


class Wavering(Recognizer):
    def transcribe(self, audios: Any) -> list[str]:
        self._hz = 150 + 400 * float(np.random.rand())
        return super().transcribe(audios)


class Loudest(Recognizer):
    """Brings sounds to one level, in place."""

    def transcribe(self, audios: Any) -> list[str]:
        for audio in audios:
            audio.samples[...] /= max(np.abs(audio.samples).max(initial=1e-3), 1e-3)
        return super().transcribe(audios)


class Mumbles(Synthesizer):
    """All texts of a batch last as long as the longest."""

    def speak(self, texts: Any, speaker: Any = None, seed: int = 0) -> list[Audio]:
        audios = super().speak(texts, speaker, seed)
        longest = max([len(audio.samples) for audio in audios], default=0)
        return [Audio(np.pad(audio.samples, (0, longest - len(audio.samples))), 16_000) for audio in audios]


class Mute(Synthesizer):
    def speak(self, texts: Any, speaker: Any = None, seed: int = 0) -> list[Audio]:
        return [Audio(0 * audio.samples, 16_000) for audio in super().speak(texts, speaker, seed)]


class Breathes(Synthesizer):
    """There is sound where nothing is said."""

    def speak(self, texts: Any, speaker: Any = None, seed: int = 0) -> list[Audio]:
        return [Audio(np.append(audio.samples, 0.0), 16_000) for audio in super().speak(texts, speaker, seed)]


class OneVoice(Synthesizer):
    def speak(self, texts: Any, speaker: Any = None, seed: int = 0) -> list[Audio]:
        super().speak(texts[:1], speaker)
        return super().speak(texts)


class AnySpeaker(Synthesizer):
    def speak(self, texts: Any, speaker: Any = None, seed: int = 0) -> list[Audio]:
        return super().speak(texts, speaker if speaker in (None, 0, 1, *self.speakers) else None)


class Rasping(Synthesizer):
    def speak(self, texts: Any, speaker: Any = None, seed: int = 0) -> list[Audio]:
        audios = super().speak(texts, speaker, seed)
        return [Audio(audio.samples * (1 + 0.1 * np.random.rand(len(audio.samples))), 16_000) for audio in audios]


class Twice(Synthesizer):
    speakers = ("bass", "bass")


class Odds(Classifier):
    """Not probabilities, but how much more likely one is than the other."""

    def classify(self, batch: Any) -> list[dict[str, float]]:
        found = super().classify(batch)
        return [{"soft": 1.0, "loud": each["loud"] / max(each["soft"], 1e-9)} for each in found]


class Best(Classifier):
    """Names the best label only."""

    def classify(self, batch: Any) -> list[dict[str, float]]:
        return [{max(each, key=lambda label: each[label]): 1.0} for each in super().classify(batch)]


class Relative(Classifier):
    """Compares with the loudest of the batch."""

    def classify(self, batch: Any) -> list[dict[str, float]]:
        peak = max([float(np.abs(audio.samples).max(initial=1e-9)) for audio in batch], default=1.0)
        return super().classify([Audio(audio.samples / peak, audio.sample_rate) for audio in batch])


class Certain(Classifier):
    def classify(self, batch: Any) -> list[dict[str, float]]:
        return [{"soft": 0.0, "loud": 1.0} for _ in super().classify(batch)]


class NeedsSound(Classifier):
    def classify(self, batch: Any) -> list[dict[str, float]]:
        assert all(len(audio.samples) for audio in batch)
        return super().classify(batch)


class FirstChannel(Classifier):
    def classify(self, batch: Any) -> list[dict[str, float]]:
        return super().classify([Audio(np.atleast_2d(audio.samples)[0], 16_000) for audio in batch])


class Moody(Classifier):
    def classify(self, batch: Any) -> list[dict[str, float]]:
        self._level = -25 + 5 * float(np.random.rand())
        return super().classify(batch)


class OneLabel(Classifier):
    @property
    def labels(self) -> tuple[str, ...]:
        return ("loud", "loud")


case(testing.RecognizerContract, Recognizer)
case(testing.RecognizerContract, Breathless, "test_a_batch_is_as_its_recordings_alone")
case(testing.RecognizerContract, PadsToTheLongest, "test_a_batch_is_as_its_recordings_alone")
case(testing.RecognizerContract, Deaf, "test_a_batch_is_as_its_recordings_alone")
case(testing.RecognizerContract, HearsThings, "test_short_and_silent_recordings")
case(testing.RecognizerContract, AnyRate, "test_other_audio_is_refused")
case(testing.RecognizerContract, Wavering, "test_words_depend_on_nothing_else")
case(testing.RecognizerContract, Loudest, "test_words_depend_on_nothing_else")
case(testing.SynthesizerContract, Synthesizer)
case(testing.SynthesizerContract, Mumbles, "test_a_batch_is_as_its_texts_alone")
case(testing.SynthesizerContract, Mute, "test_a_batch_is_as_its_texts_alone")
case(testing.SynthesizerContract, Breathes, "test_nothing_to_say_is_no_sound")
case(testing.SynthesizerContract, OneVoice, "test_speakers_have_names_and_numbers")
case(testing.SynthesizerContract, AnySpeaker, "test_unknown_speakers_are_refused")
case(testing.SynthesizerContract, Rasping, "test_sound_depends_on_nothing_else")
case(testing.SynthesizerContract, Twice, "test_properties")
case(testing.ClassifierContract, Classifier)
case(testing.ClassifierContract, OneLabel, "test_properties")
case(testing.ClassifierContract, Odds, "test_probabilities")
case(testing.ClassifierContract, Best, "test_probabilities")
case(testing.ClassifierContract, Relative, "test_a_batch_is_as_its_examples_alone")
case(testing.ClassifierContract, Certain, "test_a_batch_is_as_its_examples_alone")
case(testing.ClassifierContract, NeedsSound, "test_probabilities")
case(testing.ClassifierContract, FirstChannel, "test_other_audio_is_refused")
case(testing.ClassifierContract, Moody, "test_probabilities_depend_on_nothing_else")


# -- speech-text models -----------------------------------------------------------------------------------------------


class Rambling(Both):
    """Gives more than it is asked for."""

    def generate(self, prompt: Any, output: Any = "any", **wishes: Any) -> Any:
        wishes["max_new_tokens"] = wishes.get("max_new_tokens", 200) + 1
        return super().generate(prompt, output, **wishes)


class Miscounts(Both):
    """Counts parts, not tokens."""

    def prompt_length(self, prompt: Any, output: Any = "any") -> int:
        return len(prompt)


class WritesOnly(Both):
    def generate(self, prompt: Any, output: Any = "any", **wishes: Any) -> Any:
        return super().generate(prompt, "text" if output == "speech" else output, **wishes)


class Capricious(Both):
    def generate(self, prompt: Any, output: Any = "any", **wishes: Any) -> Any:
        return super().generate(prompt, output, **{**wishes, "seed": int(np.random.randint(1 << 30))})


class Constant(Both):
    def generate(self, prompt: Any, output: Any = "any", **wishes: Any) -> Any:
        return super().generate(prompt, output, **{**wishes, "seed": 0})


class NeverGreedy(Both):
    def generate(self, prompt: Any, output: Any = "any", **wishes: Any) -> Any:
        return super().generate(prompt, output, **{**wishes, "temperature": wishes.get("temperature", 1.0) or 0.5})


class FirstSeed(Both):
    def generate_batch(self, prompts: Any, output: Any = "any", *, seed: Any = 0, **wishes: Any) -> Any:
        first = seed if isinstance(seed, int) else seed[0]
        return [self.generate(prompt, output, seed=first, **wishes) for prompt in prompts]


class OnlyAudio(Both):
    def generate(self, prompt: Any, output: Any = "any", **wishes: Any) -> Any:
        parts = prompt if isinstance(prompt, list) else [prompt]
        if any(isinstance(one, Speech) and not isinstance(one.audio, Audio) for one in parts):
            raise KeyError("audio")
        return super().generate(prompt, output, **wishes)


class Obliging(Both):
    def generate(self, prompt: Any, output: Any = "any", **wishes: Any) -> Any:
        return super().generate(prompt, output if output in ("text", "speech") else "any", **wishes)


class Likelihoods(Both):
    def score(self, prompt: Any, continuation: Any) -> Score:
        found = super().score(prompt, continuation)
        return Score(-found.log_probability, found.n_tokens)


class NeedsAPrompt(Both):
    def score(self, prompt: Any, continuation: Any) -> Score:
        assert prompt
        return super().score(prompt, continuation)


class Comparing(Both):
    """Scores how much better a continuation is than the best of its batch."""

    def score_batch(self, pairs: Any) -> list[Score]:
        found = super().score_batch(pairs)
        best = max([score.log_probability for score in found], default=0.0)
        return [Score(score.log_probability - best, score.n_tokens) for score in found]


class ScoresNothing(Both):
    def score(self, prompt: Any, continuation: Any) -> Score:
        return super().score(prompt, continuation) if continuation else Score(0.0, 1)


case(testing.SpeechTextModelContract, Both)
case(testing.SpeechTextModelContract, Rambling, "test_a_generation_is_whole")
case(testing.SpeechTextModelContract, Rambling, "test_none_asked_for_is_none")
case(testing.SpeechTextModelContract, Miscounts, "test_lengths_are_known_beforehand")
case(testing.SpeechTextModelContract, WritesOnly, "test_a_generation_is_whole")
case(testing.SpeechTextModelContract, Capricious, "test_a_seed_decides")
case(testing.SpeechTextModelContract, Constant, "test_a_seed_decides")
case(testing.SpeechTextModelContract, NeverGreedy, "test_temperature_0_draws_nothing")
case(testing.SpeechTextModelContract, FirstSeed, "test_a_batch_is_as_its_prompts_alone")
case(testing.SpeechTextModelContract, OnlyAudio, "test_a_recording_is_a_file_or_audio")
case(testing.SpeechTextModelContract, Obliging, "test_wrong_wishes_are_refused")
case(testing.SpeechTextModelContract, Likelihoods, "test_scores_are_log_probabilities")
case(testing.SpeechTextModelContract, NeedsAPrompt, "test_scores_are_log_probabilities")
case(testing.SpeechTextModelContract, Comparing, "test_a_batch_of_scores_is_as_its_pairs_alone")
case(testing.SpeechTextModelContract, ScoresNothing, "test_nothing_cannot_be_scored")


# -- tasks ------------------------------------------------------------------------------------------------------------


class ReadsAtOnce(Quiz):
    def __init__(self):
        time.sleep(0.2)
        super().__init__()


class Renowned(Quiz):
    published = {"Somebody": {"accuracy": "80.3"}}  # noqa: RUF012


class NamesNoTable(Quiz):
    def input_files(self) -> list[Path]:
        return [Path("there is no such table")]


class Misnames(Quiz):
    packages = ("there is no such library",)


class Numbered(Quiz):
    """The same id twice."""

    def items(self) -> list[Any]:
        return [replace(item, id=str(int(item.id) // 2)) for item in super().items()]


class Sampled(Quiz):
    def items(self) -> list[Any]:
        items = super().items()
        return [items[i] for i in np.random.permutation(len(items))]


class SkipsOne(Quiz):
    """Has no result for an item."""

    def evaluate(self, model: Any, items: Any, trial: Any) -> Any:
        return [result for result in super().evaluate(model, items, trial) if result.id != "1"]


class CountsMore(Quiz):
    """Counts for a figure that is not among its metrics."""

    def evaluate(self, model: Any, items: Any, trial: Any) -> Any:
        for result in super().evaluate(model, items, trial):
            yield replace(result, counts={**result.counts, "F1": (1, 1)})


class NeverCounts(Quiz):
    @property
    def metrics(self) -> tuple[Metric, ...]:
        return (*super().metrics, Metric("F1"))


class KeepsArrays(Quiz):
    def evaluate(self, model: Any, items: Any, trial: Any) -> Any:
        for result in super().evaluate(model, items, trial):
            yield replace(result, details={"scores": np.zeros(2)})


class Curve(Quiz):
    """Marks relative to the best of the batch."""

    def evaluate(self, model: Any, items: Any, trial: Any) -> Any:
        results = list(super().evaluate(model, items, trial))
        best = max([result.details["forth"] for result in results if result.details], default=0.0)
        for result in results:
            yield replace(result, counts={"accuracy": (best - result.details["forth"], 1)}) if result.counts else result


class Tosses(Quiz):
    """A coin decides."""

    def evaluate(self, model: Any, items: Any, trial: Any) -> Any:
        for result in super().evaluate(model, items, trial):
            yield Result(result.id, {"accuracy": (float(np.random.rand()), 1)})


class GivesUp(Quiz):
    """Raises what the model raises."""

    def evaluate(self, model: Any, items: Any, trial: Any) -> Any:
        for result in super().evaluate(model, items, trial):
            if result.problem:
                raise SpiritkitError(result.problem)
            yield result


class Forgives(Quiz):
    """Counts an item that the model could not answer as wrong."""

    def evaluate(self, model: Any, items: Any, trial: Any) -> Any:
        for result in super().evaluate(model, items, trial):
            yield Result(result.id, {"accuracy": (0, 1)}) if result.problem else result


class Diary(Quiz):
    """Appends to what it has written."""

    def finish(self, results: Any, trial: Any) -> list[Path]:
        path: Path = trial.folder / "diary.txt"
        with path.open("a") as file:
            file.write(f"{len(results)} items\n")
        return [path]


case(testing.TaskContract, Quiz)
case(testing.TaskContract, ReadsAtOnce, "test_constructor_is_cheap")
case(testing.TaskContract, Renowned, "test_metrics_and_published_figures")
case(testing.TaskContract, NamesNoTable, "test_input_files_are_there")
case(testing.TaskContract, Misnames, "test_packages_are_installed")
case(testing.TaskContract, Numbered, "test_items_are_the_same_each_time")
case(testing.TaskContract, Sampled, "test_items_are_the_same_each_time")
case(testing.TaskContract, SkipsOne, "test_each_item_has_its_result")
case(testing.TaskContract, CountsMore, "test_each_item_has_its_result")
case(testing.TaskContract, NeverCounts, "test_each_item_has_its_result")
case(testing.TaskContract, KeepsArrays, "test_each_item_has_its_result")
case(testing.TaskContract, Curve, "test_results_depend_on_neither_batch_nor_order")
case(testing.TaskContract, Tosses, "test_results_depend_on_nothing_else")
case(testing.TaskContract, GivesUp, "test_problems_are_told")
case(testing.TaskContract, Forgives, "test_problems_are_told")
case(testing.TaskContract, Diary, "test_finish_writes_the_same_again")


# -- panels -----------------------------------------------------------------------------------------------------------


class Milliseconds(Panel):
    def tracks(self, clip: Clip, pipeline: Any) -> list[Track]:
        last = clip.audio.duration * 1000
        return [*super().tracks(clip, pipeline), Labels("end", [Label(float(last), float(last), "end")])]


class Overlapping(Panel):
    def tracks(self, clip: Clip, pipeline: Any) -> list[Track]:
        end = float(clip.audio.duration)
        return [Labels("words", [Label(0, end, "all"), Label(end / 2, end, "half")])]


class Blank(Panel):
    def tracks(self, clip: Clip, pipeline: Any) -> list[Track]:
        return []


class NeedsSamples(Panel):
    def tracks(self, clip: Clip, pipeline: Any) -> list[Track]:
        return [Labels("peak", [Label(0, 0, str(clip.audio.samples.max()))])]


class Jittering(Panel):
    def tracks(self, clip: Clip, pipeline: Any) -> list[Track]:
        return [Labels("noise", [Label(0, 0, str(np.random.rand()))])]


class Counting(Panel):
    """Numbers the stretches it has seen."""

    _seen = 0

    def tracks(self, clip: Clip, pipeline: Any) -> list[Track]:
        self._seen += 1
        return [Labels("number", [Label(0, 0, str(self._seen))])]


class NoFile(Panel):
    def input_files(self) -> list[Path]:
        return [Path("/no/such/file")]


case(testing.PanelContract, Panel)
case(testing.PanelContract, Milliseconds, "test_tracks_are_on_the_time_axis")
case(testing.PanelContract, Overlapping, "test_tracks_are_on_the_time_axis")
case(testing.PanelContract, Blank, "test_tracks_are_on_the_time_axis")
case(testing.PanelContract, NeedsSamples, "test_speech_of_any_length")
case(testing.PanelContract, Jittering, "test_tracks_depend_on_nothing_else")
case(testing.PanelContract, Counting, "test_tracks_depend_on_nothing_else")
case(testing.PanelContract, NoFile, "test_input_files_are_there")
