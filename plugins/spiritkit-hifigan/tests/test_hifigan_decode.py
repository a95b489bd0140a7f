"""The vocoder as a whole, on random weights in the released format."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from spiritkit_hifigan.vocoder import HifiGan
from torch.nn import functional

from spiritkit.errors import InputError, RequestError

SPEECH = "St7 Pi3 Hu12 Hu12 Pi5 Hu400 Hu0 St99 Hu500 Hu33 Pi0 Hu71 Hu8 Hu9 Hu10 Hu11"


def samples(vocoder, speech, **wishes):
    return vocoder.decode([speech], **wishes)[0].samples


class Plain:
    """The network written down straight from the checkpoint's tensors, float32, one pass."""

    def __init__(self, folder):
        self.config = json.loads((folder / "config.json").read_text())
        self.tensors = torch.load(folder / "generator.pt", weights_only=True)["generator"]

    def conv(self, name, x, *, rate=0, padding=0, dilation=1):
        tensors = self.tensors
        weight = torch._weight_norm(tensors[f"{name}.weight_v"], tensors[f"{name}.weight_g"], 0)
        if rate:
            return functional.conv_transpose1d(x, weight, tensors[f"{name}.bias"], rate, padding)
        return functional.conv1d(x, weight, tensors[f"{name}.bias"], 1, dilation * (weight.shape[2] // 2), dilation)

    def generate(self, rows, constants):
        """`rows`: table → codes of the frames; `constants`: table → row."""
        count = len(next(iter(rows.values())))
        parts = [self.tensors[f"{table}.weight"][torch.tensor(codes)] for table, codes in rows.items()]
        parts += [self.tensors[f"{table}.weight"][row].expand(count, -1) for table, row in constants.items()]
        x = self.conv("conv_pre", torch.cat(parts, dim=1).T[None])
        shape = zip(self.config["upsample_rates"], self.config["upsample_kernel_sizes"], strict=True)
        for stage, (rate, kernel) in enumerate(shape):
            x = self.conv(f"ups.{stage}", functional.leaky_relu(x, 0.1), rate=rate, padding=(kernel - rate) // 2)
            blocks = []
            for block in range(3 * stage, 3 * stage + 3):
                y = x
                for index, dilation in enumerate((1, 3, 5)):
                    z = functional.leaky_relu(y, 0.1)
                    z = functional.leaky_relu(self.conv(f"resblocks.{block}.convs1.{index}", z, dilation=dilation), 0.1)
                    y = y + self.conv(f"resblocks.{block}.convs2.{index}", z)
                blocks.append(y)
            x = sum(blocks) / 3
        return torch.tanh(self.conv("conv_post", functional.leaky_relu(x, 0.01)))[0, 0].numpy()

    def durations(self, units):
        x = self.tensors["dict.weight"][torch.tensor(units)].T[None]
        for number in (1, 2):
            name = f"dur_predictor.conv{number}.0"
            x = functional.conv1d(x, self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"], padding=1)
            weight, bias = (self.tensors[f"dur_predictor.ln{number}.{kind}"] for kind in ("weight", "bias"))
            x = functional.layer_norm(functional.relu(x).mT, weight.shape, weight, bias).mT
        x = x[0].T @ self.tensors["dur_predictor.proj.weight"][0] + self.tensors["dur_predictor.proj.bias"]
        return [max(1, round(float(n))) for n in torch.exp(x) - 1]


def test_base_tokens(base, base_folder, tokens):
    plain = Plain(base_folder)
    units = [12, 12, 400, 0, 500, 33, 71, 8, 9, 10, 11]
    frames = np.repeat(units, plain.durations(units)).tolist()
    assert len(frames) > len(units)
    expected = plain.generate({"dict": frames}, {"spkr": 1, "style": 8})
    made = samples(base, tokens(SPEECH), speaker=1)
    assert made.shape == expected.shape == (640 * len(frames),)
    assert np.abs(made - expected).max() < 1e-4


def test_expressive_tokens(expressive, expressive_folder, tokens):
    plain = Plain(expressive_folder)
    units = [12, 12, 400, 0, 500, 33, 71, 8, 9, 10, 11]
    durations = plain.durations(units)
    pitch, style = [3, 3, 5, 5, 5, 5, 0, 0, 0, 0, 0], [7, 7, 7, 7] + [99] * 7
    rows = {
        table: np.repeat(codes, durations).tolist()
        for table, codes in (("dict", units), ("f0_dict", pitch), ("style_dict", style))
    }
    expected = plain.generate(rows, {"spkr": 2})
    made = samples(expressive, tokens(SPEECH))
    assert made.shape == expected.shape
    assert np.abs(made - expected).max() < 1e-4


def test_expressive_frames(expressive, expressive_folder, units):
    speech = units(hubert=range(100, 130), pitch=range(14), style=[5, 6])
    rows = {"dict": list(range(100, 130)), "f0_dict": [min(i // 2, 13) for i in range(30)]}
    rows["style_dict"] = [5] * 25 + [6] * 5
    expected = Plain(expressive_folder).generate(rows, {"spkr": 2})
    made = samples(expressive, speech)
    assert made.shape == expected.shape == (640 * 30,)
    assert np.abs(made - expected).max() < 1e-4


def test_what_it_reads(base, expressive):
    assert base.accepts == ("hubert",)
    assert expressive.accepts == ("hubert", "pitch", "style")
    assert base.sample_rate == 16_000


@pytest.mark.parametrize("words", ["", "Pi3 St7", "Ot5"])
def test_no_unit_gives_empty_audio(vocoder, tokens, words):
    assert samples(vocoder, tokens(words)).shape == (0,)
    assert list(vocoder.decode_stream([tokens(words)])) == []


def test_one_unit_gives_audio(vocoder, tokens, units):
    assert len(samples(vocoder, tokens("Hu7"))) >= 640
    assert samples(vocoder, units(hubert=[7])).shape == (640,)


def test_no_units_in_frames_gives_empty_audio(vocoder, units):
    assert samples(vocoder, units(hubert=[], pitch=[1], style=[2])).shape == (0,)


def test_missing_pitch_takes_the_default(expressive, tokens):
    without, given = tokens("St7 Hu1 Hu2 Hu3"), tokens("St7 Pi0 Hu1 Hu2 Hu3")
    assert np.array_equal(samples(expressive, without), samples(expressive, given))
    assert not np.array_equal(samples(expressive, without), samples(expressive, tokens("St7 Pi1 Hu1 Hu2 Hu3")))


def test_missing_style_takes_one_of_three_by_seed(expressive, tokens):
    drawn = set()
    candidates = {style: samples(expressive, tokens(f"St{style} Pi2 Hu1 Hu2")).tobytes() for style in (71, 68, 98)}
    for seed in range(12):
        made = samples(expressive, tokens("Pi2 Hu1 Hu2"), seed=seed).tobytes()
        assert made == samples(expressive, tokens("Pi2 Hu1 Hu2"), seed=seed).tobytes()
        drawn |= {style for style, audio in candidates.items() if audio == made}
    assert drawn == {71, 68, 98}


def test_units_before_any_pitch_take_the_first(expressive, tokens):
    assert np.array_equal(
        samples(expressive, tokens("Hu1 Hu2 Pi9 Hu3 St4 Pi8 Hu5")),
        samples(expressive, tokens("St4 Pi9 Hu1 Hu2 Hu3 Pi8 Hu5")),
    )


def test_streams_it_does_not_know_are_ignored(vocoder, tokens, units):
    plain, mixed = tokens("St7 Pi3 Hu1 Hu2"), tokens("Ot9 St7 Pi3 Hu1 Ot900 Hu2 Ot1")
    assert np.array_equal(samples(vocoder, plain), samples(vocoder, mixed))
    assert np.array_equal(
        samples(vocoder, units(hubert=[1, 2], pitch=[3], style=[4])),
        samples(vocoder, units(hubert=[1, 2], pitch=[3], style=[4], other=[5, 6, 7, 8])),
    )


def test_frames_without_pitch_and_style_take_defaults(expressive, units):
    with_defaults = [samples(expressive, units(hubert=[1, 2, 3], pitch=[0], style=[s])) for s in (71, 68, 98)]
    made = samples(expressive, units(hubert=[1, 2, 3]))
    assert any(np.array_equal(made, other) for other in with_defaults)


def test_style_replaces_the_style_tokens(expressive, tokens):
    made = samples(expressive, tokens("St7 Pi3 Hu1 St9 Hu2"), style=5)
    assert np.array_equal(made, samples(expressive, tokens("St5 Pi3 Hu1 Hu2")))


def test_speaker_and_style_by_name(base, expressive, tokens):
    speech = tokens("Hu1 Hu2")
    named = samples(base, speech, speaker="speaker3", style="style11")
    assert np.array_equal(named, samples(base, speech, speaker=3, style=11))
    assert not np.array_equal(named, samples(base, speech, speaker=3))
    assert not np.array_equal(named, samples(base, speech, style=11))
    assert not np.array_equal(samples(expressive, speech), samples(expressive, speech, speaker="speaker0"))


def test_the_constructor_sets_what_decode_defaults_to(base, base_folder, tokens):
    other = HifiGan(checkpoint=base_folder, speaker="speaker1", style=3, device="cpu")
    speech = tokens("Hu1 Hu2")
    assert np.array_equal(samples(other, speech), samples(base, speech, speaker=1, style=3))
    assert np.array_equal(samples(base, speech), samples(base, speech, speaker=2, style=8))


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        ({"speaker": "nobody"}, "no speaker 'nobody'; there are 0…3: speaker0, speaker1, speaker2, speaker3"),
        ({"speaker": 4}, "no speaker 4"),
        ({"speaker": -1}, "no speaker -1"),
        ({"style": 26}, "no style 26; there are 0…25: style0"),
        ({"style": "sad"}, "no style 'sad'"),
    ],
)
def test_no_such_voice(base, tokens, wishes, message):
    with pytest.raises(RequestError, match=message):
        base.decode([tokens("Hu1")], **wishes)
    with pytest.raises(RequestError, match=message):
        base.decode_stream([tokens("Hu1")], **wishes)


def test_style_tokens_have_no_names(expressive, tokens):
    with pytest.raises(RequestError, match="no style 'happy'; there are 0…99, without names"):
        expressive.decode([tokens("Hu1")], style="happy")


def test_units_without_the_unit_stream(base, units):
    with pytest.raises(InputError, match=r"\['pitch'\]; this vocoder needs 'hubert'"):
        base.decode([units(pitch=[1])])


def test_a_code_beyond_the_table(base_folder, units):
    renamed = HifiGan(checkpoint=base_folder, unit_stream="other", device="cpu")
    assert renamed.accepts == ("other",)
    with pytest.raises(InputError, match="'other' has code 501; this vocoder knows 0…500"):
        renamed.decode([units(other=[3, 501])])


def test_a_batch_is_each_by_itself(vocoder, tokens, units):
    batch = [tokens(SPEECH), units(hubert=[1, 2], pitch=[3], style=[4]), tokens(""), tokens("Hu3")]
    together = vocoder.decode(batch)
    assert [len(audio.samples) > 0 for audio in together] == [True, True, False, True]
    for one, audio in zip(batch, together, strict=True):
        assert np.array_equal(samples(vocoder, one), audio.samples)


@pytest.mark.parametrize("block_frames", [1, 7, 30])
def test_blocks_give_what_the_whole_gives(vocoder, base_folder, expressive_folder, units, block_frames):
    folder = base_folder if vocoder.accepts == ("hubert",) else expressive_folder
    blocks = HifiGan(checkpoint=folder, block_frames=block_frames, device="cpu")
    speech = units(hubert=range(50), pitch=range(25), style=[1, 2])
    whole = samples(vocoder, speech)
    assert whole.shape == (640 * 50,)
    assert np.abs(samples(blocks, speech) - whole).max() < 1e-4


@pytest.mark.parametrize("size", [1, 4, 100])
def test_a_stream_of_tokens(vocoder, tokens, size):
    words = "Hu500 Hu499 " + SPEECH + " " + " ".join(f"Hu{i}" for i in range(20)) + " St0 Hu1"
    whole = samples(vocoder, tokens(words))
    chunks = [tokens(" ".join(words.split()[i : i + size])) for i in range(0, len(words.split()), size)]
    given = [audio.samples for audio in vocoder.decode_stream(chunks)]
    assert sum(map(len, given)) == len(whole)
    assert np.abs(np.concatenate(given) - whole).max() < 1e-4


def test_a_stream_of_frames(vocoder, units):
    codes = {"hubert": list(range(80)), "pitch": list(range(38)), "style": [1, 2, 3, 4]}
    whole = samples(vocoder, units(**codes))
    step = {"hubert": 10, "pitch": 5, "style": 1}
    chunks = [
        units(**{name: values[i * step[name] : (i + 1) * step[name]] for name, values in codes.items()})
        for i in range(8)
    ]
    given = [audio.samples for audio in vocoder.decode_stream(chunks)]
    assert sum(map(len, given)) == len(whole)
    assert np.abs(np.concatenate(given) - whole).max() < 1e-4


def test_a_stream_gives_audio_before_its_end(vocoder, units):
    arrived = 0

    def chunks():
        nonlocal arrived
        for i in range(60):
            arrived = i + 1
            yield units(hubert=[i], pitch=[0] if i % 2 == 0 else [], style=[0] if i % 25 == 0 else [])

    made = {0: 0}
    for audio in vocoder.decode_stream(chunks()):
        made[arrived] = max(made.values()) + len(audio.samples)
    # the reach of the convolutions at the released kernels and rates is 20 frames
    assert all(made[count] >= (count - 21) * 640 for count in range(22, 60))
    assert all(made[count] < count * 640 for count in range(22, 60))
    assert made[60] == 60 * 640


def test_pieces_of_a_stream_are_of_one_kind(base, tokens, units):
    with pytest.raises(InputError, match=r"a piece of Units of \['hubert'\] after Tokens"):
        list(base.decode_stream([tokens("Hu1"), units(hubert=[1])]))


def test_bfloat16_has_the_same_length_and_nearly_the_same_sound(expressive, expressive_folder, tokens):
    half = HifiGan(checkpoint=expressive_folder, dtype="bfloat16", device="cpu")
    full, rough = samples(expressive, tokens(SPEECH)), samples(half, tokens(SPEECH))
    assert rough.dtype == np.float32
    assert rough.shape == full.shape
    noise = np.sum((rough - full) ** 2) / np.sum(full**2)
    assert 0 < noise < 1e-3
