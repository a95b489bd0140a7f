"""What this plugin offers."""

from __future__ import annotations

from spiritkit.registry import Component, hookimpl


@hookimpl
def spiritkit_components() -> list[Component]:
    """The encoder, its quantizers, and the conversion of k-means files."""
    return [
        Component(
            "unit_tokenizer",
            "hubert.v1",
            "spiritkit_hubert.tokenizer:HubertTokenizer",
            "phonetic units from a layer of HuBERT",
        ),
        Component(
            "quantizer",
            "linear-ctc.v1",
            "spiritkit_hubert.linear_ctc:LinearCTCQuantizer",
            "codes from a network trained with CTC, as Spirit LM's",
        ),
        Component(
            "quantizer",
            "kmeans.v1",
            "spiritkit_hubert.kmeans:KMeansQuantizer",
            "codes of the nearest centroids",
        ),
        Component(
            "step",
            "convert-kmeans.v1",
            "spiritkit_hubert.convert:ConvertKMeans",
            "scikit-learn k-means file → safetensors",
        ),
    ]
