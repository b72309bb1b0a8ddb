"""Configuration of the chorale models."""

from typing import Any

from transformers import PreTrainedConfig

NETWORKS = ("bachbot", "tonicnet", "coconet", "music_transformer")
MOST = {"width": 8192, "layers": 64, "heads": 64, "embedding": 8192, "context": 8192}


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
        held_out_nll: of chorales that were held out in training, nats a voice and sixteenth; None if not measured.

    Raises:
        ValueError: the network is unknown, a size is no whole number from 1 to its limit in `MOST`, the heads can't
            share the width, or the dropout is no share.
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
        held_out_nll: float | None = None,
        **kwargs: Any,
    ) -> None:
        if network not in NETWORKS:
            raise ValueError(f"network must be one of {', '.join(NETWORKS)}, got {network!r}")
        self.network, self.width, self.layers, self.heads = network, width, layers, heads
        self.embedding, self.dropout, self.context = embedding, dropout, context
        self.held_out_nll = held_out_nll
        for name, most in MOST.items():
            if type(size := getattr(self, name)) is not int or not 1 <= size <= most:
                raise ValueError(f"{name} must be 1 to {most}, got {size!r}")
        if network == "music_transformer" and width % heads:
            raise ValueError(f"width must be a multiple of the {heads} heads, got {width}")
        if not isinstance(dropout, (int, float)) or not 0 <= dropout < 1:
            raise ValueError(f"dropout must be 0 to below 1, got {dropout!r}")
        super().__init__(**kwargs)
