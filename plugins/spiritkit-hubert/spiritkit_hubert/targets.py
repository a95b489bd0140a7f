"""The classes that masked prediction predicts: the units of another tokenizer, for each frame of a corpus."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save

from spiritkit.atomic import write_bytes
from spiritkit.data.recordings import Recordings
from spiritkit.errors import InputError, RequestError, SpiritkitError
from spiritkit.interfaces import Context, UnitTokenizer
from spiritkit.pipeline import Parts, Pipeline
from spiritkit.types import Audio
from spiritkit_hubert.frames import FrameGrid

_RECORDINGS_A_FILE = 256
_STREAM = "targets"


@dataclass(frozen=True, eq=False)
class Targets:
    """The codes of all recordings, at the rate of the tokenizer that made them.

    Attributes:
        codes: int32 `[sum of all]`, recording after recording; those that are too short have none.
        first: int64 `[N + 1]`, where each recording's codes begin, and where the last ends.
        samples: int64 `[N]`, how long each recording is.
        size: codes run from 0 to `size` - 1.
        rate: codes per second.
        sample_rate: of the recordings, in Hz.
    """

    codes: np.ndarray
    first: np.ndarray
    samples: np.ndarray
    size: int
    rate: Fraction
    sample_rate: int

    @property
    def seconds(self) -> float:
        """How long the recordings are together."""
        return float(self.samples.sum()) / self.sample_rate

    def usable(self, grid: FrameGrid) -> np.ndarray:
        """The recordings that have a frame and a code, int64."""
        enough = (np.diff(self.first) > 0) & (self.samples >= grid.receptive_field)
        return np.flatnonzero(enough)

    def of(self, index: int, grid: FrameGrid, frame: int, count: int, parts: int = 1) -> np.ndarray:
        """For `count` frames of a recording, from `frame` on, the codes in force in the middle of each of `parts` equal
        parts of the time until the next one: int32 `[count, parts]`.
        """
        codes = self.codes[self.first[index] : self.first[index + 1]]
        # The middles in samples, times 2 · parts, so that they are whole; the rate is exact too.
        frames = 2 * grid.stride * np.arange(frame, frame + count, dtype=np.int64) + grid.receptive_field
        middles = parts * frames[:, None] + grid.stride * (2 * np.arange(parts) + 1 - parts)
        at = middles * self.rate.numerator // (2 * parts * self.sample_rate * self.rate.denominator)
        taken: np.ndarray = codes[at.clip(0, len(codes) - 1)]
        return taken


def encode_targets(
    build: Callable[[], UnitTokenizer], recordings: Recordings, folder: Path, context: Context
) -> Targets:
    """Encode all recordings, or go on with what an interrupted run has left in `folder`.

    Args:
        build: makes the tokenizer, which has one stream.
        recordings: at the tokenizer's sample rate.
        folder: where the codes are kept while they are needed.
        context: of the step.

    Raises:
        RequestError: the tokenizer has several streams or wants another sample rate.
        SpiritkitError: a recording cannot be read.
    """
    tokenizer = build()
    if len(tokenizer.streams) != 1:
        raise RequestError(
            f"the targets' tokenizer has {len(tokenizer.streams)} streams; expected one, whose codes are the classes"
        )
    if tokenizer.sample_rate != recordings.sample_rate:
        raise RequestError(
            f"the targets' tokenizer takes audio at {tokenizer.sample_rate} Hz; expected {recordings.sample_rate}"
        )
    [spec] = tokenizer.streams
    pipeline = Pipeline(Parts(tokenizers={_STREAM: lambda: tokenizer}))
    parts = []
    starts = range(0, len(recordings), _RECORDINGS_A_FILE)
    for start in context.progress(starts, unit=f"{_RECORDINGS_A_FILE} recordings"):
        path = folder / f"{start:09}.safetensors"
        if not path.exists():
            stop = min(start + _RECORDINGS_A_FILE, len(recordings))
            write_bytes(path, save(_encode(pipeline, recordings, range(start, stop))))
        parts.append(load_file(path))
    lengths = np.concatenate([part["lengths"] for part in parts])
    return Targets(
        codes=np.concatenate([part["codes"] for part in parts]),
        first=np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths)]),
        samples=np.concatenate([part["samples"] for part in parts]),
        size=spec.size,
        rate=spec.rate,
        sample_rate=recordings.sample_rate,
    )


def remove_targets(folder: Path) -> None:
    """Remove what is kept: the run has its result."""
    shutil.rmtree(folder, ignore_errors=True)


def _encode(pipeline: Pipeline, recordings: Recordings, which: range) -> dict[str, np.ndarray]:
    samples: list[int] = []

    def sounds() -> Iterator[Audio]:
        for index in which:
            waveform = recordings.load(index)
            samples.append(len(waveform))
            yield Audio(waveform, recordings.sample_rate)

    codes = []
    for index, units in zip(which, pipeline.encode_each(sounds()), strict=True):
        if isinstance(units, InputError):  # too short for a frame
            codes.append(np.zeros(0, dtype=np.int32))
        elif isinstance(units, SpiritkitError):
            raise SpiritkitError(f"utterance {recordings.utterances[index].id!r}: {units}") from units
        else:
            codes.append(units[_STREAM].astype(np.int32))
    return {
        "codes": np.concatenate(codes),
        "lengths": np.array([len(each) for each in codes], dtype=np.int64),
        "samples": np.array(samples, dtype=np.int64),
    }
