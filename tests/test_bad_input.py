"""Input that is wrong or strange, through the public API: a clear error or a correct result."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

import spiritkit
from spiritkit import Audio, Pipeline, Speech, Text, Units
from spiritkit.errors import CheckpointError, InputError, MissingFileError, RecipeError, RequestError


@pytest.fixture(scope="module")
def expressive(reference_checkpoints: Path) -> Pipeline:
    return spiritkit.load(
        "spiritlm/expressive", [f"checkpoints={reference_checkpoints}", "language_model.dtype=float32"]
    )


@pytest.fixture
def broken(reference_checkpoints: Path, tmp_path: Path) -> Callable[[str, Callable[[Path], None]], Path]:
    """A copy of the checkpoints with one file changed; the others are links."""

    def broken(name: str, change: Callable[[Path], None]) -> Path:
        copy = tmp_path / "checkpoints"
        shutil.copytree(reference_checkpoints, copy, copy_function=os.link)
        (copy / name).unlink()
        shutil.copyfile(reference_checkpoints / name, copy / name)
        change(copy / name)
        return copy

    return broken


def load(checkpoints: Path, name: str = "base", *overrides: str) -> Pipeline:
    return spiritkit.load(
        f"spiritlm/{name}", [f"checkpoints={checkpoints}", "language_model.dtype=float32", *overrides]
    )


# -- audio ------------------------------------------------------------------------------------------------------------


def test_no_such_file(expressive: Pipeline) -> None:
    with pytest.raises(MissingFileError, match="none.wav: no such file"):
        expressive.encode("none.wav")


def test_text_renamed_wav(expressive: Pipeline, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("hello")
    with pytest.raises(InputError, match="a.wav: not audio"):
        expressive.encode(tmp_path / "a.wav")


@pytest.mark.parametrize("n_samples", [0, 10])
def test_zero_and_ten_samples(expressive: Pipeline, tmp_path: Path, n_samples: int) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(n_samples), 16_000)
    with pytest.raises(InputError, match=f"a.wav: {n_samples} samples at 16000 Hz; expected at least 1280"):
        expressive.encode(tmp_path / "a.wav")


def test_nan(expressive: Pipeline, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.full(16_000, np.nan), 16_000, subtype="FLOAT")
    with pytest.raises(InputError, match="a.wav: sample 0 is .*nan"):
        expressive.encode(tmp_path / "a.wav")


def test_truncated_flac(expressive: Pipeline, tmp_path: Path, conformance: Path) -> None:
    data = (conformance / "7143-88743-0029.flac").read_bytes()
    (tmp_path / "a.flac").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="a.flac: .*truncated"):
        expressive.encode(tmp_path / "a.flac")


def test_8_bit_mono_at_8_khz_and_6_channels(expressive: Pipeline, tmp_path: Path, conformance: Path) -> None:
    samples, _ = soundfile.read(conformance / "vibrato.wav")
    whole = expressive.encode(conformance / "vibrato.wav")
    soundfile.write(tmp_path / "six.wav", np.tile(samples[:, None], 6), 16_000, subtype="FLOAT")
    assert expressive.encode(tmp_path / "six.wav") == whole
    soundfile.write(tmp_path / "low.wav", samples[::2], 8000, subtype="PCM_U8")
    low = expressive.encode(tmp_path / "low.wav")
    assert {name: len(codes) for name, codes in low.items()} == {name: len(codes) for name, codes in whole.items()}


@pytest.mark.parametrize("kind", ["silence", "noise", "click", "shortest"])
def test_audio_without_speech(expressive: Pipeline, kind: str) -> None:
    samples = np.zeros(16_000 if kind != "shortest" else 1280, dtype=np.float32)
    if kind == "noise":
        samples += np.random.default_rng(0).standard_normal(16_000).astype(np.float32) * 0.3
    if kind == "click":
        samples[8000] = 1
    units = expressive.encode(Audio(samples, 16_000))
    assert len(units["hubert"]) == len(samples) // 640 - (1 if len(samples) % 640 == 0 else 0)
    audio = expressive.decode(units)
    assert np.isfinite(audio.samples).all()
    assert len(audio.samples) == 640 * len(units["hubert"])


def test_more_than_100_seconds_is_cut_into_chunks(reference_checkpoints: Path) -> None:
    pipeline = load(reference_checkpoints, "base")
    rng = np.random.default_rng(0)
    samples = (rng.standard_normal(16_000 * 101) * 0.1).astype(np.float32)
    units = pipeline.encode(Audio(samples, 16_000))["hubert"]
    first = pipeline.encode(Audio(samples[:1_600_000], 16_000))["hubert"]
    second = pipeline.encode(Audio(samples[1_600_000:], 16_000))["hubert"]
    assert len(first) == 2499
    assert units.tolist() == first.tolist() + second.tolist()


def test_a_batch_equals_each_alone(expressive: Pipeline, conformance: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    audios: list[Path | str | Audio] = [conformance / "vibrato.wav"]
    audios += [Audio(rng.standard_normal(n).astype(np.float32) * 0.1, 16_000) for n in (1280, 5000, 48_000)]
    audios.append(Audio(rng.standard_normal((2, 30_000)).astype(np.float32) * 0.1, 44_100))
    for together, audio in zip(expressive.encode_batch(audios), audios, strict=True):
        assert together == expressive.encode(audio)


def test_one_bad_recording_among_many(expressive: Pipeline, conformance: Path) -> None:
    clip = conformance / "vibrato.wav"
    results = list(expressive.encode_each([clip, "none.wav", clip]))
    assert isinstance(results[1], MissingFileError)
    assert results[0] == results[2] == expressive.encode(clip)


def test_a_recording_that_a_tokenizer_refuses_fails_alone(
    expressive: Pipeline, conformance: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = expressive.tokenizers["pitch"]
    encode = tokenizer.encode

    def picky(audios: list[Audio]) -> list[Units]:
        if any(len(audio.samples) == 20_000 for audio in audios):
            raise InputError("too odd")
        return encode(audios)

    monkeypatch.setattr(tokenizer, "encode", picky)
    clip, odd = conformance / "vibrato.wav", Audio(np.zeros(20_000), 16_000)
    results = list(expressive.encode_each([clip, odd, clip]))
    assert isinstance(results[1], InputError)
    assert results[0] == results[2] == expressive.encode(clip)


# -- checkpoints ------------------------------------------------------------------------------------------------------

HUBERT = "speech_tokenizer/hubert_25hz/mhubert_base_25hz.pt"
QUANTIZER = "speech_tokenizer/hubert_25hz/L11_quantizer_500.pt"
LLAMA = "spiritlm_model/spirit-lm-base-7b/pytorch_model.bin"
CLIP = Audio(np.zeros(16_000, dtype=np.float32), 16_000)

#: file → the recipe that reads it, and what makes a pipeline read it
READERS: dict[str, tuple[str, Callable[[Pipeline], object]]] = {
    HUBERT: ("base", lambda p: p.encode(CLIP)),
    QUANTIZER: ("base", lambda p: p.encode(CLIP)),
    "speech_tokenizer/vqvae_f0_quantizer/model.pt": ("expressive", lambda p: p.encode(CLIP)),
    "speech_tokenizer/style_encoder_w2v2/pytorch_model.bin": ("expressive", lambda p: p.encode(CLIP)),
    "speech_tokenizer/hifigan_spiritlm_base/generator.pt": ("base", lambda p: p.decode("[Hu1]")),
    "speech_tokenizer/hifigan_spiritlm_expressive_w2v2/generator.pt": ("expressive", lambda p: p.decode("[Hu1]")),
    LLAMA: ("base", lambda p: p.generate("The cat", max_new_tokens=1)),
}


class Code:
    """What a hostile pickle carries."""

    def __init__(self, trace: Path):
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.trace}",)


def tensors_of(checkpoint: dict[str, object]) -> dict[str, torch.Tensor]:
    for key in ("model_weight", "model", "generator"):
        if isinstance(checkpoint.get(key), dict):
            return checkpoint[key]  # type: ignore[return-value]
    return checkpoint  # type: ignore[return-value]


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("fault", ["code", "missing tensor", "wrong shape", "not a checkpoint"])
def test_faulty_weights(
    broken: Callable[[str, Callable[[Path], None]], Path], tmp_path: Path, name: str, fault: str
) -> None:
    tensor = ""

    def change(path: Path) -> None:
        nonlocal tensor
        if fault == "code":
            torch.save({"model": Code(tmp_path / "was-here")}, path)
            return
        if fault == "not a checkpoint":
            path.write_bytes(b"not weights")
            return
        checkpoint = torch.load(path, weights_only=True)
        tensors = tensors_of(checkpoint)
        tensor = sorted(key for key, value in tensors.items() if value.dim() > 1)[0]
        if fault == "missing tensor":
            del tensors[tensor]
        else:
            tensors[tensor] = torch.cat([tensors[tensor]] * 2)
        torch.save(checkpoint, path)

    recipe, read = READERS[name]
    pipeline = load(broken(name, change), recipe)
    with pytest.raises(CheckpointError) as caught:
        read(pipeline)
    message = str(caught.value)
    assert str(Path(name).parent) in message
    if fault in ("missing tensor", "wrong shape"):
        # Loaders may map released names to their own: the layer's number, or else the last word, stays.
        words = tensor.removesuffix("_v").removesuffix("_g").split(".")
        numbers = [word for word in words if word.isdecimal()]
        assert (numbers or words[-1:])[0] in message, (tensor, message)
        assert "no tensor" in message or "expected [" in message
    assert not (tmp_path / "was-here").exists()


def test_missing_files_are_found_before_anything_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="mhubert_base_25hz.pt: no such file") as caught:
        spiritkit.load("spiritlm/expressive", [f"checkpoints={tmp_path}"])
    assert len([line for line in caught.value.problems if "no such file" in line]) == 7


def test_a_config_that_is_not_json(broken: Callable[[str, Callable[[Path], None]], Path]) -> None:
    name = "speech_tokenizer/hifigan_spiritlm_base/config.json"
    pipeline = load(broken(name, lambda path: path.write_text("{") and None))
    with pytest.raises(CheckpointError, match=r"config.json: not JSON"):
        pipeline.decode("[Hu1]")


def test_a_vocabulary_that_does_not_match(reference_checkpoints: Path, broken: Callable[..., Path]) -> None:
    swapped = "vocabulary.blocks=[{text: true}, {markers: ['[Speech]', '[Text]']}, {stream: hubert, format: '[Hu{}]'}]"
    with pytest.raises(RequestError, match=r"'\[Speech\]' is id 32000 by the recipe's blocks but 32001"):
        load(reference_checkpoints, "base", swapped).generate("The cat")
    with pytest.raises(RequestError, match=r"32503 ids, padded to 32504 rows, but .* 32512"):
        load(reference_checkpoints, "base", "vocabulary.pad_to_multiple_of=8").generate("The cat")

    def shrink(path: Path) -> None:
        config = json.loads(path.read_text())
        path.write_text(json.dumps({**config, "vocab_size": 32_000}))

    checkpoints = broken("spiritlm_model/spirit-lm-base-7b/config.json", shrink)
    with pytest.raises(CheckpointError, match="embed_tokens"):
        load(checkpoints).generate("The cat")


# -- requests ---------------------------------------------------------------------------------------------------------


def test_wrong_arguments(expressive: Pipeline) -> None:
    with pytest.raises(RequestError, match="output is 'sound'; expected 'text', 'speech' or 'any'"):
        expressive.generate("The cat", output="sound")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="a prompt part is a int"):
        expressive.generate([3])  # type: ignore[list-item]
    with pytest.raises(InputError, match="temperature is -1"):
        expressive.generate("The cat", temperature=-1)
    with pytest.raises(RequestError, match="nobody"):
        expressive.decode("[Hu1]", speaker="nobody")
    with pytest.raises(RequestError, match="99"):
        expressive.decode("[Hu1]", speaker=99)
    with pytest.raises(InputError, match="a prompt is a NoneType"):
        expressive.generate(None)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="a recording is a path or Audio, not ndarray"):
        expressive.encode(np.zeros(16_000))  # type: ignore[arg-type]
    with pytest.raises(MissingFileError, match="too long"):
        expressive.encode("a" * 300)
    assert len(expressive.decode("[Hu1]", speaker=np.int64(1)).samples) > 0  # type: ignore[arg-type]
    with pytest.raises(RequestError, match="expected a list of 'key=value'"):
        spiritkit.load("spiritlm/base", "checkpoints=/c")
    with pytest.raises(InputError, match="continuation to score is empty"):
        expressive.score("The cat", [])


def test_parts_that_a_recipe_does_not_have(reference_checkpoints: Path) -> None:
    pipeline = load(reference_checkpoints, "base", "vocoder=null", "language_model=null")
    assert len(pipeline.encode(CLIP)["hubert"]) == 24
    with pytest.raises(RequestError, match="the recipe has no vocoder; add 'vocoder:"):
        pipeline.decode("[Hu1]")
    with pytest.raises(RequestError, match="the recipe has no language_model"):
        pipeline.generate("The cat")


def test_text_that_looks_like_a_token_stays_text(expressive: Pipeline) -> None:
    generation = expressive.generate(Text("[Hu5] and [Speech]"), output="text", max_new_tokens=1, temperature=0)
    assert generation.prompt_string == "[Text][Hu5] and [Speech]"
    assert [id for id in generation.prompt_ids if id >= 32_000] == [32_000]


def test_scores_follow_their_definition(expressive: Pipeline, conformance: Path) -> None:
    clip = Speech(conformance / "vibrato.wav")
    for prompt, continuation in (
        ([Text("The king said")], [clip]), ([clip], [Text(" the queen")]), ([], [Text("The cat sat on")]),
        ([Text("The cat")], [Text(" sat on")]), ([Text("The king"), clip], [Text("and"), clip]),
    ):  # fmt: skip
        score = expressive.score(prompt, continuation)
        _, whole = expressive.prompt([*prompt, *continuation])
        modality = "text" if isinstance(continuation[0], Text) else "speech"
        _, context = expressive.prompt(prompt, modality)
        assert whole[: len(context)] == context
        by_step = expressive.language_model.score([whole])[0][len(context) - 1 :]
        assert score.n_tokens == len(whole) - len(context) == len(by_step)
        assert score.log_probability == pytest.approx(float(by_step.sum()), rel=1e-5)


def test_units_carry_the_source_of_their_codes(expressive: Pipeline, reference_checkpoints: Path) -> None:
    units = expressive.encode(CLIP)
    assert set(units.source) == {"style", "pitch", "hubert"}
    assert expressive.to_tokens(units).source == units.source
    elsewhere = load(reference_checkpoints, "base", "tokenizers.hubert.device=cpu").encode(CLIP)
    assert elsewhere.source["hubert"] == units.source["hubert"]  # where it computes does not matter
    other = load(reference_checkpoints, "base", "tokenizers.hubert.layer=9").encode(CLIP)
    assert other.source["hubert"] != units.source["hubert"]


def test_units_from_elsewhere_are_decoded_too(expressive: Pipeline) -> None:
    spec = next(spec for spec in expressive.specs if spec.name == "hubert")
    audio = expressive.decode(Units((spec,), {"hubert": np.array([1, 1, 2])}))
    assert len(audio.samples) == 3 * 640
