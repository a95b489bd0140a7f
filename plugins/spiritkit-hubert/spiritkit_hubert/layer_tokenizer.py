"""What tokenizers on a layer of HuBERT share, whichever library runs the network (paper, section 3.1)."""

from __future__ import annotations

from pathlib import Path

from spiritkit.devices import DTypeName
from spiritkit.errors import RequestError
from spiritkit.interfaces import Quantizer, UnitTokenizer
from spiritkit.types import Audio, StreamSpec, Units
from spiritkit_hubert.checkpoint import Hubert
from spiritkit_hubert.layer_features import LayerFeatures


class LayerTokenizer(LayerFeatures, UnitTokenizer):
    """Units of one HuBERT layer; one deduplicated stream, at the model's own frame rate. A subclass runs the network,
    as `LayerFeatures` says.

    Args:
        hubert: the loaded encoder, whose settings are checked and kept; its weights are not.
        checkpoint: where it comes from, for messages.
        quantizer: what makes codes of the features.
        layer: the transformer layer whose output is quantized, counted from 1.
        device: where to compute.
        dtype: number format of the features.
        batch_seconds: `_transform` takes audio together up to so many seconds, padding counted.
        pad: samples of silence put before and behind each audio.

    Raises:
        RequestError: the model has no such layer, or the quantizer takes features of another width or layer.
    """

    def __init__(
        self,
        hubert: Hubert,
        *,
        checkpoint: Path | str,
        quantizer: Quantizer,
        layer: int,
        device: str,
        dtype: DTypeName,
        batch_seconds: float,
        pad: int = 0,
    ):
        super().__init__(
            hubert,
            checkpoint=checkpoint,
            layer=layer,
            device=device,
            dtype=dtype,
            batch_seconds=batch_seconds,
            pad=pad,
        )
        if quantizer.dimension != self.width:
            raise RequestError(
                f"the quantizer takes features of width {quantizer.dimension}; those of {checkpoint} have width "
                f"{self.width}"
            )
        if quantizer.layer not in (None, layer):
            raise RequestError(
                f"the quantizer was trained on layer {quantizer.layer} of its HuBERT, not on layer {layer}"
            )
        self._quantizer = quantizer
        self._streams = (StreamSpec("units", size=quantizer.size, rate=self.rate, deduplicate=True),)

    @property
    def streams(self) -> tuple[StreamSpec, ...]:
        """One stream."""
        return self._streams

    def encode(self, audios: list[Audio]) -> list[Units]:
        """Units of a batch of mono audio at 16 kHz; audio shorter than one frame has none.

        Raises:
            InputError: audio that is not mono or not at 16 kHz.
        """
        codes = self._quantizer.quantize(self.features(audios))
        return [Units(specs=self._streams, codes={self._streams[0].name: each}) for each in codes]
