"""What this plugin offers."""

from __future__ import annotations

from spiritkit.registry import Component, hookimpl


@hookimpl
def spiritkit_components() -> list[Component]:
    """Two F0 extractors, the tokenizer that turns their tracks into codes, its training, and what a report draws."""
    return [
        Component("f0_extractor", "fcpe.v1", "spiritkit_f0.fcpe:FCPE", "FCPE, the released tokenizer's F0; 200 Hz"),
        Component("f0_extractor", "pyin.v1", "spiritkit_f0.pyin:PYIN", "probabilistic YIN; 200 Hz; extra `pyin`"),
        Component("unit_tokenizer", "f0-vqvae.v1", "spiritkit_f0.f0_vqvae:F0VQVAE", "F0 and voicing → VQ-VAE codes"),
        Component("step", "train-f0-vqvae.v1", "spiritkit_f0.train:TrainF0VQVAE", "corpus → VQ-VAE of `f0-vqvae.v1`"),
        Component("panel", "f0.v1", "spiritkit_f0.panel:F0Panel", "F0 as measured, and as the pitch codes say it"),
    ]
