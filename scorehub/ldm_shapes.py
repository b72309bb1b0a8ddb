"""Configurations of diffusers' models, measured off weights in CompVis's naming.

What shapes can't tell is as in Stable Diffusion 2: heads of 64 channels, GroupNorm of 32, SiLU, GELU in the text
encoder (seed 000, table 2).
"""

import re
from typing import Any

from torch import Tensor

HEAD_CHANNELS = 64


def unet_config(weights: dict[str, Tensor]) -> dict[str, Any]:
    """Of a UNet2DConditionModel.

    Raises:
        ValueError: it is not shaped like Stable Diffusion 2's.
    """
    levels = _levels(weights)
    layers = {len(level) for level in levels}
    if len(layers) > 1 or layers == {0} or weights.get("middle_block.1.proj_in.weight", Tensor()).ndim != 2:
        raise ValueError(
            "checkpoint must be shaped like Stable Diffusion 2's, with linear projections, got another UNet"
        )
    channels = [_size(weights, f"input_blocks.{level[0]}.0.out_layers.3.weight") for level in levels]
    attends = [f"input_blocks.{level[0]}.1.proj_in.weight" in weights for level in levels]
    context = _size(weights, "middle_block.1.transformer_blocks.0.attn2.to_k.weight", 1)
    depth = _count(weights, r"middle_block\.1\.transformer_blocks\.(\d+)\.")
    return {
        "in_channels": _size(weights, "input_blocks.0.0.weight", 1),
        "out_channels": _size(weights, "out.2.weight"),
        "block_out_channels": tuple(channels),
        "down_block_types": tuple("CrossAttnDownBlock2D" if each else "DownBlock2D" for each in attends),
        "up_block_types": tuple("CrossAttnUpBlock2D" if each else "UpBlock2D" for each in attends[::-1]),
        "layers_per_block": layers.pop(),
        "transformer_layers_per_block": depth,
        "cross_attention_dim": context,
        "attention_head_dim": tuple(max(1, each // HEAD_CHANNELS) for each in channels),  # diffusers: number of heads
        "use_linear_projection": True,
    }


def _levels(weights: dict[str, Tensor]) -> list[list[int]]:
    """Numbers of the input blocks of each resolution, without those that halve it."""
    levels: list[list[int]] = [[]]
    for block in range(1, _count(weights, r"input_blocks\.(\d+)\.")):
        if f"input_blocks.{block}.0.op.weight" in weights:
            levels.append([])
        else:
            levels[-1].append(block)
    return levels


def vae_config(weights: dict[str, Tensor]) -> dict[str, Any]:
    """Of an AutoencoderKL.

    Raises:
        ValueError: it is not shaped like a KL autoencoder with attention in its middle.
    """
    n_levels = _count(weights, r"encoder\.down\.(\d+)\.")
    channels = [_size(weights, f"encoder.down.{level}.block.0.conv2.weight") for level in range(n_levels)]
    return {
        "in_channels": _size(weights, "encoder.conv_in.weight", 1),
        "out_channels": _size(weights, "decoder.conv_out.weight"),
        "block_out_channels": tuple(channels),
        "down_block_types": ("DownEncoderBlock2D",) * n_levels,
        "up_block_types": ("UpDecoderBlock2D",) * n_levels,
        "layers_per_block": _count(weights, r"encoder\.down\.0\.block\.(\d+)\."),
        "latent_channels": _size(weights, "quant_conv.weight") // 2,
    }


def text_config(weights: dict[str, Tensor]) -> dict[str, Any]:
    """Of a CLIPTextModel, from OpenCLIP's naming.

    Raises:
        ValueError: it is not shaped like OpenCLIP's text encoder.
    """
    width = _size(weights, "token_embedding.weight", 1)
    return {
        "vocab_size": _size(weights, "token_embedding.weight"),
        "hidden_size": width,
        "intermediate_size": _size(weights, "transformer.resblocks.0.mlp.c_fc.weight"),
        "num_hidden_layers": _count(weights, r"transformer\.resblocks\.(\d+)\."),
        "num_attention_heads": max(1, width // HEAD_CHANNELS),
        "max_position_embeddings": _size(weights, "positional_embedding"),
        "hidden_act": "gelu",
    }


def _count(weights: dict[str, Tensor], pattern: str) -> int:
    """How many numbers are in names: 0, 1 and so on without a gap."""
    found = {match[1] for name in weights if (match := re.match(pattern, name))}
    if gaps := found - {str(number) for number in range(len(found))}:
        raise ValueError(f"checkpoint must number its blocks from 0 without a gap, got a block {min(gaps)[:40]}")
    return len(found)


def _size(weights: dict[str, Tensor], name: str, axis: int = 0) -> int:
    if name not in weights or weights[name].ndim <= axis:
        raise ValueError(f"checkpoint must be shaped like Stable Diffusion 2's, got no {name}")
    return weights[name].shape[axis]
