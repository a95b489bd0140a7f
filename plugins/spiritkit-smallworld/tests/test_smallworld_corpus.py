"""The corpus: written by the step, resumed after any interruption, read by the corpus component."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from spiritkit_smallworld.corpora import Smallworld, SmallworldText
from spiritkit_smallworld.language import Document, document, split_of
from spiritkit_smallworld.lexicon import lexicon
from spiritkit_smallworld.make_corpus import MakeSmallworld
from spiritkit_smallworld.shard import Shard, draw_voice, make_shard
from spiritkit_smallworld.voice import HELD_OUT_PAIRS, HELD_OUT_SPEAKER, SPEAKERS, STYLES, Voice
from spiritkit_smallworld.voice.profiles import SENTIMENT

from spiritkit.errors import InputError, MissingFileError, RequestError
from spiritkit.pipeline import Parts, Pipeline
from spiritkit.testing.step import FakeContext

SECOND = 1 / 3600


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("smallworld")
    step = MakeSmallworld(train_hours=45 * SECOND, validation_hours=0, test_hours=10 * SECOND, workers=1)
    step.run(FakeContext(folder, Pipeline(Parts())))
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_utterances_have_sound_words_and_attributes(folder: Path) -> None:
    corpus = Smallworld(folder=str(folder))
    assert len(corpus) == len(list(corpus)) > 3
    for utterance in corpus:
        assert utterance.audio is not None
        assert utterance.text is not None
        audio = pickle.loads(pickle.dumps(utterance.audio)).load()
        alignment = utterance.alignment
        assert alignment is not None
        assert audio.sample_rate == alignment.sample_rate == 16_000
        samples = audio.samples[0] if audio.samples.ndim == 2 else audio.samples
        assert [word.text for word in alignment.words] == utterance.text.split()
        assert alignment.words[-1].stop <= len(samples)
        for word in alignment.words:
            assert np.abs(samples[word.start : word.stop]).max() > 0.005
        assert alignment.phones[0].start == alignment.words[0].start
        assert alignment.phones[-1].stop == alignment.words[-1].stop
        assert set(utterance.attributes) == {"speaker", "style", "sentiment", "kind", "topic"}
        assert utterance.attributes["speaker"] != HELD_OUT_SPEAKER
        assert (utterance.attributes["speaker"], utterance.attributes["style"]) not in HELD_OUT_PAIRS
    counts = json.loads((folder / "corpus.json").read_text())
    assert set(counts) == {"train", "test"}
    assert counts["train"]["utterances"] == len(corpus)
    assert counts["train"]["hours"] >= 45 * SECOND - 1e-4


def test_every_word_has_phones(folder: Path) -> None:
    lines = [line.split(" ") for line in (folder / "lexicon.txt").read_text().splitlines()]
    phones_of = {word: phones for word, *phones in lines}
    known = {phone for phones in phones_of.values() for phone in phones}
    assert list(phones_of) == sorted(phones_of)
    for split in ("train", "test"):
        for utterance in Smallworld(folder=str(folder), split=split):
            assert utterance.text is not None
            for word in utterance.text.lower().split():
                phones = phones_of[word.strip(".,?!")]
                assert phones
                assert all(len(phone) == 1 and phone.isalpha() for phone in phones)
            assert utterance.alignment is not None
            assert {phone.text for phone in utterance.alignment.phones} <= known


def test_words_that_begin_a_sentence_are_said_as_others(voice: Voice) -> None:
    words = ["The", "cat,", "the", "Grace's", "o'clock.", "I"]
    assert lexicon(words, voice) == ("cat k æ t\ngrace's ɡ ɹ A s ᵻ z\ni I\no'clock ə k l ɑ k\nthe ð ə\n")


def test_filters(folder: Path) -> None:
    every = list(Smallworld(folder=str(folder)))
    speaker, style = every[0].attributes["speaker"], every[0].attributes["style"]
    some = list(Smallworld(folder=str(folder), speakers=[speaker], styles=[style]))
    assert [one.id for one in some] == [
        one.id for one in every if (one.attributes["speaker"], one.attributes["style"]) == (speaker, style)
    ]
    stories = Smallworld(folder=str(folder), kind="stories")
    assert {one.attributes["kind"] for one in stories} <= {"story"}
    assert [one.id for one in Smallworld(folder=str(folder), size=2)] == [one.id for one in every[:2]]
    assert 0 < len(Smallworld(folder=str(folder), hours=5 * SECOND)) < len(every)
    plain = next(iter(Smallworld(folder=str(folder), text_only=True)))
    assert (plain.audio, plain.alignment, plain.text) == (None, None, every[0].text)


def test_another_seed_gives_another_corpus(folder: Path, tmp_path: Path) -> None:
    context = FakeContext(tmp_path, Pipeline(Parts()))
    context.seed = 1
    MakeSmallworld(train_hours=SECOND, validation_hours=0, test_hours=0, workers=1).run(context)
    texts = {one.text for one in Smallworld(folder=str(folder))}
    assert not texts & {one.text for one in Smallworld(folder=str(tmp_path))}


def test_a_killed_shard_is_made_good(tmp_path: Path) -> None:
    shard = Shard(tmp_path, 0, 3.0, seed=0, split="validation", kind="sentences", matching=0.5)
    make_shard(shard)
    whole = files(tmp_path)
    shard.table.unlink()  # killed between the sound and the table
    shard.audio.write_bytes(b"half")
    make_shard(shard)
    assert files(tmp_path) == whole
    before = shard.audio.stat().st_mtime_ns
    make_shard(shard)
    assert shard.audio.stat().st_mtime_ns == before


@pytest.mark.slow
def test_two_processes_write_the_same_bytes(tmp_path: Path) -> None:
    for workers in (1, 2):
        step = MakeSmallworld(
            train_hours=4 * SECOND, validation_hours=4 * SECOND, test_hours=4 * SECOND, workers=workers
        )
        step.run(FakeContext(tmp_path / str(workers), Pipeline(Parts())))
    assert files(tmp_path / "1") == files(tmp_path / "2")


def test_speakers_and_styles() -> None:
    happy = Document(("What a day!",), "sentence", "positive", "positive")
    rng = np.random.default_rng(0)
    heard = {draw_voice(rng, "test", happy, 0.0) for _ in range(2000)}
    assert heard == {(speaker, style) for speaker in SPEAKERS for style in STYLES}
    trained = {draw_voice(rng, "train", happy, 0.0) for _ in range(2000)}
    assert heard - trained == HELD_OUT_PAIRS | {(HELD_OUT_SPEAKER, style) for style in STYLES}
    assert {SENTIMENT[draw_voice(rng, "train", happy, 1.0)[1]] for _ in range(100)} == {"positive"}


def test_varied_voices_are_heard_in_training_only(folder: Path, tmp_path: Path) -> None:
    step = MakeSmallworld(train_hours=10 * SECOND, validation_hours=0, test_hours=10 * SECOND, variation=0.1, workers=1)
    step.run(FakeContext(tmp_path, Pipeline(Parts())))
    texts = {name: [one.text for one in Smallworld(folder=str(name))] for name in (folder, tmp_path)}
    assert texts[tmp_path] == texts[folder][: len(texts[tmp_path])]
    heard = {name: (name / "train" / "audio" / "00000.flac").read_bytes() for name in (folder, tmp_path)}
    assert heard[tmp_path] != heard[folder]
    tests = {name: (name / "test" / "audio" / "00000.flac").read_bytes() for name in (folder, tmp_path)}
    assert tests[tmp_path] == tests[folder]


@pytest.mark.parametrize("name", SPEAKERS)
def test_a_varied_speaker_is_somebody_like_it(name: str) -> None:
    speaker, rng = SPEAKERS[name], np.random.default_rng(0)
    varied = [speaker.varied(0.1, rng) for _ in range(500)]
    for part, most in (("pitch", 0.2), ("formants", 0.1), ("speed", 0.1), ("range", 0), ("tilt", 0)):
        far = [abs(np.log(getattr(each, part) / getattr(speaker, part))) for each in varied if getattr(speaker, part)]
        assert max(far, default=0) <= most + 1e-9
        assert max(far, default=0) >= 0.9 * most


def test_text_corpus() -> None:
    corpus = SmallworldText(split="validation", kind="stories", size=20, seed=5)
    texts = list(corpus)
    assert len(corpus) == len(texts) == len({text.id for text in texts}) == 20
    assert [text.text for text in texts] == [text.text for text in corpus]
    assert texts[3].text == document(5, "validation", 3, "stories").text
    assert split_of(document(5, "validation", 3, "stories").sentences[0]) == "validation"
    assert {text.attributes["kind"] for text in texts} == {"story"}
    assert {text.attributes["kind"] for text in SmallworldText(kind="words", size=3)} == {"words"}


def test_a_malformed_table_is_refused_with_file_and_line(folder: Path, tmp_path: Path) -> None:
    lines = (folder / "train" / "utterances.jsonl").read_text().splitlines()
    bad: list[tuple[str, str]] = [("{", "Expecting"), (lines[1].replace('"start"', '"begin"'), "no 'start'")]
    for line, reason in bad:
        (tmp_path / "train").mkdir(exist_ok=True)
        (tmp_path / "train" / "utterances.jsonl").write_text(f"{lines[0]}\n{line}\n")
        with pytest.raises(InputError, match="utterances.jsonl:2") as caught:
            list(Smallworld(folder=str(tmp_path)))
        assert reason in str(caught.value)
    with pytest.raises(MissingFileError, match="make-smallworld"):
        list(Smallworld(folder=str(tmp_path / "nowhere")))


@pytest.mark.parametrize(
    ("target", "parameters", "message"),
    [
        (Smallworld, {"folder": "x", "speakers": ["anna"]}, "no speaker 'anna'"),
        (Smallworld, {"folder": "x", "styles": ["angry"]}, "no style 'angry'"),
        (Smallworld, {"folder": "x", "size": 0}, "size is 0"),
        (Smallworld, {"folder": "x", "hours": 0.0}, "hours is 0"),
        (SmallworldText, {"size": 0}, "size is 0"),
        (MakeSmallworld, {"train_hours": -1.0}, "train_hours is -1"),
        (MakeSmallworld, {"train_hours": 0.0, "validation_hours": 0.0, "test_hours": 0.0}, "some sound"),
        (MakeSmallworld, {"matching": 2.0}, "matching is 2"),
        (MakeSmallworld, {"variation": 0.5}, "variation is 0.5"),
        (MakeSmallworld, {"workers": -1}, "workers is -1"),
    ],
)
def test_wrong_parameters(target: Any, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        target(**parameters)
