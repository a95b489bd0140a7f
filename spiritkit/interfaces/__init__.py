"""What each kind of part must offer: one abstract class a file.

A component's `kind` is the name of its interface in snake case: `UnitTokenizer` → `unit_tokenizer`.
"""

from __future__ import annotations

from spiritkit.interfaces.aligner import Aligner
from spiritkit.interfaces.classifier import Classifier
from spiritkit.interfaces.corpus import Corpus
from spiritkit.interfaces.f0_extractor import F0, F0Extractor
from spiritkit.interfaces.language_model import LanguageModel
from spiritkit.interfaces.panel import Chart, Clip, Curve, Label, Labels, Panel, Track
from spiritkit.interfaces.quantizer import Quantizer
from spiritkit.interfaces.recognizer import Recognizer
from spiritkit.interfaces.serializer import Serializer
from spiritkit.interfaces.span_policy import Span, SpanPolicy
from spiritkit.interfaces.speech_text_model import SpeechTextModel
from spiritkit.interfaces.step import Context, Step
from spiritkit.interfaces.synthesizer import Synthesizer
from spiritkit.interfaces.task import Item, Metric, Result, Task, Trial
from spiritkit.interfaces.text_tokenizer import TextTokenizer
from spiritkit.interfaces.unit_tokenizer import UnitTokenizer
from spiritkit.interfaces.vocoder import Vocoder

#: kind → interface, in the order in which audio passes through the parts, then what training and evaluation need.
INTERFACES: dict[str, type] = {
    "unit_tokenizer": UnitTokenizer,
    "quantizer": Quantizer,
    "f0_extractor": F0Extractor,
    "serializer": Serializer,
    "text_tokenizer": TextTokenizer,
    "language_model": LanguageModel,
    "vocoder": Vocoder,
    "corpus": Corpus,
    "aligner": Aligner,
    "span_policy": SpanPolicy,
    "recognizer": Recognizer,
    "synthesizer": Synthesizer,
    "classifier": Classifier,
    "speech_text_model": SpeechTextModel,
    "task": Task,
    "panel": Panel,
    "step": Step,
}

__all__ = [
    "F0",
    "INTERFACES",
    "Aligner",
    "Chart",
    "Classifier",
    "Clip",
    "Context",
    "Corpus",
    "Curve",
    "F0Extractor",
    "Item",
    "Label",
    "Labels",
    "LanguageModel",
    "Metric",
    "Panel",
    "Quantizer",
    "Recognizer",
    "Result",
    "Serializer",
    "Span",
    "SpanPolicy",
    "SpeechTextModel",
    "Step",
    "Synthesizer",
    "Task",
    "TextTokenizer",
    "Track",
    "Trial",
    "UnitTokenizer",
    "Vocoder",
]
