"""Step `report.v1`: one page that holds all it shows, at the right places, whatever the steps before it wrote."""

from __future__ import annotations

import io
import json
import re
from base64 import b64decode
from collections.abc import Callable
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import spiritkit
from spiritkit import Audio, Generation, Pipeline, Text
from spiritkit.audio import write_wav
from spiritkit.errors import InputError, RequestError, SpiritkitError
from spiritkit.interfaces import Aligner, Chart, Clip, Curve, Label, Labels, Panel, Recognizer, Track
from spiritkit.pipeline import Parts
from spiritkit.recipe import open_recipe
from spiritkit.report.drawing import PIXELS
from spiritkit.report.step import Report
from spiritkit.report.words import Words
from spiritkit.run.runner import Runner
from spiritkit.testing import PanelContract, StepContract
from spiritkit.testing.helpers import noise, tone
from spiritkit.testing.step import FakeContext
from spiritkit.types import StreamSpec, Units
from spiritkit.utterances import Alignment, Word

NASTY = '<script>alert(1)</script> & "[Hu5]" \'\x07'


class Page(HTMLParser):
    """What a test asks of a page."""

    def __init__(self, html: str):
        super().__init__()
        self.html, self.tags, self.said, self.text, self._open = html, [], [], "", []
        self.feed(html)
        self.close()
        assert not self._open, f"not closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "p":
            self._in_said = dict(attrs).get("class") == "said"
            self.said += [""] if self._in_said else []
        if tag not in ("meta", "img", "br", "link", "line", "rect", "path"):
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] not in ("script", "style"):
            self.text += data
        if self._open and self._open[-1] == "p" and self._in_said:
            self.said[-1] += data

    def all(self, tag: str) -> list[dict[str, Any]]:
        return [attrs for name, attrs in self.tags if name == tag]

    def sounds(self) -> list[tuple[np.ndarray, int]]:
        return [soundfile.read(io.BytesIO(content(attrs["src"], "audio/flac"))) for attrs in self.all("audio")]

    def boxes(self, row: str) -> list[list[tuple[float, float, str]]]:
        """Of each row of that name: x, width and text of its boxes."""
        found: list[list[tuple[float, float, str]]] = []
        inside = False
        for tag, attrs in self.tags:
            if tag == "svg":
                inside = attrs.get("data-row") == row
                if inside:
                    found.append([])
            elif tag == "rect" and inside and "data-t" in attrs:
                found[-1].append((float(attrs["x"]), float(attrs["width"]), attrs["data-t"]))
        return found


def content(address: str, kind: str) -> bytes:
    assert address.startswith(f"data:{kind};base64,")
    return b64decode(address.partition(",")[2])


def generated(folder: Path, *records: dict[str, Any], timing: list[dict[str, Any]] | None = None) -> Path:
    """A folder as `generate.v1` leaves it."""
    folder.mkdir(parents=True)
    whole = [{"prompt_string": "", "prompt_ids": [1, 2, 3], "new_ids": [4, 5], **record} for record in records]
    (folder / "generations.jsonl").write_text("".join(json.dumps(record) + "\n" for record in whole))
    if timing:
        (folder / "timing.jsonl").write_text("".join(json.dumps(line) + "\n" for line in timing))
    return folder


def report(folder: Path, pipeline: Any = None, inputs: dict[str, Path] | None = None, **parameters: Any) -> Page:
    step = Report(**parameters)
    found = inputs or {"gen": folder / "gen"}
    step.reads(list(found))
    step.run(FakeContext(folder / "report", pipeline or Pipeline(Parts()), inputs=found))
    return Page((folder / "report" / "report.html").read_text(encoding="utf-8"))


TEXT = {"prompt": [{"text": "The cat"}], "spans": [{"text": " sat"}]}


