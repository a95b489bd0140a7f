"""Unit HiFi-GAN: codes of speech → waveform (paper, section 3.1)."""
