"""HuBERT units for spiritkit: the encoder, two quantizers, and a converter for k-means files."""
