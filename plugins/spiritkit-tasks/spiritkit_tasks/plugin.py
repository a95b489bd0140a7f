"""What this plugin offers."""

from __future__ import annotations

from spiritkit.registry import Component, hookimpl


@hookimpl
def spiritkit_components() -> list[Component]:
    """The tasks that generate, and the one that needs no language model."""
    return [
        Component("task", "few-shot-asr.v1", "spiritkit_tasks.few_shot.asr:FewShotASR", "recognition: WER"),
        Component("task", "few-shot-tts.v1", "spiritkit_tasks.few_shot.tts:FewShotTTS", "synthesis: CER"),
        Component(
            "task",
            "few-shot-intent.v1",
            "spiritkit_tasks.few_shot.intent:FewShotIntent",
            "spoken commands: exact match of the intent",
        ),
        Component("task", "stsp.v1", "spiritkit_tasks.stsp.task:STSP", "speech-text sentiment preservation"),
        Component(
            "task",
            "resynthesis.v1",
            "spiritkit_tasks.resynthesis.task:Resynthesis",
            "tokenizers and vocoder: bit rate, WER, F0 frame error, style",
        ),
        Component(
            "step",
            "score-stsp.v1",
            "spiritkit_tasks.stsp.score:ScoreSTSP",
            "files of predictions for STSP → accuracy",
        ),
    ]
