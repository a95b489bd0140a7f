"""What an lm-eval task asks of a model about one document."""

from __future__ import annotations

from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.task import Task

from spiritkit_lm_eval.seeded import seeded


def requests_of(task: Task, document: Any, number: int, *, shots: int, seed: int) -> list[Instance]:
    """The requests as `task.build_all_requests` makes them, without a chat template, but that shots which are drawn at
    random depend on the seed alone: lm-eval draws them for one document after the other.

    Args:
        task: of lm-eval.
        document: one of its `eval_docs`.
        number: its place among them.
        shots: how many examples precede it.
        seed: of this document.
    """
    with seeded(seed, seed):
        task.set_fewshot_seed(seed)
        context = task.fewshot_context(document, num_fewshot=shots, gen_prefix=task.doc_to_prefix(document))
        repeats = task.get_config("repeats") or 1
        made = task.construct_requests(document, context, metadata=(task.task_name, number, repeats))
    return sorted(made if isinstance(made, list) else [made], key=lambda request: request.idx)
