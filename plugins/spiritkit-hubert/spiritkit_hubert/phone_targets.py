"""The classes that masked prediction predicts where it is known what is said: phones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np

from spiritkit.data.recordings import Recordings
from spiritkit.errors import InputError
from spiritkit.interfaces import Context
from spiritkit_hubert.phone_labels import phone_labels
from spiritkit_hubert.targets import Targets

#: Labels per second, more than there are frames.
_RATE = Fraction(100)


def phone_targets(
    corpora: Sequence[Recordings], lexicon: Mapping[str, Sequence[str]], context: Context
) -> list[Targets]:
    """For each corpus what `phone_labels` tells of its recordings; the classes are the labels that any has.

    Args:
        corpora: their utterances have word times.
        lexicon: word, in lower case → phones.
        context: of the step.

    Raises:
        InputError: an utterance has no word times.
        SpiritkitError: a recording cannot be read.
    """
    labels, samples = [], []
    for recordings in corpora:
        _check(recordings)
        lengths = [len(recordings.load(index)) for index in context.progress(range(len(recordings)), unit="recording")]
        labels.append(
            [
                phone_labels(utterance.alignment, lexicon, int(length * _RATE / recordings.sample_rate), _RATE)
                for utterance, length in zip(recordings.utterances, lengths, strict=True)
                if utterance.alignment is not None
            ]
        )
        samples.append(lengths)
    names = sorted({name for rows in labels for row in rows for name in row})
    classes = {name: number for number, name in enumerate(names)}
    return [
        Targets(
            codes=np.array([classes[name] for row in rows for name in row], dtype=np.int32),
            first=np.cumsum([0, *(len(row) for row in rows)]),
            samples=np.array(lengths, dtype=np.int64),
            size=len(classes),
            rate=_RATE,
            sample_rate=recordings.sample_rate,
        )
        for rows, lengths, recordings in zip(labels, samples, corpora, strict=True)
    ]


def _check(recordings: Recordings) -> None:
    for utterance in recordings.utterances:
        if utterance.alignment is None:
            raise InputError(
                f"utterance {utterance.id!r} has no word times; expected them of all, for phones to be predicted"
            )
