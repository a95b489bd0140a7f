"""Documents of spans: golden cases by hand, and the ids that a prompt of the same content has."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import spiritkit
from spiritkit import Audio, Pipeline, Speech, StreamSpec, Text, Units
from spiritkit.data.example import Example
from spiritkit.errors import InputError, ProvenanceError, RequestError
from spiritkit.interfaces import Span, TextTokenizer, UnitTokenizer
from spiritkit.interfaces.span_policy import Modality
from spiritkit.interleave.few_shot import FewShot
from spiritkit.interleave.random_words import RandomWords
from spiritkit.interleave.sequence import Sequencer
from spiritkit.interleave.word_level import WordLevel
from spiritkit.pipeline import Parts
from spiritkit.serializers.time_merge import TimeMerge
from spiritkit.utterances import Alignment, Word

STYLE = StreamSpec("style", 100, Fraction(1), False)
PITCH = StreamSpec("pitch", 64, Fraction(25, 2), True)
HUBERT = StreamSpec("hubert", 501, Fraction(2499, 100), True)
EXPRESSIVE = (STYLE, PITCH, HUBERT)
STREAMS = [
    {"stream": "hubert", "format": "[Hu{}]"},
    {"stream": "pitch", "format": "[Pi{}]"},
    {"stream": "style", "format": "[St{}]"},
]

# Frames of hubert start at 0, 0.040, 0.080, 0.120, 0.160, 0.200, 0.240, 0.280, 0.320 and 0.360 s, but a little later
# each, at 24.99 Hz; those of pitch at 0, 0.08, 0.16, 0.24 and 0.32 s.
CODES = {"style": [8], "pitch": [1, 1, 3, 3, 4], "hubert": [5, 5, 7, 7, 7, 7, 9, 9, 9, 2]}
# The gaps between the words have their middles at 0.16 and at 0.26 s.
ALIGNMENT = Alignment((Word("the", 0, 2400), Word("cat", 2720, 4000), Word("sat", 4320, 6000)), 16_000)


class Letters(TextTokenizer):
    """Bytes, with a dummy prefix at the beginning of a sequence as SentencePiece has one: what is encoded part by part
    differs from what is encoded whole.
    """

    size = 259
    bos_id = 256
    eos_id = 257

    def encode(self, text: str) -> list[int]:
        return list(text.encode())

    def decode(self, ids: Sequence[int]) -> str:
        return bytes(id for id in ids if id < 256).decode()

    def assemble(self, parts: Sequence[str | int]) -> list[int]:
        return [256, 258, *super().assemble(parts)[1:]]


def tokenizer(specs: tuple[StreamSpec, ...]) -> type[UnitTokenizer]:
    class Fixed(UnitTokenizer):
        sample_rate = 16_000
        streams = specs

        def encode(self, audios: list[Audio]) -> list[Units]:
            raise NotImplementedError

    return Fixed


def pipeline(*specs: StreamSpec, markers: Sequence[str] = (), text: bool = True) -> Pipeline:
    blocks: list[dict[str, object]] = [
        {"text": True},
        {"markers": ["[Text]", "[Speech]"]},
        *[block for block in STREAMS if block["stream"] in [spec.name for spec in specs]],
        {"markers": list(markers)},
    ]
    if not text:
        blocks = [{"markers": ["<PAD>", "<S>"]}, *blocks[2:3]]
    return Pipeline(
        Parts(
            tokenizers={spec.name: tokenizer((replace(spec, name="x"),)) for spec in specs},
            sources={spec.name: lambda: "made-up.v1+vq.v1@1" for spec in specs},
            serializer=TimeMerge,
            text_tokenizer=Letters if text else None,
            blocks=blocks,
            bos=None if text else "<S>",
            eos=None if text else "<S>",
        )
    )


def example(*specs: StreamSpec, text: str | None = "The cat sat.", aligned: bool = True, source: str = "") -> Example:
    codes = {spec.name: np.array(CODES[spec.name]) for spec in specs}
    units = Units(specs, codes, {spec.name: source for spec in specs} if source else {}) if specs else None
    return Example("u1", text, units, 0.4, ALIGNMENT if aligned else None)


def spans(letters: str, edges: Sequence[int]) -> list[Span]:
    names: dict[str, Modality] = {"t": "text", "s": "speech"}
    return [Span(names[letter], *pair) for letter, pair in zip(letters, pairwise(edges), strict=True)]


@pytest.mark.parametrize(
    ("letters", "edges", "expected"),
    [
        ("s", [0, 3], "[Speech][Hu5][Hu7][Hu9][Hu2]"),
        ("t", [0, 3], "[Text]The cat sat."),
        ("ts", [0, 1, 3], "[Text]the[Speech][Hu7][Hu9][Hu2]"),
        ("st", [0, 1, 3], "[Speech][Hu5][Hu7][Text]cat sat"),
        ("sts", [0, 1, 2, 3], "[Speech][Hu5][Hu7][Text]cat[Speech][Hu9][Hu2]"),
        ("tst", [0, 1, 2, 3], "[Text]the[Speech][Hu7][Hu9][Text]sat"),
        ("ss", [0, 1, 3], "[Speech][Hu5][Hu7][Hu7][Hu9][Hu2]"),  # deduplication does not reach over a cut
        ("tt", [0, 1, 3], "[Text]the cat sat"),
    ],
)
def test_base(letters: str, edges: list[int], expected: str) -> None:
    assert Sequencer.of(pipeline(HUBERT)).string((example(HUBERT), spans(letters, edges))) == expected


@pytest.mark.parametrize(
    ("letters", "edges", "expected"),
    [
        ("s", [0, 3], "[Speech][St8][Pi1][Hu5][Hu7][Pi3][Hu9][Pi4][Hu2]"),
        # The style of the whole second and the pitch in force are said again.
        ("ts", [0, 1, 3], "[Text]the[Speech][St8][Pi3][Hu7][Hu9][Pi4][Hu2]"),
        ("ts", [0, 2, 3], "[Text]the cat[Speech][St8][Pi3][Hu9][Pi4][Hu2]"),
        # Pitch 3 starts at 0.16 s, while the last frame of hubert before the cut still sounds.
        ("st", [0, 1, 3], "[Speech][St8][Pi1][Hu5][Hu7][Pi3][Text]cat sat"),
        ("tst", [0, 1, 2, 3], "[Text]the[Speech][St8][Pi3][Hu7][Hu9][Text]sat"),
    ],
)
def test_expressive(letters: str, edges: list[int], expected: str) -> None:
    assert Sequencer.of(pipeline(*EXPRESSIVE)).string((example(*EXPRESSIVE), spans(letters, edges))) == expected


def test_streams_that_the_recipe_has_not_are_left_out() -> None:
    string = Sequencer.of(pipeline(HUBERT)).string((example(*EXPRESSIVE), spans("ts", [0, 1, 3])))
    assert string == "[Text]the[Speech][Hu7][Hu9][Hu2]"


def test_word_level_transcription() -> None:
    string = Sequencer.of(pipeline(HUBERT)).string((example(HUBERT), WordLevel().spans(3, np.random.default_rng(0))))
    assert string == "[Text]the[Speech][Hu5][Hu7][Text]cat[Speech][Hu7][Hu9][Text]sat[Speech][Hu9][Hu2]"


def test_parallel_data_has_its_own_markers() -> None:
    sequencer = Sequencer.of(pipeline(HUBERT, markers=["[ASR]", "[TTS]"]))
    without_times = example(HUBERT, aligned=False)
    tts = [Span("text", 0, 3), Span("speech", 0, 3, "tts")]
    asr = [Span("speech", 0, 3), Span("text", 0, 3, "asr")]
    assert sequencer.string((without_times, tts)) == "[Text]The cat sat.[TTS][Hu5][Hu7][Hu9][Hu2]"
    assert sequencer.string((without_times, asr)) == "[Speech][Hu5][Hu7][Hu9][Hu2][ASR]The cat sat."


def test_shots_stand_between_flags() -> None:
    """As the prompts of few-shot-asr.v1 and few-shot-tts.v1 do; only `</s>` ends them."""
    sequencer, one, two = Sequencer.of(pipeline(HUBERT)), example(HUBERT), example(HUBERT, text="A dog.", aligned=False)
    rng = np.random.default_rng(0)
    asr, tts = FewShot(asr=1), FewShot(asr=0)
    assert sequencer.string((one, asr.spans(3, rng)), (two, asr.spans(2, rng))) == (
        "[Speech][Hu5][Hu7][Hu9][Hu2][Text]<START Transcript>The cat sat.<END>"
        "[Speech][Hu5][Hu7][Hu9][Hu2][Text]<START Transcript>A dog.<END>"
    )
    assert sequencer.string((one, tts.spans(3, rng)), (two, tts.spans(2, rng))) == (
        "[Text]The cat sat. 'stop'[Speech][Hu5][Hu7][Hu9][Hu2][Text]A dog. 'stop'[Speech][Hu5][Hu7][Hu9][Hu2]"
    )
    document = sequencer.ids((one, tts.spans(3, rng)), (two, tts.spans(2, rng))).tolist()
    assert [at for at, id in enumerate(document) if id in (256, 257)] == [0, len(document) - 1]


def test_examples_of_one_modality_go_on_without_a_marker() -> None:
    sequencer = Sequencer.of(pipeline(HUBERT))
    said, written = (example(HUBERT), [Span("speech", 0, 3)]), (example(HUBERT), [Span("text", 0, 3)])
    assert sequencer.string(said, said) == "[Speech]" + 2 * "[Hu5][Hu7][Hu9][Hu2]"
    assert sequencer.string(written, written) == "[Text]The cat sat. The cat sat."


def test_a_marker_that_the_vocabulary_lacks_is_named() -> None:
    sequencer = Sequencer.of(pipeline(HUBERT))
    with pytest.raises(RequestError, match=r"marker 'tts', .*add \{markers: \['\[TTS\]'\]\} to vocabulary.blocks"):
        sequencer.ids((example(HUBERT), [Span("text", 0, 3), Span("speech", 0, 3, "tts")]))


def test_ids_of_a_document() -> None:
    pipe = pipeline(*EXPRESSIVE)
    ids = Sequencer.of(pipe).ids((example(*EXPRESSIVE), spans("ts", [0, 2, 3])))
    hubert, pitch, style = 261, 261 + 501, 261 + 501 + 64
    speech = [style + 8, pitch + 3, hubert + 9, pitch + 4, hubert + 2]
    assert ids.dtype == np.int64
    assert ids.tolist() == [256, 258, 259, *b"the cat", 260, *speech, 257]


@given(st.integers(0, 2**32))
def test_ids_are_those_of_a_prompt(seed: int) -> None:
    """Of the same content, `<s>` first; `</s>` comes behind."""
    pipe, serializer, one = pipeline(*EXPRESSIVE), TimeMerge(), example(*EXPRESSIVE)
    assert one.units is not None
    cuts = [Fraction(0), Fraction(4, 25), Fraction(13, 50), None]
    words = [word.text for word in ALIGNMENT.words]
    prompt: list[Text | Speech] = []
    drawn = RandomWords().spans(3, np.random.default_rng(seed))
    for span in drawn:
        if span.modality == "text":
            prompt.append(Text("The cat sat." if len(drawn) == 1 else " ".join(words[span.start : span.stop])))
        else:
            start = cuts[span.start]
            assert start is not None
            prompt.append(Speech(tokens=serializer.serialize(one.units, start, cuts[span.stop])))
    string, ids = pipe.prompt(prompt)
    sequencer = Sequencer.of(pipe)
    assert sequencer.string((one, drawn)) == string
    assert sequencer.ids((one, drawn)).tolist() == [*ids, 257]


def test_ids_are_those_of_a_prompt_with_the_released_text_tokenizer(reference_checkpoints: Path) -> None:
    """With SentencePiece what stands around a text decides its ids; text that looks like a token is text."""
    pipe = spiritkit.load("spiritlm/expressive", [f"checkpoints={reference_checkpoints}"])
    units = Units(pipe.specs, CODES)
    words = tuple(replace(word, text=text) for word, text in zip(ALIGNMENT.words, ("[Hu5]", "cat", "sat"), strict=True))
    one = Example("u1", "[Hu5]  cat\nsat", units, 0.4, Alignment(words, 16_000))
    sequencer = Sequencer.of(pipe)
    speech = Speech(tokens=pipe.serializer.serialize(units, Fraction(4, 25)))
    for drawn, prompt in (
        (spans("t", [0, 3]), [Text("[Hu5]  cat\nsat")]),
        (spans("s", [0, 3]), [Speech(tokens=pipe.serializer.serialize(units))]),
        (spans("ts", [0, 1, 3]), [Text("[Hu5]"), speech]),
        (spans("tst", [0, 1, 2, 3]), [Text("[Hu5]"), Speech(tokens=_middle(pipe, units)), Text("sat")]),
    ):
        ids = sequencer.ids((one, drawn)).tolist()
        assert ids == [*pipe.prompt(prompt)[1], 2]
        if drawn[0].modality == "text":
            assert 32002 + 5 not in ids
            assert ids[:3] == [1, pipe.text_tokenizer.find("▁"), 32000]


def _middle(pipe: Pipeline, units: Units) -> spiritkit.Tokens:
    return pipe.serializer.serialize(units, Fraction(4, 25), Fraction(13, 50))


def test_a_model_of_units_alone() -> None:
    sequencer = Sequencer.of(pipeline(HUBERT, text=False))
    assert sequencer.ids((example(HUBERT, text=None, aligned=False), [Span("speech", 0, 0)])).tolist() == [
        1, 2 + 5, 2 + 7, 2 + 9, 2 + 2, 1,
    ]  # fmt: skip
    with pytest.raises(RequestError, match="no text_tokenizer; it cannot read the text 'The cat sat.'"):
        sequencer.ids((example(HUBERT), [Span("text", 0, 3)]))


def test_a_model_of_text_alone() -> None:
    sequencer = Sequencer.of(pipeline())
    assert sequencer.string((example(HUBERT), [Span("text", 0, 3)])) == "[Text]The cat sat."
    with pytest.raises(RequestError, match=r"example 'u1': is to be read as speech, but the recipe has no tokenizers"):
        sequencer.ids((example(HUBERT), [Span("speech", 0, 3)]))


def test_what_an_example_has_to_offer() -> None:
    sequencer = Sequencer.of(pipeline(HUBERT))
    whole, text = example(HUBERT), example(text="two words", aligned=False)
    untimed = example(HUBERT, aligned=False)
    speech = example(HUBERT, text=None, aligned=False)
    assert [sequencer.n_words(one) for one in (whole, text, untimed, speech)] == [3, 2, 3, 0]
    needs = [{"text"}, {"speech"}, {"alignment"}, {"text", "speech"}]
    assert [sequencer.lacks(whole, need) for need in needs] == [None] * 4
    assert [sequencer.lacks(text, need) for need in needs] == [None, "speech", "alignment", "speech"]
    assert [sequencer.lacks(untimed, need) for need in needs] == [None, None, "alignment", None]
    assert [sequencer.lacks(speech, need) for need in needs] == ["text", None, "alignment", "text"]
    silent = Example("u2", " ", Units((HUBERT,), {"hubert": []}), 0.0, Alignment((), 16_000))
    assert [sequencer.lacks(silent, need) for need in needs] == ["text", "speech", "alignment", "text"]
    assert sequencer.lacks(replace(whole, text=None), {"text"}) is None  # its words are text


def test_words_of_the_alignment_stand_for_a_missing_text() -> None:
    sequencer = Sequencer.of(pipeline(HUBERT))
    assert sequencer.string((example(HUBERT, text=None), [Span("text", 0, 3)])) == "[Text]the cat sat"


@pytest.mark.parametrize(
    ("one", "span", "message"),
    [
        (example(HUBERT), Span("text", 0, 4), r"example 'u1' has 3 words; a span has 0…4"),
        (example(), Span("speech", 0, 3), r"example 'u1' has no speech"),
        (example(HUBERT, aligned=False), Span("speech", 0, 2), r"example 'u1' has no word times"),
        (example(HUBERT, text=None, aligned=False), Span("text", 0, 0), r"example 'u1' has no text"),
    ],
)
def test_spans_that_an_example_cannot_give(one: Example, span: Span, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Sequencer.of(pipeline(HUBERT)).ids((one, [span]))


def test_units_of_other_tokenizers_are_refused() -> None:
    sequencer = Sequencer.of(pipeline(*EXPRESSIVE))
    sequencer.check("data", EXPRESSIVE, {})
    sequencer.check("data", EXPRESSIVE[::-1], {"hubert": "made-up.v1+vq.v1@1"})
    with pytest.raises(ProvenanceError, match=r"data: units of stream 'hubert' come from o.v1@2, .* units of made-up"):
        sequencer.check("data", EXPRESSIVE, {"hubert": "o.v1@2"})
    with pytest.raises(RequestError, match=r"data: no stream 'style'; there are hubert, pitch"):
        sequencer.check("data", (HUBERT, PITCH), {})
    with pytest.raises(RequestError, match=r"no stream 'style'; there are none"):
        sequencer.check("data", (), {})
    other = replace(HUBERT, size=500)
    with pytest.raises(RequestError, match=r"stream 'hubert' is 500 codes at 2499/100 a second, .*; expected 501"):
        sequencer.check("data", (STYLE, PITCH, other), {})
    with pytest.raises(RequestError, match=r"example 'u1': no stream 'style'"):
        sequencer.ids((example(HUBERT), [Span("speech", 0, 3)]))


def test_the_guide_shows_what_its_code_prints() -> None:
    page = (Path(__file__).parent.parent / "docs" / "interleaving.md").read_text(encoding="utf-8")
    found = re.search(r"```python\n(.*?)```\n\nprints\n\n```text\n(.*?)```", page, re.DOTALL)
    assert found
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(found[1], {})
    assert printed.getvalue() == found[2]
