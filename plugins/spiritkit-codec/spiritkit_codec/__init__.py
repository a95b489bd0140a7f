"""Neural audio codecs with several codebooks a frame: EnCodec and Mimi."""
