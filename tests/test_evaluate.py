"""Step `evaluate.v1`, its figures, and `spiritkit compare`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spiritkit import Text
from spiritkit.errors import InputError, MissingFileError, RequestError, SpiritkitError
from spiritkit.evaluation.asking import generate_each, score_each
from spiritkit.evaluation.compare import compare, find_evaluations
from spiritkit.evaluation.estimate import difference, estimate
from spiritkit.evaluation.evaluate import Evaluate
from spiritkit.evaluation.results import ResultFile
from spiritkit.evaluation.summary import read_summaries
from spiritkit.interfaces import Item, Metric, Result, SpeechTextModel, Task, Trial
from spiritkit.testing import StepContract
from spiritkit.testing.step import FakeContext
from spiritkit.types import Generation, Output, Prompt, Score


class LetterModel(SpeechTextModel):
    """Finds a text as probable as it has letters `a`, refuses one with `!`, and counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def generate(self, prompt: Prompt, output: Output = "any", **options: Any) -> Generation:
        text = self._text(prompt)
        return Generation(text, [], [], [Text(f"{text}-{options['seed']}")])

    def score(self, prompt: Prompt, continuation: Prompt) -> Score:
        text = self._text(continuation)
        return Score(float(text.count("a")), max(1, len(text)))

    def _text(self, prompt: Prompt) -> str:
        assert isinstance(prompt, str)
        if "!" in prompt:
            raise InputError(f"{prompt}: refused")
        self.asked.append(prompt)
        return prompt


@dataclass(frozen=True)
class Pair(Item):
    good: str
    bad: str


class Pairs(Task):
    """The better of two texts."""

    published = {"Nobody": {"accuracy": 12.5}}  # noqa: RUF012

    def __init__(self, *, pairs: list[list[str]], tables: Sequence[Path] = ()):
        self._pairs, self._tables = pairs, list(tables)

    def input_files(self) -> list[Path]:
        return self._tables

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return (Metric("accuracy"), Metric("letters", unit="", higher_is_better=None, digits=2))

    def items(self) -> list[Pair]:
        return [Pair(*pair) for pair in self._pairs]

    def evaluate(self, model: SpeechTextModel, items: Sequence[Item], trial: Trial) -> Iterator[Result]:
        pairs = [item for item in items if isinstance(item, Pair)]
        scores = iter(score_each(model, [("", side) for pair in pairs for side in (pair.good, pair.bad)]))
        for pair in pairs:
            good, bad = next(scores), next(scores)
            if isinstance(good, SpiritkitError) or isinstance(bad, SpiritkitError):
                yield Result(pair.id, problem=str(good if isinstance(good, SpiritkitError) else bad))
            else:
                right = good.log_probability > bad.log_probability
                yield Result(pair.id, {"accuracy": (right, 1), "letters": (len(pair.good), 2)})

    def finish(self, results: Sequence[Result], trial: Trial) -> list[Path]:
        (trial.folder / "right.txt").write_text("".join(f"{one.id} {dict(one.counts)}\n" for one in results))
        return [trial.folder / "right.txt"]


PAIRS = [["0", "aa", "a"], ["1", "a", "aa"], ["2", "aaa", ""], ["3", "aaaa", "b"]]


@pytest.fixture
def model() -> LetterModel:
    return LetterModel()


def evaluated(
    folder: Path,
    model: LetterModel,
    pairs: list[list[str]],
    stop: int | None = None,
    tables: Sequence[Path] = (),
    **options: Any,
) -> dict[str, Any]:
    """The first task of results.json."""
    from spiritkit.pipeline import Parts, Pipeline

    step = Evaluate(tasks={"pairs": Pairs(pairs=pairs, tables=tables)}, model=lambda: model, **options)
    step.run(FakeContext(folder, Pipeline(Parts()), stop))
    record: dict[str, Any] = json.loads((folder / "results.json").read_text())["tasks"][0]
    return record


