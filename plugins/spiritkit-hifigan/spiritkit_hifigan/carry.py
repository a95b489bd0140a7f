"""Tokens → rows: each unit with the latest code of every other stream (paper, section 3.1)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

#: Stands in a row where a stream has no code at all.
MISSING = -1


class CarryForward:
    """Pairs each unit with the latest code before it of the streams that accompany it.

    Units before a stream's first code take that first code, so they wait for it, or for the end of the tokens.
    Tokens of other streams are passed over.
    """

    def __init__(self, unit_stream: str, companions: tuple[str, ...]) -> None:
        self._unit_stream = unit_stream
        self._column = {name: column for column, name in enumerate(companions, start=1)}
        self._latest = [MISSING] * (1 + len(companions))
        self._waiting: list[list[int]] = []

    def push(self, tokens: Iterable[tuple[str, int]], *, last: bool) -> np.ndarray:
        """Take more tokens.

        Args:
            tokens: (stream, code) pairs.
            last: whether they end the sequence.

        Returns:
            int64 `[n, 1 + companions]`: the units that are settled, each with its companions' codes; `MISSING` for a
            stream without any.
        """
        for stream, code in tokens:
            if stream == self._unit_stream:
                self._waiting.append([code, *self._latest[1:]])
            elif column := self._column.get(stream):
                if self._latest[column] == MISSING:
                    for row in self._waiting:
                        row[column] = code
                self._latest[column] = code
        settled = last or MISSING not in self._latest[1:]
        rows, self._waiting = (self._waiting, []) if settled else ([], self._waiting)
        return np.array(rows, dtype=np.int64).reshape(len(rows), len(self._latest))
