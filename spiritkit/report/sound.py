"""Sound as it is embedded in a page: to be heard, and to be seen."""

from __future__ import annotations

import io
from base64 import b64encode

import numpy as np

from spiritkit.types import Audio

COLUMNS = 100  #: of a picture, for each second
SPECTROGRAM_HEIGHT = 96  #: pixels
HIGHEST_HZ = 8000  #: of a spectrogram, if the sound goes so far
_WINDOW_SECONDS = 0.025
_RANGE_DB = 75
_SHADES = 48  # so few that the picture compresses well, and more than an eye tells apart here
#: From silence to the loudest, evenly: red, green, blue.
_COLOURS = ((8, 6, 26), (52, 16, 92), (128, 30, 116), (205, 62, 96), (250, 140, 84), (252, 240, 190))


def data_uri(kind: str, content: bytes) -> str:
    """A file as an address that holds it."""
    return f"data:{kind};base64,{b64encode(content).decode('ascii')}"


def flac(audio: Audio) -> bytes:
    """A 16-bit FLAC file; samples outside -1…1 are clipped. FLAC takes any rate up to 655,350 Hz."""
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(audio.samples, -1, 1), audio.sample_rate, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def envelope(audio: Audio) -> np.ndarray:
    """The lowest and highest sample of each column: float32 `[2, columns]`."""
    edges = _edges(audio)
    samples = audio.samples
    if not len(samples):
        return np.zeros((2, 0), dtype=np.float32)
    starts = np.minimum(edges[:-1], len(samples) - 1)
    return np.stack([np.minimum.reduceat(samples, starts), np.maximum.reduceat(samples, starts)])


def spectrogram(audio: Audio) -> bytes:
    """A PNG picture of the power, low frequencies at the bottom: column i is the 25 ms around its middle."""
    from PIL import Image

    levels = _levels(audio)
    picture = Image.fromarray(np.ascontiguousarray(levels[::-1]), mode="P")
    picture.putpalette(_palette())
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def top_hz(audio: Audio) -> float:
    """The highest frequency of its spectrogram."""
    return min(HIGHEST_HZ, audio.sample_rate / 2)


def _levels(audio: Audio) -> np.ndarray:
    """Shades uint8 `[SPECTROGRAM_HEIGHT, columns]`, from the loudest to `_RANGE_DB` below, lowest frequency first."""
    edges = _edges(audio)
    length = max(2, round(_WINDOW_SECONDS * audio.sample_rate))
    n_fft = max(512, 1 << (length - 1).bit_length())
    padded = np.pad(audio.samples, (length, length))
    middles = (edges[:-1] + edges[1:]) // 2
    frames = np.stack([padded[middle + length - length // 2 :][:length] for middle in middles])
    frames = np.pad(frames, ((0, 0), (0, length - frames.shape[1])))
    power = np.abs(np.fft.rfft(frames * np.hanning(length), n_fft).astype(np.complex64)) ** 2  # [columns, bins]
    hz = np.linspace(0, top_hz(audio), SPECTROGRAM_HEIGHT + 1)
    bins = np.minimum((hz * n_fft / audio.sample_rate).astype(int), power.shape[1] - 1)
    rows = np.maximum.reduceat(power[:, : bins[-1] + 1], bins[:-1], axis=1).T
    decibels = 10 * np.log10(rows + 1e-12)
    shade = (decibels - max(decibels.max(initial=-90), -50) + _RANGE_DB) / _RANGE_DB
    levels: np.ndarray = np.round(np.clip(shade, 0, 1) * (_SHADES - 1)).astype(np.uint8)
    return levels


def _edges(audio: Audio) -> np.ndarray:
    """Where each column begins, and the last ends, in samples."""
    count = int(np.ceil(float(audio.duration) * COLUMNS - 1e-6))
    return np.minimum(np.arange(count + 1) * audio.sample_rate // COLUMNS, len(audio.samples))


def _palette() -> list[int]:
    at = np.linspace(0, len(_COLOURS) - 1, _SHADES)
    channels = [np.interp(at, range(len(_COLOURS)), [colour[i] for colour in _COLOURS]) for i in range(3)]
    return [int(value) for shade in np.stack(channels, axis=1).round() for value in shade]
