"""The sizes of a HuBERT that is to be trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from transformers import HubertConfig, HubertModel

from spiritkit.checks import check_range
from spiritkit.errors import RequestError
from spiritkit_hubert.log_mel import new_model
from spiritkit_hubert.own_format import log_mel_config


@dataclass(frozen=True)
class Architecture:
    """Sizes of an encoder; the defaults are the released one's (HuBERT Base at 25 Hz).

    Attributes:
        front_end: `waveform`: convolutions over the samples with a group norm, as released. `log-mel`: two convolutions
            over log-mel frames with layer norms, which learn faster and cost less in small models.
        frame_rate: frames per second.
        layers: of the transformer.
        width: of the transformer.
        heads: of its attention; they divide the width.
        feed_forward: width inside its layers.
        channels: of the convolutions.
        mels: bands of the log-mel front end.
        position_kernel: frames that the convolution for positions sees; it has 16 groups.
        dropout: in attention, in layers, and behind the front end.
        layer_drop: share of layers that a training step skips.

    Raises:
        RequestError: a value is out of range.
    """

    front_end: Literal["waveform", "log-mel"] = "waveform"
    frame_rate: Literal[25, 50] = 25
    layers: int = 12
    width: int = 768
    heads: int = 12
    feed_forward: int = 3072
    channels: int = 512
    mels: int = 80
    position_kernel: int = 128
    dropout: float = 0.1
    layer_drop: float = 0.05

    def __post_init__(self) -> None:
        sizes = ("layers", "width", "heads", "feed_forward", "channels", "mels", "position_kernel")
        check_range("architecture", {name: getattr(self, name) for name in sizes}, at_least=1)
        check_range("architecture", {"dropout": self.dropout, "layer_drop": self.layer_drop}, at_least=0, below=1)
        if self.width % self.heads or self.width % _GROUPS:
            raise RequestError(
                f"architecture: width is {self.width}; expected a multiple of heads ({self.heads}) and of {_GROUPS}"
            )

    def build(self) -> HubertModel:
        """A model in training mode; its weights are drawn from PyTorch's global random numbers."""
        settings = {
            "hidden_size": self.width,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "intermediate_size": self.feed_forward,
            "num_conv_pos_embeddings": self.position_kernel,
            "num_conv_pos_embedding_groups": _GROUPS,
            "hidden_dropout": self.dropout,
            "attention_dropout": self.dropout,
            "activation_dropout": 0.0,
            "feat_proj_dropout": self.dropout,
            "layerdrop": self.layer_drop,
        }
        halvings = 2 if self.frame_rate == 25 else 1  # from 100 log-mel frames a second
        if self.front_end == "log-mel":
            kernels = [3, 2][-halvings:]
            return new_model(log_mel_config(self.mels, self.channels, kernels, [2] * halvings, **settings)).train()
        kernels = [10, 3, 3, 3, 3, 2, 2, 2][: 6 + halvings]
        config = HubertConfig(
            conv_dim=[self.channels] * len(kernels),
            conv_kernel=kernels,
            conv_stride=[5, *[2] * (len(kernels) - 1)],
            num_feat_extract_layers=len(kernels),
            feat_extract_norm="group",
            conv_bias=False,
            mask_time_prob=0.0,
            mask_feature_prob=0.0,
            attn_implementation="sdpa",
            **settings,
        )
        return HubertModel(config).train()


_GROUPS = 16