def test_the_console_shows_prompts_and_continuations(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_wav(tmp_path / "said.wav", noise(0.5, 16_000))
    heard = {"prompt": [{"speech": str(tmp_path / "said.wav")}, {"marker": "asr"}], "spans": [{"text": " word" * 20}]}
    generated(tmp_path / "gen", TEXT, heard, timing=[{"prompt": 0, "encode": 0.25, "language_model": 1.5}])
    report(tmp_path)
    header, rule, first, second, path = capsys.readouterr().out.splitlines()
    assert header.split() == ["step", "prompt", "continuation", "tokens", "seconds"]
    assert set(rule) == {"─", " "}
    assert first.split() == ["gen", "The", "cat", "sat", "2", "1.8"]
    assert second.startswith("gen   ‹speech, 0.5 s› <asr>  word word")
    assert second.endswith(" …       2        –")
    assert len(second) == len("gen   ‹speech, 0.5 s› <asr>  ") + 40 + len("       2        –")
    assert len({len(line) for line in (header, rule, first, second)}) == 1
    assert path == f"  {tmp_path / 'report' / 'report.html'}"


class TestReport(StepContract):
    component = "report.v1"

    @pytest.fixture
    def inputs(self, tmp_path: Path) -> dict[str, Path]:
        write_wav(tmp_path / "said.wav", noise(0.5, 16_000))
        folder = generated(
            tmp_path / "earlier",
            TEXT,
            {"prompt": [{"speech": str(tmp_path / "said.wav")}], "spans": [{"n_tokens": 2, "speech": "1.0.wav"}]},
        )
        write_wav(folder / "1.0.wav", tone(200, 0.7, 16_000))
        return {"continue": folder}


# -- a whole run ------------------------------------------------------------------------------------------------------

RECIPE = """
extends: spiritlm/expressive
checkpoints: {checkpoints}
language_model: {{dtype: float32}}
steps:
  continue: null
  tok: {{use: tokenize.v1, audio: [clip.wav]}}
  again: {{use: resynthesize.v1, audio: [clip.wav], durations: predicted}}
  gen:
    use: generate.v1
    prompts: [The cat, {{speech: clip.wav}}, [{{text: "Say: "}}, {{speech: clip.wav}}]]
    output: speech
    max_new_tokens: 12
  report: {{use: report.v1, panels: {{f0: {{use: f0.v1}}}}}}
"""


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory, reference_checkpoints: Path) -> Path:
    """A run of the released recipe, on random weights, with its report."""
    folder = tmp_path_factory.mktemp("run")
    time = np.arange(16_000) / 16_000
    sound = np.sin(2 * np.pi * 150 * time + 3 * np.sin(2 * np.pi * 3 * time)) * 0.4
    soundfile.write(folder / "clip.wav", sound + 0.01 * np.random.default_rng(0).standard_normal(16_000), 16_000)
    (folder / "r.yaml").write_text(RECIPE.format(checkpoints=reference_checkpoints))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Runner(open_recipe("r.yaml"), say=lambda _: None).run()
    return folder


@pytest.fixture(scope="module")
def whole(run_folder: Path) -> Page:
    return Page((run_folder / "runs" / "r" / "report" / "report.html").read_text(encoding="utf-8"))


def test_every_prompt_and_continuation_is_there(whole: Page, run_folder: Path) -> None:
    out = run_folder / "runs" / "r"
    records = [json.loads(line) for line in (out / "gen" / "generations.jsonl").read_text().splitlines()]
    assert whole.said == ["The cat", "Say: "]
    assert len(re.findall(r"Prompt \d", whole.text)) == 3
    expected = [out.parent.parent / "clip.wav"] * 2 + [out / "again" / "clip.wav"]
    for record in records:
        expected += [run_folder / part["speech"] for part in record["prompt"] if "speech" in part]
        expected += [out / "gen" / span["speech"] for span in record["spans"] if "speech" in span]
        assert all(span["tokens"] in whole.text for span in record["spans"])
    sounds = whole.sounds()
    assert len(sounds) == len(expected)
    for (samples, rate), path in zip(sounds, expected, strict=True):
        original, original_rate = soundfile.read(path)
        assert (len(samples), rate) == (len(original), original_rate)
        assert np.abs(samples - original).max() < 2e-4