def test_figures_counts_and_published_ones(
    tmp_path: Path, model: LetterModel, capsys: pytest.CaptureFixture[str]
) -> None:
    record = evaluated(tmp_path, model, PAIRS)
    accuracy, letters = record["metrics"]
    assert (accuracy["value"], accuracy["unit"], accuracy["items"]) == (75.0, "%", 4)
    assert letters["value"] == (2 + 1 + 3 + 4) / 8
    assert (accuracy["low"], accuracy["high"]) == (25.0, 100.0)  # 4 items: percentiles 2.5 and 97.5 of binomial(4, 3/4)
    assert record["published"] == {"Nobody": {"accuracy": 12.5}}
    assert record["files"] == ["pairs/right.txt"]
    table = (tmp_path / "results.md").read_text()
    assert table in capsys.readouterr().out
    assert "| this run           | 75.0 [25.0, 100.0] | " in table
    assert "| Nobody (published) |               12.5 |                 – |" in table


def test_what_cannot_be_scored_is_counted_told_and_takes_no_other_with_it(
    tmp_path: Path, model: LetterModel, capsys: pytest.CaptureFixture[str]
) -> None:
    record = evaluated(tmp_path, model, [*PAIRS, ["4", "a!", "b"]])
    assert record["problems"] == {"4": "a!: refused"}
    assert (record["items"], record["metrics"][0]["items"], record["metrics"][0]["value"]) == (5, 4, 75.0)
    said = capsys.readouterr().out
    assert "**1 of them could not be scored" in said
    assert "- 4: a!: refused" in said


def test_nothing_scored_fails_after_all_is_written(tmp_path: Path, model: LetterModel) -> None:
    with pytest.raises(SpiritkitError, match="task pairs: none of its 1 items could be scored, see 'x': !: refused"):
        evaluated(tmp_path, model, [["x", "!", "a"]])
    assert json.loads((tmp_path / "results.json").read_text())["tasks"][0]["metrics"][0]["value"] is None


@pytest.mark.parametrize("stop", [0, 1, 2, 3])
def test_an_interrupted_evaluation_goes_on_and_scores_nothing_twice(
    stop: int, tmp_path: Path, model: LetterModel
) -> None:
    whole = evaluated(tmp_path / "whole", LetterModel(), PAIRS)
    with pytest.raises(KeyboardInterrupt):
        evaluated(tmp_path / "cut", model, PAIRS, stop, batch_size=1)
    path = tmp_path / "cut" / "pairs" / "items.jsonl"
    if stop:
        with path.open("a") as file:
            file.write('{"id": "3", "cou')  # killed while it wrote
    before = len(model.asked)
    assert before == 2 * stop
    assert evaluated(tmp_path / "cut", model, PAIRS, batch_size=1) == whole
    assert len(model.asked) == 2 * len(PAIRS)
    assert len(path.read_text().splitlines()) == len(PAIRS)


def test_what_failed_is_tried_again(tmp_path: Path, model: LetterModel) -> None:
    file = ResultFile(tmp_path / "items.jsonl")
    file.append([Result("0", problem="0.wav: no such file"), Result("1", {"accuracy": (1, 1)})])
    (tmp_path / "pairs").mkdir()
    (tmp_path / "items.jsonl").rename(tmp_path / "pairs" / "items.jsonl")
    record = evaluated(tmp_path, model, PAIRS[:2])
    assert record["problems"] == {}
    assert model.asked == ["aa", "a"]
    assert record["metrics"][0]["value"] == 100  # the result that was there stays


def test_a_damaged_file_of_results_is_named(tmp_path: Path, model: LetterModel) -> None:
    (tmp_path / "pairs").mkdir()
    (tmp_path / "pairs" / "items.jsonl").write_text('{"id": "0", "counts": {}}\n{"id": 5\n{"id": "1", "counts": {}}\n')
    with pytest.raises(SpiritkitError, match=r"items\.jsonl:2: .*expected a result as JSON"):
        evaluated(tmp_path, model, PAIRS)


