"""spiritkit: interleaved speech-text language models from parts.

Everything a user needs is importable from here; each name is loaded on first use, so that `import spiritkit` (and
with it listing components, checking recipes, `--help`) costs no PyTorch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "Audio": "spiritkit.types",
    "Component": "spiritkit.registry",
    "Constraint": "spiritkit.types",
    "Generation": "spiritkit.types",
    "Pipeline": "spiritkit.pipeline",
    "Sampling": "spiritkit.types",
    "Score": "spiritkit.types",
    "Speech": "spiritkit.types",
    "SpeechTextModel": "spiritkit.interfaces",
    "SpiritkitError": "spiritkit.errors",
    "StreamSpec": "spiritkit.types",
    "Text": "spiritkit.types",
    "Token": "spiritkit.types",
    "Tokens": "spiritkit.types",
    "Units": "spiritkit.types",
    "Vocabulary": "spiritkit.vocabulary",
    "hookimpl": "spiritkit.registry",
    "load": "spiritkit.recipe",
}

__all__ = ["__version__", *_HOME]  # noqa: PLE0604 (names, loaded below)

if TYPE_CHECKING:
    from spiritkit.errors import SpiritkitError as SpiritkitError
    from spiritkit.interfaces import SpeechTextModel as SpeechTextModel
    from spiritkit.pipeline import Pipeline as Pipeline
    from spiritkit.recipe import load as load
    from spiritkit.registry import Component as Component
    from spiritkit.registry import hookimpl as hookimpl
    from spiritkit.types import Audio as Audio
    from spiritkit.types import Constraint as Constraint
    from spiritkit.types import Generation as Generation
    from spiritkit.types import Sampling as Sampling
    from spiritkit.types import Score as Score
    from spiritkit.types import Speech as Speech
    from spiritkit.types import StreamSpec as StreamSpec
    from spiritkit.types import Text as Text
    from spiritkit.types import Token as Token
    from spiritkit.types import Tokens as Tokens
    from spiritkit.types import Units as Units
    from spiritkit.vocabulary import Vocabulary as Vocabulary


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'spiritkit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
