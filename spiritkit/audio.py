"""Audio files in and out, in bounded memory.

A recording of hours is read, resampled, mixed down and cut block by block; the result is that of doing it all at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spiritkit.atomic import replacing
from spiritkit.checkpoints import require
from spiritkit.errors import InputError, SpiritkitError
from spiritkit.types import Audio

if TYPE_CHECKING:
    import torch

_BLOCK_SECONDS = 30
_UNKNOWN_LENGTH = 1 << 62  # libsndfile gives streams of unknown length about 2^63 frames
_FILTER_WIDTH, _ROLLOFF = 6, 0.99  # torchaudio's defaults, which the release uses


class Recording:
    """Something to encode: a path that libsndfile reads, or `Audio` in memory.

    Raises:
        MissingFileError: no such file.
        InputError: not audio.
    """

    def __init__(self, source: Path | str | Audio):
        if not isinstance(source, Path | str | Audio):
            raise InputError(
                f"a recording is a path or Audio, not {type(source).__name__}; wrap samples in Audio(samples, rate)"
            )
        self._audio = source if isinstance(source, Audio) else None
        self._path = None if isinstance(source, Audio) else require(source, "an audio file")
        self.name = "audio" if self._path is None else str(self._path)
        if self._audio is not None:
            self.sample_rate = self._audio.sample_rate
        else:
            with self._open() as file:
                self.sample_rate = file.samplerate

    def chunks(self, sample_rate: int, seconds: float, shortest: float) -> Iterator[Audio]:
        """Mono chunks at `sample_rate`: resampled, channels averaged, then cut.

        Args:
            sample_rate: in Hz.
            seconds: length of a chunk; the last may be shorter.
            shortest: a last chunk shorter than this many seconds is dropped.

        Raises:
            InputError: unreadable or truncated, a sample that is no finite number, or too short for one chunk.
        """
        size, least = round(seconds * sample_rate), round(shortest * sample_rate)
        waiting: list[np.ndarray] = []
        n_waiting = n_chunks = 0
        for block in self.blocks(sample_rate):
            waiting.append(block.mean(axis=0))
            n_waiting += block.shape[1]
            while n_waiting >= size:
                joined = np.concatenate(waiting)
                yield Audio(joined[:size], sample_rate)
                n_chunks += 1
                waiting, n_waiting = [joined[size:]], n_waiting - size
        if n_waiting >= max(least, 1):
            yield Audio(np.concatenate(waiting), sample_rate)
        elif not n_chunks:
            raise InputError(
                f"{self.name}: {n_waiting} samples at {sample_rate} Hz; expected at least {least} ({shortest:g} s)"
            )

    def blocks(self, sample_rate: int) -> Iterator[np.ndarray]:
        """The recording in blocks float32 `[C, T]` at `sample_rate`, in Hz."""
        common = math.gcd(self.sample_rate, sample_rate)
        orig, new = self.sample_rate // common, sample_rate // common
        if orig == new:
            yield from self._read()
            return
        # Blocks begin at multiples of `orig`, where an output sample falls on an input sample; the filter sees enough
        # of both neighbours.
        reach = orig * math.ceil(_reach(orig, new) / orig)
        step = orig * max(1, _BLOCK_SECONDS * self.sample_rate // orig)
        held = np.zeros((0, 0), dtype=np.float32)
        before = 0  # samples of `held` that belong to the block before
        for block in self._read():
            held = np.concatenate([held, block], axis=1) if held.size else block
            while held.shape[1] >= before + step + reach:
                yield _resample(held[:, : before + step + reach], orig, new, before, step)
                keep = before + step - reach
                held, before = (held[:, keep:], reach) if keep > 0 else (held, before + step)
        if held.shape[1] > before:
            yield _resample(held, orig, new, before, held.shape[1] - before)

    def _read(self) -> Iterator[np.ndarray]:
        """Blocks float32 [C, T] at the recording's own rate, checked."""
        size, n_read = _BLOCK_SECONDS * self.sample_rate, 0
        if self._audio is not None:
            samples = np.atleast_2d(self._audio.samples)
            for start in range(0, samples.shape[1], size):
                yield samples[:, start : start + size]
            return
        with self._open() as file:
            expected = file.frames
            while True:
                try:
                    block = file.read(size, dtype="float32", always_2d=True)
                except RuntimeError as error:  # soundfile's errors derive from it
                    raise InputError(
                        f"{self.name}: damaged or truncated after {n_read} of {expected} samples: {error}"
                    ) from error
                if not len(block):
                    break
                finite = np.isfinite(block).all(axis=1)
                if not finite.all():
                    at = int(np.argmin(finite))
                    raise InputError(f"{self.name}: sample {n_read + at} is {block[at]}; expected finite numbers")
                n_read += len(block)
                yield block.T
        if n_read < expected < _UNKNOWN_LENGTH:
            raise InputError(f"{self.name}: truncated: {n_read} of the {expected} samples that its header promises")

    def _open(self) -> Any:
        import soundfile

        try:
            return soundfile.SoundFile(self._path)
        except (RuntimeError, TypeError) as error:  # a raw format without its rate is a TypeError
            raise InputError(
                f"{self.name}: not audio that libsndfile reads (wav, flac, ogg, mp3, …): {error}"
            ) from error


