"""A small Spirit LM with its weights: recipes tiny/base and tiny/expressive."""
