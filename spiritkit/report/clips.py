"""One stretch of speech, made ready for the page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from spiritkit.audio import Recording, read_audio
from spiritkit.errors import SpiritkitError
from spiritkit.interfaces import Clip, Panel
from spiritkit.pipeline import Pipeline
from spiritkit.report import sound
from spiritkit.report.drawing import (
    PIXELS,
    WAVEFORM_HEIGHT,
    Row,
    hue,
    row,
    time_ticks,
    unit_track,
    waveform_path,
)
from spiritkit.types import Audio, Token, Tokens, Units


@dataclass(frozen=True)
class Picture:
    """Sound on the page: addresses that hold it, and what is drawn of it, in pixels.

    Attributes:
        audio: address of what is heard.
        seconds: how long that lasts.
        total: how long the whole lasts.
        width: pixels of that time.
        waveform: SVG path.
        peak: amplitude at the top of the waveform's row.
        spectrogram: address of a picture.
        top_khz: frequency at its top.
        ticks: of the time axis.
        rows: tokens, then what the panels draw.
    """

    audio: str
    seconds: float
    total: float
    width: float
    waveform: str
    peak: float
    spectrogram: str
    top_khz: float
    ticks: Sequence[tuple[float, str]]
    rows: list[Row]
    waveform_height: int = WAVEFORM_HEIGHT
    spectrogram_height: int = sound.SPECTROGRAM_HEIGHT
    pixels: int = PIXELS


@dataclass(frozen=True)
class Shown:
    """A stretch of speech on the page.

    Attributes:
        name: which one it is.
        picture: None where there is no sound.
        counts: (stream, number of tokens) of its tokens.
        string: its tokens as one string.
        listed: its tokens one by one with the colour's angle, where it is not known when they are heard.
        note: what a reader must know of it.
    """

    name: str
    picture: Picture | None = None
    counts: list[tuple[str, int]] = field(default_factory=list)
    string: str | None = None
    listed: list[tuple[str, int]] = field(default_factory=list)
    note: str | None = None


class Studio:
    """Makes stretches of speech ready for the page.

    Args:
        pipeline: the recipe's parts.
        panels: what is drawn beside sound and tokens.
        max_seconds: of each stretch so much is shown.
        known: path → units of recordings that an earlier step has encoded already.
    """

    def __init__(self, pipeline: Pipeline, panels: Iterable[Panel], max_seconds: float, known: Mapping[Path, Units]):
        self._pipeline, self._panels, self._max_seconds = pipeline, list(panels), max_seconds
        self._units: dict[Path, Units | SpiritkitError] = dict(known)
        self._recordings: dict[Path, Shown] = {}

    def recording(self, path: Path, name: str | None = None) -> Shown:
        """A recording, with the units that the recipe's tokenizers make of it."""
        if path not in self._recordings:
            units, note = self.units(path), None
            if isinstance(units, SpiritkitError):
                units, note = None, f"It cannot be encoded: {units}"
            tokens = None
            if units is not None and self._pipeline.has_vocabulary:
                tokens = self._pipeline.to_tokens(units)
            self._recordings[path] = self._shown(path.name, path, path.stem, units, tokens, note=note)
        return replace(self._recordings[path], name=name or path.name)

    def resynthesis(self, original: Path, speech: Path, name: str, *, predicted: bool) -> Shown:
        """What was made of a recording's units, under the frames that it was made of."""
        units = self.units(original)
        if predicted and isinstance(units, Units):
            units = self._pipeline.frames(self._pipeline.to_tokens(units))
        return self._shown(name, speech, speech.stem, units if isinstance(units, Units) else None, None)

    def generated(self, speech: Path | None, string: str | None, n_tokens: int, name: str, key: str) -> Shown:
        """A span that a model spoke; without a file it has no sound."""
        tokens = units = None
        if string and self._pipeline.has_vocabulary:
            tokens = self._pipeline.parse(string)
            if speech and self._pipeline.has_vocoder:
                units = self._pipeline.frames(tokens)
        note = None
        if speech is None:
            note = f"{n_tokens} token{'' if n_tokens == 1 else 's'} without a sound: "
            note += "no unit is among them." if self._pipeline.has_vocoder else "the recipe has no vocoder."
        shown = self._shown(name, speech, key, units, tokens, note=note)
        listed = [] if tokens is None or units else [self._spelled(token) for token in tokens]
        return replace(shown, string=string, listed=listed)

    def units(self, path: Path) -> Units | SpiritkitError | None:
        """Of a recording; None where the recipe has no tokenizers."""
        if not self._pipeline.has_tokenizers:
            return None
        if path not in self._units:
            (self._units[path],) = self._pipeline.encode_each([path])
        return self._units[path]

    def _spelled(self, token: Token) -> tuple[str, int]:
        return self._pipeline.vocabulary.stream(token.stream).format.format(token.code), hue(token.code)

    def _shown(
        self,
        name: str,
        path: Path | None,
        key: str,
        units: Units | None,
        tokens: Tokens | None,
        *,
        note: str | None = None,
    ) -> Shown:
        picture = None
        if path is not None:
            audio = read_audio(path, Recording(path).sample_rate)
            picture = self._picture(key, audio, units, tokens) if audio.samples.size else None
            note = note or (None if picture else "The file has no sample.")
        counts = [(spec.name, len(tokens[spec.name])) for spec in tokens.specs] if tokens else []
        string = self._pipeline.to_string(tokens) if tokens else None
        return Shown(name, picture, [one for one in counts if one[1]], string, [], note)

    def _picture(self, key: str, audio: Audio, units: Units | None, tokens: Tokens | None) -> Picture:
        total = float(audio.duration)
        heard = Audio(audio.samples[: round(self._max_seconds * audio.sample_rate)], audio.sample_rate)
        seconds = float(heard.duration)
        rows = [] if units is None else self._unit_rows(units, seconds)
        clip = Clip(key, heard, units, tokens, whole=len(heard.samples) == len(audio.samples))
        for panel in self._panels:
            rows += [row(track, seconds) for track in panel.tracks(clip, self._pipeline)]
        path, peak = waveform_path(sound.envelope(heard))
        return Picture(
            audio=sound.data_uri("audio/flac", sound.flac(heard)),
            seconds=seconds,
            total=total,
            width=seconds * PIXELS,
            waveform=path,
            peak=peak,
            spectrogram=sound.data_uri("image/png", sound.spectrogram(heard)),
            top_khz=sound.top_hz(heard) / 1000,
            ticks=time_ticks(seconds),
            rows=rows,
        )

    def _unit_rows(self, units: Units, seconds: float) -> list[Row]:
        # Of a vocoder's frames the rate is its own affair: the codes do not come so often.
        known = self._pipeline.specs if self._pipeline.has_tokenizers else ()
        return [
            row(unit_track(units, spec), seconds, f"{float(spec.rate):.4g}/s" if spec in known else "")
            for spec in units.specs
        ]