def test_codes_stand_where_they_begin(whole: Page, run_folder: Path) -> None:
    """At code / rate: of recordings as the tokenizers gave them, of generated speech as the vocoder says it."""
    units = json.loads((run_folder / "runs" / "r" / "tok" / "units.jsonl").read_text())["units"]
    rates = {"hubert": Fraction(2499, 100), "pitch": Fraction(25, 2), "style": Fraction(1)}
    for stream, rate in rates.items():
        codes, boxes = units[stream], whole.boxes(stream)[0]
        starts = [i for i in range(len(codes)) if i == 0 or codes[i] != codes[i - 1] or stream == "style"]
        assert [text for _, _, text in boxes] == [str(codes[i]) for i in starts]
        for (x, width, _), start, stop in zip(boxes, starts, [*starts[1:], len(codes)], strict=True):
            assert abs(x - start / rate * PIXELS) < 0.01
            assert abs(width - (min(stop / rate, 1) - start / rate) * PIXELS) < 0.02
    generated = json.loads((run_folder / "runs" / "r" / "gen" / "generations.jsonl").read_text().splitlines()[0])
    span = next(span for span in generated["spans"] if "speech" in span)
    said = re.findall(r"\[Hu(\d+)\]", span["tokens"])
    (found,) = [
        row for row in whole.boxes("hubert") if [text for _, _, text in row] == [
            code for i, code in enumerate(said) if i == 0 or code != said[i - 1]
        ]
    ]  # fmt: skip
    assert all(abs(x / PIXELS * 25 - round(x / PIXELS * 25)) < 0.01 for x, _, _ in found)  # at frames of the vocoder
    assert abs(found[-1][0] + found[-1][1] - span["seconds"] * PIXELS) < 0.05


def test_counts_and_speeds_are_told(whole: Page, run_folder: Path) -> None:
    out = run_folder / "runs" / "r"
    timing = [json.loads(line) for line in (out / "gen" / "timing.jsonl").read_text().splitlines()]
    assert [set(line) for line in timing] == [{"prompt", "encode", "language_model", "vocoder"}] * 3
    record = json.loads((out / "gen" / "0.json").read_text())
    speed = len(record["new_ids"]) / timing[0]["language_model"]
    cells = re.sub(r"\s+", " ", whole.text)
    assert f"{len(record['prompt_ids'])} tokens, continued with {len(record['new_ids'])}" in cells
    assert f"{timing[0]['language_model']:.2f}{speed:.1f}{timing[0]['vocoder']:.2f}" in whole.text


def test_the_stages_of_a_cascade_are_told(tmp_path: Path) -> None:
    timing = [{"prompt": 0, "recognizer": 1.25, "language_model": 0.5, "synthesizer": 2.75}]
    page = report(tmp_path, inputs={"gen": generated(tmp_path / "gen", TEXT, timing=timing)})
    assert "recognizer, slanguage model, stokens/ssynthesizer, s" in page.text
    assert "1.250.504.02.75" in page.text
    assert "vocoder" not in page.text


def test_the_run_is_told(whole: Page, run_folder: Path) -> None:
    assert (run_folder / "runs" / "r" / "recipe.yaml").read_text() in whole.text
    run = json.loads((run_folder / "runs" / "r" / "run.json").read_text())
    assert f"Recipe r, seed 0, spiritkit {run['versions']['spiritkit']}" in whole.text
    assert run["versions"]["torch"] in whole.text


