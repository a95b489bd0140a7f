"""Step `make-smallworld-tests.v1`."""

from __future__ import annotations

from collections.abc import Iterator

from spiritkit.atomic import write_bytes, write_text
from spiritkit.checks import check_range
from spiritkit.errors import RequestError
from spiritkit.interfaces import Context, Step
from spiritkit_smallworld.testsets.plan import Job, Plan, speak
from spiritkit_smallworld.workers import spread

_AT_ONCE = 32  # recordings that a process takes


class MakeSmallworldTests(Step):
    """Writes test sets in the formats of the published ones. Their sentences occur in no training text; those of the
    parts called dev or valid are of the validation split.

    - `slm21/lexical/{dev,test}/`: words against non-words, `gold.csv` and WAV files as in ZeroSpeech 2021.
    - `slm21/syntactic/{dev,test}/`: grammatical against ungrammatical sentences, likewise.
    - `storycloze/{spoken,topic}/`: `<number>_mutual`, `<number>_correct`, `<number>_incorrect`, `.wav` and `.txt`.
    - `salmon/{speaker,gender,sentiment}_consistency/`, `salmon/sentiment_alignment/`: `sample_<i>_0.wav` is right,
      `sample_<i>_1.wav` wrong.
    - `mmlu/miscellaneous/`: how stories end, `{dev,validation,test}-00000-of-00001.parquet` as `cais/mmlu`.
    - `stsp/`: `speech.jsonl`, `text.jsonl`, `few_shot/{t2t,t2s,s2t,s2s}.jsonl`; paths are relative to `stsp/`.
    - `intent/`: `data/{train,valid,test}_data.csv` and `wavs/`, as Fluent Speech Commands.
    - `asr/`: `{dev,test}.jsonl` with `id`, `path` (relative to `asr/`) and `text`; `unseen.jsonl`, likewise, with words
      that are in no training text.

    A set of size 0 is left out.

    Args:
        words: pairs of a word and a non-word in each part; four speakers say each.
        sentences: pairs of a grammatical and an ungrammatical sentence in each part.
        stories: of each of the two sets.
        pairs: of recordings, in each part of `salmon`.
        questions: in each split of `mmlu`; `dev` has five.
        prompts: of text and of speech in each part.
        commands: in each part.
        utterances: with transcript, in each part.
        workers: processes; 0 for as many as there are processors.

    Raises:
        RequestError: a number is negative, or all are 0.
    """

    sections = ()
    runtime = ("workers",)

    def __init__(
        self,
        *,
        words: int = 100,
        sentences: int = 200,
        stories: int = 100,
        pairs: int = 50,
        questions: int = 100,
        prompts: int = 60,
        commands: int = 96,
        utterances: int = 60,
        workers: int = 0,
    ):
        sizes = {
            "words": words,
            "sentences": sentences,
            "stories": stories,
            "pairs": pairs,
            "questions": questions,
            "prompts": prompts,
            "commands": commands,
            "utterances": utterances,
            "workers": workers,
        }
        check_range("make-smallworld-tests.v1", sizes, at_least=0)
        self._workers = sizes.pop("workers")
        if not any(sizes.values()):
            raise RequestError(f"{', '.join(sizes)} are all 0; expected at least one test set")
        self._sizes = sizes

    def run(self, context: Context) -> None:
        """See `Step.run`. Files of an interrupted try are kept."""
        plans = self._plans(context.seed)
        recordings = [recording for plan in plans for recording in plan.recordings]
        jobs = [
            Job(context.folder, context.seed, tuple(recordings[start : start + _AT_ONCE]))
            for start in range(0, len(recordings), _AT_ONCE)
        ]
        for _ in context.progress(_each(jobs, self._workers), total=len(recordings), unit="file"):
            pass
        for plan in plans:
            for path, text in plan.tables.items():
                write_text(context.folder / path, text)
            for path, content in plan.files.items():
                write_bytes(context.folder / path, content)

    def _plans(self, seed: int) -> list[Plan]:
        from spiritkit_smallworld.testsets.asr import asr
        from spiritkit_smallworld.testsets.intent import intent
        from spiritkit_smallworld.testsets.lexical import lexical
        from spiritkit_smallworld.testsets.mmlu import mmlu
        from spiritkit_smallworld.testsets.salmon import salmon
        from spiritkit_smallworld.testsets.storycloze import storycloze
        from spiritkit_smallworld.testsets.stsp import stsp
        from spiritkit_smallworld.testsets.syntactic import syntactic

        makers = {
            "words": lexical,
            "sentences": syntactic,
            "stories": storycloze,
            "pairs": salmon,
            "questions": mmlu,
            "prompts": stsp,
            "commands": intent,
            "utterances": asr,
        }
        return [make(seed, self._sizes[name]) for name, make in makers.items() if self._sizes[name]]


def _each(jobs: list[Job], workers: int) -> Iterator[None]:
    for n_recordings in spread(speak, jobs, workers):
        yield from [None] * n_recordings
