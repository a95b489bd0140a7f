"""From seconds and values to pixels: what the page's template writes down as SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from spiritkit.interfaces import Chart, Label, Labels, Track
from spiritkit.report.sound import COLUMNS
from spiritkit.tokens import run_starts
from spiritkit.types import StreamSpec, Units

PIXELS = 200  #: for each second
WAVEFORM_HEIGHT, CHART_HEIGHT = 56, 88
_GOLDEN_ANGLE = 137.508  # degrees: neighbours in number are far apart in colour
_LETTER = 6.2  # pixels, of the letters in boxes
_HOVER_RATE = 50  # values of a curve, for each second, that the page can tell


@dataclass(frozen=True)
class Box:
    """A label on the page: pixels from the left, width, and the colour's angle. `turned` says how its text stands, None
    that it has no room.
    """

    x: float
    width: float
    text: str
    hue: int
    turned: bool | None


@dataclass(frozen=True)
class BoxRow:
    """A row of labels."""

    name: str
    note: str
    boxes: list[Box]
    is_chart: bool = False


@dataclass(frozen=True)
class Line:
    """A curve: an SVG path, and values for the pointer, `_HOVER_RATE` a second."""

    name: str
    path: str
    values: str


@dataclass(frozen=True)
class ChartRow:
    """A row of curves over one axis; ticks are (pixels from the top, text)."""

    name: str
    unit: str
    lines: list[Line]
    ticks: list[tuple[float, str]] = field(default_factory=list)
    is_chart: bool = True
    hover_rate: int = _HOVER_RATE


Row = BoxRow | ChartRow


def hue(key: int) -> int:
    """The angle of a key's colour, in degrees."""
    return round(key * _GOLDEN_ANGLE) % 360


def unit_track(units: Units, spec: StreamSpec) -> Labels:
    """A stream as a track: of one that is deduplicated a label for each run, else for each code. The ith code begins at
    i / rate seconds.
    """
    codes = units[spec.name]
    starts = run_starts(codes) if spec.deduplicate else np.arange(len(codes))
    stops = [*starts[1:].tolist(), len(codes)]
    return Labels(
        spec.name,
        [
            Label(float(start / spec.rate), float(stop / spec.rate), str(codes[start]), int(codes[start]))
            for start, stop in zip(starts.tolist(), stops, strict=True)
        ],
    )


def row(track: Track, seconds: float, note: str = "") -> Row:
    """A track, as far as the sound goes."""
    return _boxes(track, seconds, note) if isinstance(track, Labels) else _chart(track, seconds)


def _boxes(track: Labels, seconds: float, note: str) -> BoxRow:
    boxes = []
    for label in track.labels:
        if label.start >= seconds:
            break
        x, width = label.start * PIXELS, (min(label.stop, seconds) - label.start) * PIXELS
        turned = None
        if width > _LETTER * len(label.text) + 2:
            turned = False
        elif width >= 7 and len(label.text) <= 3:
            turned = True
        boxes.append(Box(round(x, 2), round(width, 2), label.text, hue(label.key), turned))
    return BoxRow(track.name, note, boxes)


def _chart(track: Chart, seconds: float) -> ChartRow:
    inside = [(curve, curve.times <= seconds) for curve in track.curves]
    seen = np.concatenate([np.zeros(0), *[curve.values[shown] for curve, shown in inside]])
    seen = seen[np.isfinite(seen)]
    low, high, ticks = _axis(float(seen.min()), float(seen.max())) if len(seen) else (0.0, 1.0, [])
    scale = (CHART_HEIGHT - 8) / (high - low)

    def y(value: float) -> float:
        return round(CHART_HEIGHT - 4 - (value - low) * scale, 1)

    lines = []
    for curve, shown in inside:
        path, pen_is_down = [], False
        for time, value in zip(curve.times[shown].tolist(), curve.values[shown].tolist(), strict=True):
            if math.isnan(value):
                pen_is_down = False
                continue
            point = f"{round(time * PIXELS, 1):g} {y(value):g}"
            path.append(f"L{point}" if pen_is_down else f"M{point}h0")  # h0: a value alone is a dot
            pen_is_down = True
        lines.append(Line(curve.name, "".join(path), _sampled(curve.times, curve.values, seconds)))
    return ChartRow(track.name, track.unit, lines, [(y(tick), f"{tick:g}") for tick in ticks])


def _axis(low: float, high: float) -> tuple[float, float, list[float]]:
    """Round limits around values, and ticks between them."""
    span = max(high - low, 1e-3 * max(abs(low), abs(high)), 1e-6)
    step = 10 ** math.floor(math.log10(span / 2))
    step = next((step * factor for factor in (1, 2, 5, 10) if span / (step * factor) <= 4), step * 10)
    first, last = math.floor(low / step), max(math.ceil(high / step), math.floor(low / step) + 1)
    return first * step, last * step, [index * step for index in range(first, last + 1)]


def _sampled(times: np.ndarray, values: np.ndarray, seconds: float) -> str:
    """Values at even times, separated by commas; nothing in gaps."""
    if not len(times):
        return ""
    at = np.searchsorted(times, np.arange(int(seconds * _HOVER_RATE) + 1) / _HOVER_RATE)
    shown = values[np.minimum(at, len(values) - 1)].tolist()
    return ",".join("" if math.isnan(value) else f"{value:.3g}" for value in shown)


def waveform_path(envelope: np.ndarray) -> tuple[str, float]:
    """The area between the lowest and the highest samples `[2, columns]` as an SVG path, and the amplitude at the top
    of the row.
    """
    if not envelope.shape[1]:
        return "", 1.0
    peak = max(0.01, math.ceil(float(np.abs(envelope).max()) * 100) / 100)
    pixels = (0.5 - envelope / (2 * peak)) * (WAVEFORM_HEIGHT - 2) + 1
    width = PIXELS / COLUMNS
    upper = [f"{(i + 0.5) * width:g} {value:.1f}" for i, value in enumerate(pixels[1].tolist())]
    # A silent stretch is a line one pixel thick.
    lower_edge = np.maximum(pixels[0], pixels[1] + 1).tolist()
    lower = [f"{(i + 0.5) * width:g} {value:.1f}" for i, value in enumerate(lower_edge)]
    return f"M{'L'.join([*upper, *lower[::-1]])}Z", peak


def time_ticks(seconds: float) -> Sequence[tuple[float, str]]:
    """Every half second: pixels from the left, and text."""
    return [(index * PIXELS / 2, f"{index / 2:g} s") for index in range(1, int(seconds * 2) + 1)]
