"""Contract tests: what every part of a kind must do, ready to be run on yours with pytest.

    from spiritkit.testing import UnitTokenizerContract


    class TestEnergy(UnitTokenizerContract):
        component = "energy.v1"

The class names the component, which is built through the registry as a recipe builds it. A part whose constructor
needs values gets them from the fixture `parameters`:

        @pytest.fixture
        def parameters(self, tmp_path_factory):
            return {"checkpoint": tmp_path_factory.mktemp("energy")}

It is built once for all tests of the class. Nothing else in spiritkit needs pytest: `pip install "spiritkit[testing]"`.
"""

from __future__ import annotations

import pytest

from spiritkit.interfaces import INTERFACES

_MODULES = (*INTERFACES, "contract", "helpers")
pytest.register_assert_rewrite(*[f"{__name__}.{module}" for module in _MODULES])  # so that failures show the values

from spiritkit.testing.aligner import AlignerContract  # noqa: E402
from spiritkit.testing.classifier import ClassifierContract  # noqa: E402
from spiritkit.testing.corpus import CorpusContract  # noqa: E402
from spiritkit.testing.f0_extractor import F0ExtractorContract  # noqa: E402
from spiritkit.testing.language_model import LanguageModelContract  # noqa: E402
from spiritkit.testing.panel import PanelContract  # noqa: E402
from spiritkit.testing.quantizer import QuantizerContract  # noqa: E402
from spiritkit.testing.recognizer import RecognizerContract  # noqa: E402
from spiritkit.testing.serializer import SerializerContract  # noqa: E402
from spiritkit.testing.span_policy import SpanPolicyContract  # noqa: E402
from spiritkit.testing.speech_text_model import SpeechTextModelContract  # noqa: E402
from spiritkit.testing.step import StepContract  # noqa: E402
from spiritkit.testing.synthesizer import SynthesizerContract  # noqa: E402
from spiritkit.testing.task import TaskContract  # noqa: E402
from spiritkit.testing.text_tokenizer import TextTokenizerContract  # noqa: E402
from spiritkit.testing.unit_tokenizer import UnitTokenizerContract  # noqa: E402
from spiritkit.testing.vocoder import VocoderContract  # noqa: E402

__all__ = [
    "AlignerContract",
    "ClassifierContract",
    "CorpusContract",
    "F0ExtractorContract",
    "LanguageModelContract",
    "PanelContract",
    "QuantizerContract",
    "RecognizerContract",
    "SerializerContract",
    "SpanPolicyContract",
    "SpeechTextModelContract",
    "StepContract",
    "SynthesizerContract",
    "TaskContract",
    "TextTokenizerContract",
    "UnitTokenizerContract",
    "VocoderContract",
]
