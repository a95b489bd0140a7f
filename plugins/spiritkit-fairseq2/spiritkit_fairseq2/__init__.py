"""HuBERT units for spiritkit, computed by fairseq2's wav2vec 2.0 encoder."""