def test_figures_depend_neither_on_batches_nor_on_order(tmp_path: Path) -> None:
    records = [
        evaluated(tmp_path / str(index), LetterModel(), pairs, batch_size=size, limit=limit)
        for index, (pairs, size, limit) in enumerate(
            [(PAIRS, 1, None), (PAIRS[::-1], 3, None), (PAIRS, 1, 2), (PAIRS[::-1], 4, 2)]
        )
    ]
    assert records[0] == records[1]
    assert records[2] == records[3]
    assert records[2]["items"] == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tasks": {}}, "tasks is empty"),
        ({"batch_size": 0}, "batch_size is 0; expected at least 1"),
        ({"limit": 0}, "limit is 0"),
        ({"tasks": {"../pairs": Pairs(pairs=PAIRS)}}, r"tasks has '\.\./pairs'; expected letters"),
        ({"tasks": {"..": Pairs(pairs=PAIRS)}}, r"tasks has '\.\.'"),
        ({"tasks": {"results.json": Pairs(pairs=PAIRS)}}, r"tasks has 'results.json'"),
        ({"resamples": -1}, "resamples is -1"),
        ({"model": object, "language_model": object}, "model and language_model are both given"),
    ],
)
def test_bad_requests(options: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        Evaluate(**{"tasks": {"pairs": Pairs(pairs=PAIRS)}, **options})


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ([], "0 results for 2 items, see '0'"),
        ([Result("0"), Result("0")], "2 results for 2 items, see '1'"),
        ([Result("0"), Result("1", {"accurcy": (1, 1)})], "item '1' counts for 'accurcy'; expected accuracy, letters"),
        ([Result("0"), Result("1", {"accuracy": (float("nan"), 1)})], "expected finite numbers"),
        ([Result("0"), Result("1", {"accuracy": (1, -1)})], "a weight of 0 or more"),
        ([Result("0"), Result("1", {"accuracy": (1, 1)}, problem="no")], "item '1' has a problem and counts"),
    ],
)
def test_a_task_that_breaks_its_word(
    results: list[Result], message: str, tmp_path: Path, model: LetterModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Pairs, "evaluate", lambda *_: results)
    with pytest.raises(SpiritkitError, match=message):
        evaluated(tmp_path, model, PAIRS[:2])


def test_a_model_of_its_own_depends_on_no_part_of_the_recipe() -> None:
    tasks = {"pairs": Pairs(pairs=PAIRS)}
    assert "language_model" in Evaluate(tasks=tasks).sections
    assert Evaluate(tasks=tasks, model=LetterModel).sections == ()


def test_items_of_one_id_and_no_items_are_refused(
    tmp_path: Path, model: LetterModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="task pairs: two items have the id '0'"):
        evaluated(tmp_path, model, [PAIRS[0], PAIRS[0]])
    with pytest.raises(InputError, match="task pairs has no items$"):
        evaluated(tmp_path, model, [])
    monkeypatch.setattr(Pairs, "input_files", lambda _: [tmp_path / "pairs.csv"])
    with pytest.raises(InputError, match=r"task pairs has no items; expected some in .*pairs\.csv"):
        evaluated(tmp_path, model, [])
    with pytest.raises(InputError, match=r"task pairs: the id '.udce9' has half of a surrogate pair"):
        evaluated(tmp_path, model, [["\udce9", "a", "b"]])


