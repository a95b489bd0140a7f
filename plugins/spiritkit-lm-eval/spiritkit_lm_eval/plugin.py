"""What this plugin offers."""

from __future__ import annotations

from spiritkit.registry import Component, hookimpl


@hookimpl
def spiritkit_components() -> list[Component]:
    """Tasks on text."""
    return [
        Component("task", "mmlu.v1", "spiritkit_lm_eval.mmlu:MMLU", "MMLU, with the prompts of lm-evaluation-harness"),
        Component(
            "task", "lm-eval.v1", "spiritkit_lm_eval.task:LMEval", "any text tasks of lm-evaluation-harness, by name"
        ),
    ]
