"""Prompts whose sentiment a continuation should keep (Spirit LM paper, section 5: STSP)."""

from __future__ import annotations

from typing import Any

from spiritkit.seeding import numpy_generator
from spiritkit_smallworld.language.stories import draw_story
from spiritkit_smallworld.language.turns import tells_the_branch
from spiritkit_smallworld.testsets.plan import PARTS, Plan, Recording, draw_speaker, to_jsonl
from spiritkit_smallworld.voice import STYLES
from spiritkit_smallworld.voice.profiles import SENTIMENT

_SENTIMENTS = ("positive", "negative", "neutral")
_STYLE = {"positive": "happy", "negative": "sad", "neutral": "neutral"}
_N_EXAMPLES = 9  # the most shots of the paper


def stsp(seed: int, n_prompts: int) -> Plan:
    """Prompts of the parts dev and test, and examples.

    - `speech.jsonl`: starts of stories that may go either way, in all styles, cut off behind the first word of what
      follows, which fits either way too: a prompt's sentiment is that of its style, `emotion`, and its words tell
      nothing of it.
    - `text.jsonl`: stories without their ending, whose words have the sentiment, `asr`.
    - `few_shot/{t2t,t2s,s2t,s2s}.jsonl`: examples for prompts of text (t) or speech (s), each a training story without
      its ending, its ending, and the sentiment of both. Unlike the prompts of speech they end with a sentence.

    Args:
        seed: of the choice.
        n_prompts: of each file and part.
    """
    plan = Plan()
    speech, text = [], []
    for part, split in PARTS.items():
        for number in range(n_prompts):
            rng = numpy_generator(seed, "stsp", part, number)
            style = list(STYLES)[number % len(STYLES)]
            story = draw_story(rng, split)
            while tells_the_branch(story):
                story = draw_story(rng, split)
            speaker, name = draw_speaker(rng), f"{part}-{number:04}"
            recording = Recording(f"stsp/wav/{name}.wav", story.sentences, speaker, style, n_heard=len(story.start))
            plan.recordings.append(recording)
            speech.append(
                {
                    "wav_path": f"wav/{name}.wav",
                    "emotion": style,
                    "sentiment": SENTIMENT[style],
                    "split": part,
                    "speaker": speaker,
                    "id": name,
                }
            )
            sentiment = _SENTIMENTS[number % 3]
            written = " ".join(draw_story(rng, split, sentiment=sentiment).beginning)
            text.append({"asr": written, "sentiment": sentiment, "split": part, "id": f"text-{name}"})
    plan.tables["stsp/speech.jsonl"] = to_jsonl(speech)
    plan.tables["stsp/text.jsonl"] = to_jsonl(text)
    _examples(seed, plan)
    return plan


def _examples(seed: int, plan: Plan) -> None:
    for direction in ("t2t", "t2s", "s2t", "s2s"):
        rows: list[dict[str, Any]] = []
        for number in range(_N_EXAMPLES):
            rng = numpy_generator(seed, "stsp examples", direction, number)
            sentiment = _SENTIMENTS[number % 3]
            story = draw_story(rng, "train", sentiment=sentiment)
            speaker = "ada"
            row: dict[str, Any] = {}
            for key, kind, sentences in (
                ("prompt", direction[0], story.beginning),
                ("generation", direction[2], (story.ending,)),
            ):
                row[key] = " ".join(sentences)
                if kind == "s":
                    row[key] = f"wav/{direction}-{number}-{key}.wav"
                    plan.recordings.append(Recording(f"stsp/{row[key]}", sentences, speaker, _STYLE[sentiment]))
            rows.append({**row, "sentiment": sentiment})
        plan.tables[f"stsp/few_shot/{direction}.jsonl"] = to_jsonl(rows)
