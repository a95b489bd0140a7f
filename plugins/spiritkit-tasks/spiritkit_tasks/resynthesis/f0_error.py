"""How far the pitch of one recording is from that of another."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from spiritkit.interfaces import F0

#: A pitch that is off by more than this share is a gross error.
THRESHOLD = 0.2


class FrameErrors(NamedTuple):
    """Frames of each kind, of `frames`."""

    voicing: int
    gross: int
    frames: int


def frame_errors(original: F0, copy: F0) -> FrameErrors:
    """The F0 frame error (Chu and Alwan 2009): frames whose voicing differs, and frames that are voiced in both and
    whose F0 is off by more than 20 % of the original's. The frame error rate is their sum over all frames.

    Both start at 0; what one has beyond the end of the other is left out.
    """
    frames = min(len(original.hz), len(copy.hz))
    voiced, copied = original.voiced[:frames] > 0, copy.voiced[:frames] > 0
    both = voiced & copied
    wanted, found = original.hz[:frames][both], copy.hz[:frames][both]
    gross = np.abs(found.astype(float) - wanted) > THRESHOLD * wanted.astype(float)
    return FrameErrors(int((voiced != copied).sum()), int(gross.sum()), frames)
