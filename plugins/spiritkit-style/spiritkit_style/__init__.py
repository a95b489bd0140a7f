"""Style units, one a second, from wav2vec 2.0."""