def test_nothing_comes_from_elsewhere(whole: Page) -> None:
    for tag, attrs in whole.tags:
        assert tag not in ("link", "iframe", "object", "embed", "base", "form")
        for name in ("src", "href", "xlink:href", "srcset", "action", "poster", "data"):
            assert attrs.get(name, "#").startswith(("data:", "#")), (tag, name)
        assert not [name for name in attrs if name.startswith("on")], tag
    style = whole.html[whole.html.index("<style>") : whole.html.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    policy = next(attrs for attrs in whole.all("meta") if attrs.get("http-equiv") == "Content-Security-Policy")
    assert policy["content"].startswith("default-src 'none';")


def test_it_can_be_used_without_eyes_or_pointer(whole: Page) -> None:
    assert all(attrs["alt"] for attrs in whole.all("img"))
    assert all(attrs["aria-label"] and "controls" in attrs for attrs in whole.all("audio"))
    assert all("aria-label" in attrs or "aria-hidden" in attrs for attrs in whole.all("svg"))
    scrolls = [attrs for attrs in whole.all("div") if attrs.get("class") == "scroll"]
    assert len(scrolls) == len(whole.all("audio"))
    assert all(attrs["tabindex"] == "0" and attrs["aria-label"] for attrs in scrolls)
    assert whole.all("html") == [{"lang": "en"}]
    assert all(content(attrs["src"], "image/png")[:4] == b"\x89PNG" for attrs in whole.all("img"))


def test_the_page_is_no_larger_than_it_must_be(whole: Page) -> None:
    seconds = sum(len(samples) / rate for samples, rate in whole.sounds())
    assert len(whole.html) < 40_000 + 80_000 * seconds


def test_it_is_made_again_when_what_it_shows_changes(run_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(run_folder)

    def ran(*overrides: str) -> list[str]:
        said: list[str] = []
        monkeypatch.setattr(Pipeline, "generate", lambda *_, **__: Generation("", [], [], [Text("some")]))
        Runner(open_recipe("r.yaml", ["output_dir=runs/text", *given, *overrides]), say=said.append).run()
        return [line.split(":")[0] for line in said if ": done" in line]

    given = ["steps.gen.prompts=[The cat]", "steps.gen.output=text", "steps.report.panels={}"]
    given += ["steps.tok={use: generate.v1, prompts: [A dog], output: text, max_new_tokens: 2}", "steps.again=null"]
    assert ran() == ["tok", "gen", "report"]
    assert ran() == []
    assert ran("steps.gen.max_new_tokens=3") == ["gen", "report"]
    assert ran("steps.gen.max_new_tokens=3", "steps.report.steps=[tok]") == ["report"]
    assert ran("steps.gen.max_new_tokens=4", "steps.report.steps=[tok]") == ["gen"]
    assert "A dog" in (run_folder / "runs" / "text" / "report" / "report.html").read_text()
    with pytest.raises(RequestError, match="no step 'tk' before the report; did you mean 'tok'"):
        ran("steps.report.steps=[tk]")


# -- what a step may have written -------------------------------------------------------------------------------------


def test_text_that_looks_like_markup_or_tokens_stays_text(tmp_path: Path) -> None:
    generated(tmp_path / "gen", {"prompt": [{"text": NASTY}], "spans": [{"text": NASTY}], "prompt_string": NASTY})
    page = report(tmp_path, title=NASTY)
    visible = NASTY.replace("\x07", "\u2407")
    assert page.said == [visible, visible]
    assert page.text.count(visible) == 5  # title, heading, prompt, continuation, prompt as the model reads it
    assert len(page.all("script")) == 1
    assert not page.boxes("hubert")
    assert not page.all("audio")


def test_markers_and_empty_continuations(tmp_path: Path) -> None:
    generated(tmp_path / "gen", {"prompt": [{"text": "The cat"}, {"marker": "tts", "text": ""}], "spans": []})
    page = report(tmp_path)
    assert page.said == ["The cat"]
    assert "tts" in page.text
    assert "The model ended at once." in page.text


@pytest.fixture
def example() -> Pipeline:
    """Tokenizers, a serializer and a vocoder, but no vocabulary."""
    return spiritkit.load("example/units")


def test_speech_without_a_vocoder_is_listed(tmp_path: Path) -> None:
    class Silent:
        has_tokenizers = has_vocoder = False
        has_vocabulary = True
        specs = (StreamSpec("hubert", 501, Fraction(25), True),)

        def parse(self, string: str) -> Any:
            codes = np.array([int(code) for code in re.findall(r"\d+", string)])
            return spiritkit.types.Tokens(self.specs, np.zeros(len(codes), dtype=int), codes)

        def to_string(self, tokens: Any) -> str:
            return "".join(f"[Hu{token.code}]" for token in tokens)

        class vocabulary:
            @staticmethod
            def stream(name: str) -> Any:
                return type("Block", (), {"format": "[Hu{}]"})

    generated(tmp_path / "gen", {"prompt": [{"text": "x"}], "spans": [{"n_tokens": 3, "tokens": "[Hu7][Hu8][Hu7]"}]})
    page = report(tmp_path, Silent())
    assert not page.all("audio")
    assert "3 tokens without a sound: the recipe has no vocoder." in page.text
    assert page.text.count("[Hu7]") == 2
    assert page.text.count("[Hu8]") == 1
    colours = [attrs["style"] for attrs in page.all("li") if "style" in attrs]
    assert colours[0] == colours[2] != colours[1]


def test_empty_and_unusable_recordings(tmp_path: Path, example: Pipeline) -> None:
    write_wav(tmp_path / "empty.wav", Audio(np.zeros(0, dtype=np.float32), 16_000))
    write_wav(tmp_path / "short.wav", noise(0.01, 16_000))
    write_wav(tmp_path / "stereo.wav", Audio(np.random.default_rng(0).uniform(-1, 1, (2, 4410)), 44_100))
    parts = [{"speech": str(tmp_path / f"{name}.wav")} for name in ("empty", "short", "stereo")]
    generated(tmp_path / "gen", {"prompt": parts, "spans": [{"n_tokens": 0}]})
    page = report(tmp_path, example)
    assert "The file has no sample." in page.text or "empty.wav: " in page.text
    assert "It cannot be encoded: " in page.text
    assert [(len(samples), rate) for samples, rate in page.sounds()] == [(160, 16_000), (4410, 44_100)]


def test_long_recordings_and_long_lists_are_cut(tmp_path: Path, example: Pipeline) -> None:
    write_wav(tmp_path / "long.wav", noise(3, 16_000))
    generated(tmp_path / "gen", *[{"prompt": [{"speech": str(tmp_path / "long.wav")}], "spans": []}] * 3)
    page = report(tmp_path, example, max_seconds=1.25, limit=2)
    assert [len(samples) for samples, _ in page.sounds()] == [20_000] * 2
    assert "3.00 s, the first 1.25 s are shown" in page.text
    assert "3 prompts continued; the first 2 are shown" in page.text
    for boxes in page.boxes(example.specs[0].name):
        assert max(x + width for x, width, _ in boxes) <= 1.25 * PIXELS + 0.01


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{cut", "not JSON"),
        ("[1]", "holds a list, not a mapping"),
        ('{"prompt": 3}', "'prompt' is 3, no list"),
        ('{"prompt": [3]}', "'prompt' has 3, which is no mapping"),
        ('{"prompt": [{"sound": "a"}]}', "'prompt' has a part with sound, neither text nor speech"),
        ('{"prompt": [{"text": "a"}], "prompt_ids": [], "new_ids": [], "spans": []}', "has no 'prompt_string'"),
        ('{"prompt": [], "prompt_string": "", "prompt_ids": [], "new_ids": 1, "spans": []}', "'new_ids' is 1, no list"),
        (
            '{"prompt": [], "prompt_string": "", "prompt_ids": [], "new_ids": [], "spans": [{"speech": 5}]}',
            "'speech' is 5, no str",
        ),
    ],
)
def test_a_damaged_line_is_named(line: str, message: str, tmp_path: Path) -> None:
    folder = generated(tmp_path / "gen", TEXT)
    with (folder / "generations.jsonl").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(InputError, match=f"generations.jsonl:2: .*{re.escape(message)}"):
        report(tmp_path)
    assert not (tmp_path / "report" / "report.html").exists()


def test_other_damage_is_named_too(tmp_path: Path) -> None:
    folder = generated(tmp_path / "gen", TEXT, timing=[{"prompt": 0, "encode": "soon"}])
    with pytest.raises(InputError, match=r"timing.jsonl:1: 'encode' is 'soon'"):
        report(tmp_path)
    (folder / "timing.jsonl").unlink()
    rest = {"prompt_string": "", "prompt_ids": [], "new_ids": [], "spans": [{"n_tokens": 1, "speech": "gone.wav"}]}
    (folder / "generations.jsonl").write_text(json.dumps(TEXT | rest))
    with pytest.raises(SpiritkitError, match=r"gone.wav: no such file .*the sound of a continuation"):
        report(tmp_path)
    (folder / "results.json").write_text("{}")
    (folder / "generations.jsonl").unlink()
    with pytest.raises(InputError, match=r"results.json: .*expected the results.json of a step evaluate.v1"):
        report(tmp_path)


def test_nothing_to_show_is_told(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    generated(tmp_path / "gen", TEXT)
    inputs = {"gen": tmp_path / "gen", "other": tmp_path / "other"}
    with pytest.raises(RequestError, match="the steps before the report have nothing to show"):
        report(tmp_path, inputs={"other": tmp_path / "other"})
    with pytest.raises(RequestError, match="step 'other' has nothing to show"):
        report(tmp_path, inputs=inputs, steps=["gen", "other"])
    assert report(tmp_path, inputs=inputs).said == ["The cat", " sat"]


@pytest.mark.parametrize("parameters", [{"max_seconds": 0}, {"limit": 0}, {"max_seconds": float("nan")}])
def test_numbers_out_of_range(parameters: dict[str, Any]) -> None:
    with pytest.raises(RequestError, match=r"report.v1: \w+ is "):
        Report(**parameters)


def test_figures_of_an_evaluation(tmp_path: Path) -> None:
    metric = {"name": "S", "unit": "%", "higher_is_better": True, "digits": 1}
    metric |= {"value": 71.5, "low": 60.0, "high": 80.0, "items": 9}
    task = {
        "name": "words <b>", "items": 10, "problems": {"id-7": "gone & lost"}, "metrics": [metric],
        "published": {"Spirit LM": {"S": 69.0}, "other": {"T": 1.0}},
        "files": ["words/plot.png", "words/plot.svg", "words/items.jsonl"], "tables": "0",
    }  # fmt: skip
    (tmp_path / "gen" / "words").mkdir(parents=True)
    (tmp_path / "gen" / "words" / "plot.png").write_bytes(b"\x89PNG")  # the same picture again
    (tmp_path / "gen" / "words" / "plot.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (tmp_path / "gen" / "results.json").write_text(json.dumps({"tasks": [task]}))
    page = report(tmp_path)
    for text in ("words <b>", "S (%) ↑", "71.5 [60.0, 80.0]", "Spirit LM (published)", "69.0", "id-7: gone & lost"):
        assert text in page.text
    assert "other (published)" not in page.text
    assert "1 of them could not be scored" in page.text
    (picture,) = page.all("img")
    assert content(picture["src"], "image/svg+xml").startswith(b"<svg")


# -- panels -----------------------------------------------------------------------------------------------------------


class Halves(Panel):
    """The two halves, and a line that rises over a gap."""

    def tracks(self, clip: Clip, pipeline: Pipeline) -> list[Track]:
        middle, end = float(clip.audio.duration) / 2, float(clip.audio.duration)
        labels = [
            Label(0, middle, "first <half>", 1),
            Label(middle, end, "second", 2),
            Label(end + 1, end + 2, "later"),
        ]
        curve = Curve("rise", np.array([0, middle, end]), np.array([1.0, np.nan, 3.0]))
        return [Labels("halves", labels), Chart("slope & co", "m/s", [curve])]


def test_panels_add_their_tracks(tmp_path: Path, example: Pipeline) -> None:
    write_wav(tmp_path / "said.wav", noise(2, 16_000))
    generated(tmp_path / "gen", {"prompt": [{"speech": str(tmp_path / "said.wav")}], "spans": []})
    page = report(tmp_path, example, panels={"halves": Halves()})
    assert page.boxes("halves") == [[(0, PIXELS, "first <half>"), (PIXELS, PIXELS, "second")]]
    (curve,) = [attrs for attrs in page.all("path") if attrs["class"] == "curve k0"]
    assert [point.split(" ")[0] for point in re.findall(r"M([^h]*)h0", curve["d"])] == ["0", str(2 * PIXELS)]
    values = curve["data-values"].split(",")
    assert (values[0], values[25], values[-1]) == ("1", "", "3")
    assert "slope & co, m/s" in page.text
    assert page.boxes(example.specs[0].name)  # beside the tokens, not in their place


class Ears(Recognizer):
    def transcribe(self, audios: Any) -> list[str]:
        return ["so it goes" if len(audio.samples) > 8000 else "" for audio in audios]


class Clock(Aligner):
    """A word each quarter of a second; more words than that cannot be."""

    def align(self, utterances: Any, audios: Any) -> list[Alignment | SpiritkitError]:
        return [self._align(utterance.text.split(), audio) for utterance, audio in zip(utterances, audios, strict=True)]

    def _align(self, words: list[str], audio: Audio) -> Alignment | SpiritkitError:
        if len(words) * 4000 > len(audio.samples):
            return InputError("too many words")
        return Alignment(tuple(Word(word, 4000 * i, 4000 * i + 3000) for i, word in enumerate(words)), 16_000)


def words(clip: Clip, **parameters: Any) -> list[tuple[float, float, str]]:
    tracks = Words(**parameters).tracks(clip, Pipeline(Parts()))
    return [(label.start, label.stop, label.text) for track in tracks for label in track.labels]


def test_words_are_given_or_heard_and_timed_where_that_can_be() -> None:
    clip = Clip("story", tone(200, 1, 24_000))
    timed = [(0, 0.1875, "so"), (0.25, 0.4375, "it"), (0.5, 0.6875, "goes")]
    assert words(clip, recognizer=Ears, aligner=Clock) == timed
    assert words(clip, recognizer=Ears) == [(0, 1, "so it goes")]
    assert words(clip, texts={"story": "one"}, recognizer=Ears, aligner=Clock) == [(0, 0.1875, "one")]
    assert words(clip, texts={"story": "a b c d e"}, aligner=Clock) == [(0, 1, "a b c d e")]  # it finds no way
    assert words(clip, texts={"other": "one"}, aligner=Clock) == []
    assert words(clip, texts={"story": " "}, recognizer=Ears) == []
    cut = Clip("story", tone(200, 1, 16_000), whole=False)
    assert words(cut, texts={"story": "one two"}, aligner=Clock) == [(0, 1, "one two")]
    assert words(cut, recognizer=Ears, aligner=Clock) == timed
    assert words(Clip("short", tone(200, 0.2, 16_000)), recognizer=Ears) == []
    with pytest.raises(RequestError, match="neither texts nor recognizer"):
        Words(aligner=Clock)


class TestWords(PanelContract):
    component = "words.v1"

    @pytest.fixture
    def parameters(self) -> dict[str, Any]:
        return {"texts": {"tone": "we saw it"}, "recognizer": Ears, "aligner": Clock}


def test_frames_of_a_vocoder_that_needs_units(example: Pipeline) -> None:
    """They are those that the serializer reads back."""
    units = example.encode(noise(1, 16_000))
    frames = example.frames(example.to_tokens(units))
    assert isinstance(frames, Units)
    assert len(example.decode(frames).samples) == len(example.decode(example.to_tokens(units)).samples)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Label(2, 1, "a"), "lasts from 2 to 1 s"),
        (lambda: Curve("a", np.zeros(2), np.zeros(3)), "times .2. and values .3."),
        (lambda: Curve("a", np.array([1, 0]), np.zeros(2)), "do not ascend"),
        (lambda: Curve("a", np.zeros(1), np.array([np.inf])), "infinite"),
    ],
)
def test_tracks_are_checked(make: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()
