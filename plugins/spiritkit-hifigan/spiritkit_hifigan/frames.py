"""Per-frame units → rows: the slower streams repeated to the rate of the units."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spiritkit_hifigan.carry import MISSING


class FrameJoin:
    """Sets streams of several rates side by side, however they arrive.

    A code of a stream `ratio` times slower than the units covers `ratio` frames; where a stream ends early its last
    code goes on, and what reaches beyond the units is cut.
    """

    def __init__(self, ratios: Sequence[int]) -> None:
        self._ratios = (1, *ratios)
        self._waiting = [np.zeros(0, dtype=np.int64) for _ in self._ratios]
        self._latest = [MISSING] * len(self._ratios)

    def push(self, codes: Sequence[np.ndarray], *, last: bool) -> np.ndarray:
        """Take more codes.

        Args:
            codes: of the units, then of each other stream, int64 `[T]` at that stream's rate.
            last: whether they end the sequence.

        Returns:
            int64 `[n, 1 + streams]`: the frames that are settled; `MISSING` for a stream without any code.
        """
        for index, (new, ratio) in enumerate(zip(codes, self._ratios, strict=True)):
            self._waiting[index] = np.concatenate([self._waiting[index], np.repeat(new, ratio)])
            if len(new):
                self._latest[index] = int(new[-1])
        count = len(self._waiting[0]) if last else min(map(len, self._waiting))
        columns = [
            np.concatenate([column[:count], np.full(max(0, count - len(column)), latest)])
            for column, latest in zip(self._waiting, self._latest, strict=True)
        ]
        self._waiting = [column[count:] for column in self._waiting]
        return np.stack(columns, axis=1)
