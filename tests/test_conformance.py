"""The cases of `tests/conformance`: what the released code computes, through the public API of the two recipes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import spiritkit
from spiritkit import Audio, Pipeline, Speech, Text

CLIPS = {"7143-88743-0029": "7143-88743-0029.flac", "vibrato": "vibrato.wav"}
CASES = json.loads((Path(__file__).parent / "conformance" / "expected" / "generation.json").read_text())


@pytest.fixture(scope="module")
def pipelines(reference_checkpoints: Path) -> dict[str, Pipeline]:
    overrides = [f"checkpoints={reference_checkpoints}", "language_model.dtype=float32"]
    return {name: spiritkit.load(f"spiritlm/{name}", overrides) for name in ("base", "expressive")}


@pytest.fixture(scope="module")
def expected(conformance: Path) -> dict[str, Any]:
    return json.loads((conformance / "expected" / "audio.json").read_text())


@pytest.fixture(params=CLIPS)
def clip(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_units_and_strings(
    pipelines: dict[str, Pipeline], expected: dict[str, Any], conformance: Path, clip: str
) -> None:
    case = expected[clip]
    units = pipelines["expressive"].encode(conformance / CLIPS[clip])
    for stream, codes in case["units"].items():
        assert " ".join(map(str, units[stream])) == codes, stream
    assert pipelines["expressive"].to_string(units) == case["expressive_string"]
    base = pipelines["base"].encode(conformance / CLIPS[clip])
    assert pipelines["base"].to_string(base) == case["base_string"]


def test_hubert_features_and_f0(pipelines: dict[str, Pipeline], conformance: Path, clip: str) -> None:
    golden = np.load(conformance / "expected" / f"{clip}.npz")
    audio = spiritkit.audio.read_audio(conformance / CLIPS[clip], 16_000)
    hubert, pitch = (pipelines["expressive"].tokenizers[key] for key in ("hubert", "pitch"))
    dense = hubert.features([audio])[0].numpy()[::10]  # type: ignore[attr-defined]
    assert np.abs(dense - golden["dense_every_10th"]).max() < 1e-3 * np.abs(dense).max()
    f0 = pitch.f0.extract([audio])[0]  # type: ignore[attr-defined]
    np.testing.assert_allclose(f0.hz, golden["f0"], rtol=1e-3)
    np.testing.assert_array_equal(f0.voiced, golden["vuv"])


@pytest.mark.parametrize("model", ["base", "expressive"])
@pytest.mark.parametrize("frames", [False, True])
def test_decoding(
    pipelines: dict[str, Pipeline], expected: dict[str, Any], conformance: Path, clip: str, model: str, frames: bool
) -> None:
    golden = np.load(conformance / "expected" / f"{clip}.npz")
    pipeline, name = pipelines[model], f"{model}_frames" if frames else model
    speech = pipeline.encode(conformance / CLIPS[clip]) if frames else expected[clip][f"{model}_string"]
    audio = pipeline.decode(speech, speaker=1)
    assert audio.sample_rate == 16_000
    assert len(audio.samples) == expected[clip]["n_samples"][name]
    np.testing.assert_allclose(audio.samples[:32_000:13], golden[f"wav_{name}"] / 32_767, atol=1e-3)


@pytest.mark.parametrize(
    "case", CASES, ids=lambda case: f"{case['model']}-{case['output_modality']}-{len(case['prompt_ids'])}"
)
def test_generation(pipelines: dict[str, Pipeline], conformance: Path, case: dict[str, Any]) -> None:
    """All 30, the five in which the released code raises among them."""
    pipeline = pipelines[case["model"]]
    parts: dict[str, Any] = {"TEXT": Text, "SPEECH": lambda name: Speech(conformance / name)}
    prompt = [parts[modality](content) for modality, content in case["inputs"]]
    output: Any = {"TEXT": "text", "SPEECH": "speech", "ARBITRARY": "any"}[case["output_modality"]]
    generation = pipeline.generate(prompt, output=output, max_new_tokens=40, temperature=0)
    assert generation.prompt_ids == case["prompt_ids"]
    if case["prompt"] is not None:
        assert generation.prompt_string == case["prompt"]
    assert generation.new_ids == case["new_ids"]
    if output == "text":
        assert generation.text.strip() == case["outputs"][0][1]
    elif output == "speech":
        assert [_n_samples(span) for span in generation.spans] == [case["outputs"][0][1]]
    else:
        assert generation.spans
        for span in generation.spans:
            assert isinstance(span, Text) or _n_samples(span) % 640 == 0


def _n_samples(span: Text | Speech) -> int:
    assert isinstance(span, Speech)
    assert isinstance(span.audio, Audio)
    return len(span.audio.samples)
