"""`ctc.v1`: forced alignment with a CTC model (Kürzinger et al. 2020; for Spirit LM MMS's, paper, section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import torch

from spiritkit import devices
from spiritkit.checks import check_range
from spiritkit.errors import InputError, SpiritkitError
from spiritkit.interfaces import Aligner
from spiritkit.types import Audio
from spiritkit.utterances import Alignment, Utterance, Word
from spiritkit_ctc.checkpoint import read_network
from spiritkit_ctc.emissions import Emissions
from spiritkit_ctc.network import SAMPLE_RATE, Grid, Network
from spiritkit_ctc.path import Span, best_path
from spiritkit_ctc.symbols import Symbols

#: Samples between two words that are shared out between them; if they are more, nobody speaks there.
_PAUSE = SAMPLE_RATE * 16 // 100


class CTCAligner(Aligner):
    """Finds the words of a transcript with a CTC model that spells letters.

    A word is spelled in the model's characters: in their case, without punctuation that it does not have. What it
    cannot spell (digits, other scripts) is matched by a wildcard for any sound. A word's score is the mean posterior
    probability of its characters in the frames where the path has them; of a wildcard, that of the most probable
    output. Up to 0.16 s between two words are shared out evenly; a longer pause belongs to neither.

    Args:
        checkpoint: a folder or hub name of a wav2vec 2.0, MMS, HuBERT, WavLM… CTC model in Hugging Face format, or a
            folder that `train-ctc.v1` wrote.
        target_lang: the language, as three letters, whose adapter and vocabulary an MMS model takes.
        device: where to compute.
        dtype: number format of the network.
        window_seconds: longer sound goes through the network in windows of so many seconds, with 2 s of context on
            each side; the path is found over the whole.
        batch_seconds: sounds go through the network together up to so many seconds, padding counted, if it is one for
            which padding changes nothing. More is faster on a GPU, at the cost of memory.

    Raises:
        RequestError: a number that is not above 0; no such device.
    """

    def __init__(
        self,
        *,
        checkpoint: Path | str,
        target_lang: str | None = None,
        device: str = "auto",
        dtype: devices.DTypeName = "float32",
        window_seconds: float = 30,
        batch_seconds: float = 60,
    ):
        check_range("ctc.v1", {"window_seconds": window_seconds, "batch_seconds": batch_seconds}, above=0)
        self._checkpoint, self._target_lang = checkpoint, target_lang
        self._device, self._dtype = devices.device(device), devices.dtype(dtype)
        self._window_seconds, self._batch_seconds = window_seconds, batch_seconds

    @cached_property
    def _network(self) -> Network:
        """Read when there is something to align: a step whose result is there already only asks for its files."""
        return read_network(self._checkpoint, self._target_lang).to(self._device, self._dtype)

    def align(self, utterances: Sequence[Utterance], audios: Sequence[Audio]) -> list[Alignment | SpiritkitError]:
        """See `Aligner.align`. There is no alignment for a text that has more letters than the sound has frames, nor
        for one of which the model can spell nothing.

        Raises:
            InputError: audio that is not mono or not at 16 kHz.
            MissingFileError, CheckpointError: the checkpoint is not there, or is no CTC model that is understood.
            RequestError: no such language.
        """
        network = self._network
        emissions = Emissions(network, self._window_seconds, self._batch_seconds)
        sounds = [audio.mono(SAMPLE_RATE) for audio in audios]
        results: list[Alignment | SpiritkitError] = []
        for utterance, sound, emission in zip(utterances, sounds, emissions(sounds), strict=True):
            try:
                results.append(align_text(utterance, len(sound), emission, network.symbols, network.grid))
            except InputError as error:
                results.append(InputError(f"utterance {utterance.id!r}: {error}"))
        return results


def align_text(
    utterance: Utterance, n_samples: int, log_probs: torch.Tensor, symbols: Symbols, grid: Grid
) -> Alignment:
    """The words of an utterance on an emission float `[T, V]` of its sound, `n_samples` long at 16 kHz.

    Raises:
        InputError: they cannot be aligned.
    """
    if utterance.text is None:
        raise InputError("has no text; expected one to align")
    words = utterance.text.split()
    spelled = [symbols.spell(word) for word in words]
    if words and all(symbol == symbols.wildcard for ids in spelled for symbol in ids):
        raise InputError(f"the model can spell nothing of its text {utterance.text[:60]!r}")
    spans = best_path(log_probs, spelled, symbols)
    times = _times(spans, n_samples, grid)
    return Alignment(
        tuple(Word(word, *time, span.score) for word, time, span in zip(words, times, spans, strict=True)), SAMPLE_RATE
    )


def _times(spans: Sequence[Span], n_samples: int, grid: Grid) -> list[tuple[int, int]]:
    """First sample of each word, and one past its last."""
    starts = [grid.sample(span.start, n_samples) for span in spans]
    stops = [grid.sample(span.stop, n_samples) for span in spans]
    # CTC writes a letter where it is sure of it, and a blank while it still sounds: a short gap is no pause.
    for index in range(len(spans) - 1):
        if starts[index + 1] - stops[index] <= _PAUSE:
            stops[index] = starts[index + 1] = (stops[index] + starts[index + 1]) // 2
    return list(zip(starts, stops, strict=True))
