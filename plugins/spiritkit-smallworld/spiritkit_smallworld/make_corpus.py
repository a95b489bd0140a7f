"""Step `make-smallworld.v1`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spiritkit.atomic import replacing, write_json, write_text
from spiritkit.checks import check_range
from spiritkit.errors import RequestError
from spiritkit.interfaces import Context, Step
from spiritkit_smallworld.language import SPLITS, Split
from spiritkit_smallworld.language.documents import Kind, written_forms
from spiritkit_smallworld.lexicon import lexicon
from spiritkit_smallworld.shard import Shard, make_shard, shared_voice
from spiritkit_smallworld.voice import SAMPLE_RATE
from spiritkit_smallworld.workers import spread

_SHARD_SECONDS = 100.0


class MakeSmallworld(Step):
    """Writes a spoken corpus with exact word times, which `smallworld.v1` reads.

    Into `train/`, `validation/` and `test/`: `utterances.jsonl`, a line for each utterance (`id`, `audio`, `start` and
    `stop` in samples, `sample_rate`, `text`, `words` and `phones` as [text, start, stop] in samples from the
    utterance's start, `speaker`, `style`, `sentiment`, `kind`, `topic`), and `audio/`: FLAC files of 100 seconds each,
    utterance after utterance. `corpus.json` has the counts, `lexicon.txt` each word with its phones, as the voice says
    it.

    The seed of the recipe and these parameters decide every byte. A sentence occurs in one split only, whatever the
    seed; the speaker `hana` and four pairs of speaker and style are heard in the test split only.

    Args:
        train_hours, validation_hours, test_hours: of sound; each split exceeds it by part of an utterance at most.
        kind: single sentences, stories of two to five sentences, both (mixed), three to eight words in no order,
            each as likely as any other (words), or two to five sentences that do not belong together, of whose words
            three in ten are exchanged for any others (scrambled).
        matching: share of the training and validation utterances whose style tells of their words' sentiment (positive:
            happy or excited; negative: sad; neutral: neutral or calm); the style of the others, and of all of the test
            split, is drawn independently.
        variation: of the training voices: each utterance's formants and rate of speech are its speaker's times a factor
            of up to exp(±variation), its F0 twice as far; 0 for seven voices that are always the same.
        workers: processes; 0 for as many as there are processors.

    Raises:
        RequestError: a number is out of its range.
    """

    sections = ()
    runtime = ("workers",)

    def __init__(
        self,
        *,
        train_hours: float = 3.0,
        validation_hours: float = 0.3,
        test_hours: float = 0.3,
        kind: Kind = "mixed",
        matching: float = 0.7,
        variation: float = 0.0,
        workers: int = 0,
    ):
        self._hours: dict[Split, float] = {"train": train_hours, "validation": validation_hours, "test": test_hours}
        check_range("make-smallworld.v1", {f"{split}_hours": hours for split, hours in self._hours.items()}, at_least=0)
        if not sum(self._hours.values()):
            raise RequestError("train_hours, validation_hours and test_hours are 0; expected some sound")
        check_range("make-smallworld.v1", {"matching": matching}, at_least=0, at_most=1)
        check_range("make-smallworld.v1", {"variation": variation}, at_least=0, at_most=0.3)
        check_range("make-smallworld.v1", {"workers": workers}, at_least=0)
        self._kind, self._matching, self._variation, self._workers = kind, matching, variation, workers

    def run(self, context: Context) -> None:
        """See `Step.run`. Whole shards of an interrupted try are kept."""
        shards = [shard for split in SPLITS for shard in self._shards(context, split)]
        seconds = round(sum(shard.seconds for shard in shards))
        # One item for each second of speech: the rate that is shown says how many times faster than real time it goes.
        for _ in context.progress(self._seconds(shards), total=seconds, unit=" s of speech"):
            pass
        lines = {split: _gather(context.folder / split) for split in SPLITS if self._hours[split]}
        words = {word for each in lines.values() for line in each for word, _, _ in line["words"]}
        write_text(context.folder / "lexicon.txt", lexicon(words, shared_voice()))
        write_json(context.folder / "corpus.json", {split: _counts(each) for split, each in lines.items()})

    def _shards(self, context: Context, split: Split) -> list[Shard]:
        folder, left = context.folder / split, self._hours[split] * 3600
        if (folder / "utterances.jsonl").exists():
            return []
        shards: list[Shard] = []
        while left > 0:
            shards.append(
                Shard(
                    folder=folder,
                    number=len(shards),
                    seconds=min(left, _SHARD_SECONDS),
                    seed=context.seed,
                    split=split,
                    kind=self._kind,
                    matching=0.0 if split == "test" else self._matching,
                    variation=self._variation if split == "train" else 0.0,
                )
            )
            left -= _SHARD_SECONDS
        return shards

    def _seconds(self, shards: list[Shard]) -> Iterator[None]:
        done, shown = 0.0, 0
        for seconds in spread(make_shard, shards, self._workers):
            done += seconds
            while shown < round(done):
                shown += 1
                yield


def _gather(folder: Path) -> list[dict[str, Any]]:
    """Join the tables of the shards; their lines."""
    table, parts = folder / "utterances.jsonl", folder / "parts"
    if not table.exists():
        with replacing(table) as temporary, temporary.open("wb") as out:
            for part in sorted(parts.glob("[0-9]*.jsonl")):
                out.write(part.read_bytes())
    shutil.rmtree(parts, ignore_errors=True)
    for left_over in (folder / "audio").glob(".*"):  # of processes that were killed
        left_over.unlink()
    return [json.loads(line) for line in table.read_text(encoding="utf-8").splitlines()]


def _counts(lines: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "utterances": len(lines),
        "hours": round(sum(line["stop"] - line["start"] for line in lines) / SAMPLE_RATE / 3600, 4),
        "words": sum(len(line["words"]) for line in lines),
        "distinct_words": len(written_forms(word for line in lines for word, _, _ in line["words"])),
    }
