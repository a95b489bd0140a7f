"""The voice: the same samples for the same words, times that fit the sound, speakers and styles that differ."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from spiritkit_smallworld.testsets.nonwords import plain
from spiritkit_smallworld.voice import SAMPLE_RATE, SPEAKERS, STYLES, Spoken, Voice

from spiritkit.errors import InputError

SENTENCES = ("The old baker gave three red apples to the girl.", "She was happy, and went home.")


def say(voice: Voice, speaker: str = "ada", style: str = "neutral", seed: int = 0) -> Spoken:
    return voice.speak(SENTENCES, speaker, style, np.random.default_rng(seed))


@pytest.fixture(scope="module")
def f0_of() -> Callable[[Spoken], np.ndarray]:
    """F0 of the voiced frames, in semitones above 1 Hz."""
    torchfcpe = pytest.importorskip("torchfcpe")
    model = torchfcpe.spawn_bundled_infer_model("cpu")

    def f0_of(spoken: Spoken) -> np.ndarray:
        samples = torch.from_numpy(spoken.samples)[None, :, None]
        f0 = model.infer(samples, sr=SAMPLE_RATE, decoder_mode="local_argmax", threshold=0.006)[0, :, 0].numpy()
        return 12 * np.log2(f0[f0 > 40])

    return f0_of


def test_the_same_again(voice: Voice) -> None:
    first = say(voice)
    again = Voice().speak(SENTENCES, "ada", "neutral", np.random.default_rng(0))
    assert first.samples.tobytes() == again.samples.tobytes()
    assert (first.words, first.phones) == (again.words, again.phones)
    assert say(voice, seed=1).samples.tobytes() != first.samples.tobytes()


def test_words_and_their_times(voice: Voice) -> None:
    for speaker in SPEAKERS:
        spoken = say(voice, speaker, "calm")
        assert [word.text for word in spoken.words] == " ".join(SENTENCES).split()
        assert spoken.samples.dtype == np.float32
        assert np.isfinite(spoken.samples).all()
        for word, after in zip(spoken.words, spoken.words[1:], strict=False):
            assert 0 <= word.start < word.stop <= after.start
        assert spoken.words[-1].stop < len(spoken.samples)
        level = np.abs(spoken.samples)
        # Between the sentences, after the last word and before the first there is silence; in words there is none.
        last, first = spoken.words[9], spoken.words[10]
        assert level[last.stop + 400 : first.start - 1000].max() < 0.03 * level.max()
        assert level[spoken.words[-1].stop + 400 :].max() < 0.03 * level.max()
        for word in spoken.words:
            assert level[word.start : word.stop].max() > 0.03 * level.max(), (speaker, word)


def test_phones_are_where_they_sound(voice: Voice) -> None:
    """Hissing ones have their power above 3 kHz, vowels below; and each word has those that it is said with."""
    shares: dict[str, list[float]] = {"hiss": [], "vowel": []}
    for speaker, style in (("ada", "excited"), ("gus", "calm")):
        sentences = ["Six sailors saw a ship on the sea.", "She asks her sister for some socks."]
        spoken = voice.speak(sentences, speaker, style, np.random.default_rng(0))
        said = " ".join(plain(voice.phonemes(sentence)) for sentence in sentences).split()
        phones = list(spoken.phones)
        for word, wanted in zip(spoken.words, said, strict=True):
            inside, phones = phones[: len(wanted.strip("."))], phones[len(wanted.strip(".")) :]
            assert "".join(phone.text for phone in inside) == wanted.strip(".")
            assert (inside[0].start, inside[-1].stop) == (word.start, word.stop)
            assert all(one.stop == other.start for one, other in pairwise(inside))
        assert not phones
        for phone in spoken.phones:
            kind = "hiss" if phone.text in "sʃ" else "vowel" if phone.text in "AOiɔɑɪæ" else None
            quarter = (phone.stop - phone.start) // 4  # its middle
            if kind and quarter > 80:
                sound = spoken.samples[phone.start + quarter : phone.stop - quarter]
                power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
                shares[kind].append(float(power[int(len(power) * 3 / 8) :].sum() / power.sum()))
    assert len(shares["hiss"]) > 20
    assert np.quantile(shares["hiss"], 0.2) > 0.5
    assert np.median(shares["hiss"]) > 0.8
    assert np.quantile(shares["vowel"], 0.9) < 0.2


def test_styles_are_told_apart_by_pitch_level_and_speed(voice: Voice, f0_of: Callable[[Spoken], np.ndarray]) -> None:
    for speaker in ("ada", "dan"):
        spoken = {style: say(voice, speaker, style) for style in STYLES}
        seconds = {style: sum(word.stop - word.start for word in one.words) for style, one in spoken.items()}
        f0 = {style: f0_of(one) for style, one in spoken.items()}
        pitch = {style: float(np.median(values)) for style, values in f0.items()}
        span = {style: float(np.subtract(*np.percentile(values, [85, 15]))) for style, values in f0.items()}
        level = {style: 20 * np.log10(np.sqrt((one.samples**2).mean())) for style, one in spoken.items()}
        assert seconds["sad"] > 1.1 * seconds["neutral"] > 1.1 * 1.08 * seconds["excited"]
        assert pitch["excited"] > pitch["happy"] + 1 > pitch["neutral"] + 2 > pitch["sad"] + 3
        assert span["excited"] > 1.3 * span["neutral"] > 1.3 * 1.3 * span["sad"]
        order = ["excited", "happy", "neutral", "calm", "sad"]
        assert all(level[one] > level[other] + 1 for one, other in pairwise(order))
        for one in spoken.values():
            assert np.abs(one.samples).max() < 0.99


def test_speakers_differ_in_pitch(voice: Voice, f0_of: Callable[[Spoken], np.ndarray]) -> None:
    gus, finn, ada, hana = (float(np.median(f0_of(say(voice, name)))) for name in ("gus", "finn", "ada", "hana"))
    assert gus + 4 < finn < ada - 3 < hana - 6


def test_non_words_are_spoken_from_phonemes(voice: Voice) -> None:
    spoken = voice.speak_phonemes("blick", "blˈɪk", "ada", "neutral", np.random.default_rng(0))
    other = voice.speak_phonemes("blick", "ʃˈun", "ada", "neutral", np.random.default_rng(0))
    assert [word.text for word in spoken.words] == ["blick"]
    assert spoken.samples.tobytes() != other.samples.tobytes()
    assert 0.2 < len(spoken.samples) / SAMPLE_RATE < 1.5


def test_digits_are_refused(voice: Voice) -> None:
    with pytest.raises(InputError, match="spell out"):
        voice.speak(["It costs 2021 dollars."], "ada", "neutral", np.random.default_rng(0))


def test_whatever_text_is_read(voice: Voice) -> None:
    def read(text: str, style: str = "neutral") -> np.ndarray:
        return voice.read(text, "ada", style, np.random.default_rng(0))

    assert len(read("It costs 2021 dollars.")) > 1.3 * len(read("It costs dollars."))
    assert np.array_equal(read("We saw 3 dogs & 2 cats"), read("We saw three dogs and two cats"))
    # As the corpus has it, where the corpus can.
    assert np.array_equal(read(" ".join(SENTENCES)), say(voice).samples)
    for text in ("", "...", "\n—\n", "★"):
        assert len(read(text)) == 0
    for text in (
        "[Hu5][Hu7]",
        "— well — “no”!",
        "<END> foo@bar.com 'stop'",
        "a_b c/d (e)",
        "x" * 60,
        "日本語 ok",
        "word " * 150,
    ):
        samples = read(text, "excited")
        assert samples.dtype == np.float32
        assert np.isfinite(samples).all()
        assert 0.01 < np.abs(samples).max() < 0.99
