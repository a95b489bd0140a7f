"""Step `unit-quality.v1`."""

from __future__ import annotations

import json
from pathlib import Path

from spiritkit.atomic import write_json
from spiritkit.checks import check_range
from spiritkit.data.recordings import Recordings
from spiritkit.interfaces import Context, Corpus, Step
from spiritkit.seeding import numpy_generator
from spiritkit.types import Audio
from spiritkit_hubert.augment import KINDS, Augmentation
from spiritkit_hubert.phone_labels import phone_labels, read_lexicon
from spiritkit_hubert.quality import Confusion, EditRate, deduplicated

_SAMPLE_RATE = 16_000
_RECORDINGS_A_BATCH = 16


class UnitQuality(Step):
    """Measures the streams of the recipe's tokenizers, side by side.

    Where the corpus has word times: phone purity, cluster purity and PNMI (Hsu et al. 2021, section IV-D). And for each
    kind of change the unit edit distance (Gat et al. 2023, section 3): units changed for each unit there was. Writes
    `quality.json`: for each stream its figures.

    Args:
        corpus: what is measured; utterances without sound are left out.
        lexicon: a file with a word and its phones in each line, for utterances that have no times of phones; a word's
            phones share its time evenly. Without it, and for words that it lacks, letters stand for phones.
        augmentation: how strongly the sound is changed: `speed` (0.2: up to 20 % faster or slower), `pitch` in
            semitones up or down, `snr_min` and `snr_max` of noise in dB, `reverberation` time in seconds.
        recordings: how many are taken, at most, in an order drawn from the seed.

    Raises:
        RequestError: a value out of its range.
    """

    sections = ("chunking", "tokenizers")

    def __init__(
        self,
        *,
        corpus: Corpus,
        lexicon: Path | None = None,
        augmentation: Augmentation = Augmentation(),  # noqa: B008  (it cannot be changed)
        recordings: int = 200,
    ):
        check_range("unit-quality.v1", {"recordings": recordings}, at_least=1)
        self._corpus, self._lexicon = corpus, lexicon
        self._augmentation, self._recordings = augmentation, recordings

    def input_files(self) -> list[Path]:
        """The corpus's tables."""
        return self._corpus.input_files()

    def run(self, context: Context) -> None:
        """See `Step.run`."""
        lexicon = read_lexicon(self._lexicon) if self._lexicon else None
        recordings = Recordings(self._corpus, _SAMPLE_RATE, context.seed)
        specs = context.pipeline.specs
        confusions = {spec.name: Confusion(spec.size) for spec in specs}
        edits = {spec.name: {kind: EditRate() for kind in KINDS} for spec in specs}
        kept = {spec.name: [0, 0] for spec in specs}  # units after deduplication, and frames
        count = min(self._recordings, len(recordings))
        for start in context.progress(range(0, count, _RECORDINGS_A_BATCH), unit=f"{_RECORDINGS_A_BATCH} recordings"):
            numbers = range(start, min(start + _RECORDINGS_A_BATCH, count))
            sounds = []
            for number in numbers:
                samples = recordings.load(recordings.visit(number))
                rng = numpy_generator(context.seed, "augmentation", number)
                versions = [self._augmentation.apply_one(kind, samples, rng) for kind in KINDS]
                sounds += [Audio(each, _SAMPLE_RATE) for each in (samples, *versions)]
            encoded = iter(context.pipeline.encode_batch(sounds))
            for number in numbers:
                clean, *changed = (next(encoded) for _ in range(1 + len(KINDS)))
                alignment = recordings.utterances[recordings.visit(number)].alignment
                for spec in specs:
                    codes = clean[spec.name]
                    kept[spec.name][0] += len(deduplicated(codes))
                    kept[spec.name][1] += len(codes)
                    if alignment:
                        confusions[spec.name].add(codes, phone_labels(alignment, lexicon, len(codes), spec.rate))
                    for kind, units in zip(KINDS, changed, strict=True):
                        edits[spec.name][kind].add(codes, units[spec.name])
        figures = {
            spec.name: {
                **(confusions[spec.name].figures() if confusions[spec.name].frames else {}),
                "changed_units": {kind: edits[spec.name][kind].value for kind in KINDS},
                "units_per_frame": kept[spec.name][0] / max(1, kept[spec.name][1]),
            }
            for spec in specs
        }
        write_json(context.folder / "quality.json", figures)
        print(json.dumps(figures, indent=1))
