"""What this plugin offers."""

from __future__ import annotations

from spiritkit.registry import Component, hookimpl


@hookimpl
def spiritkit_components() -> list[Component]:
    """A text tokenizer, a language model, and classifiers with their training."""
    return [
        Component(
            "text_tokenizer",
            "hf-tokenizer.v1",
            "spiritkit_hf.text_tokenizer:HFTokenizer",
            "text ↔ ids by a tokenizer of Hugging Face",
        ),
        Component(
            "language_model",
            "hf-causal.v1",
            "spiritkit_hf.causal:HFCausal",
            "Qwen, SmolLM, Llama, OPT, GPT-2 and other causal transformers in Hugging Face format",
        ),
        Component(
            "classifier",
            "hf-text-classification.v1",
            "spiritkit_hf.text_classification:HFTextClassification",
            "texts by a classifier in Hugging Face format, e.g. their sentiment",
        ),
        Component(
            "classifier",
            "hf-audio-classification.v1",
            "spiritkit_hf.audio_classification:HFAudioClassification",
            "recordings by a classifier in Hugging Face format, e.g. their emotion",
        ),
        Component(
            "step",
            "train-text-classifier.v1",
            "spiritkit_hf.train_text:TrainTextClassifier",
            "corpus → model of `hf-text-classification.v1`",
        ),
        Component(
            "step",
            "train-audio-classifier.v1",
            "spiritkit_hf.train_audio:TrainAudioClassifier",
            "corpus → model of `hf-audio-classification.v1`",
        ),
    ]
