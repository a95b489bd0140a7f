"""`hifigan.v1`, the vocoder of Spirit LM, and `istft-hifigan.v1`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from random import Random

import numpy as np
import torch

from spiritkit import devices
from spiritkit.checkpoints import resolve
from spiritkit.errors import InputError, RequestError
from spiritkit.interfaces import Vocoder
from spiritkit.types import Audio, Tokens, Units
from spiritkit_hifigan.carry import CarryForward
from spiritkit_hifigan.durations import Durations
from spiritkit_hifigan.names import Names
from spiritkit_hifigan.network import Network
from spiritkit_hifigan.trained_on import ROLES, read_trained_on
from spiritkit_hifigan.utterance import Column, Utterance, Voice
from spiritkit_hifigan.weights import read_istft_network, read_network

_RELEASED_SPEAKER, _RELEASED_STYLE, _RELEASED_STYLE_TOKENS = 2, 8, (71, 68, 98)


class HifiGan(Vocoder):
    """Unit HiFi-GAN with a duration predictor (paper, section 3.1), released, or trained by `train-hifigan.v1`.

    What the network is given is decided by its `config.json`: units, then pitch, style tokens, a speaker, a style of
    the whole utterance, whichever are there. Every unit takes the latest pitch and style before it, or the first one
    where there is none before. `Units` have durations as they are; those of `Tokens` are predicted, one after another
    as the tokens come, equal neighbours included.

    Args:
        checkpoint: folder with `config.json` and `generator.pt` or `generator.safetensors`; `speakers.txt` and
            `styles.txt`, where they are there, name the rows, and `spiritkit.json` the units it was trained on. Or a
            Hugging Face hub name of such a folder.
        speaker: index or name where `decode` is given none. None is 2 as in the release, or 0 if there are fewer.
        style: the same for styles. None is, where the network has a table of styles, 8 as in the release, or 0 if
            there are fewer; where it reads style tokens, what the tokens say.
        default_pitch: the pitch code of an utterance without any. (The released code fails there.)
        default_styles: style tokens of which an utterance without any gets one, drawn by the seed. None is those of
            71, 68 and 98, the choice of the release, that the network has, or else 0.
        unit_stream, pitch_stream, style_stream: the recipe's names of the streams. Others are ignored.
        block_frames: frames generated at a time; bounds the memory that long inputs take, without changing the result.
        device: `auto`, `cpu`, `cuda`, …
        dtype: number format of the generator. Durations do not depend on it.

    Raises:
        MissingFileError, CheckpointError: the checkpoint is not there, or not as it should be.
        RequestError: a default that the checkpoint does not have.
    """

    def __init__(
        self,
        *,
        checkpoint: Path | str,
        speaker: int | str | None = None,
        style: int | str | None = None,
        default_pitch: int = 0,
        default_styles: list[int] | None = None,
        unit_stream: str = "hubert",
        pitch_stream: str = "pitch",
        style_stream: str = "style",
        block_frames: int = 500,
        device: str = "auto",
        dtype: devices.DTypeName = "float32",
    ) -> None:
        if block_frames < 1:
            raise RequestError(f"block_frames is {block_frames}; expected 1 or more")
        folder = resolve(checkpoint, "a folder with config.json and generator.pt or generator.safetensors")
        network = self._read(folder)
        config = network.config
        self._config = config
        # float64 on CPU: see `Durations`
        self._predictor = deepcopy(network.dur_predictor).double()
        self._table = network.dict.weight.double()
        del network.dur_predictor
        self._network = network.place(devices.device(device), devices.dtype(dtype))
        self._block_frames = block_frames
        self._streams = (unit_stream, pitch_stream, style_stream)
        by_role = read_trained_on(folder)
        self.trained_on = {
            stream: by_role[role] for role, stream in zip(ROLES, self._streams, strict=True) if role in by_role
        }

        self._speakers = Names("speaker", config.speakers or 0, folder / "speakers.txt")
        self._styles = Names("style", config.styles or config.style_tokens or 0, folder / "styles.txt")
        self._speaker = self._default(self._speakers, speaker, config.speakers, _RELEASED_SPEAKER)
        self._style = self._default(self._styles, style, config.styles, _RELEASED_STYLE)
        if config.pitches and not 0 <= default_pitch < config.pitches:
            raise RequestError(f"default_pitch is {default_pitch}; {checkpoint} has pitch codes 0…{config.pitches - 1}")
        self._default_pitch = default_pitch
        self._default_styles = self._style_choices(default_styles)

    def _read(self, folder: Path) -> Network:
        return read_network(folder)

    @staticmethod
    def _default(names: Names, wanted: int | str | None, count: int | None, released: int) -> int | None:
        if wanted is not None:
            return names.index(wanted)
        if not count:
            return None
        return released if released < count else 0

    def _style_choices(self, wanted: list[int] | None) -> list[int]:
        count = self._config.style_tokens or 0
        if wanted is None:
            return [code for code in _RELEASED_STYLE_TOKENS if code < count] or [0]
        if not wanted or not all(0 <= code < count for code in wanted):
            known = f"codes of 0…{count - 1}" if count else "none: this vocoder reads no style tokens"
            raise RequestError(f"default_styles is {wanted}; expected {known}")
        return wanted

    @property
    def accepts(self) -> tuple[str, ...]:
        """The streams it reads."""
        present = (True, self._config.pitches, self._config.style_tokens)
        return tuple(stream for stream, there in zip(self._streams, present, strict=True) if there)

    @property
    def sample_rate(self) -> int:
        """Of the audio, in Hz."""
        return self._config.sample_rate

    def decode(
        self,
        speech: list[Units | Tokens],
        *,
        speaker: int | str | None = None,
        style: int | str | None = None,
        seed: int = 0,
    ) -> list[Audio]:
        """Decode each of a batch by itself. Without any unit the audio has no samples.

        `style` is a row of the network's table of styles; where it reads style tokens instead, the token that
        replaces those of the utterance. `seed` draws the style token of an utterance without any, and the noise of an
        iSTFT network with a source.

        Raises:
            RequestError: no such speaker or style.
            InputError: units without the unit stream; a code that the network does not know.
        """
        open_one = self._opener(speaker, style, seed)
        audios = []
        for one in speech:
            with torch.inference_mode():
                audios.append(Audio(open_one().push(one, last=True), self.sample_rate))
        return audios

    def frames(self, tokens: Tokens) -> Units:
        """Each unit for as many frames as the duration predictor gives it, with the pitch and style of the tokens that
        hold there, at the rate of the frames. Streams of which there is no token are left out.

        Raises:
            InputError: a code that the network does not know.
        """
        unit, *others = self.accepts
        specs = {spec.name: spec for spec in tokens.specs}
        present = [unit, *(name for name in others if name in specs and len(tokens[name]))]
        if unit not in specs:
            return Units((), {})
        rows = CarryForward(unit, tuple(present[1:])).push(tokens, last=True)
        if len(rows) and (code := int(rows[:, 0].max())) >= self._config.units:
            raise InputError(f"stream {unit!r} has code {code}; this vocoder knows 0…{self._config.units - 1}")
        with torch.inference_mode():
            durations = Durations(self._predictor, self._table).push(rows[:, 0], last=True)
        rows = np.repeat(rows, durations, axis=0)
        rate = Fraction(self.sample_rate, self._config.hop)
        return Units(
            tuple(replace(specs[name], rate=rate, deduplicate=True) for name in present),
            {name: rows[:, column] for column, name in enumerate(present)},
            {name: tokens.source[name] for name in present if name in tokens.source},
        )

    def decode_stream(
        self,
        chunks: Iterable[Units | Tokens],
        *,
        speaker: int | str | None = None,
        style: int | str | None = None,
        seed: int = 0,
    ) -> Iterator[Audio]:
        """Decode pieces of one utterance, all `Units` or all `Tokens`, with the same specs.

        A sample is given as soon as all it depends on has arrived: about 20 frames (0.8 s) behind the units at the
        released sizes, and for `Tokens` two units more. Units before the first pitch or style wait for it, or for the
        end, if the specs name that stream at all.

        Raises:
            RequestError, InputError: as `decode`, and for a piece unlike the first.
        """
        return self._stream(chunks, self._opener(speaker, style, seed)())

    def _stream(self, chunks: Iterable[Units | Tokens], utterance: Utterance) -> Iterator[Audio]:
        for chunk in chunks:
            with torch.inference_mode():
                samples = utterance.push(chunk)
            if len(samples):
                yield Audio(samples, self.sample_rate)
        with torch.inference_mode():
            samples = utterance.finish()
        if len(samples):
            yield Audio(samples, self.sample_rate)

    def _opener(self, speaker: int | str | None, style: int | str | None, seed: int) -> Callable[[], Utterance]:
        """What opens utterances with these wishes, which are checked here."""
        config = self._config
        unit, pitch, style_token = self._streams
        speaker_row = self._speaker if speaker is None else self._speakers.index(speaker)
        style_row = self._style if style is None else self._styles.index(style)
        drawn = Random(seed).choice(self._default_styles)
        voice = Voice(
            unit=Column(unit, config.units, 0),
            pitch=Column(pitch, config.pitches, self._default_pitch) if config.pitches else None,
            style=Column(style_token, config.style_tokens, drawn) if config.style_tokens else None,
            fixed_style=style_row if config.style_tokens and not config.styles else None,
            speaker=speaker_row or 0,
            style_id=(style_row or 0) if config.styles else 0,
        )
        return lambda: Utterance(
            self._network, Durations(self._predictor, self._table), voice, self._block_frames, seed
        )


class IstftHifiGan(HifiGan):
    """A vocoder like `hifigan.v1` that ends in an inverse short-time Fourier transform (Kaneko et al. 2022, iSTFTNet),
    which costs less, with an F0-driven source or without. It takes the same inputs and parameters.

    Args:
        checkpoint: folder that `train-hifigan.v1` wrote with `istft`, or a Hugging Face hub name of one.
        speaker: index or name where `decode` is given none; None is 2, or 0 if there are fewer than three.
        style: the same for styles; None is, where the network has a table of styles, 8, or 0 if there are fewer; where
            it reads style tokens, what the tokens say.
        default_pitch: the pitch code of an utterance without any.
        default_styles: style tokens of which an utterance without any gets one, drawn by the seed; None as in
            `hifigan.v1`.
        unit_stream, pitch_stream, style_stream: the recipe's names of the streams. Others are ignored.
        block_frames: frames generated at a time; bounds the memory that long inputs take, without changing the result.
        device: `auto`, `cpu`, `cuda`, …
        dtype: number format of the generator. Durations and F0 do not depend on it.

    Raises:
        MissingFileError, CheckpointError: the checkpoint is not there, or not as it should be.
        RequestError: a default that the checkpoint does not have.
    """

    def _read(self, folder: Path) -> Network:
        return read_istft_network(folder)
