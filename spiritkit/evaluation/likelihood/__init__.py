"""Tasks that compare how probable a model finds a right and a wrong alternative (paper, section 4.1)."""
