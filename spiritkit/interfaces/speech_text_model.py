"""Prompts of text and speech → continuations and their probabilities."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from spiritkit.types import Generation, Output, Prompt, Score


class SpeechTextModel(ABC):
    """Anything that continues and scores prompts of text and speech: a recipe's `Pipeline`, or a cascade of
    recogniser, text model and synthesiser.
    """

    @property
    def context_length(self) -> int | None:
        """How many of its own tokens a prompt and its continuation may have together; None if there is no such bound,
        or it is not known.
        """
        return None

    def prompt_length(self, prompt: Prompt, output: Output = "any") -> int | None:
        """How many of the model's own tokens a prompt takes; None where that is not known beforehand.

        Raises:
            SpiritkitError: as for `generate`.
        """
        return None

    @abstractmethod
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
        """Continue a prompt in the wanted modality.

        Args:
            prompt: a list of `Text` and `Speech`, or one of them.
            output: `text`, `speech`, or `any` for what the model chooses.
            max_new_tokens: at most so many of the model's own tokens.
            temperature: 0 is greedy.
            top_p: nucleus of the distribution that is drawn from.
            seed: the same seed gives the same result.

        Raises:
            SpiritkitError: a recording of the prompt cannot be read; the prompt is longer than the model's context.
        """

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
        """Continue several prompts; prompt i draws from `seed + i`, or from `seed[i]`. A model that runs prompts
        together overrides this.
        """
        seeds = [seed + row for row in range(len(prompts))] if isinstance(seed, int) else seed
        return [
            self.generate(
                prompt, output, max_new_tokens=max_new_tokens, temperature=temperature, top_p=top_p, seed=own_seed
            )
            for prompt, own_seed in zip(prompts, seeds, strict=True)
        ]

    @abstractmethod
    def score(self, prompt: Prompt, continuation: Prompt) -> Score:
        """How probable a continuation is after a prompt, which may be empty.

        Raises:
            SpiritkitError: as for `generate`; the continuation is empty.
        """

    def score_batch(self, pairs: Sequence[tuple[Prompt, Prompt]]) -> list[Score]:
        """Scores of several (prompt, continuation) pairs, each as `score` gives it. A model that runs them together
        overrides this.
        """
        return [self.score(prompt, continuation) for prompt, continuation in pairs]
