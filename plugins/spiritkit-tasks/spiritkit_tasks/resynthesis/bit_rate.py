"""How many bits a second tokens take."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from spiritkit.tokens import run_starts
from spiritkit.types import StreamSpec, Units


def nominal(specs: Iterable[StreamSpec]) -> float:
    """Bits a second of frames that are written with a whole number of bits each (the paper's bit rate).

    HuBERT units of Spirit LM have 9 bits at 25 Hz, pitch 6 at 12.5 Hz, style 7 at 1 Hz: 225 for Base, 307 for
    Expressive.
    """
    return float(sum(spec.rate * math.ceil(math.log2(spec.size)) for spec in specs))


def token_codes(units: Units) -> dict[str, list[int]]:
    """Stream → the codes that become tokens: deduplicated where the stream is."""
    codes = {}
    for spec in units.specs:
        frames = units[spec.name]
        kept = frames[run_starts(frames)] if spec.deduplicate else frames
        codes[spec.name] = [int(code) for code in kept]
    return codes


def entropy_rate(utterances: Sequence[Mapping[str, Sequence[int]]], seconds: float) -> float:
    """Bits a second of tokens, by how often each code occurs: sum over streams of N / seconds · H, where H is the
    entropy, in bits, of the frequencies of the codes of N tokens (ZeroSpeech 2019, Dunbar et al.).

    Args:
        utterances: for each, `token_codes`.
        seconds: of all of them together.
    """
    bits = 0.0
    for stream in sorted({stream for utterance in utterances for stream in utterance}):
        counts = np.array(list(Counter(code for one in utterances for code in one.get(stream, ())).values()))
        if counts.size:
            bits += float(-(counts * np.log2(counts / counts.sum())).sum())
    return bits / seconds
