"""Weights as they are saved: in half precision, which takes half the room and is single again when it is loaded."""

import torch
from torch import Tensor, nn


def half_weights(model: nn.Module) -> dict[str, Tensor]:
    """The state dict of `model` in half precision, whole numbers as they are.

    Raises:
        ValueError: a weight is too large for half precision.
    """
    state = {name: value.half() if value.is_floating_point() else value for name, value in model.state_dict().items()}
    infinite = next((name for name, value in state.items() if not torch.isfinite(value).all()), None)
    if infinite is not None:
        raise ValueError(f"weights must be finite in half precision, got others in {infinite}")
    return state
