"""Causal language models and text tokenizers of the Hugging Face libraries for spiritkit."""
