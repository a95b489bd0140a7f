"""Task `few-shot-intent.v1`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

from spiritkit.checkpoints import require
from spiritkit.data.audio_file import AudioFile
from spiritkit.data.corpora.table import is_header, table_rows
from spiritkit.data.lines import text_lines
from spiritkit.errors import InputError, RequestError
from spiritkit.interfaces import Trial
from spiritkit.types import Generation, Speech, Text
from spiritkit.utterances import AudioSource
from spiritkit_tasks.few_shot.base import Answer, FewShot, Pair
from spiritkit_tasks.few_shot.flags import until
from spiritkit_tasks.prompts import Part

_COLUMNS = ("path", "action", "object", "location")


class FewShotIntent(FewShot):
    """What a spoken command wants (paper, section 4.2), of Fluent Speech Commands (Lugosch et al. 2019):
    `[Speech]…[Text]A:activate lights bedroom` for each example, then the recording up to `A:`. Figures: exact match, in
    %: answers whose action, object and location are all those of the table, case aside.

    What the model writes is cut at a line break, at the prefix, and at the suffix if there is one. Without a suffix, as
    in the paper, nothing in the prompt shows where an answer ends; of what the model writes the longest beginning that
    is an intent of the tables then counts.

    Args:
        folder: has `data/SPLIT_data.csv` with columns `path`, `action`, `object`, `location`; paths are below the
            folder.
        split: `test`, `valid` or `train`: what is asked.
        shots_from: the split from which examples are drawn; that of `split` gives the other commands.
        shots: numbers of examples, each of which gives a figure; None for 0, 10 and 30.
        prefix: what stands before an intent.
        suffix: what stands behind it.
        max_prompt_tokens: the longest prompt, in the model's tokens; None for what its context holds.
        max_new_tokens: at most so many for an answer.
        temperature: 0 is greedy.
        top_p: nucleus of the distribution that is drawn from.
        benchmark: whose published figures stand beside.
    """

    figure = "exact"
    output = "text"
    higher_is_better = True

    def __init__(
        self,
        *,
        folder: str,
        split: str = "test",
        shots_from: str = "train",
        shots: list[int] | None = None,
        prefix: str = "A:",
        suffix: str = "",
        max_prompt_tokens: int | None = None,
        max_new_tokens: int = 30,
        temperature: float = 0.0,
        top_p: float = 0.95,
        benchmark: Literal["intent"] | None = None,
    ):
        super().__init__(
            shots=[0, 10, 30] if shots is None else shots,
            max_prompt_tokens=max_prompt_tokens,
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            top_p=top_p,
            benchmark=benchmark,
        )
        self._folder, self._split, self._shots_from = Path(folder).expanduser(), split, shots_from
        self._prefix, self._suffix = prefix, suffix

    def input_files(self) -> list[Path]:
        """The tables."""
        splits = dict.fromkeys((self._split, self._shots_from))  # in order: it decides the step's fingerprint
        return [require(self._table(split), "a table of commands") for split in splits]

    def item_files(self) -> list[Path]:
        """The table of the commands that are asked."""
        return [require(self._table(self._split), "a table of commands")]

    def _table(self, split: str) -> Path:
        return self._folder / "data" / f"{split}_data.csv"

    def _questions(self) -> list[Pair]:
        return read_commands(self._table(self._split), self._folder)

    def _examples(self) -> list[Pair] | None:
        if self._shots_from == self._split:
            return None
        return read_commands(self._table(self._shots_from), self._folder)

    def _problem(self, pair: Pair) -> str | None:
        return None

    def _sources(self, pair: Pair, *, asked: bool) -> dict[str, AudioSource]:
        assert pair.sound is not None  # every command of a table has a recording
        return {pair.recording: pair.sound}

    def _example(self, pair: Pair, speech: Mapping[str, Speech]) -> list[Part]:
        return [speech[pair.recording], Text(f"{self._prefix}{pair.text}{self._suffix}")]

    def _question(self, pair: Pair, speech: Mapping[str, Speech]) -> list[Part]:
        return [speech[pair.recording], Text(self._prefix)]

    def _answers(self, asked: Sequence[tuple[Pair, Generation]], shots: int, trial: Trial) -> list[Answer]:
        answers = []
        for pair, generation in asked:
            answer = self._answer(generation.text)
            ended = answer != generation.text.strip()
            answers.append(Answer(_words(answer) == _words(pair.text or ""), 1, ended, {"answer": answer}))
        return answers

    @cached_property
    def _intents(self) -> set[tuple[str, ...]]:
        """Those of the tables."""
        return {_words(pair.text or "") for pair in [*self._asked, *(self._pool or [])]}

    def _answer(self, written: str) -> str:
        answer = until(written.lstrip(), self._suffix, self._prefix, "\n")
        if self._suffix.strip():
            return answer
        words = _words(answer)
        known = (words[:length] for length in range(len(words), 0, -1) if words[:length] in self._intents)
        return " ".join(next(known, words))


def read_commands(table: Path, folder: Path) -> list[Pair]:
    """The commands of a table of Fluent Speech Commands, each with its intent as text, and its path as id.

    Raises:
        MissingFileError: no such table.
        InputError: it is malformed, or has no header; the message names the line.
    """
    first = next((line for _, line in text_lines(table, "a table of commands")), "")
    if first.strip() and not is_header(cell.strip('"') for cell in first.strip().split(",")):
        raise InputError(
            f"{table}:1: {first.strip()[:80]!r} names no columns; expected a first line that has {', '.join(_COLUMNS)}"
        )
    commands: dict[str, Pair] = {}
    for line, row in table_rows(table):
        for column in _COLUMNS:
            if not (row.get(column) or "").strip():
                raise InputError(f"{table}:{line}: has no {column}; expected columns {', '.join(_COLUMNS)}, none empty")
        path = row["path"].strip()
        if path in commands:
            raise InputError(f"{table}:{line}: path {path!r} stands in an earlier line too; expected each once")
        intent = " ".join(row[column].strip() for column in _COLUMNS[1:])
        recording = folder / path
        commands[path] = Pair(path, str(recording), AudioFile(recording), intent)
    if not commands:
        raise RequestError(f"{table}: no commands; expected a line for each")
    return list(commands.values())


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.lower().split())
