"""Batches for masked prediction: crops on the grid of frames, with their classes and what is hidden."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from spiritkit.data.recordings import Recordings
from spiritkit.errors import InputError
from spiritkit.seeding import numpy_generator
from spiritkit_hubert.frames import FrameGrid
from spiritkit_hubert.masking import span_mask
from spiritkit_hubert.targets import Targets


@dataclass(frozen=True)
class Masking:
    """Which frames are hidden: each begins a span with `probability`; a span has `span` frames."""

    probability: float
    span: int


@dataclass(frozen=True, eq=False)
class Batch:
    """Crops, cut or filled up to one length.

    Attributes:
        waveforms: float32 `[B, samples]`; behind a recording's end there is silence.
        lengths: int64 `[B]`, samples before that.
        targets: int64 `[B, T, P]`, P classes of each frame; 0 behind the end.
        hidden: bool `[B, T]`.
    """

    waveforms: torch.Tensor
    lengths: torch.Tensor
    targets: torch.Tensor
    hidden: torch.Tensor


class Crops:
    """The batches of a run, each a function of the seed and its number.

    Args:
        recordings: where the sound is.
        targets: of the same recordings.
        grid: of the model's frames.
        frames: of a crop; a recording with fewer is taken whole.
        masking: what is hidden.
        seed: of order, crops and masks.
        parts: P, of a frame's time, each with its class.

    Raises:
        InputError: no recording is long enough for a frame.
    """

    def __init__(
        self,
        recordings: Recordings,
        targets: Targets,
        *,
        grid: FrameGrid,
        frames: int,
        masking: Masking,
        seed: int,
        parts: int = 1,
    ):
        self._recordings, self._targets, self._grid = recordings, targets, grid
        self._frames, self._masking, self._seed, self._parts = frames, masking, seed, parts
        self._usable = targets.usable(grid)
        if not len(self._usable):
            raise InputError(f"no recording of the corpus is as long as a frame ({grid.receptive_field} samples)")
        self._order = lru_cache(maxsize=2)(self._permutation)

    def __len__(self) -> int:
        """How many recordings there are crops of."""
        return len(self._usable)

    def batch(self, step: int, size: int) -> Batch:
        """The batch of step `step`."""
        pieces, targets = zip(*(self._crop(step * size + row) for row in range(size)), strict=True)
        n_frames = np.array([len(codes) for codes in targets])
        width = int(n_frames.max())
        waveforms = np.zeros((size, max(map(len, pieces))), dtype=np.float32)
        classes = np.zeros((size, width, self._parts), dtype=np.int64)
        for row, (piece, codes) in enumerate(zip(pieces, targets, strict=True)):
            waveforms[row, : len(piece)] = piece
            classes[row, : len(codes)] = codes
        rng = numpy_generator(self._seed, "mask", step)
        hidden = span_mask(n_frames, self._masking.probability, self._masking.span, rng)
        lengths = torch.tensor([len(piece) for piece in pieces])
        return Batch(torch.from_numpy(waveforms), lengths, torch.from_numpy(classes), torch.from_numpy(hidden))

    def _crop(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Sound and classes of the crop that is visited as number `number`."""
        epoch, place = divmod(number, len(self._usable))
        index = int(self._order(epoch)[place])
        samples = self._recordings.load(index)
        there = self._grid.frames(len(samples))
        count = min(self._frames, there)
        frame = int(numpy_generator(self._seed, "crop", number).integers(there - count + 1))
        start = frame * self._grid.stride
        piece = samples[start : start + (count - 1) * self._grid.stride + self._grid.receptive_field]
        return piece, self._targets.of(index, self._grid, frame, count, self._parts)

    def _permutation(self, epoch: int) -> np.ndarray:
        return self._usable[numpy_generator(self._seed, "order", epoch).permutation(len(self._usable))]
