"""`codec.v1`: audio → codes of a neural codec."""

from __future__ import annotations

from pathlib import Path

from spiritkit import devices
from spiritkit.errors import RequestError
from spiritkit.interfaces import UnitTokenizer
from spiritkit.types import Audio, StreamSpec, Units
from spiritkit_codec.checkpoint import load_codec


class CodecTokenizer(UnitTokenizer):
    """The first codebooks of EnCodec or Mimi, one stream each, at the model's own frame rate; not deduplicated.

    A pipeline hands over recordings in chunks (100 s by default), each of which is encoded as if it were alone: the
    encoder knows nothing of the sound before a border, and the last frame of a chunk is padded. At 24 kHz chunks of
    whole seconds (EnCodec) or of an even number (Mimi) are whole frames, so that times stay exact over any length.

    Args:
        checkpoint: a folder in Hugging Face format, or a hub name such as `kyutai/mimi` or `facebook/encodec_24khz`.
        n_codebooks: how many codebooks, counted from the first. More sound better, and make more tokens a second.
        device: where to compute, in float32.

    Raises:
        MissingFileError, CheckpointError: the checkpoint is not there, or is no codec that is understood.
        RequestError: the model does not have so many codebooks.
    """

    def __init__(self, *, checkpoint: Path | str, n_codebooks: int = 8, device: str = "auto"):
        self._codec = load_codec(checkpoint, devices.device(device))
        if not 1 <= n_codebooks <= self._codec.n_codebooks:
            raise RequestError(f"n_codebooks is {n_codebooks}; {checkpoint} has 1…{self._codec.n_codebooks}")
        self.sample_rate = self._codec.sample_rate
        self._streams = tuple(
            StreamSpec(str(index), self._codec.codebook_size, self._codec.rate, deduplicate=False)
            for index in range(n_codebooks)
        )

    @property
    def streams(self) -> tuple[StreamSpec, ...]:
        """A stream for each codebook, the coarsest first."""
        return self._streams

    def encode(self, audios: list[Audio]) -> list[Units]:
        """Codes of each audio, one audio at a time: the convolutions and the LSTM would see padding.

        Raises:
            InputError: audio that is not mono or not at `sample_rate`.
        """
        results = []
        for audio in audios:
            codes = self._codec.encode(audio.mono(self.sample_rate), len(self._streams))
            named = {spec.name: row for spec, row in zip(self._streams, codes, strict=True)}
            results.append(Units(self._streams, named))
        return results