def read_audio(source: Path | str | Audio, sample_rate: int) -> Audio:
    """A whole recording, mono at `sample_rate`.

    Raises:
        MissingFileError, InputError: as `Recording`.
    """
    blocks = [block.mean(axis=0) for block in Recording(source).blocks(sample_rate)]
    return Audio(np.concatenate(blocks) if blocks else np.zeros(0, dtype=np.float32), sample_rate)


def write_wav(path: Path, audio: Audio) -> None:
    """Write a 16-bit WAV file, atomically; samples outside -1…1 are clipped."""
    import soundfile

    with replacing(path) as temporary:
        try:
            soundfile.write(temporary, audio.samples.T, audio.sample_rate, format="WAV", subtype="PCM_16")
        except RuntimeError as error:  # soundfile's errors derive from it
            raise SpiritkitError(f"{path}: cannot be written: {error}") from error


def _reach(orig: int, new: int) -> int:
    """How many input samples on each side an output sample depends on, at most."""
    return math.ceil(_FILTER_WIDTH * orig / (min(orig, new) * _ROLLOFF)) + 1


def _resample(block: np.ndarray, orig: int, new: int, skip: int, size: int) -> np.ndarray:
    """Resample `block` [C, T], and keep what belongs to its input samples skip…skip + size."""
    import torch

    waveform = torch.tensor(block)
    if orig * new <= 4_000_000:
        from torchaudio.functional import resample

        result = resample(waveform, orig, new)
    else:
        result = _resample_directly(waveform, orig, new)
    first = skip // orig * new
    kept: np.ndarray = result[:, first : first + -(-size * new // orig)].numpy()
    return kept


def _resample_directly(waveform: torch.Tensor, orig: int, new: int) -> torch.Tensor:
    """Torchaudio's Hann-windowed sinc for rates with no large common divisor (44,101 Hz → 16,000 Hz), for which its
    filter bank of `orig` · `new` taps would not fit in memory: the few taps of each output sample are computed alone.
    """
    import torch

    base = min(orig, new) * _ROLLOFF
    width = _reach(orig, new)
    padded = torch.nn.functional.pad(waveform, (width, width + 1))
    output = torch.empty(len(waveform), -(-waveform.shape[1] * new // orig))
    taps = torch.arange(-width, width + 1)
    for start in range(0, output.shape[1], 1 << 16):
        index = torch.arange(start, min(start + (1 << 16), output.shape[1]))
        centre = index * orig // new
        fraction = (index * orig % new).double() / new
        time = ((taps - fraction[:, None]) * (base / orig)).clamp(-_FILTER_WIDTH, _FILTER_WIDTH)
        window = torch.cos(time * (math.pi / _FILTER_WIDTH / 2)) ** 2
        kernel = (torch.sinc(time) * window * (base / orig)).float()
        output[:, index] = (padded[:, centre[:, None] + taps + width] * kernel).sum(-1)
    return output
