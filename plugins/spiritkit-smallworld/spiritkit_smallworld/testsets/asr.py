"""Speech with its transcript."""

from __future__ import annotations

from collections.abc import Sequence

from spiritkit.seeding import numpy_generator
from spiritkit_smallworld.language import document
from spiritkit_smallworld.language.tables import read_table
from spiritkit_smallworld.testsets.plan import PARTS, Plan, Recording, draw_speaker, to_jsonl
from spiritkit_smallworld.voice import STYLES

_APART = 1_000_000  # added to document numbers, so that these are not the first of a corpus of the same seed


def asr(seed: int, n_utterances: int) -> Plan:
    """Sentences and stories by all speakers in all styles: `{dev,test}.jsonl` with `id`, `path`, `text`; and
    `unseen.jsonl`, sentences with words that are in no training text.

    Args:
        seed: of the texts.
        n_utterances: of each part; of sentences with unseen words there are 40 at most.
    """
    plan = Plan()
    for part, split in PARTS.items():
        _add(plan, seed, part, [document(seed, split, _APART + number).sentences for number in range(n_utterances)])
    _add(plan, seed, "unseen", [(sentence,) for sentence in read_table("unseen")["sentences"][:n_utterances]])
    return plan


def _add(plan: Plan, seed: int, part: str, texts: Sequence[tuple[str, ...]]) -> None:
    rows = []
    for number, sentences in enumerate(texts):
        rng = numpy_generator(seed, "asr", part, number)
        style = list(STYLES)[rng.integers(len(STYLES))]
        path = f"{part}/{number:04}.wav"
        plan.recordings.append(Recording(f"asr/{path}", sentences, draw_speaker(rng), style))
        rows.append({"id": f"{part}-{number:04}", "path": path, "text": " ".join(sentences)})
    plan.tables[f"asr/{part}.jsonl"] = to_jsonl(rows)
