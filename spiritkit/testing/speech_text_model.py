"""The contract of speech-text models."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from spiritkit.audio import write_wav
from spiritkit.errors import SpiritkitError
from spiritkit.interfaces import SpeechTextModel
from spiritkit.testing.contract import Contract
from spiritkit.testing.helpers import noise, random_state_untouched, seed_globally
from spiritkit.types import Audio, Generation, Output, Prompt, Speech, Text


class SpeechTextModelContract(Contract):
    """Subclass it, and set `component`. A small model with random weights is enough.

    Attributes:
        outputs: what it can be asked for.
        tolerance: by how much log-probabilities may differ between ways of computing them.
        max_new_tokens: so many are asked for.
    """

    kind = "speech_text_model"
    outputs: tuple[Output, ...] = ("text", "speech", "any")
    tolerance = 1e-3
    max_new_tokens = 12

    @pytest.fixture
    def prompts(self) -> list[Prompt]:
        """Prompts of several lengths; override it if yours takes text or speech only."""
        return [
            "the cat",
            [Text("the cat sat on the mat and "), Speech(noise(1.5, 16_000))],
            [Speech(noise(0.6, 24_000, 1)), "a dog", "was there", Speech(noise(0.4, 16_000, 2))],
        ]

    @pytest.fixture
    def continuations(self, prompts: list[Prompt]) -> list[Prompt]:
        """What is scored after each of `prompts`."""
        found: list[Prompt] = [[Text(" sat on the mat")], [Speech(noise(0.8, 16_000, 3))], " and a king"]
        return found[: len(prompts)]

    # -- generate -----------------------------------------------------------------------------------------------------

    def test_a_generation_is_whole(self, part: SpeechTextModel, prompts: list[Prompt]) -> None:
        """The prompt as string and ids, no more new ids than asked for, and spans of the modality asked for."""
        for output in self.outputs:
            generations = self._generate(part, prompts, output, seed=5)
            assert len(generations) == len(prompts)
            assert len({tuple(generation.prompt_ids) for generation in generations}) == len(prompts)
            assert any(generation.spans for generation in generations)
            for generation in generations:
                assert isinstance(generation, Generation)
                assert isinstance(generation.prompt_string, str)
                assert all(isinstance(id, int) for id in [*generation.prompt_ids, *generation.new_ids])
                assert len(generation.new_ids) <= self.max_new_tokens
                allowed = {"text": (Text,), "speech": (Speech,), "any": (Text, Speech)}[output]
                for span in generation.spans:
                    assert isinstance(span, allowed)
                    if isinstance(span, Text):
                        assert span.text
                    else:
                        assert span.audio is None or isinstance(span.audio, Audio)

    def test_none_asked_for_is_none(self, part: SpeechTextModel, prompts: list[Prompt]) -> None:
        """No new token, and nothing made of it."""
        for output in self.outputs:
            generation = part.generate(prompts[0], output, max_new_tokens=0)
            assert generation.new_ids == []
            assert generation.spans == []

    def test_lengths_are_known_beforehand(self, part: SpeechTextModel, prompts: list[Prompt]) -> None:
        """Of a prompt and of the context, or it is said that they are not known."""
        context = part.context_length
        assert context is None or (isinstance(context, int) and context > 0)
        for output in self.outputs:
            for prompt in prompts:
                length = part.prompt_length(prompt, output)
                assert length in (None, len(part.generate(prompt, output, max_new_tokens=0).prompt_ids))

    def test_a_seed_decides(
        self, part: SpeechTextModel, make: Callable[[], SpeechTextModel], prompts: list[Prompt]
    ) -> None:
        """The same seed gives the same, from another instance too and whatever the global random numbers, which are
        left alone; others differ.
        """
        seed_globally(1)
        first = _described(self._generate(part, prompts, seed=4))
        seed_globally(2)
        with random_state_untouched():
            assert _described(self._generate(part, prompts, seed=4)) == first
        assert _described(self._generate(make(), prompts, seed=4)) == first
        assert len({tuple(self._generate(part, prompts[:1], seed=seed)[0].new_ids) for seed in range(8)}) > 1

    def test_temperature_0_draws_nothing(self, part: SpeechTextModel, prompts: list[Prompt]) -> None:
        """The ids are the same whatever the seed."""
        runs = [self._generate(part, prompts, seed=seed, temperature=0.0) for seed in (1, 2)]
        assert [one.new_ids for one in runs[0]] == [one.new_ids for one in runs[1]]

    def test_a_batch_is_as_its_prompts_alone(self, part: SpeechTextModel, prompts: list[Prompt]) -> None:
        """Row i draws from seed + i, or from its own seed; nothing gives nothing."""
        for output in self.outputs:
            for seed in (6, [11 + 7 * row for row in range(len(prompts))]):
                seeds = [seed + row for row in range(len(prompts))] if isinstance(seed, int) else seed
                together = self._generate(part, prompts, output, seed=seed)
                for prompt, own_seed, generation in zip(prompts, seeds, together, strict=True):
                    alone = part.generate(
                        prompt,
                        output,
                        max_new_tokens=self.max_new_tokens,
                        temperature=1.0,
                        top_p=1.0,
                        seed=own_seed,
                    )
                    assert _described([generation], sound=False) == _described([alone], sound=False)
                    for span, other in zip(generation.spans, alone.spans, strict=True):
                        self._same_sound(span, other)
        assert part.generate_batch([]) == []

    def test_a_recording_is_a_file_or_audio(self, part: SpeechTextModel, prompts: list[Prompt], tmp_path: Path) -> None:
        """Both mean the same; a prompt of one part needs no list; and a file that is not there is named."""
        sounds = [one for prompt in prompts if isinstance(prompt, list) for one in prompt if isinstance(one, Speech)]
        if not sounds:
            pytest.skip("the prompts have no speech")
        assert isinstance(sounds[0].audio, Audio)
        write_wav(tmp_path / "a.wav", sounds[0].audio)
        stored = Speech(tmp_path / "a.wav")
        expected = self._generate(part, [stored])[0]
        for same in ([stored], Speech(str(tmp_path / "a.wav"))):
            assert self._generate(part, [same])[0].prompt_ids == expected.prompt_ids
        with pytest.raises(SpiritkitError, match="nowhere"):
            self._generate(part, [Speech(tmp_path / "nowhere.wav")])

    def test_wrong_wishes_are_refused(self, part: SpeechTextModel, prompts: list[Prompt]) -> None:
        """Another output, values out of range, and what is no prompt."""
        with pytest.raises(SpiritkitError):
            part.generate(prompts[0], cast(Any, "sound"))
        for wish in ({"temperature": -1.0}, {"top_p": 0.0}, {"max_new_tokens": -1}):
            with pytest.raises(SpiritkitError):
                part.generate(prompts[0], **cast(Any, wish))
        with pytest.raises(SpiritkitError):
            part.generate(cast(Any, [7]))

    # -- score --------------------------------------------------------------------------------------------------------

    def test_scores_are_log_probabilities(
        self, part: SpeechTextModel, prompts: list[Prompt], continuations: list[Prompt]
    ) -> None:
        """Of at least one token; never above 0. The prompt may be empty."""
        for prompt, continuation in [*zip(prompts, continuations, strict=True), ([], continuations[0])]:
            score = part.score(prompt, continuation)
            assert isinstance(score.n_tokens, int)
            assert score.n_tokens > 0
            assert math.isfinite(score.log_probability)
            assert score.log_probability <= self.tolerance

    def test_a_batch_of_scores_is_as_its_pairs_alone(
        self, part: SpeechTextModel, prompts: list[Prompt], continuations: list[Prompt]
    ) -> None:
        """Neither the others nor their order change a score, nor do global random numbers; nothing gives nothing."""
        pairs = [*zip(prompts, continuations, strict=True), (prompts[0], continuations[-1])]
        alone = [part.score(*pair) for pair in pairs]
        for order in (slice(None), slice(None, None, -1)):
            seed_globally(3)
            with random_state_untouched():
                together = part.score_batch(pairs[order])
            for found, expected in zip(together, alone[order], strict=True):
                assert found.n_tokens == expected.n_tokens
                assert found.log_probability == pytest.approx(expected.log_probability, abs=self.tolerance)
        assert part.score_batch([]) == []

    def test_nothing_cannot_be_scored(self, part: SpeechTextModel, prompts: list[Prompt]) -> None:
        """An empty continuation has no probability."""
        with pytest.raises(SpiritkitError):
            part.score(prompts[0], [])

    def _generate(
        self,
        part: SpeechTextModel,
        prompts: list[Prompt],
        output: Output | None = None,
        *,
        seed: int | list[int] = 0,
        temperature: float = 1.0,
    ) -> list[Generation]:
        return part.generate_batch(
            prompts,
            output or self.outputs[0],
            max_new_tokens=self.max_new_tokens,
            temperature=temperature,
            top_p=1.0,
            seed=seed,
        )

    def _same_sound(self, span: Text | Speech, other: Text | Speech) -> None:
        if isinstance(span, Speech) and isinstance(span.audio, Audio):
            assert isinstance(other, Speech)
            assert isinstance(other.audio, Audio)
            assert span.audio.sample_rate == other.audio.sample_rate
            assert span.audio.samples.shape == other.audio.samples.shape
            np.testing.assert_allclose(span.audio.samples, other.audio.samples, atol=self.tolerance)


def _described(generations: list[Generation], sound: bool = True) -> list[Any]:
    return [
        (one.prompt_string, one.prompt_ids, one.new_ids, [_span(span, sound) for span in one.spans])
        for one in generations
    ]


def _span(span: Text | Speech, sound: bool) -> Any:
    if isinstance(span, Text):
        return span.text
    tokens = None if span.tokens is None else list(span.tokens)
    return tokens, span.audio.samples.tobytes() if sound and isinstance(span.audio, Audio) else None
