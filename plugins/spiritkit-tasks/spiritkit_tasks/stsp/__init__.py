"""Speech-text sentiment preservation (paper, section 4.3)."""
