"""Unidirectional gradual soft parameter sharing: what keeps GradSPSA's audio network near the optical one (eq. 4).

    gamma * sum_{s=1..S} (e - e^{(S-s)/S}) ||theta_OMR,s - theta_A2S,s||^2,  S = 3

The thesis names the layers; it says neither which of their tensors belong together nor what the difference of tensors
of unlike shapes is. Here these are paired:

| s | optical network | audio network |
|---|---|---|
| 1 | block 3: convolution, batch norm's scale and shift | block 2: the same |
| 2 | BiLSTM 1, forward: input weights, bias | interaction block: feed-forward network's first matrix, bias |
|   | BiLSTM 1, forward: recurrent weights, bias | feed-forward network's second matrix, bias |
|   | BiLSTM 1, backward: input weights, bias | attention's values, bias |
|   | BiLSTM 1, backward: recurrent weights, bias | attention's output, bias |
| 3 | BiLSTM 2 | BiLSTM, the same of each |

so that what takes input goes with what takes input, and what goes on from there with what goes on. Without the
interaction block, BiLSTM 1 goes with the BiLSTM in its place. `sharing="overlap"` compares the common leading block of
each pair ((128, 64, 3, 3) and (8, 8, 8, 5): the first 8 filters, their first 8 channels, 3 rows and 3 columns);
`"same_shape"` only pairs of equal shape: of s = 1 none, of s = 2 the feed-forward network's first matrix and bias, of
s = 3 all but the input weights, which dense connections make wider.

Only the audio network gets a gradient.
"""

import math

from torch import Tensor, nn

from .baseline import OpticalNetwork
from .grad_spsa import GradSPSANetwork, InteractionBlock
from .layers import ConvBlock

GAMMA = 1e-7
SHARING = ("overlap", "same_shape")
Pairs = list[tuple[Tensor, Tensor]]


def sharing_penalty(
    optical: OpticalNetwork, audio: GradSPSANetwork, gamma: float = GAMMA, sharing: str = "overlap"
) -> Tensor:
    """Equation 4, (), to be added to the audio network's CTC loss.

    Args:
        gamma: how much it counts.
        sharing: overlap or same_shape, see the module.

    Raises:
        ValueError: gamma is negative or no number, or sharing is unknown.
    """
    if not (gamma >= 0 and math.isfinite(gamma)):
        raise ValueError(f"gamma must be 0 or more, got {gamma}")
    if sharing not in SHARING:
        raise ValueError(f"sharing must be one of {SHARING}, got {sharing!r}")
    layers = shared_layers(optical, audio)
    penalty = next(audio.parameters()).new_zeros(())
    for weight, pairs in zip(layer_weights(len(layers)), layers, strict=True):
        for fixed, free in pairs:
            if sharing == "overlap" or fixed.shape == free.shape:
                penalty = penalty + weight * squared_distance(fixed, free)
    return gamma * penalty


def layer_weights(n_layers: int) -> list[float]:
    """e - e^{(S-s)/S} for s from 1 to S: the deeper a layer, the nearer it is kept."""
    return [math.e - math.exp((n_layers - s) / n_layers) for s in range(1, n_layers + 1)]


def squared_distance(fixed: Tensor, free: Tensor) -> Tensor:
    """Squared Frobenius norm of the difference in the common leading block of two tensors of equal rank."""
    common = tuple(slice(min(sizes)) for sizes in zip(fixed.shape, free.shape, strict=True))
    return (fixed[common].detach() - free[common]).square().sum()


def shared_layers(optical: OpticalNetwork, audio: GradSPSANetwork) -> list[Pairs]:
    """The S layers, each as pairs of an optical and an audio tensor."""
    first, second = optical.lstm1, optical.lstm2
    if audio.interaction is None:
        replaced = _same_names(first, audio.lstm1)
    else:
        replaced = _with_interaction(first, audio.interaction)
    conv3, conv2 = optical.blocks[2], audio.blocks[1]
    assert isinstance(conv3, ConvBlock)
    assert isinstance(conv2, ConvBlock)
    blocks = [*_same_names(conv3.conv, conv2.conv), *_same_names(conv3.norm, conv2.norm)]
    return [blocks, replaced, _same_names(second, audio.lstm2)]


def _same_names(optical: nn.Module, audio: nn.Module) -> Pairs:
    ours = dict(audio.named_parameters())
    return [(tensor, ours[name]) for name, tensor in optical.named_parameters()]


def _with_interaction(lstm: nn.Module, block: InteractionBlock) -> Pairs:
    """The second layer's pairs, see the table."""
    names = ("ahead.{}_ih_l0", "ahead.{}_hh_l0", "back.{}_ih_l0", "back.{}_hh_l0")
    layers = (block.feed_forward1, block.feed_forward2, block.attention.value, block.attention.out)
    theirs = dict(lstm.named_parameters())
    pairs: Pairs = []
    for name, layer in zip(names, layers, strict=True):
        pairs += [(theirs[name.format("weight")], layer.weight), (theirs[name.format("bias")], layer.bias)]
    return pairs
