"""Step `generate.v1`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from spiritkit.atomic import write_json, write_text
from spiritkit.audio import write_wav
from spiritkit.checkpoints import require
from spiritkit.errors import RequestError
from spiritkit.interfaces import Context, LanguageModel, SpeechTextModel, Step
from spiritkit.pipeline import Pipeline
from spiritkit.steps.timing import Timing
from spiritkit.types import Audio, Generation, Output, Sampling, Speech, Text

_PART = "expected text, {text: …}, {speech: path}, or at its end {marker: name}"


class Generate(Step):
    """Continues prompts.

    Writes `N.json` for the Nth prompt (prompt, ids, text, tokens of speech), `N.K.wav` for its Kth span if that is
    speech, and at the end all of them as `generations.jsonl`; and `timing.jsonl` with the seconds that encoding, the
    language model and the vocoder took for each.

    Args:
        prompts: each a text, `{text: …}`, `{speech: path}`, or a list of these for a prompt of several parts. The last
            of a list may be `{marker: asr}`: a marker of the vocabulary, by its role, that asks for an output.
        output: `text`, `speech`, or `any` for what the model chooses.
        max_new_tokens: at most so many for each prompt.
        temperature: 0 is greedy.
        top_p: nucleus of the distribution that is drawn from.
        speaker: voice of generated speech; null for the vocoder's default.
        style: style of generated speech; null for the tokens' own, or the vocoder's default.
        language_model: continues the prompts in place of the recipe's, e.g. the one that an earlier step has trained.
        model: continues the prompts in place of the recipe's parts, e.g. a cascade; its voice is its own.

    Raises:
        RequestError: a value out of its range; `model` beside `language_model`, `speaker` or `style`.
    """

    def __init__(
        self,
        *,
        prompts: list[str | dict[str, str] | list[str | dict[str, str]]],
        output: Output = "any",
        max_new_tokens: int = 200,
        temperature: float = 0.8,
        top_p: float = 0.95,
        speaker: int | str | None = None,
        style: int | str | None = None,
        language_model: Callable[[], LanguageModel] | None = None,
        model: Callable[[], SpeechTextModel] | None = None,
    ):
        Sampling(max_new_tokens, temperature, top_p)  # says now what is out of range
        self._prompts = [_prompt(prompt, index, output) for index, prompt in enumerate(prompts)]
        self._output = output
        self._language_model, self._model = language_model, model
        self._options: dict[str, Any] = {
            "max_new_tokens": max_new_tokens,
            "temperature": temperature,
            "top_p": top_p,
        }
        voice = {"speaker": speaker, "style": style}
        if model is None:
            self._options |= voice
            return
        for name, value in {"language_model": language_model, **voice}.items():
            if value is not None:
                raise RequestError(f"generate.v1: model takes the place of {name}; expected one of the two")
        self.sections = ()  # no part of the recipe changes the result

    def input_files(self) -> list[Path]:
        """The recordings among the prompts."""
        parts = [part for prompt in self._prompts for part in prompt]
        sounds = [part.audio for part in parts if isinstance(part, Speech) and part.audio is not None]
        return [require(Path(str(sound)), "an audio file to continue") for sound in sounds]

    def run(self, context: Context) -> None:
        """See `Step.run`."""
        model: Any = self._model() if self._model else context.pipeline
        if self._language_model:
            model = context.pipeline.with_language_model(self._language_model())
        timing = Timing(context.folder / "timing.jsonl")
        for index, prompt in enumerate(context.progress(self._prompts, unit="prompt")):
            path = context.folder / f"{index}.json"
            if path.exists():
                continue
            generation = model.generate(prompt, output=self._output, seed=context.seed + index, **self._options)
            timing.add(index, generation.seconds)
            write_json(path, _record(index, prompt, generation, model, context.folder))
        records = [
            json.loads((context.folder / f"{index}.json").read_text(encoding="utf-8"))
            for index in range(len(self._prompts))
        ]
        write_text(
            context.folder / "generations.jsonl",
            "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records),
        )
        for record in records:
            print(_line(record))


def _prompt(given: Any, index: int, output: Output) -> list[Text | Speech]:
    parts: list[Text | Speech] = []
    listed = given if isinstance(given, list) else [given]
    for number, part in enumerate(listed, 1):
        if isinstance(part, str):
            parts.append(Text(part))
        elif list(part) == ["text"]:
            parts.append(Text(part["text"]))
        elif list(part) == ["speech"]:
            parts.append(Speech(Path(part["speech"]).expanduser()))
        elif list(part) == ["marker"] and 1 < number == len(listed):
            if output == "any":
                raise RequestError(f"prompt {index} ends with a marker; expected output text or speech, got any")
            marker = part["marker"]
            parts.append(Text("", marker=marker) if output == "text" else Speech(marker=marker))
        else:
            raise RequestError(f"prompt {index} has a part with keys {', '.join(part) or '(none)'}; {_PART}")
    if not parts:
        raise RequestError(f"prompt {index} is empty; {_PART}")
    return parts


def _record(
    index: int, prompt: list[Text | Speech], generation: Generation, model: SpeechTextModel, folder: Path
) -> dict[str, Any]:
    spans: list[dict[str, Any]] = []
    for number, span in enumerate(generation.spans):
        if isinstance(span, Text):
            spans.append({"text": span.text})
            continue
        spans.append({"n_tokens": len(span.tokens) if span.tokens is not None else 0})
        if span.tokens is not None and isinstance(model, Pipeline):
            spans[-1]["tokens"] = model.to_string(span.tokens)
        if isinstance(span.audio, Audio) and span.audio.samples.size:  # pitch and style alone are silent
            name = f"{index}.{number}.wav"
            write_wav(folder / name, span.audio)
            spans[-1] |= {"speech": name, "seconds": round(float(span.audio.duration), 3)}
    return {
        "prompt": [_part_record(part) for part in prompt],
        "prompt_string": generation.prompt_string,
        "prompt_ids": generation.prompt_ids,
        "new_ids": generation.new_ids,
        "spans": spans,
    }


def _part_record(part: Text | Speech) -> dict[str, str]:
    if part.marker is not None:
        return {"marker": part.marker}
    return {"text": part.text} if isinstance(part, Text) else {"speech": str(part.audio)}


def _line(record: dict[str, Any]) -> str:
    """One prompt and its continuation, for the console."""
    prompt = " ".join(_part_line(part) for part in record["prompt"])
    spans = [
        span["text"] if "text" in span else f"<{span.get('speech', 'no unit')}, {span.get('seconds', 0)} s>"
        for span in record["spans"]
    ]
    return f"  {prompt!r} → {' '.join(spans) or '(nothing)'}"


def _part_line(part: dict[str, str]) -> str:
    if "marker" in part:
        return f"<{part['marker']}>"
    return part["text"] if "text" in part else f"<{part['speech']}>"
