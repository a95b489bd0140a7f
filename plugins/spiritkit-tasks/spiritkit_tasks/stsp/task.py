"""Task `stsp.v1`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

from spiritkit.checkpoints import require
from spiritkit.errors import RequestError, SpiritkitError
from spiritkit.evaluation.published import published
from spiritkit.interfaces import Classifier, Item, Metric, Result, SpeechTextModel, Task, Trial
from spiritkit.types import Sampling
from spiritkit_tasks.stsp.continuing import Continuing
from spiritkit_tasks.stsp.directions import DIRECTIONS, MODALITIES, Direction, figure, short, source, target
from spiritkit_tasks.stsp.files import Modality, StspExample, read_examples, read_prompts
from spiritkit_tasks.stsp.judges import Judge, judge_prompts
from spiritkit_tasks.stsp.prompting import Prompting
from spiritkit_tasks.stsp.questions import OpenResult, Question
from spiritkit_tasks.stsp.runs import write_runs


class STSP(Task):
    """Whether a continuation keeps the sentiment of its prompt, within and across modalities (paper, section 4.3).

    Prompts of text and of speech are continued as text and as speech; a classifier tells the sentiment of each
    continuation. Figures, in %: continuations whose sentiment is that of the prompt, over all runs, for each direction
    and number of examples; and `T prompts`, `S prompts`: how well the classifiers judge the prompts themselves. A
    continuation without words or sound is wrong.

    Examples are drawn by the seed and the prompt's id, the sentiments in turns. Those that do not fit into the model's
    context are left out, from the last on; `details` says with how many a prompt was asked, and `finish` how many
    prompts had fewer.

    Writes `runs.json`, the accuracy of each run; `predictions/t2s-3-shot-run1.jsonl` and so on, lines of `{"id",
    "pred"}`, as the release does; and of the first run what was said as `speech/…wav`.

    Args:
        folder: where the files are; paths of recordings in them are below it.
        text: manifest of text prompts, below the folder: lines of `id`, `asr`, `sentiment`, `split`.
        speech: manifest of spoken prompts: lines of `id`, `wav_path`, `sentiment` or `emotion`, `split`.
        few_shot: folder of `t2t.jsonl`, `t2s.jsonl`, `s2s.jsonl`, `s2t.jsonl`: lines of `prompt`, `generation`,
            `sentiment`.
        split: only prompts of this split; None for all.
        text_classifier: judges text; needed by directions that end in T.
        speech_classifier: judges speech; needed by directions that end in S.
        text_labels: label of the classifier → `positive`, `negative` or `neutral`, for labels other than these and the
            emotions of the paper.
        speech_labels: likewise.
        directions: of the four, those that are asked; None for all.
        shots: numbers of examples; None for 0, 3, 6 and 9.
        runs: how often each prompt is continued.
        max_new_tokens_text: at most so many for a continuation as text.
        max_new_tokens_text_to_speech: as speech, of a text.
        max_new_tokens_speech_to_speech: as speech, of speech.
        temperature: 0 is greedy.
        top_p: nucleus of the distribution that is drawn from.
        benchmark: whose published figures stand beside.

    Raises:
        RequestError: a classifier is missing, or a value is out of its range.
    """

    def __init__(
        self,
        *,
        folder: str,
        text: str = "text.jsonl",
        speech: str = "speech.jsonl",
        few_shot: str = "few_shot",
        split: str | None = None,
        text_classifier: Callable[[], Classifier] | None = None,
        speech_classifier: Callable[[], Classifier] | None = None,
        text_labels: dict[str, str] | None = None,
        speech_labels: dict[str, str] | None = None,
        directions: list[Direction] | None = None,
        shots: list[int] | None = None,
        runs: int = 3,
        max_new_tokens_text: int = 50,
        max_new_tokens_text_to_speech: int = 200,
        max_new_tokens_speech_to_speech: int = 300,
        temperature: float = 0.8,
        top_p: float = 0.95,
        benchmark: Literal["stsp"] | None = None,
    ):
        self._shots = sorted([0, 3, 6, 9] if shots is None else shots)
        self._directions = [one for one in DIRECTIONS if directions is None or one in directions]
        if not self._shots or self._shots[0] < 0 or len(set(self._shots)) < len(self._shots):
            raise RequestError(f"shots is {shots}; expected different numbers of examples, each 0 or more")
        if not self._directions:
            raise RequestError(f"directions is empty; expected some of {', '.join(DIRECTIONS)}")
        if runs < 1:
            raise RequestError(f"runs is {runs}; expected at least 1")
        self._judges: dict[Modality, Judge] = {}
        if text_classifier:
            self._judges["text"] = Judge(text_classifier, "text", text_labels or {}, "text")
        if speech_classifier:
            self._judges["speech"] = Judge(speech_classifier, "speech", speech_labels or {}, "speech")
        for direction in self._directions:
            if target(direction) not in self._judges:
                raise RequestError(
                    f"direction {direction} needs {target(direction)}_classifier; give one, or leave the direction out"
                )
        self._max_new_tokens: dict[Direction, int] = {
            "T→T": max_new_tokens_text,
            "S→T": max_new_tokens_text,
            "T→S": max_new_tokens_text_to_speech,
            "S→S": max_new_tokens_speech_to_speech,
        }
        for most in self._max_new_tokens.values():
            Sampling(most, temperature, top_p)  # says now what is out of range
        self._folder = Path(folder).expanduser()
        self._manifests: dict[Modality, Path] = {"text": self._folder / text, "speech": self._folder / speech}
        self._few_shot = self._folder / few_shot
        self._split, self._runs = split, runs
        self._temperature, self._top_p = temperature, top_p
        self.published = published(benchmark)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Each direction with each number of examples, then the prompts themselves."""
        return tuple(Metric(name) for name in (*self._figures, *self._prompts_judged.values()))

    def input_files(self) -> list[Path]:
        """Manifests and examples."""
        examples = [self._examples_file(direction) for direction in self._directions] if self._shots[-1] else []
        return [*self.item_files(), *(require(path, "a file of STSP (jsonl)") for path in examples)]

    def item_files(self) -> list[Path]:
        """The manifests of the modalities that are asked."""
        return [require(self._manifests[modality], "a file of STSP (jsonl)") for modality in self._asked]

    def items(self) -> Sequence[Question]:
        """The prompts, text first.

        Raises:
            RequestError: there are fewer examples than the most that are wanted.
        """
        for direction in self._directions:
            there = len(self._examples[direction])
            if there < self._shots[-1]:
                raise RequestError(
                    f"{self._examples_file(direction)}: {there} examples; shots has {self._shots[-1]}: expected as "
                    "many at least"
                )
        return self._questions

    def evaluate(self, model: SpeechTextModel, items: Sequence[Item], trial: Trial) -> Iterable[Result]:
        """See `Task.evaluate`."""
        questions = [item for item in items if isinstance(item, Question)]
        results = [OpenResult(question) for question in questions]
        speech = self._prompting.speech(model, questions, trial)
        for one in results:
            for path in self._prompting.needed(one.question, trial.seed):
                error = speech[path]
                if isinstance(error, SpiritkitError):
                    one.problem = str(error)
        for modality, metric in self._prompts_judged.items():
            judge_prompts(self._judges[modality], modality, metric, results=results, folder=self._folder)
        continuing = Continuing(
            self._prompting, self._judges, self._max_new_tokens, self._runs, self._temperature, self._top_p
        )
        for direction in self._directions:
            for n in self._shots:
                continuing.ask(model, direction, n, results=results, speech=speech, trial=trial)
        return [one.result() for one in results]

    def finish(self, results: Sequence[Result], trial: Trial) -> list[Path]:
        """The predictions of each direction, number of examples and run, and `runs.json`: see `write_runs`."""
        return [write_runs(trial.folder, self._figures, self._runs, results)]

    @property
    def _figures(self) -> list[str]:
        return [figure(direction, n) for direction in self._directions for n in self._shots]

    @property
    def _asked(self) -> list[Modality]:
        """The modalities of the prompts that are asked."""
        sources = {source(direction) for direction in self._directions}
        return [modality for modality in MODALITIES.values() if modality in sources]

    @property
    def _prompts_judged(self) -> dict[Modality, str]:
        """The modalities whose prompts are judged themselves, each with its metric."""
        return {
            modality: f"{letter} prompts"
            for letter, modality in MODALITIES.items()
            if modality in self._asked and modality in self._judges
        }

    def _examples_file(self, direction: Direction) -> Path:
        return self._few_shot / f"{short(direction)}.jsonl"

    @cached_property
    def _questions(self) -> list[Question]:
        return [
            Question(f"{modality}/{prompt.id}", modality, prompt)
            for modality in self._asked
            for prompt in read_prompts(self._manifests[modality], modality, self._split)
        ]

    @cached_property
    def _examples(self) -> dict[Direction, list[StspExample]]:
        if not self._shots[-1]:
            return {direction: [] for direction in self._directions}
        return {direction: read_examples(self._examples_file(direction)) for direction in self._directions}

    @cached_property
    def _prompting(self) -> Prompting:
        return Prompting(self._folder, self._examples, self._shots[-1], self._max_new_tokens)
