"""`codec-decoder.v1`: codes of a neural codec → audio."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import takewhile
from pathlib import Path

import numpy as np

from spiritkit import devices
from spiritkit.errors import InputError, RequestError
from spiritkit.interfaces import Vocoder
from spiritkit.types import Audio, Tokens, Units
from spiritkit_codec.checkpoint import load_codec


class CodecDecoder(Vocoder):
    """The decoder of EnCodec or Mimi.

    It decodes however many codebooks the units have, counted from the first; one that is empty is left out with those
    after it, which mean nothing without it. The audio is as long as the frames: longer than what was encoded by the
    padding of the last frame.

    Args:
        checkpoint: as of `codec.v1`; it must be the same codec.
        stream: the recipe's key of that tokenizer: `{stream}.0`, `{stream}.1`… are decoded, or `{stream}` where the
            tokenizer has one codebook only.
        chunk_seconds: longer speech is decoded in chunks of this length, each as if it were alone. The default is that
            of the recipe's `chunking.chunk_seconds`, so that decoding begins anew where encoding did. It bounds memory,
            and how far `decode_stream` runs behind.
        device: where to compute, in float32.

    Raises:
        MissingFileError, CheckpointError: the checkpoint is not there, or is no codec that is understood.
        RequestError: `chunk_seconds` is shorter than a frame.
    """

    needs_units = True

    def __init__(
        self, *, checkpoint: Path | str, stream: str = "codec", chunk_seconds: float = 100, device: str = "auto"
    ):
        self._codec = load_codec(checkpoint, devices.device(device))
        self._stream = stream
        self._chunk_frames = round(chunk_seconds * self._codec.rate)
        if self._chunk_frames < 1:
            raise RequestError(
                f"chunk_seconds is {chunk_seconds}; expected at least one frame, {float(1 / self._codec.rate):g} s"
            )

    @property
    def accepts(self) -> tuple[str, ...]:
        """The streams of all codebooks; units may have fewer."""
        return tuple(f"{self._stream}.{index}" for index in range(self._codec.n_codebooks))

    @property
    def sample_rate(self) -> int:
        """Of the audio, in Hz."""
        return self._codec.sample_rate

    def decode(
        self,
        speech: list[Units | Tokens],
        *,
        speaker: int | str | None = None,
        style: int | str | None = None,
        seed: int = 0,
    ) -> list[Audio]:
        """Decode each of a batch by itself. Nothing is drawn at random.

        Raises:
            RequestError: a speaker or style is asked for; a codec has none.
            InputError: tokens; units without the streams, with streams of different length, or with codes that the
                codec does not have.
        """
        self._refuse(speaker, style)
        audios = []
        for one in speech:
            pieces = [audio.samples for audio in self._decode([one])]
            samples = np.concatenate(pieces) if pieces else np.zeros(0, dtype=np.float32)
            audios.append(Audio(samples, self.sample_rate))
        return audios

    def decode_stream(
        self,
        chunks: Iterable[Units | Tokens],
        *,
        speaker: int | str | None = None,
        style: int | str | None = None,
        seed: int = 0,
    ) -> Iterator[Audio]:
        """Decode pieces of one utterance, all with the same streams. Audio comes whenever `chunk_seconds` of frames
        are there, and at the end: the decoder does not carry its state over a piece.

        Raises:
            RequestError, InputError: as `decode`, and for a piece with other codebooks than the first.
        """
        self._refuse(speaker, style)
        return self._decode(chunks)

    def _decode(self, chunks: Iterable[Units | Tokens]) -> Iterator[Audio]:
        waiting: np.ndarray | None = None  # [K, T]
        for chunk in chunks:
            codes = self._codes(chunk)
            if not codes.size:
                continue
            if waiting is not None and len(codes) != len(waiting):
                raise InputError(f"a piece has {len(codes)} codebooks, the first {len(waiting)}; expected the same")
            waiting = codes if waiting is None else np.concatenate([waiting, codes], axis=1)
            while waiting.shape[1] >= self._chunk_frames:
                yield self._audio(waiting[:, : self._chunk_frames])
                waiting = waiting[:, self._chunk_frames :]
        if waiting is not None and waiting.shape[1]:
            yield self._audio(waiting)

    def _audio(self, codes: np.ndarray) -> Audio:
        return Audio(self._codec.decode(codes), self.sample_rate)

    def _codes(self, speech: Units | Tokens) -> np.ndarray:
        """Codes int64 [K, T] of the codebooks that the units have, checked."""
        if isinstance(speech, Tokens):
            raise InputError("codec-decoder.v1 decodes units, not tokens; a recipe's serializer makes units of tokens")
        names = [name for name in speech if name == self._stream or name.startswith(f"{self._stream}.")]
        expected = list(self.accepts[: len(names)])
        if not names or (set(names) != set(expected) and names != [self._stream]):
            raise InputError(
                f"units have streams {', '.join(speech) or '(none)'}; codec-decoder.v1 needs {self.accepts[0]} and may "
                f"have those that follow up to {self.accepts[-1]}, without gaps"
            )
        rows = [speech[name] for name in (names if len(names) == 1 else expected)]
        present = list(takewhile(len, rows)) or rows[:1]
        lengths = sorted({len(row) for row in present})
        if len(lengths) > 1:
            raise InputError(f"codebooks have {lengths[0]} to {lengths[-1]} frames; expected as many of each")
        codes = np.stack(present)
        if codes.size and (most := int(codes.max())) >= self._codec.codebook_size:
            raise InputError(f"units have code {most}; this codec knows 0…{self._codec.codebook_size - 1}")
        return codes

    @staticmethod
    def _refuse(speaker: int | str | None, style: int | str | None) -> None:
        for what, value in (("speaker", speaker), ("style", style)):
            if value is not None:
                raise RequestError(f"{what} {value!r}: a codec has no {what}s; the sound is that of the codes")