def test_figures_of_the_whole_have_no_interval(
    tmp_path: Path, model: LetterModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics = (Metric("accuracy"), Metric("letters", unit="", digits=2), Metric("median", unit="x"))
    monkeypatch.setattr(Pairs, "metrics", metrics)
    monkeypatch.setattr(Pairs, "overall", lambda _, results: {"median": float(len(results))})
    record = evaluated(tmp_path, model, [*PAIRS, ["4", "!", "b"]])
    assert record["metrics"][2] | {"low": 0} == {
        "name": "median", "unit": "x", "higher_is_better": True, "digits": 1, "value": 4.0, "low": 0, "high": None,
        "items": 4,
    }  # fmt: skip
    assert "|          4.0 |" in (tmp_path / "results.md").read_text()
    with monkeypatch.context() as patch:
        patch.setattr(Pairs, "overall", lambda *_: {"median": float("nan")})
        with pytest.raises(SpiritkitError, match="task pairs: median of the whole is nan; expected a finite number"):
            evaluated(tmp_path, model, PAIRS)
    monkeypatch.setattr(Pairs, "metrics", metrics[:2])
    with pytest.raises(SpiritkitError, match="task pairs has figures of median, which are none of its metrics"):
        evaluated(tmp_path, model, PAIRS)


class TestEvaluate(StepContract):
    component = "evaluate.v1"

    @pytest.fixture
    def parameters(self) -> dict[str, Any]:
        model = LetterModel()
        return {"tasks": {"pairs": Pairs(pairs=PAIRS)}, "model": lambda: model}


# -- estimates --------------------------------------------------------------------------------------------------------


def results(values: Iterable[tuple[float, float]]) -> list[Result]:
    return [Result(f"{index:05}", {"m": pair}) for index, pair in enumerate(values)]


def test_an_interval_is_that_of_the_normal_approximation_for_many_items() -> None:
    right = np.random.default_rng(0).random(2000) < 0.7
    found = estimate(results((value, 1) for value in right), Metric("m"), resamples=4000, seed=1)
    share = right.mean()
    half = 196 * np.sqrt(share * (1 - share) / 2000)
    assert found.value == pytest.approx(100 * share)
    assert found.low == pytest.approx(100 * share - half, abs=0.2)
    assert found.high == pytest.approx(100 * share + half, abs=0.2)


def test_an_error_rate_is_that_of_the_whole_not_the_mean_of_items() -> None:
    found = estimate(results([(1, 1), (1, 9)]), Metric("m", higher_is_better=False), resamples=10, seed=0)
    assert found.value == pytest.approx(20)


def test_items_without_weight_leave_the_interval_finite() -> None:
    # Half of the resamples of two items have no weight, or none but 3 errors of nothing.
    found = estimate(results([(3, 0), (1, 4)]), Metric("m", unit=""), resamples=50, seed=1)
    assert (found.value, found.low, found.high) == (1.0, 0.25, 1.0)
    nothing = estimate(results([(3, 0)]), Metric("m"), resamples=50, seed=1)
    assert (nothing.value, nothing.low, nothing.high) == (None, None, None)


def test_the_same_seed_gives_the_same_interval_in_any_order() -> None:
    many = results((index % 3, 2) for index in range(50))
    first = estimate(many, Metric("m"), resamples=100, seed=0)
    assert estimate(many[::-1], Metric("m"), resamples=100, seed=0) == first
    assert estimate(many, Metric("m"), resamples=100, seed=1) != first


def test_a_paired_difference_is_narrower_than_two_intervals() -> None:
    rng = np.random.default_rng(0)
    first = rng.random(400) < 0.6
    second = first | (rng.random(400) < 0.1)  # only ever better
    found = difference(
        results((value, 1) for value in first), results((value, 1) for value in second), Metric("m"),
        resamples=1000, seed=0,
    )  # fmt: skip
    assert found
    assert found.value == pytest.approx(100 * (second.mean() - first.mean()))
    assert 0 < found.low < found.value < found.high < 10
    assert difference(results([]), results([(1, 1)]), Metric("m"), resamples=10, seed=0) is None


def test_one_failing_question_fails_alone(model: LetterModel) -> None:
    scores = score_each(model, [("", "a"), ("", "!"), ("", "aa")])
    assert [one.log_probability if isinstance(one, Score) else str(one) for one in scores] == [1.0, "!: refused", 2.0]
    answers = generate_each(model, ["b", "!"], "text", max_new_tokens=1, temperature=1.0, seeds=[7, 8])
    assert isinstance(answers[0], Generation)
    assert answers[0].text == "b-7"
    assert isinstance(answers[1], InputError)
    assert score_each(model, []) == []


def test_a_model_that_is_composed_wrongly_is_no_problem_of_an_item(
    model: LetterModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: LetterModel, pairs: object) -> list[Score]:
        raise RequestError("the recipe has no text_tokenizer")

    monkeypatch.setattr(LetterModel, "score_batch", refuse)
    with pytest.raises(RequestError, match="no text_tokenizer"):
        score_each(model, [("", "a"), ("", "b")])


# -- compare ----------------------------------------------------------------------------------------------------------


def test_compare(tmp_path: Path) -> None:
    evaluated(tmp_path / "one" / "evaluate", LetterModel(), PAIRS)
    evaluated(tmp_path / "two" / "evaluate", LetterModel(), [PAIRS[0], ["1", "aaa", "aa"], *PAIRS[2:], ["x", "!", "!"]])
    text = compare(find_evaluations([tmp_path / "one", tmp_path / "two" / "evaluate"]))
    assert "| one                |   75.0 [25.0, 100.0] |" in text
    assert "| evaluate           | 100.0 [100.0, 100.0] |" in text
    assert "| Nobody (published) |" in text
    assert "one: 4 items; evaluate: 5 items, 1 of them without a result." in text
    assert "Difference to one on the items that both have (evaluate: 4):" in text
    assert "evaluate - one |" in text
    assert "+25.0 [+0.0, +75.0]" in text


def test_compare_pairs_no_items_of_other_tables(tmp_path: Path) -> None:
    for name, table in (("one", "easy"), ("two", "easy"), ("three", "hard")):
        path = tmp_path / f"{name}.tsv"
        path.write_text(table)
        evaluated(tmp_path / name / "evaluate", LetterModel(), PAIRS, tables=[path])
    text = compare(find_evaluations([tmp_path / "one", tmp_path / "two", tmp_path / "three"]))
    assert "| two - one |" in text  # of a table of the same content in another place
    assert "three - one" not in text
    assert "No difference to one, whose items are of other tables: three." in text


def test_compare_reads_and_writes_nothing(tmp_path: Path) -> None:
    for name in ("one", "two"):
        evaluated(tmp_path / name / "evaluate", LetterModel(), PAIRS)
        with (tmp_path / name / "evaluate" / "pairs" / "items.jsonl").open("a") as file:
            file.write('{"id": "9", "cou')  # somebody writes just now
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert "two - one" in compare(find_evaluations([tmp_path / "one", tmp_path / "two"]))
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_compare_tells_runs_of_one_name_apart(tmp_path: Path) -> None:
    for parent in "ab":
        evaluated(tmp_path / parent / "run" / "evaluate", LetterModel(), PAIRS)
    found = find_evaluations([tmp_path / "a" / "run", tmp_path / "b" / "run"])
    assert len({one.name for one in found}) == 2
    evaluated(tmp_path / "a" / "run" / "again", LetterModel(), PAIRS)
    assert [one.name for one in find_evaluations([tmp_path / "a" / "run"])] == ["run/again", "run/evaluate"]


def test_compare_from_the_command_line(tmp_path: Path, spiritkit: Callable[..., Any]) -> None:
    evaluated(tmp_path / "one" / "evaluate", LetterModel(), PAIRS)
    result = spiritkit("compare", "one")
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("## pairs\n")
    missing = spiritkit("compare", "nowhere")
    assert missing.returncode == 2
    assert "nowhere: no such file or folder; expected the folder of a run" in missing.stderr
    (tmp_path / "one" / "evaluate" / "results.json").write_text("[]")
    broken = spiritkit("compare", "one")
    assert broken.returncode == 1
    assert "results.json" in broken.stderr
    assert "expected the results.json of a step evaluate.v1" in broken.stderr


def test_what_is_no_evaluation_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"results\.json"):
        find_evaluations([tmp_path])
    evaluated(tmp_path, LetterModel(), PAIRS)
    assert read_summaries(tmp_path / "results.json")[0].estimates[0].value == 75
