"""Long recordings as pieces that a recognizer hears at once."""

from __future__ import annotations

import numpy as np

_BLOCK = 1600  # samples: 0.1 s, of which the level is measured


def windows(samples: np.ndarray, size: int) -> list[np.ndarray]:
    """Consecutive pieces of at most `size` samples: each but the last ends at the quietest tenth of a second in the
    last third of what it may have, so that words are whole. Digital silence is left out.

    Args:
        samples: `[T]`.
        size: at least some tenths of a second.
    """
    pieces = []
    while len(samples) > size:
        first = size * 2 // 3
        blocks = (size - first) // _BLOCK
        level = np.square(samples[first : first + blocks * _BLOCK]).reshape(blocks, _BLOCK).sum(1)
        cut = first + int(level.argmin()) * _BLOCK + _BLOCK // 2
        pieces.append(samples[:cut])
        samples = samples[cut:]
    return [piece for piece in [*pieces, samples] if piece.any()]
