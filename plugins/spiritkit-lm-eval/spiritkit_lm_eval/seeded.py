"""lm-eval and its tasks draw from the random numbers that all code of the process shares."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np


@contextmanager
def seeded(seed: int = 0, numpy_seed: int = 1234) -> Iterator[None]:
    """Seeds the shared random numbers of Python and NumPy inside the block, and puts them back.

    Args:
        seed: of Python's; the default is lm-eval's.
        numpy_seed: of NumPy's, likewise.
    """
    states = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(numpy_seed % (1 << 32))
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
