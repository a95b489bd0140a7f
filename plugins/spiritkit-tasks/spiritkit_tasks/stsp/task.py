"""Task `stsp.v1`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

from spiritkit.atomic import write_json
from spiritkit.checkpoints import require
from spiritkit.data.audio_file import AudioFile
from spiritkit.errors import RequestError, SpiritkitError
from spiritkit.evaluation.asking import generate_each
from spiritkit.evaluation.published import published
from spiritkit.interfaces import Classifier, Item, Metric, Result, SpeechTextModel, Task, Trial
from spiritkit.seeding import derive
from spiritkit.types import Audio, Generation, Sampling, Speech, Text
from spiritkit_tasks.prompts import Fitted, Part, Recordings, fitted
from spiritkit_tasks.speech import keep, spoken
from spiritkit_tasks.stsp.examples import balanced, written
from spiritkit_tasks.stsp.files import (
    Modality,
    StspExample,
    StspPrompt,
    read_examples,
    read_prompts,
    write_predictions,
)
from spiritkit_tasks.stsp.judges import Judge

Direction = Literal["T→T", "T→S", "S→S", "S→T"]
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)
_MODALITIES: Mapping[str, Modality] = {"T": "text", "S": "speech"}


@dataclass(frozen=True)
class Question(Item):
    """A prompt in one modality; it is continued in both."""

    modality: Modality
    prompt: StspPrompt


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
            if _target(direction) not in self._judges:
                raise RequestError(
                    f"direction {direction} needs {_target(direction)}_classifier; give one, or leave the direction out"
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
        self._recordings: Recordings | None = None

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Each direction with each number of examples, then the prompts themselves."""
        prompts = [f"{letter} prompts" for letter, modality in _MODALITIES.items() if self._is_judged(modality)]
        return tuple(Metric(name) for name in (*self._names(), *prompts))

    def input_files(self) -> list[Path]:
        """Manifests and examples."""
        files = [self._manifests[modality] for modality in self._sides]
        if self._shots[-1]:
            files += [self._examples_file(direction) for direction in self._directions]
        return [require(path, "a file of STSP (jsonl)") for path in files]

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
        open_results = {question.id: _Open(question) for question in questions}
        recordings = self._spoken(model, questions, trial)
        for question in questions:
            for path in self._needed(question, trial.seed):
                error = recordings[path]
                if isinstance(error, SpiritkitError):
                    open_results[question.id].problem = str(error)
        self._judge_prompts(open_results.values())
        for direction in self._directions:
            for n in self._shots:
                self._ask(model, direction, n, open_results=open_results.values(), recordings=recordings, trial=trial)
        return [open_results[question.id].result() for question in questions]

    def finish(self, results: Sequence[Result], trial: Trial) -> list[Path]:
        """The predictions of each direction, number of examples and run, in the release's format, and `runs.json`: for
        each direction and number of examples the accuracy of each run, in %, how many prompts were asked, and how many
        of them had fewer examples, because more did not fit.
        """
        rows: dict[str, dict[str, Any]] = {}
        for name in self._names():
            made = [result for result in results if name in result.counts]
            if not made:
                continue
            direction, _, shots = name.partition(" ")
            fewer = sum(result.details["asked"][name]["shots"] < int(shots.removesuffix("-shot")) for result in made)
            if fewer:
                print(f"{name}: {fewer} of {len(made)} prompts have fewer examples, because more did not fit")
            accuracies = []
            for run in range(self._runs):
                predicted = [(result.details, result.details["asked"][name]["predicted"][run]) for result in made]
                accuracies.append(100 * sum(one["sentiment"] == guess for one, guess in predicted) / len(predicted))
                path = trial.folder / "predictions" / f"{_file(direction)}-{shots}-run{run + 1}.jsonl"
                write_predictions(path, [(one["id"], guess) for one, guess in predicted])
            rows[name] = {"runs": accuracies, "prompts": len(made), "prompts_with_fewer_examples": fewer}
        write_json(trial.folder / "runs.json", rows)
        return [trial.folder / "runs.json"]

    # -- the files ----------------------------------------------------------------------------------------------------

    def _names(self) -> list[str]:
        return [f"{direction} {n}-shot" for direction in self._directions for n in self._shots]

    @property
    def _sides(self) -> list[Modality]:
        """The modalities of the prompts that are asked."""
        letters = {direction[0] for direction in self._directions}
        return [modality for letter, modality in _MODALITIES.items() if letter in letters]

    def _is_judged(self, modality: Modality) -> bool:
        return modality in self._sides and modality in self._judges

    def _examples_file(self, direction: Direction) -> Path:
        return self._few_shot / f"{_file(direction)}.jsonl"

    @cached_property
    def _questions(self) -> list[Question]:
        return [
            Question(f"{modality}/{prompt.id}", modality, prompt)
            for modality in self._sides
            for prompt in read_prompts(self._manifests[modality], modality, self._split)
        ]

    @cached_property
    def _examples(self) -> dict[Direction, list[StspExample]]:
        if not self._shots[-1]:
            return {direction: [] for direction in self._directions}
        return {direction: read_examples(self._examples_file(direction)) for direction in self._directions}

    # -- prompts ------------------------------------------------------------------------------------------------------

    def _shots_of(self, question: Question, direction: Direction, seed: int) -> list[StspExample]:
        return balanced(self._examples[direction], self._shots[-1], seed, f"{direction} {question.id}")

    def _needed(self, question: Question, seed: int) -> Iterator[str]:
        """Paths, below the folder, of the recordings that stand in a question's prompts."""
        if question.modality == "speech":
            yield question.prompt.content
        for direction in self._directions_of(question):
            for example in self._shots_of(question, direction, seed):
                if direction[0] == "S":
                    yield example.prompt
                if direction[-1] == "S":
                    yield example.generation

    def _directions_of(self, question: Question) -> list[Direction]:
        return [direction for direction in self._directions if _MODALITIES[direction[0]] == question.modality]

    def _spoken(
        self, model: SpeechTextModel, questions: Sequence[Question], trial: Trial
    ) -> dict[str, Speech | SpiritkitError]:
        if self._recordings is None or (self._recordings.model, self._recordings.folder) != (model, trial.folder):
            self._recordings = Recordings(model, trial.folder)
        paths = {path for question in questions for path in self._needed(question, trial.seed)}
        return self._recordings.speech({path: AudioFile(self._folder / path) for path in sorted(paths)})

    def _prompt(
        self,
        model: SpeechTextModel,
        question: Question,
        *,
        direction: Direction,
        examples: Sequence[StspExample],
        recordings: Mapping[str, Speech | SpiritkitError],
    ) -> Fitted:
        def part(letter: str, content: str) -> Part:
            if letter == "T":
                return Text(content)
            speech = recordings[content]
            assert isinstance(speech, Speech)  # else the question has its problem already
            return speech

        return fitted(
            model,
            [
                written(part(direction[0], example.prompt), part(direction[-1], example.generation))
                for example in examples
            ],
            [part(direction[0], question.prompt.content)],
            _target(direction),
            max_prompt_tokens=None,
            max_new_tokens=self._max_new_tokens[direction],
        )

    # -- answers ------------------------------------------------------------------------------------------------------

    def _judge_prompts(self, open_results: Iterable[_Open]) -> None:
        for letter, modality in _MODALITIES.items():
            if not self._is_judged(modality):
                continue
            asked: list[tuple[_Open, str | Audio]] = []
            for one in open_results:
                if one.question.modality != modality or one.problem is not None:
                    continue
                content = one.question.prompt.content
                try:
                    asked.append((one, content if modality == "text" else AudioFile(self._folder / content).load()))
                except SpiritkitError as error:  # a model that is given files has not read it yet
                    one.problem = str(error)
            sentiments = self._judges[modality].sentiments([content for _, content in asked])
            for (one, _), sentiment in zip(asked, sentiments, strict=True):
                if isinstance(sentiment, SpiritkitError):
                    one.problem = str(sentiment)
                    continue
                one.details["judged"] = sentiment
                one.count(f"{letter} prompts", [sentiment])

    def _ask(
        self,
        model: SpeechTextModel,
        direction: Direction,
        shots: int,
        *,
        open_results: Iterable[_Open],
        recordings: Mapping[str, Speech | SpiritkitError],
        trial: Trial,
    ) -> None:
        """Continue the prompts of one direction, with one number of examples, in all runs, and judge what comes."""
        name, target = f"{direction} {shots}-shot", _target(direction)
        asked: list[tuple[_Open, Fitted]] = []
        for one in open_results:
            if one.problem is not None or direction not in self._directions_of(one.question):
                continue
            try:
                examples = self._shots_of(one.question, direction, trial.seed)[:shots]
                prompt = self._prompt(
                    model, one.question, direction=direction, examples=examples, recordings=recordings
                )
                asked.append((one, prompt))
            except SpiritkitError as error:
                one.problem = f"{name}: {error}"
        predicted: dict[str, list[str]] = {one.question.id: [] for one, _ in asked}
        said: dict[str, list[str | None]] = {one.question.id: [] for one, _ in asked}
        for run in range(self._runs):
            answers = generate_each(
                model,
                [fit.prompt for _, fit in asked],
                target,
                max_new_tokens=self._max_new_tokens[direction],
                temperature=self._temperature,
                top_p=self._top_p,
                seeds=[derive(trial.seed, name, run, one.question.id) for one, _ in asked],
            )
            made: list[tuple[_Open, Generation]] = []
            for (one, _), answer in zip(asked, answers, strict=True):
                if isinstance(answer, SpiritkitError):
                    one.problem = f"{name}: {answer}"
                else:
                    made.append((one, answer))
            contents = [answer.text if target == "text" else spoken(answer) for _, answer in made]
            sentiments = self._judges[target].sentiments(contents)
            for (one, _), content, sentiment in zip(made, contents, sentiments, strict=True):
                if isinstance(sentiment, SpiritkitError):
                    one.problem = f"{name}: {sentiment}"
                    continue
                predicted[one.question.id].append(sentiment)
                if isinstance(content, str):
                    said[one.question.id].append(content)
                elif not run:
                    file = f"{one.question.prompt.id} {_file(direction)} {shots}-shot"
                    kept = keep(trial.folder, file, content) if content.samples.size else None
                    said[one.question.id].append(kept)
        for one, fit in asked:
            if one.problem is None:
                one.count(name, predicted[one.question.id])
                one.asked[name] = {
                    "shots": fit.shots,
                    "prompt_tokens": fit.length,
                    "predicted": predicted[one.question.id],
                    "said": said[one.question.id],
                }


class _Open:
    """The result of a question, as it comes together."""

    def __init__(self, question: Question):
        self.question = question
        self.problem: str | None = None
        self.counts: dict[str, tuple[float, float]] = {}
        self.asked: dict[str, Any] = {}
        self.details: dict[str, Any] = {
            "id": question.prompt.id,
            "sentiment": question.prompt.sentiment,
            "asked": self.asked,
        }

    def count(self, metric: str, sentiments: Sequence[str]) -> None:
        """How many are the prompt's, of how many."""
        self.counts[metric] = (
            float(sum(sentiment == self.question.prompt.sentiment for sentiment in sentiments)),
            float(len(sentiments)),
        )

    def result(self) -> Result:
        """It is complete."""
        if self.problem is not None:
            return Result(self.question.id, problem=self.problem)
        return Result(self.question.id, self.counts, self.details)


def _target(direction: Direction) -> Modality:
    return _MODALITIES[direction[-1]]


def _file(direction: str) -> str:
    """`T→S` → `t2s`, as the release names its files."""
    return f"{direction[0]}2{direction[-1]}".lower()
