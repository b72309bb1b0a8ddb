"""Configuration of the chorale models."""

from typing import Any

from transformers import PreTrainedConfig

NETWORKS = ("bachbot", "tonicnet", "coconet", "music_transformer")


class ChoralesConfig(PreTrainedConfig):
    """Which network, and how large.

    Args:
        network: one of `NETWORKS`.
        width: of hidden states, or filters of a convolution.
        layers: recurrent, attention or residual ones.
        heads: of attention.
        embedding: width of a token's, of recurrent networks.
        dropout: share of what is dropped in training.
        context: steps that attention looks back at most, or that a convolution sees at once.

    Raises:
        ValueError: the network is unknown.
    """

    model_type = "chorales"

    def __init__(
        self,
        network: str = "tonicnet",
        width: int = 256,
        layers: int = 3,
        heads: int = 4,
        embedding: int = 128,
        dropout: float = 0.3,
        context: int = 128,
        **kwargs: Any,
    ) -> None:
        if network not in NETWORKS:
            raise ValueError(f"network must be one of {', '.join(NETWORKS)}, got {network!r}")
        self.network, self.width, self.layers, self.heads = network, width, layers, heads
        self.embedding, self.dropout, self.context = embedding, dropout, context
        super().__init__(**kwargs)
