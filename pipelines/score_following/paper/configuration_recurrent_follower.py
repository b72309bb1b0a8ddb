"""Configuration of the recurrent follower that `modeling_recurrent_follower.py` holds."""

from typing import Any

from transformers import PretrainedConfig

CELLS = ("srn", "gru", "lstm")
EXCERPTS = ("own", "whole")


class RecurrentFollowerConfig(PretrainedConfig):
    """Sizes, loss and what is seen of the sheet; the defaults are the paper's.

    Args:
        cell: srn (Elman's simple recurrent network), gru or lstm.
        hidden_size: of each recurrent layer.
        num_layers: of recurrent cells.
        jump_weight: lambda of equation 1.
        width: what all channels and dense layers of Figure 3 are multiplied by.
        dropout: of Figure 3's dropout layers.
        excerpt: own (a window of the strip about the model's last position) or whole (all of it, squeezed).

    Raises:
        ValueError: a value is out of range.
    """

    model_type = "recurrent_follower"

    cell: str = "lstm"
    hidden_size: int = 1024
    num_layers: int = 2
    jump_weight: float = 0.2
    width: float = 1.0
    dropout: float = 0.2
    excerpt: str = "own"

    def __post_init__(self, **kwargs: Any) -> None:
        """Checks the values."""
        if self.cell not in CELLS:
            raise ValueError(f"cell must be one of {CELLS}, got {self.cell!r}")
        if self.excerpt not in EXCERPTS:
            raise ValueError(f"excerpt must be one of {EXCERPTS}, got {self.excerpt!r}")
        if self.hidden_size < 1 or self.num_layers < 1 or not 0 < self.width <= 16:
            raise ValueError(
                "hidden_size and num_layers must be 1 or more and width above 0 to 16, "
                f"got {self.hidden_size}, {self.num_layers}, {self.width}"
            )
        if not self.jump_weight >= 0 or not 0 <= self.dropout < 1:
            raise ValueError(
                f"jump_weight must be 0 or more and dropout 0 to below 1, got {self.jump_weight}, {self.dropout}"
            )
        super().__post_init__(**kwargs)
