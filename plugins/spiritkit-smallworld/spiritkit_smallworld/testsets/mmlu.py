"""Questions with four answers, laid out as `cais/mmlu` on the Hugging Face hub (Hendrycks et al. 2021)."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from spiritkit.seeding import numpy_generator
from spiritkit_smallworld.language import Split
from spiritkit_smallworld.language.stories import draw_story
from spiritkit_smallworld.testsets.plan import Plan

SUBJECT = "miscellaneous"  # of the subjects that MMLU has
_N_EXAMPLES = 5  # of `dev`: the shots


def mmlu(seed: int, n_questions: int) -> Plan:
    """How a story ends: the ending, that of the plot's other branch, and those of two stories of other plots. `dev` has
    the five examples, of validation stories as `validation` is; `test` is of test stories.

    Args:
        seed: of the choice.
        n_questions: of `validation` and of `test`.
    """
    plan = Plan()
    parts: dict[str, tuple[Split, int]] = {
        "dev": ("validation", _N_EXAMPLES),
        "validation": ("validation", n_questions),
        "test": ("test", n_questions),
    }
    for part, (split, size) in parts.items():
        rows = [_question(numpy_generator(seed, "mmlu", part, number), split) for number in range(size)]
        plan.files[f"mmlu/{SUBJECT}/{part}-00000-of-00001.parquet"] = _to_parquet(rows)
    return plan


def _question(rng: np.random.Generator, split: Split) -> dict[str, Any]:
    story = draw_story(rng, split)
    plots, wrong = {story.plot}, [story.wrong_ending]
    while len(wrong) < 3:
        other = draw_story(rng, split)
        if other.plot not in plots and other.ending not in (story.ending, *wrong):
            plots.add(other.plot)
            wrong.append(other.ending)
    choices = [story.ending, *wrong]
    order = rng.permutation(len(choices)).tolist()
    return {
        "question": f"{' '.join(story.beginning)} What happens then?",
        "subject": SUBJECT,
        "choices": [choices[index] for index in order],
        "answer": order.index(0),
    }


def _to_parquet(rows: list[dict[str, Any]]) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), out)
    return out.getvalue()
