"""Llama language models and SentencePiece text for spiritkit."""
