"""A speech-text model that needs no weights, for tests of what is done with models."""

from __future__ import annotations

import hashlib

import numpy as np

from spiritkit.audio import read_audio
from spiritkit.errors import InputError
from spiritkit.interfaces import SpeechTextModel
from spiritkit.testing.helpers import noise
from spiritkit.types import Generation, Output, Prompt, Score, Speech, Text

#: What it says.
_WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight")
_RATE = 16_000


class StandIn(SpeechTextModel):
    """Scores and continues by chance, but always alike: what is drawn depends on what it is given, and on the seed.

    A text has as many tokens as characters; a recording one for each 40 ms. It continues with up to 8 number words, or
    with noise, 0.1 s of it for each word.
    """

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
        """See `SpeechTextModel.generate`. Any output is text."""
        rng = _drawn(_content(prompt), str(0 if temperature == 0 else seed).encode())
        ids = rng.integers(0, len(_WORDS), min(max_new_tokens, int(rng.integers(1, 9)))).tolist()
        spans: list[Text | Speech] = []
        if ids and output == "speech":
            spans = [Speech(noise(0.1 * len(ids), _RATE, ids[0]))]
        elif ids:
            spans = [Text(" ".join(_WORDS[id] for id in ids))]
        return Generation("", [], ids, spans)

    def score(self, prompt: Prompt, continuation: Prompt) -> Score:
        """See `SpeechTextModel.score`."""
        content = _content(continuation)
        if not content:
            raise InputError("the continuation to score is empty")
        n_tokens = sum(length for _, length in content)
        chance = float(_drawn(_content(prompt), b"then", content).uniform(0.5, 5.0))
        return Score(-chance * n_tokens, n_tokens)


def _content(prompt: Prompt) -> list[tuple[bytes, int]]:
    """What each part of a prompt holds, and how many tokens it has."""
    content = []
    for part in [prompt] if isinstance(prompt, Text | Speech | str) else prompt:
        if isinstance(part, str | Text):
            text = part if isinstance(part, str) else part.text
            content.append((text.encode(), len(text)))
        elif part.audio is None:
            raise InputError("a prompt part has tokens and no audio; expected text, or Speech with audio")
        else:
            samples = read_audio(part.audio, _RATE).samples
            content.append((samples.tobytes(), 1 + len(samples) // 640))
    return content


def _drawn(*given: bytes | list[tuple[bytes, int]]) -> np.random.Generator:
    digest = hashlib.blake2b(digest_size=8)
    for one in given:
        for part in [one] if isinstance(one, bytes) else [content for content, _ in one]:
            digest.update(len(part).to_bytes(8, "big") + part)
    return np.random.default_rng(int.from_bytes(digest.digest(), "big"))
