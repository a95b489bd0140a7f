"""The files of STSP: prompts, examples, predictions."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from spiritkit.atomic import write_text
from spiritkit.data.lines import json_lines
from spiritkit.errors import InputError

Sentiment = Literal["positive", "negative", "neutral"]
Modality = Literal["text", "speech"]
SENTIMENTS: tuple[Sentiment, ...] = get_args(Sentiment)

#: The sentiment of an emotion, or style (paper, section 4.3).
EMOTIONS: Mapping[str, Sentiment] = {
    "happy": "positive",
    "amused": "positive",
    "sad": "negative",
    "angry": "negative",
    "default": "neutral",
    "neutral": "neutral",
}


@dataclass(frozen=True)
class StspPrompt:
    """One prompt of a manifest.

    Attributes:
        id: of the manifest.
        content: the words, or the path of the recording below the folder.
        sentiment: that of the prompt, which a continuation is to keep.
    """

    id: str
    content: str
    sentiment: Sentiment


@dataclass(frozen=True)
class StspExample:
    """A prompt with a continuation of the same sentiment, each the words or the path of a recording."""

    prompt: str
    generation: str
    sentiment: Sentiment


def read_prompts(path: Path, modality: Modality | None, split: str | None) -> list[StspPrompt]:
    """The prompts of a manifest: lines of `id`, `sentiment` (or `emotion`), `split`, and `asr` for the words or
    `wav_path` for the recording.

    Args:
        path: the manifest.
        modality: which of the two is read; None for neither, where only the sentiments are wanted.
        split: only these; None for all.

    Raises:
        MissingFileError: no such file.
        InputError: it is malformed, or has no prompt of that split; the message names the line.
    """
    prompts: dict[str, StspPrompt] = {}
    for line, record in json_lines(path, "a manifest of STSP prompts (jsonl)"):
        where = f"{path}:{line}"
        prompt = StspPrompt(
            _string(where, record, "id"),
            "" if modality is None else _string(where, record, "asr" if modality == "text" else "wav_path"),
            _sentiment(where, record),
        )
        if split is not None and _string(where, record, "split") != split:
            continue
        if prompt.id in prompts:
            raise InputError(f"{where}: id {prompt.id!r} stands in an earlier line too; expected each once")
        prompts[prompt.id] = prompt
    if not prompts:
        raise InputError(f"{path}: no prompts{f' of split {split!r}' if split else ''}")
    return list(prompts.values())


def read_examples(path: Path) -> list[StspExample]:
    """Examples: lines of `prompt`, `generation`, `sentiment`.

    Raises:
        MissingFileError: no such file.
        InputError: it is malformed; the message names the line.
    """
    examples = []
    for line, record in json_lines(path, "examples of STSP (jsonl)"):
        where = f"{path}:{line}"
        prompt, generation = _string(where, record, "prompt"), _string(where, record, "generation")
        examples.append(StspExample(prompt, generation, _sentiment(where, record)))
    return examples


def read_predictions(path: Path, ids: Collection[str], manifest: Path) -> dict[str, str]:
    """Predictions, id → sentiment: lines of `id` and `pred`, which is empty where a model gave nothing.

    Args:
        path: the file.
        ids: those of the prompts.
        manifest: what has them.

    Raises:
        MissingFileError: no such file.
        InputError: it is malformed, or has an id of no prompt; the message names the line.
    """
    predictions: dict[str, str] = {}
    for line, record in json_lines(path, "predictions for STSP (jsonl)"):
        where = f"{path}:{line}"
        id, predicted = _string(where, record, "id"), record.get("pred")
        if predicted not in (*SENTIMENTS, ""):
            raise InputError(f"{where}: pred is {predicted!r}; expected {', '.join(SENTIMENTS)}")
        if id not in ids:
            raise InputError(f"{where}: id {id!r} is not in {manifest}; expected ids of its prompts")
        if id in predictions:
            raise InputError(f"{where}: id {id!r} stands in an earlier line too; expected each once")
        predictions[id] = predicted
    return predictions


def write_predictions(path: Path, predictions: Iterable[tuple[str, str]]) -> None:
    """Write predictions, (id, sentiment), as the release does."""
    write_text(
        path, "".join(f"{json.dumps({'id': id, 'pred': pred}, ensure_ascii=False)}\n" for id, pred in predictions)
    )


def _sentiment(where: str, record: Mapping[str, Any]) -> Sentiment:
    if record.get("sentiment") is not None:
        given = record["sentiment"]
        found = next((sentiment for sentiment in SENTIMENTS if sentiment == given), None)
        if found is None:
            raise InputError(f"{where}: sentiment is {given!r}; expected {', '.join(SENTIMENTS)}")
        return found
    emotion = _string(where, record, "emotion", "sentiment or emotion")
    if emotion not in EMOTIONS:
        raise InputError(f"{where}: emotion is {emotion!r}; expected {', '.join(EMOTIONS)}, or a sentiment")
    return EMOTIONS[emotion]


def _string(where: str, record: Mapping[str, Any], key: str, wanted: str | None = None) -> str:
    value = record.get(key)
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{where}: {key} is {value!r}; expected {wanted or key} as a string")
    return value
