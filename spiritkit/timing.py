"""How long stages of work take."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    """Note the seconds that the block takes, under the name of its stage."""
    started = time.perf_counter()
    yield
    seconds[stage] = time.perf_counter() - started
