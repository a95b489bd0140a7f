"""lm-eval's tasks of MMLU, on questions that are there already."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import datasets
from lm_eval.api.task import Task
from lm_eval.tasks import TaskManager

from spiritkit_lm_eval.seeded import seeded

_PREFIX = "mmlu_"
_CATEGORIES = ("stem", "humanities", "social_sciences", "other")


def _manager() -> TaskManager:
    """Knows the tasks of MMLU only: reading the names of all takes lm-eval many seconds."""
    return TaskManager(include_path=str(files("lm_eval") / "tasks" / "mmlu" / "default"), include_defaults=False)


@cache
def categories() -> dict[str, str]:
    """Subject → category, for all subjects, by name."""
    index = _manager().task_index
    found = {
        name.removeprefix(_PREFIX): category
        for category in _CATEGORIES
        for name in index[f"{_PREFIX}{category}_tasks"].tags
    }
    return dict(sorted(found.items()))


def subject_tasks(questions: Mapping[str, Mapping[str, list[dict[str, Any]]]]) -> dict[str, Task]:
    """lm-eval's task of each subject.

    Args:
        questions: subject → split (`dev`, `test`) → documents.
    """
    members = [
        {"task": f"{_PREFIX}{subject}", "custom_dataset": _dataset(splits)} for subject, splits in questions.items()
    ]
    log = logging.getLogger("lm_eval")
    level = log.level
    log.setLevel(logging.ERROR)  # it warns of each data set that is not loaded by name
    try:
        with seeded():
            tasks = _manager().load({"group": "subjects", "task": members})["tasks"]
    finally:
        log.setLevel(level)
    return {subject: tasks[f"{_PREFIX}{subject}"] for subject in questions}


def _dataset(splits: Mapping[str, list[dict[str, Any]]]) -> Callable[..., dict[str, datasets.Dataset]]:
    """What lm-eval calls in place of loading from the hub."""

    def given(**_: Any) -> dict[str, datasets.Dataset]:
        return {name: datasets.Dataset.from_list(documents) for name, documents in splits.items()}

    return given
