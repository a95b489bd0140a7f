"""What units keep of speech (paper, section 4.4)."""
