"""Tasks that a model learns from examples in its prompt (paper, section 4.2)."""
