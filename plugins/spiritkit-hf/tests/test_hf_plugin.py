"""The plugin's two components are what they say, and listing them imports nothing heavy."""

from __future__ import annotations

import subprocess
import sys

from spiritkit_hf.plugin import spiritkit_components

from spiritkit.interfaces import INTERFACES


def test_components_load():
    components = spiritkit_components()
    assert [(one.kind, one.name) for one in components] == [
        ("text_tokenizer", "hf-tokenizer.v1"),
        ("language_model", "hf-causal.v1"),
        ("classifier", "hf-text-classification.v1"),
        ("classifier", "hf-audio-classification.v1"),
        ("step", "train-text-classifier.v1"),
        ("step", "train-audio-classifier.v1"),
    ]
    for one in components:
        assert issubclass(one.load(), INTERFACES[one.kind])


def test_listing_imports_neither_torch_nor_transformers():
    code = (
        "import sys, spiritkit_hf.plugin as p; p.spiritkit_components();"
        "print([m for m in ('torch', 'transformers', 'tokenizers') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "[]"
