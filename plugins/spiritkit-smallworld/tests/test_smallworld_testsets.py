"""The test sets: in their formats, unseen in training, right against wrong."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile
from spiritkit_smallworld.language import document, split_of
from spiritkit_smallworld.language.stories import draw_story
from spiritkit_smallworld.language.turns import tells_the_branch
from spiritkit_smallworld.make_tests import MakeSmallworldTests
from spiritkit_smallworld.shard import shared_voice
from spiritkit_smallworld.testsets.asr import asr
from spiritkit_smallworld.testsets.intent import intent
from spiritkit_smallworld.testsets.lexical import lexical
from spiritkit_smallworld.testsets.mmlu import mmlu
from spiritkit_smallworld.testsets.nonwords import NonWords, plain, spell
from spiritkit_smallworld.testsets.plan import Job, Plan, Recording, speak
from spiritkit_smallworld.testsets.salmon import salmon
from spiritkit_smallworld.testsets.storycloze import storycloze
from spiritkit_smallworld.testsets.stsp import stsp
from spiritkit_smallworld.testsets.syntactic import syntactic
from spiritkit_smallworld.voice.profiles import SENTIMENT, is_low

from spiritkit.errors import RequestError
from spiritkit.pipeline import Parts, Pipeline
from spiritkit.seeding import numpy_generator
from spiritkit.testing.step import FakeContext

PARTS = {"dev": "validation", "test": "test"}


def rows_of(plan: Plan, path: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(plan.tables[path])))


def test_lexical_pairs() -> None:
    plan = lexical(0, 25)
    words = {}
    for part in PARTS:
        rows = rows_of(plan, f"slm21/lexical/{part}/gold.csv")
        assert list(rows[0]) == ["id", "filename", "voice", "frequency", "word", "phones", "length_phones", "correct"]
        assert len(rows) == 25 * 4 * 2
        for right, wrong in zip(rows[::2], rows[1::2], strict=True):
            assert (right["correct"], wrong["correct"]) == ("1", "0")
            assert (right["id"], right["voice"]) == (wrong["id"], wrong["voice"])
            assert right["length_phones"] == wrong["length_phones"] == str(len(right["phones"].split()))
            assert right["phones"] != wrong["phones"]
            assert right["word"] != wrong["word"]
            assert int(right["frequency"]) > 0
        assert len({row["filename"] for row in rows}) == len(rows)
        words[part] = {row["word"] for row in rows if row["correct"] == "1"}
    assert not words["dev"] & words["test"]


def test_non_words_are_made_of_what_words_are_made_of() -> None:
    words = ["kˈæt", "bˈɪd", "sˈæd", "tˈɪk", "bˈæt", "kˈɪd", "sˈɪk", "tˈæt", "pˈæt", "pˈɪt"]
    known = frozenset(map(plain, words))
    made = {NonWords(words * 3, known).make("kˈæt", np.random.default_rng(seed)) for seed in range(40)}
    assert len(made) > 5
    for word in made - {None}:
        assert len(word) == len("kˈæt")
        assert plain(word) not in known
        assert word[0] in "kbstp"
        assert word[2] in "æɪ"
        assert word[3] in "tdk"
    assert NonWords(["kˈæt"], known).make("kˈæt", np.random.default_rng(0)) is None
    assert spell("ʃˈip") == "sheep"


def test_syntactic_pairs_are_unseen_and_cover_all_types() -> None:
    plan = syntactic(0, 30)
    for part, split in PARTS.items():
        rows = rows_of(plan, f"slm21/syntactic/{part}/gold.csv")
        assert list(rows[0]) == ["id", "filename", "voice", "type", "subtype", "transcription", "correct"]
        assert len(rows) == 60
        assert {row["type"] for row in rows} >= {"agreement", "word_order", "reflexive", "determiner_noun"}
        for right, wrong in zip(rows[::2], rows[1::2], strict=True):
            assert (right["id"], right["correct"], wrong["id"], wrong["correct"]) == (
                right["id"],
                "1",
                right["id"],
                "0",
            )
            assert right["transcription"] != wrong["transcription"]
            assert split_of(right["transcription"]) == split
            n_right, n_wrong = len(right["transcription"].split()), len(wrong["transcription"].split())
            assert n_right == n_wrong
            differ = [
                a != b for a, b in zip(right["transcription"].split(), wrong["transcription"].split(), strict=True)
            ]
            assert 1 <= sum(differ) <= 4


def test_storycloze_has_right_and_wrong_endings_in_speech_and_text() -> None:
    plan = storycloze(0, 8)
    assert len(plan.recordings) == len(plan.tables) == 2 * 8 * 3
    for recording in plan.recordings:
        path = Path(recording.path)
        assert plan.tables[str(path.with_suffix(".txt"))].strip() == " ".join(recording.sentences)
        assert path.stem.split("_")[1] in ("mutual", "correct", "incorrect")
        for sentence in recording.sentences:
            assert split_of(sentence) == "test"
    for kind in ("spoken", "topic"):
        for number in range(8):
            right, wrong = (plan.tables[f"storycloze/{kind}/{number}_{part}.txt"] for part in ("correct", "incorrect"))
            assert right != wrong


def test_only_the_style_of_a_spoken_prompt_tells_its_sentiment() -> None:
    plan = stsp(0, 60)
    speech = [json.loads(line) for line in plan.tables["stsp/speech.jsonl"].splitlines()]
    text = [json.loads(line) for line in plan.tables["stsp/text.jsonl"].splitlines()]
    assert len(speech) == len(text) == 120
    said = {recording.path: recording for recording in plan.recordings}
    for row in speech:
        assert set(row) == {"wav_path", "emotion", "sentiment", "split", "speaker", "id"}
        assert row["sentiment"] == SENTIMENT[row["emotion"]] in ("positive", "negative", "neutral")
        assert said[f"stsp/{row['wav_path']}"].style == row["emotion"]
        assert said[f"stsp/{row['wav_path']}"].speaker == row["speaker"]
    prompts = [said[f"stsp/{row['wav_path']}"] for row in speech]
    starts = " ".join(
        " ".join(one.sentences[: one.n_heard]) + f" {one.sentences[one.n_heard].split()[0]}" for one in prompts
    )
    told = ("terrible", "awful", "horrible", "sad", "hate", "upset", "happy", "glad", "wonderful", "great", "lovely")
    assert not set(re.findall("[a-z]+", starts.lower())) & set(told)
    assert {one.sentences[one.n_heard].split()[0] for one in prompts}.isdisjoint({"But", "Nobody", "They"})
    for one in prompts:
        split = "validation" if "/dev-" in one.path else "test"
        assert {split_of(sentence) for sentence in one.sentences} == {split}
    assert {row["sentiment"] for row in text} == {"positive", "negative", "neutral"}
    for direction in ("t2t", "t2s", "s2t", "s2s"):
        examples = [json.loads(line) for line in plan.tables[f"stsp/few_shot/{direction}.jsonl"].splitlines()]
        assert len(examples) == 9
        for example in examples:
            assert set(example) == {"prompt", "generation", "sentiment"}
            assert example["prompt"].endswith(".wav") == (direction[0] == "s")
            assert example["generation"].endswith(".wav") == (direction[2] == "s")


def test_the_first_word_behind_a_start_tells_the_branch_or_not() -> None:
    """What is taken for telling nothing occurs in both branches of its plot, where it occurs often enough to see."""
    rng = np.random.default_rng(0)
    branches: dict[tuple[str, str], Counter[str]] = {}
    telling = Counter[str]()
    for _ in range(4000):
        story = draw_story(rng, "train")
        first = story.sentences[len(story.start)].split()[0]
        if tells_the_branch(story):
            telling[first] += 1
        else:
            branches.setdefault((story.plot, first), Counter())[story.sentiment] += 1
    often = {key: found for key, found in branches.items() if found.total() >= 15 and "neutral" not in found}
    assert len(often) >= 15
    assert all(len(found) == 2 for found in often.values()), often
    assert {"But", "Nobody", "They"} <= telling.keys()
    assert telling.total() < 0.3 * 4000


def test_a_spoken_prompt_ends_behind_the_first_word_of_a_sentence(tmp_path: Path) -> None:
    sentences = ("The dog ran to the river.", "It was very glad.")
    speak(Job(tmp_path, 0, (Recording("cut.wav", sentences, "ada", n_heard=1),)))
    cut = soundfile.read(tmp_path / "cut.wav")[0]
    # The random numbers of the recording, so that it has these word times.
    spoken = shared_voice().speak(sentences, "ada", "neutral", numpy_generator(0, "test set", "cut.wav"))
    assert [spoken.words[index].text for index in (6, 7)] == ["It", "was"]
    assert spoken.words[6].stop == len(cut)


def test_salmon_pairs_differ_in_how_the_last_sentence_is_said() -> None:
    plan = salmon(0, 12)
    pairs = list(zip(plan.recordings[::2], plan.recordings[1::2], strict=True))
    assert len(pairs) == 4 * 12
    for right, wrong in pairs:
        assert (Path(right.path).parent, right.sentences) == (Path(wrong.path).parent, wrong.sentences)
        assert (Path(right.path).name[-6:], Path(wrong.path).name[-6:]) == ("_0.wav", "_1.wav")
        assert all(split_of(sentence) == "test" for sentence in right.sentences)
        voice, (speaker, style) = (right.speaker, right.style), wrong.last
        assert right.last == voice
        part = Path(right.path).parent.name
        assert (speaker != right.speaker) == (part in ("speaker_consistency", "gender_consistency"))
        assert (style != right.style) == part.startswith("sentiment")
        if part == "gender_consistency":
            assert is_low(speaker) != is_low(right.speaker)


def test_mmlu_asks_how_a_story_ends(tmp_path: Path) -> None:
    plan = mmlu(0, 16)
    for path, content in plan.files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    answers = set()
    for part, split, size in (("dev", "validation", 5), ("validation", "validation", 16), ("test", "test", 16)):
        rows = pq.read_table(tmp_path / f"mmlu/miscellaneous/{part}-00000-of-00001.parquet").to_pylist()
        assert len(rows) == size
        for row in rows:
            assert row["question"].endswith(" What happens then?")
            assert len(set(row["choices"])) == 4
            assert {split_of(choice) for choice in row["choices"]} == {split}
            answers.add(row["answer"])
    assert answers == {0, 1, 2, 3}


def test_intent_has_the_columns_of_fluent_speech_commands() -> None:
    plan = intent(0, 40)
    said = {}
    for part, split in {"train": "train", "valid": "validation", "test": "test"}.items():
        rows = rows_of(plan, f"intent/data/{part}_data.csv")
        assert list(rows[0]) == ["", "path", "speakerId", "transcription", "action", "object", "location"]
        assert len({(row["action"], row["object"]) for row in rows}) >= 12
        assert {split_of(row["transcription"]) for row in rows} == {split}
        assert all(row["location"] in row["transcription"] or row["location"] == "none" for row in rows)
        said[part] = {row["transcription"] for row in rows}
    assert not said["train"] & said["test"]


def test_some_words_were_never_seen() -> None:
    texts = " ".join(document(0, "train", number).text for number in range(4000))
    known = set(re.findall(r"[a-z']+", texts.lower()))
    plan = asr(0, 100)
    rows = [json.loads(line) for line in plan.tables["asr/unseen.jsonl"].splitlines()]
    assert len({row["text"] for row in rows}) == 40
    for row in rows:
        assert set(re.findall(r"[a-z']+", row["text"].lower())) - known
    assert [row["path"] for row in rows] == [one.path.removeprefix("asr/") for one in plan.recordings[-40:]]
    assert len(asr(0, 3).tables["asr/unseen.jsonl"].splitlines()) == 3


def test_files_are_written(tmp_path: Path) -> None:
    step = MakeSmallworldTests(
        words=1, sentences=1, stories=1, pairs=1, questions=1, prompts=0, commands=1, utterances=1, workers=1
    )
    step.run(FakeContext(tmp_path, Pipeline(Parts())))
    voice = shared_voice()
    for part in PARTS:
        for row in rows_of(Plan(tables={"t": (tmp_path / f"slm21/lexical/{part}/gold.csv").read_text()}), "t"):
            sound, rate = soundfile.read(tmp_path / f"slm21/lexical/{part}/{row['filename']}.wav")
            assert rate == 16_000
            assert 0.2 < len(sound) / rate < 2.5
        for line in (tmp_path / f"asr/{part}.jsonl").read_text().splitlines():
            assert (tmp_path / "asr" / json.loads(line)["path"]).exists()
            assert voice.phonemes(json.loads(line)["text"].split(". ")[0])
    assert (tmp_path / "storycloze/topic/0_incorrect.wav").exists()
    assert not (tmp_path / "stsp").exists()
    right, wrong = (
        soundfile.read(tmp_path / f"salmon/speaker_consistency/sample_0_{which}.wav")[0] for which in (0, 1)
    )
    n_same = 8_000  # the first sentence is not the one that changes
    assert np.array_equal(right[:n_same], wrong[:n_same])
    assert not np.array_equal(right[-n_same:], wrong[-n_same:])
    assert pq.read_table(tmp_path / "mmlu/miscellaneous/dev-00000-of-00001.parquet").num_rows == 5
    row = rows_of(Plan(tables={"t": (tmp_path / "intent/data/valid_data.csv").read_text()}), "t")[0]
    assert (tmp_path / "intent" / row["path"]).exists()


def test_sizes_are_checked() -> None:
    with pytest.raises(RequestError, match="words is -1"):
        MakeSmallworldTests(words=-1)
    with pytest.raises(RequestError, match="at least one test set"):
        MakeSmallworldTests(words=0, sentences=0, stories=0, prompts=0, commands=0, utterances=0, pairs=0, questions=0)
