"""Step `prepare.v1`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from spiritkit.checks import check_range
from spiritkit.data.prepare.maker import Maker, Task
from spiritkit.data.prepare.processes import Makers, makers
from spiritkit.data.prepare.record import Journal, Made
from spiritkit.data.prepare.summary import described, summarize, write_lines
from spiritkit.data.shards.schema import load_pyarrow
from spiritkit.errors import InputError, RequestError, SpiritkitError
from spiritkit.interfaces import Aligner, Context, Corpus, Step


class Prepare(Step):
    """Encodes a corpus into shards, from which language models are trained (paper, section 3.2).

    Writes `shards/N.parquet` with the frames of every stream, the words with their times, and the text of utterances
    N · `shard_size` and on, `shards/N.json` with what is known of it; and at the end `manifest.json` (shards, streams,
    sources, totals), `failed.jsonl` (`id` and `reason` of utterances that could not be read or encoded; they are left
    out) and `unaligned.jsonl` (`id` and `reason` of those that are there without words, because their alignment failed
    or was dropped). The step fails if no utterance is left.

    Args:
        corpus: utterances with sound, text or both.
        aligner: times the words of utterances with sound and text; null for the corpus's own alignments.
        min_score: alignments with a lower mean score are dropped; those without scores are kept.
        shard_size: how many utterances of the corpus go into one shard.
        workers: how many processes work, each on one thread and with parts of its own. It changes nothing in the
            result.
    """

    sections = ("chunking", "tokenizers")
    runtime = ("workers",)

    def __init__(
        self,
        *,
        corpus: Corpus,
        aligner: Callable[[], Aligner] | None = None,
        min_score: float | None = None,
        shard_size: int = 1000,
        workers: int = 1,
    ):
        check_range("prepare.v1", {"min_score": min_score}, at_least=0, at_most=1)
        check_range("prepare.v1", {"shard_size": shard_size, "workers": workers}, at_least=1)
        self._corpus, self._build_aligner, self._min_score = corpus, aligner, min_score
        self._shard_size, self._workers = shard_size, workers

    def input_files(self) -> list[Path]:
        """The tables of the corpus, and the files of the aligner."""
        return [*self._corpus.input_files(), *(self._build_aligner().input_files() if self._build_aligner else [])]

    def run(self, context: Context) -> None:
        """See `Step.run`."""
        load_pyarrow()
        n_utterances = len(self._corpus)
        if not n_utterances:
            raise RequestError("the corpus has no utterance; expected at least one")
        journal = Journal(context.folder)
        journal.clean()
        n_shards = -(-n_utterances // self._shard_size)
        missing = [number for number in range(n_shards) if not journal.has(number)]
        if missing:
            maker = Maker(context.pipeline, self._build_aligner, self._min_score)
            with makers(maker, min(self._workers, len(missing))) as working:
                self._make(context, journal, working, set(missing))
        records = list(journal.records(n_shards))
        failed = [one for record in records for one in record.failed]
        write_lines(context.folder / "failed.jsonl", failed)
        write_lines(context.folder / "unaligned.jsonl", (one for record in records for one in record.unaligned))
        if len(failed) == n_utterances:
            raise SpiritkitError(
                f"none of the {n_utterances} utterances could be prepared; the first reasons of "
                f"{context.folder / 'failed.jsonl'}:\n"
                + "\n".join(f"{one['id']}: {one['reason']}" for one in failed[:20])
            )
        manifest = summarize(journal, records)
        manifest.write(context.folder)
        for line in described(dict(manifest.totals)):
            print(f"  {line}")
        for one in failed[:5]:
            print(f"  failed: {one['id']}: {one['reason']}")

    def _make(self, context: Context, journal: Journal, working: Makers, missing: set[int]) -> None:
        meter = _Meter()

        def events() -> Iterator[float]:
            for event in working.make(self._tasks(missing)):
                if isinstance(event, Made):
                    journal.write(event)
                else:
                    meter.seconds += event
                    yield event

        n_utterances = len(self._corpus)
        total = sum(min(self._shard_size, n_utterances - number * self._shard_size) for number in missing)
        for _ in context.progress(events(), total=total, unit="utterance", note=meter.note):
            pass

    def _tasks(self, missing: set[int]) -> Iterator[Task]:
        """The shards to make, with their utterances."""
        utterances = iter(self._corpus)
        number = n_seen = 0
        while group := list(islice(utterances, self._shard_size)):
            n_seen += len(group)
            if n_seen > len(self._corpus):
                break
            if number in missing:
                yield Task(number, group)
            number += 1
        if n_seen != len(self._corpus):
            raise InputError(
                f"the corpus says that it has {len(self._corpus)} utterances, but gave {n_seen}"
                f"{' or more' if n_seen > len(self._corpus) else ''}"
            )


class _Meter:
    """How fast the work goes."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._started = time.perf_counter()

    def note(self) -> str:
        """Seconds of sound for each second of work."""
        speed = self.seconds / max(1e-9, time.perf_counter() - self._started)
        return f"{speed:.1f} × real time" if self.seconds else ""
