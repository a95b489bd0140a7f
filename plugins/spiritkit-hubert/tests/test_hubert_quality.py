"""unit-quality.v1 and its measures."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import mutual_info_score
from spiritkit_hubert.augment import KINDS
from spiritkit_hubert.phone_labels import phone_labels, read_lexicon
from spiritkit_hubert.quality import Confusion, EditRate, deduplicated
from spiritkit_hubert.unit_quality import UnitQuality

from spiritkit.errors import InputError, MissingFileError, RequestError
from spiritkit.pipeline import Parts, Pipeline
from spiritkit.testing import StepContract
from spiritkit.testing.step import FakeContext
from spiritkit.utterances import Alignment, Word


def test_figures_of_codes_against_labels():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 500)
    codes = np.where(rng.random(500) < 0.6, labels * 2, rng.integers(0, 9, 500))
    confusion = Confusion(12)
    confusion.add(codes[:200], [str(label) for label in labels[:200]])
    confusion.add(codes[200:], [str(label) for label in labels[200:]])
    figures = confusion.figures()
    shares = np.bincount(labels) / 500
    entropy = -(shares * np.log(shares)).sum()
    assert figures["pnmi"] == pytest.approx(mutual_info_score(labels, codes) / entropy)
    by_code = [np.bincount(labels[codes == code]).max() for code in np.unique(codes)]
    by_label = [np.bincount(codes[labels == label]).max() for label in range(4)]
    assert figures["phone_purity"] == pytest.approx(sum(by_code) / 500)
    assert figures["cluster_purity"] == pytest.approx(sum(by_label) / 500)
    assert figures["codes_used"] == len(np.unique(codes))
    assert confusion.frames == 500


def test_perfect_and_useless_codes():
    perfect, useless = Confusion(3), Confusion(3)
    perfect.add(np.array([0, 1, 2, 1]), ["a", "b", "c", "b"])
    useless.add(np.array([1, 1, 1, 1]), ["a", "b", "c", "b"])
    assert perfect.figures()["pnmi"] == pytest.approx(1)
    assert useless.figures()["pnmi"] == pytest.approx(0)
    assert useless.figures()["phone_purity"] == 0.5


def test_edit_rate_is_of_deduplicated_units():
    rate = EditRate()
    rate.add(np.array([1, 1, 2, 2, 3]), np.array([1, 2, 2, 2, 3, 3]))
    assert rate.value == 0
    rate.add(np.array([1, 2, 3, 4]), np.array([1, 3, 5]))  # 2 is lost, 4 is 5
    assert rate.value == pytest.approx(2 / 7)
    assert deduplicated(np.zeros(0, dtype=np.int64)).tolist() == []


def test_labels_share_the_words_time():
    words = (Word("Aha,", 1600, 4800), Word("no", 4800, 6400))
    alignment = Alignment(words, 16_000)
    # At 50 frames a second, frame i has its middle at sample 320 i + 160.
    labels = phone_labels(alignment, {"aha": ["AA", "HH"]}, 24, Fraction(50))
    assert labels == [""] * 5 + ["AA"] * 5 + ["HH"] * 5 + ["n"] * 2 + ["o"] * 3 + [""] * 4
    assert phone_labels(alignment, None, 15, Fraction(50))[5:] == ["a"] * 3 + ["h"] * 4 + ["a"] * 3


def test_labels_are_the_phones_where_they_are_known():
    phones = (Word("AA", 1600, 1920), Word("HH", 1920, 4800))
    alignment = Alignment((Word("Aha,", 1600, 4800), Word("no", 4800, 6400)), 16_000, phones)
    labels = phone_labels(alignment, {"aha": ["AA", "HH"]}, 24, Fraction(50))
    assert labels == [""] * 5 + ["AA"] + ["HH"] * 9 + [""] * 9
    assert phone_labels(Alignment((), 16_000), None, 2, Fraction(50)) == ["", ""]


def test_lexicons(tmp_path):
    path = tmp_path / "lexicon.txt"
    path.write_text("Hello HH AH L OW\n\nit's IH T S\n")
    assert read_lexicon(path) == {"hello": ["HH", "AH", "L", "OW"], "it's": ["IH", "T", "S"]}
    path.write_text("a AH\nalone\n")
    with pytest.raises(InputError, match=r"lexicon\.txt:2: 'alone' has no phones"):
        read_lexicon(path)
    with pytest.raises(MissingFileError):
        read_lexicon(tmp_path / "none")


@pytest.fixture
def pipeline(cepstra) -> Pipeline:
    return Pipeline(Parts(tokenizers={"cepstra": cepstra, "again": cepstra}))


def test_streams_are_measured_side_by_side(tmp_path, melodies, pipeline, capsys):
    lexicon = tmp_path / "lexicon.txt"
    lexicon.write_text("".join(f"t{tone} T{tone}\n" for tone in range(6)))
    UnitQuality(corpus=melodies(10, 4), lexicon=lexicon, recordings=6).run(FakeContext(tmp_path / "q", pipeline))
    written = json.loads((tmp_path / "q" / "quality.json").read_text())
    assert json.loads(capsys.readouterr().out) == written
    assert written["cepstra"] == written["again"]
    figures = written["cepstra"]
    assert figures["pnmi"] > 0.6  # tones are easily told apart; frames at their borders are not
    assert figures["phone_purity"] > 0.7
    assert set(figures["changed_units"]) == set(KINDS)
    assert all(0 < value < 1.5 for value in figures["changed_units"].values())
    assert 0.2 < figures["units_per_frame"] < 1


class TestUnitQuality(StepContract):
    component = "unit-quality.v1"

    @pytest.fixture
    def parameters(self, melodies) -> dict[str, Any]:
        return {"corpus": melodies(2, 4), "recordings": 2}

    @pytest.fixture
    def pipeline(self, pipeline) -> Pipeline:
        return pipeline


def test_no_recordings(melodies):
    with pytest.raises(RequestError, match=r"unit-quality\.v1: recordings is 0"):
        UnitQuality(corpus=melodies(1, 0), recordings=0)
