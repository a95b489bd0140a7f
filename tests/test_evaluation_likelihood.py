"""Likelihood tasks: formats, and figures computed by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from spiritkit.errors import InputError, MissingFileError, RequestError, SpiritkitError
from spiritkit.evaluation.likelihood.salmon import Salmon
from spiritkit.evaluation.likelihood.sblimp import SBlimp
from spiritkit.evaluation.likelihood.storycloze import StoryCloze
from spiritkit.evaluation.likelihood.swuggy import SWuggy
from spiritkit.interfaces import Result, SpeechTextModel, Task, Trial
from spiritkit.types import Generation, Output, Prompt, Score, Speech, Text


class Oracle(SpeechTextModel):
    """Knows log-probabilities and numbers of tokens, by text or by file name, and remembers what it is asked."""

    def __init__(self, known: Mapping[str, tuple[float, int]]):
        self.known = known
        self.asked: list[tuple[list[str], list[str]]] = []

    def generate(self, prompt: Prompt, output: Output = "any", **options: Any) -> Generation:
        raise NotImplementedError

    def score(self, prompt: Prompt, continuation: Prompt) -> Score:
        question = told(prompt), told(continuation)
        self.asked.append(question)
        if question[1][-1] not in self.known:
            raise SpiritkitError(f"{question[1][-1]}: too long")
        return Score(*self.known[question[1][-1]])


def told(prompt: Prompt) -> list[str]:
    """Texts as they are, recordings by name."""
    assert isinstance(prompt, list)
    return [part.text if isinstance(part, Text) else Path(str(part.audio)).name for part in prompt]


def evaluated(task: Task, model: SpeechTextModel, folder: Path) -> dict[str, Result]:
    return {result.id: result for result in task.evaluate(model, task.items(), Trial(folder))}


def totals(results: Mapping[str, Result]) -> dict[str, tuple[float, float]]:
    """Of each metric, sum and weight over items."""
    found: dict[str, tuple[float, float]] = {}
    for result in results.values():
        for name, (total, weight) in result.counts.items():
            before = found.get(name, (0.0, 0.0))
            found[name] = before[0] + total, before[1] + weight
    return found


def record(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.random.default_rng(0).standard_normal(1600) * 0.1, 16_000)


# -- sWUGGY and sBLIMP ------------------------------------------------------------------------------------------------

LEXICAL = "id,filename,voice,frequency,word,phones,length_phones,correct"
SYNTACTIC = "id,filename,voice,type,subtype,transcription,correct"
#: Pair 1 in two voices; pair 2 in one, with two non-words.
WORDS = [
    "1,a1,a,0,cat,k a t,3,1",
    "1,a0,a,0,cet,k e t,3,0",
    "1,b1.wav,b,0,cat,k a t,3,1",
    "1,b0.wav,b,0,cet,k e t,3,0",
    "2,c1,a,5,house,h au s,4,1",
    "2,c0,a,5,houce,h au z,4,0",
    "2,c2,a,5,hause,h a s,4,0",
]
#: Log-probability and number of tokens.
SCORES = {
    "a1.wav": (-10.0, 10),  # -1 a token: wins normalised, loses raw
    "a0.wav": (-9.0, 3),
    "b1.wav": (-8.0, 4),  # a tie in both
    "b0.wav": (-8.0, 4),
    "c1.wav": (-6.0, 3),
    "c0.wav": (-5.0, 5),  # better in both
    "c2.wav": (-9.0, 3),  # worse in both
    "cat": (-4.0, 2),  # wins normalised, loses raw
    "cet": (-3.0, 1),
    "house": (-2.0, 1),
    "houce": (-2.0, 1),  # a tie in both
    "hause": (-6.0, 2),  # worse in both
}


@pytest.fixture
def slm21(tmp_path: Path) -> Callable[..., Path]:
    """Writes a table of the ZeroSpeech folder, and the recordings it names."""

    def write(level: str, header: str, lines: list[str], split: str = "dev") -> Path:
        folder = tmp_path / "slm21" / level / split
        folder.mkdir(parents=True)
        for line in lines:
            record(folder / f"{line.split(',')[1].removesuffix('.wav')}.wav")
        (folder / "gold.csv").write_text("\n".join([header, *lines, ""]))
        return tmp_path / "slm21"

    return write


def test_swuggy_by_hand(slm21: Callable[..., Path], tmp_path: Path) -> None:
    task = SWuggy(folder=str(slm21("lexical", LEXICAL, WORDS)))
    model = Oracle(SCORES)
    results = evaluated(task, model, tmp_path)
    assert dict(results["1"].counts) == {"T": (1, 1), "T raw": (0, 1), "S": (0.75, 1), "S raw": (0.25, 1)}
    assert dict(results["2"].counts) == {"T": (0.75, 1), "T raw": (0.75, 1), "S": (0.5, 1), "S raw": (0.5, 1)}
    assert totals(results) == {"T": (1.75, 2), "T raw": (0.75, 2), "S": (1.25, 2), "S raw": (0.75, 2)}
    assert results["1"].details["scores"]["S"]["a0.wav"] == [-9.0, 3]
    assert results["2"].details["scores"]["T"] == {"house": [-2.0, 1], "houce": [-2.0, 1], "hause": [-6.0, 2]}
    assert len(model.asked) == 7 + 5  # each recording and each text once, whatever the number of voices
    assert [metric.name for metric in task.metrics] == ["T", "S", "T raw", "S raw"]
    assert task.published["Spirit LM Base"] == {"T": 80.3, "S": 69.0}
    (path,) = task.finish(list(results.values()), Trial(tmp_path))
    assert json.loads(path.read_text()) == {
        "frequency": {
            "oov": {"items": 1, "T": 100.0, "S": 75.0, "T raw": 0.0, "S raw": 25.0},
            "5-19": {"items": 1, "T": 75.0, "S": 50.0, "T raw": 75.0, "S raw": 50.0},
        },
        "length": {
            "3": {"items": 1, "T": 100.0, "S": 75.0, "T raw": 0.0, "S raw": 25.0},
            "4": {"items": 1, "T": 75.0, "S": 50.0, "T raw": 75.0, "S raw": 50.0},
        },
    }


def test_bands_of_frequency_are_those_of_the_challenge(slm21: Callable[..., Path]) -> None:
    frequencies = ["0", "1", "4", "5", "19", "20", "99", "100", "4711", ""]
    lines = [f"{i},{i}{c},a,{f},w{c},w,1,{c}" for i, f in enumerate(frequencies) for c in (1, 0)]
    items = SWuggy(folder=str(slm21("lexical", LEXICAL, lines))).items()
    bands = ["oov", "1-4", "1-4", "5-19", "5-19", "20-99", "20-99", "100 or more", "100 or more", None]
    assert [item.attributes.get("frequency") for item in items] == bands


def test_sblimp_by_hand(slm21: Callable[..., Path], tmp_path: Path) -> None:
    lines = [
        '1,a1,v,agreement,be,"The cat, is here",1',
        '1,a0,v,agreement,be,"The cat, are here",0',
        "1,b1,v,agreement,verb,it sleeps,1",  # ids begin anew in each subtype
        "1,b0,v,agreement,verb,it sleep,0",
    ]
    task = SBlimp(folder=str(slm21("syntactic", SYNTACTIC, lines)), modalities=["speech", "text"])
    known = {name: (-float(i + 1), 2) for i, name in enumerate(("a1.wav", "a0.wav", "b0.wav", "b1.wav"))}
    known |= {
        "The cat, is here": (-8.0, 4),
        "The cat, are here": (-7.0, 4),
        "it sleeps": (-3.0, 2),
        "it sleep": (-4, 2),
    }
    results = evaluated(task, Oracle(known), tmp_path)
    assert list(results) == ["agreement/be/1", "agreement/verb/1"]
    assert totals(results) == {"T": (1, 2), "T raw": (1, 2), "S": (1, 2), "S raw": (1, 2)}
    assert dict(results["agreement/be/1"].counts) == {"T": (0, 1), "T raw": (0, 1), "S": (1, 1), "S raw": (1, 1)}
    (path,) = task.finish(list(results.values()), Trial(tmp_path))
    breakdown = json.loads(path.read_text())
    assert breakdown["type"]["agreement"] == {"items": 2, "T": 50.0, "S": 50.0, "T raw": 50.0, "S raw": 50.0}
    assert breakdown["subtype"]["agreement/verb"]["T"] == 100.0


def test_scores_that_differ_by_rounding_are_a_tie(slm21: Callable[..., Path], tmp_path: Path) -> None:
    known = {**SCORES, "a1.wav": (-300.0, 100), "a0.wav": (-300.0 - 1e-4, 100), "b1.wav": (-3.0, 1)}
    task = SWuggy(folder=str(slm21("lexical", LEXICAL, WORDS[:4])), modalities=["speech"])
    assert dict(evaluated(task, Oracle(known), tmp_path)["1"].counts) == {"S": (0.25, 1), "S raw": (0.75, 1)}


def test_what_cannot_be_scored_is_a_problem_of_its_item(slm21: Callable[..., Path], tmp_path: Path) -> None:
    folder = slm21("lexical", LEXICAL, [*WORDS, "3,d1,a,9,dog,d,1,1", "3,d0,a,9,dag,d,1,0"])
    for name in ("b0", "a1"):
        (folder / "lexical" / "dev" / f"{name}.wav").unlink()
    results = evaluated(SWuggy(folder=str(folder)), Oracle(SCORES), tmp_path)
    assert results["1"].problem == f"{folder}/lexical/dev/a1.wav: no such file, and 1 more"
    assert results["2"].problem is None
    assert results["3"].problem == "dog: too long"
    assert totals(results)["S"] == (0.5, 1)
    # Text needs no recordings.
    text = evaluated(SWuggy(folder=str(folder), modalities=["text"]), Oracle(SCORES), tmp_path)
    assert dict(text["1"].counts) == {"T": (1, 1), "T raw": (0, 1)}


@pytest.mark.parametrize("value", [(float("nan"), 3), (float("-inf"), 3), (-1.0, 0)])
def test_a_score_that_is_no_number_is_a_problem(
    value: tuple[float, int], slm21: Callable[..., Path], tmp_path: Path
) -> None:
    task = SWuggy(folder=str(slm21("lexical", LEXICAL, WORDS)), modalities=["text"])
    results = evaluated(task, Oracle({**SCORES, "cet": value}), tmp_path)
    assert results["1"].problem == f"the model gives log-probability {value[0]} on {value[1]} tokens"
    assert results["2"].problem is None


@pytest.mark.parametrize(
    ("header", "lines", "message"),
    [
        (LEXICAL.removesuffix(",correct"), ["1,a,v,0,cat,k,1"], "gold.csv:1: has no column 'correct'.*take split: dev"),
        (
            "id,file,word,correct",
            ["1,a,cat,1"],
            "gold.csv:1: the columns are 'id,file,word,correct'; expected id, filen",
        ),
        ("", [], "gold.csv:1: the columns are ''; expected id, filename, voice, word, correct"),
        (LEXICAL, [], "gold.csv: has no rows"),
        (LEXICAL, [*WORDS, "3,d,a,0,dog,1"], "gold.csv:9: has 6 columns; expected 8"),
        (LEXICAL, [*WORDS, "3,d,a,0,dog,d,1,yes"], "gold.csv:9: correct is 'yes'; expected 1 or 0"),
        (LEXICAL, [*WORDS, "3,d,a,often,dog,d,1,1"], "gold.csv:9: frequency is 'often'; expected a whole number"),
        (LEXICAL, [*WORDS, "3,d,a,0,dog,d,-1,1"], "gold.csv:9: length_phones is '-1'; expected a whole number"),
        (LEXICAL, [*WORDS, ",d,a,0,dog,d,1,1"], "gold.csv:9: id is empty"),
        (LEXICAL, [*WORDS, "3,d,a,0, ,d,1,1"], "gold.csv:9: word is empty"),
        (LEXICAL, [*WORDS, "3,b1,a,0,dog,d,1,1"], "gold.csv:9: filename 'b1' is that of line 4 too"),
        (LEXICAL, [*WORDS, "3,d,a,0,dog,d,1,1"], "gold.csv:9: '3' has no line of voice 'a' whose correct is 0"),
        (LEXICAL, [*WORDS, "1,d,c,0,cot,d,1,0"], "gold.csv:9: '1' has no line of voice 'c' whose correct is 1"),
        (LEXICAL, [*WORDS, '3,d,a,0,"dog,d,1,1'], "gold.csv:.: not CSV"),
    ],
)
def test_malformed_tables_are_refused(header: str, lines: list[str], message: str, slm21: Callable[..., Path]) -> None:
    task = SWuggy(folder=str(slm21("lexical", header, lines)))
    with pytest.raises(InputError, match=message):
        task.items()


def test_a_type_that_is_missing_is_refused(slm21: Callable[..., Path]) -> None:
    task = SBlimp(folder=str(slm21("syntactic", SYNTACTIC, ["1,a,v,agreement,,it is,1"])))
    with pytest.raises(InputError, match="gold.csv:2: subtype is empty"):
        task.items()


def test_a_set_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"lexical/test/gold.csv: no such file.*take split: dev"):
        SWuggy(folder=str(tmp_path), split="test").items()
    with pytest.raises(RequestError, match="modalities is \\[\\]; expected some of text, speech"):
        SWuggy(folder=str(tmp_path), modalities=[])


# -- StoryCloze -------------------------------------------------------------------------------------------------------


@pytest.fixture
def stories(tmp_path: Path) -> Path:
    """Stories 2 and 10."""
    folder = tmp_path / "stories"
    texts = {"2_mutual": "She rose.\nShe ate. \n", "2_correct": "She left.", "2_incorrect": "He barked."}
    texts |= {"10_mutual": "It rained.", "10_correct": "I got wet.", "10_incorrect": "I slept."}
    for name, text in texts.items():
        record(folder / f"{name}.wav")
        (folder / f"{name}.txt").write_text(text)
    return folder


STORIES = {
    "2_correct.wav": (-20.0, 20),  # wins normalised, loses raw
    "2_incorrect.wav": (-15.0, 5),
    "10_correct.wav": (-5.0, 5),  # loses normalised, wins raw
    "10_incorrect.wav": (-6.0, 12),
    " She left.": (-3.0, 3),  # T: a tie
    " He barked.": (-3.0, 3),
    " I got wet.": (-2.0, 4),  # T: wins both
    " I slept.": (-3.0, 4),
    "She left.": (-4.0, 2),  # S→T: loses both
    "He barked.": (-2.0, 2),
    "I got wet.": (-2.0, 2),  # S→T: wins both
    "I slept.": (-4.0, 2),
}


def test_storycloze_by_hand(stories: Path, tmp_path: Path) -> None:
    task = StoryCloze(folder=str(stories), benchmark="topic-storycloze")
    model = Oracle(STORIES)
    results = evaluated(task, model, tmp_path)
    assert list(results) == ["2", "10"]
    assert totals(results) == {
        "T": (1.5, 2), "S": (1, 2), "T→S": (1, 2), "S→T": (1, 2),
        "T raw": (1.5, 2), "S raw": (1, 2), "T→S raw": (1, 2), "S→T raw": (1, 2),
    }  # fmt: skip
    assert dict(results["2"].counts)["S"] == (1, 1)
    assert dict(results["2"].counts)["S raw"] == (0, 1)
    assert model.asked[:8:2] == [
        (["She rose. She ate."], [" She left."]),
        (["2_mutual.wav"], ["2_correct.wav"]),
        (["She rose. She ate."], ["2_correct.wav"]),
        (["2_mutual.wav"], ["She left."]),
    ]
    assert results["2"].details["scores"]["T→S"] == {"correct": [-20.0, 20], "incorrect": [-15.0, 5]}
    assert [metric.name for metric in task.metrics][:4] == ["T", "S", "T→S", "S→T"]
    assert task.published["Spirit LM Base"]["S raw"] == 69.2
    assert StoryCloze(folder=str(stories)).published == {}
    assert [path.name for path in task.input_files()] == [
        f"{n}_{part}.txt" for n in (2, 10) for part in ("mutual", "correct", "incorrect")
    ]


def test_whole_stories_can_be_scored(stories: Path, tmp_path: Path) -> None:
    model = Oracle(STORIES)
    evaluated(StoryCloze(folder=str(stories), directions=["S→T", "T"], scored="story"), model, tmp_path)
    assert model.asked[:4:2] == [([], ["She rose. She ate.", " She left."]), ([], ["2_mutual.wav", "She left."])]


def test_recordings_of_whole_stories(tmp_path: Path) -> None:
    """As in a release whose files are whole stories, here in a folder for each voice."""
    for name in ("en/1_tts_right", "en/1_tts_wrong", "us/1_x_right", "us/1_y_wrong"):
        record(tmp_path / f"{name}.wav")
    names = {"mutual": None, "correct": "{}_*_right", "incorrect": "{}_*_wrong"}
    known = {"1_tts_right": -1, "1_tts_wrong": -2, "1_x_right": -1, "1_y_wrong": -0.5}
    model = Oracle({f"{name}.wav": (value, 1) for name, value in known.items()})
    results = evaluated(StoryCloze(folder=str(tmp_path), directions=["S"], **names), model, tmp_path)
    assert list(results) == ["en/1", "us/1"]
    assert totals(results) == {"S": (1, 2), "S raw": (1, 2)}
    assert model.asked[0] == ([], ["1_tts_right.wav"])
    with pytest.raises(RequestError, match="directions has T→S, which takes a beginning by itself"):
        StoryCloze(folder=str(tmp_path), **names)


def test_missing_and_malformed_files_of_stories(stories: Path, tmp_path: Path) -> None:
    (stories / "2_incorrect.wav").unlink()
    (stories / "10_mutual.txt").unlink()
    results = evaluated(StoryCloze(folder=str(stories)), Oracle(STORIES), tmp_path)
    assert results["2"].problem == f"{stories}/2_incorrect.wav: no such file"
    assert results["10"].problem == f"{stories}/10_mutual.txt: no such file"
    only = evaluated(StoryCloze(folder=str(stories), directions=["S"]), Oracle(STORIES), tmp_path)
    assert totals(only) == {"S": (0, 1), "S raw": (1, 1)}
    (stories / "2_mutual.txt").write_text(" \n")
    with pytest.raises(InputError, match="2_mutual.txt:1: is empty; expected a text"):
        StoryCloze(folder=str(stories)).items()
    (stories / "2_mutual.txt").write_bytes(b"one\n\xff\n")
    with pytest.raises(InputError, match="2_mutual.txt:2: not UTF-8"):
        StoryCloze(folder=str(stories)).items()


def test_folders_that_are_no_set_are_refused(stories: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="expected the folder of a story-cloze set"):
        StoryCloze(folder=str(tmp_path / "nowhere")).items()
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty: has no file named like \{\}_mutual.wav or \{\}_correct.wav or"):
        StoryCloze(folder=str(tmp_path / "empty"), directions=["S"]).items()
    for name in ("2_a_right", "2_b_right"):
        record(stories / f"{name}.wav")
    with pytest.raises(InputError, match="2_a_right.wav and 2_b_right.wav are both the correct of one story"):
        StoryCloze(folder=str(stories), directions=["S"], correct="{}_*_right").items()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"directions": []}, "directions is \\[\\]; expected some of T, S, T→S, S→T"),
        ({"directions": ["T", "X"]}, "directions is \\['T', 'X'\\]"),
        ({"correct": "correct"}, "correct is 'correct'; expected '\\{\\}' in it once"),
        ({"mutual": "{}{}"}, "mutual is '\\{\\}\\{\\}'; expected"),
        ({"correct": "{}_x", "incorrect": "{}_x"}, "correct and incorrect are both '\\{\\}_x'"),
    ],
)
def test_wrong_values_of_storycloze(values: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        StoryCloze(folder="nowhere", **values)


# -- SALMon -----------------------------------------------------------------------------------------------------------


def test_salmon_by_hand(tmp_path: Path) -> None:
    known = {}
    for part, number, right, wrong in (
        ("rir_consistency", 0, (-10.0, 10), (-9.0, 3)),  # wins normalised, loses raw
        ("rir_consistency", 10, (-3.0, 3), (-3.0, 3)),  # a tie
        ("rir_consistency", 2, (-3.0, 3), (-6.0, 3)),  # wins both
        ("bg_alignment", 0, (-7.0, 3), (-6.0, 3)),  # loses both
    ):
        for name, score in ((f"sample_{number}_0.wav", right), (f"sample_{number}_1.wav", wrong)):
            record(tmp_path / part / name)
            known[f"{part}/{name}"] = score
    (tmp_path / "rir_consistency" / "metadata.json").write_text("[]")

    class ByFolder(Oracle):
        def score(self, prompt: Prompt, continuation: Prompt) -> Score:
            assert prompt == []
            assert isinstance(continuation, list)
            (part,) = continuation
            assert isinstance(part, Speech)
            path = Path(str(part.audio))
            return Score(*known[f"{path.parent.name}/{path.name}"])

    task = Salmon(folder=str(tmp_path), parts=["rir_consistency", "bg_alignment"])
    results = evaluated(task, ByFolder({}), tmp_path)
    assert list(results) == ["rir_consistency/0", "rir_consistency/2", "rir_consistency/10", "bg_alignment/0"]
    assert totals(results) == {
        "rir_consistency": (2.5, 3),
        "rir_consistency raw": (1.5, 3),
        "bg_alignment": (0, 1),
        "bg_alignment raw": (0, 1),
    }
    (tmp_path / "rir_consistency" / "sample_2_1.wav").unlink()
    (tmp_path / "rir_consistency" / "sample_10_0.wav").unlink()
    results = evaluated(task, ByFolder({}), tmp_path)
    assert results["rir_consistency/2"].problem == f"{tmp_path}/rir_consistency/sample_2_1.wav: no such file"
    assert results["rir_consistency/10"].problem == f"{tmp_path}/rir_consistency/sample_10_0.wav: no such file"
    assert totals(results)["rir_consistency"] == (1, 1)


def test_salmon_of_several_wrong_ones(tmp_path: Path) -> None:
    for number in range(3):
        record(tmp_path / "a" / f"sample_4_{number}.wav")
    model = Oracle({"sample_4_0.wav": (-2, 1), "sample_4_1.wav": (-1, 1), "sample_4_2.wav": (-3, 1)})
    results = evaluated(Salmon(folder=str(tmp_path), parts=["a"]), model, tmp_path)
    assert dict(results["a/4"].counts) == {"a": (0.5, 1), "a raw": (0.5, 1)}


def test_salmon_is_refused_where_parts_are_not_there(tmp_path: Path) -> None:
    assert len(Salmon(folder="nowhere").metrics) == 16
    with pytest.raises(MissingFileError, match="expected the folder of SALMon's part sentiment_consistency"):
        Salmon(folder=str(tmp_path)).items()
    (tmp_path / "a").mkdir()
    with pytest.raises(InputError, match="a: has no file named like sample_0_0.wav"):
        Salmon(folder=str(tmp_path), parts=["a"]).items()
    with pytest.raises(RequestError, match="expected names of folders, each once"):
        Salmon(folder=str(tmp_path), parts=["a", "a"])
