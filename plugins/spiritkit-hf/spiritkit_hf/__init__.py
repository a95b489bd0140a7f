"""Causal language models, text tokenizers and classifiers of the Hugging Face libraries for spiritkit."""
