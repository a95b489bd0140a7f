"""Registration, the recipe, and what is imported when."""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys

import pytest
from spiritkit_fairseq2 import libsndfile
from spiritkit_fairseq2.libsndfile import provide_libsndfile

import spiritkit


def python(code: str) -> str:
    """What code prints in a process of its own."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_listing_imports_nothing_heavy():
    code = (
        "import sys, spiritkit_fairseq2.plugin as p; p.spiritkit_components(); p.spiritkit_recipes();"
        "print([m for m in ('torch', 'transformers', 'fairseq2', 'fairseq2n') if m in sys.modules])"
    )
    assert python(code) == "[]"


@pytest.mark.slow
def test_recipes_are_checked_without_fairseq2():
    code = (
        "import sys; from spiritkit_fairseq2.plugin import spiritkit_components; spiritkit_components()[0].load();"
        "print('torch' in sys.modules, 'fairseq2' in sys.modules)"
    )
    assert python(code) == "True False"


@pytest.mark.slow
def test_fairseq2_loads_with_the_library_provided():
    # Nothing here has loaded soundfile and with it the library, as the other tests of a process may have.
    code = (
        "from spiritkit_fairseq2.libsndfile import provide_libsndfile; provide_libsndfile();"
        "import sys, fairseq2.models.wav2vec2; print('soundfile' in sys.modules)"
    )
    assert python(code) == "False"


class Loader:
    """Stands in for `ctypes.CDLL`."""

    def __init__(self, *, system: bool):
        self.system = system
        self.loaded = []

    def __call__(self, name: str, mode: int = ctypes.DEFAULT_MODE) -> None:
        if name == "libsndfile.so.1" and not self.system:
            raise OSError(name)
        self.loaded.append((name, mode))


@pytest.mark.skipif(sys.platform != "linux", reason="only done on Linux")
def test_library_of_the_system_comes_first(monkeypatch):
    loader = Loader(system=True)
    monkeypatch.setattr(libsndfile.ctypes, "CDLL", loader)
    provide_libsndfile()
    assert [name for name, _ in loader.loaded] == ["libsndfile.so.1"]


@pytest.mark.skipif(sys.platform != "linux", reason="only done on Linux")
def test_library_of_soundfile_where_the_system_has_none(monkeypatch):
    loader = Loader(system=False)
    monkeypatch.setattr(libsndfile.ctypes, "CDLL", loader)
    provide_libsndfile()
    [(name, mode)] = loader.loaded
    assert "_soundfile_data" in name
    assert mode == ctypes.RTLD_GLOBAL


def test_recipe_gives_the_units_of_spirit_lm(reference_checkpoints, clips, conformance):
    overrides = [f"checkpoints={reference_checkpoints}", "tokenizers.hubert.device=cpu"]
    swapped, base = (spiritkit.load(name, overrides) for name in ("fairseq2/spiritlm-base", "spiritlm/base"))
    assert type(swapped.tokenizers["hubert"]).__name__ == "Fairseq2HubertTokenizer"
    expected = json.loads((conformance / "expected" / "audio.json").read_text())
    for name, audio in clips.items():
        units = swapped.encode(audio)
        assert units == base.encode(audio)
        assert swapped.to_string(units) == expected[name]["base_string"]


def test_units_count_as_those_of_hubert(reference_checkpoints):
    """So a vocoder or language model that was trained on `hubert.v1` takes them."""
    overrides = [f"checkpoints={reference_checkpoints}", "tokenizers.hubert.device=cpu"]
    swapped, base = (spiritkit.load(name, overrides) for name in ("fairseq2/spiritlm-base", "spiritlm/base"))
    assert swapped.sources == base.sources
    assert swapped.sources["hubert"].startswith("hubert.v1+linear-ctc.v1@")
