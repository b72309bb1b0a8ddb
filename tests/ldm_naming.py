"""A small latent diffusion model of random weights, and the names that CompVis's code gives to its weights."""

import re

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from tiny_diffusion import tiny_tokenizer
from transformers import CLIPTextConfig, CLIPTextModel

UNET_RULES = [
    (r"^conv_in", "input_blocks.0.0"),
    (r"^time_embedding\.linear_(\d)", lambda m: f"time_embed.{2 * int(m[1]) - 2}"),
    (r"^conv_norm_out", "out.0"),
    (r"^conv_out", "out.2"),
    (r"^down_blocks\.(\d)\.resnets\.(\d)", lambda m: f"input_blocks.{2 * int(m[1]) + int(m[2]) + 1}.0"),
    (r"^down_blocks\.(\d)\.attentions\.(\d)", lambda m: f"input_blocks.{2 * int(m[1]) + int(m[2]) + 1}.1"),
    (r"^down_blocks\.(\d)\.downsamplers\.0\.conv", lambda m: f"input_blocks.{2 * int(m[1]) + 2}.0.op"),
    (r"^mid_block\.resnets\.(\d)", lambda m: f"middle_block.{2 * int(m[1])}"),
    (r"^mid_block\.attentions\.0", "middle_block.1"),
    (r"^up_blocks\.(\d)\.resnets\.(\d)", lambda m: f"output_blocks.{2 * int(m[1]) + int(m[2])}.0"),
    (r"^up_blocks\.(\d)\.attentions\.(\d)", lambda m: f"output_blocks.{2 * int(m[1]) + int(m[2])}.1"),
    (r"^up_blocks\.(\d)\.upsamplers\.0\.conv", lambda m: f"output_blocks.{2 * int(m[1]) + 1}.1.conv"),
    (r"\.norm1\.(?=\w+$)", ".in_layers.0."),
    (r"\.conv1\.", ".in_layers.2."),
    (r"\.time_emb_proj\.", ".emb_layers.1."),
    (r"\.norm2\.(?=\w+$)", ".out_layers.0."),
    (r"\.conv2\.", ".out_layers.3."),
    (r"\.conv_shortcut\.", ".skip_connection."),
]
VAE_RULES = [
    (r"\.down_blocks\.", ".down."),
    (r"\.up_blocks\.(\d)", lambda m: f".up.{1 - int(m[1])}"),
    (r"\.(\d)\.resnets\.", r".\1.block."),
    (r"\.downsamplers\.0\.", ".downsample."),
    (r"\.upsamplers\.0\.", ".upsample."),
    (r"\.mid_block\.resnets\.(\d)", lambda m: f".mid.block_{int(m[1]) + 1}"),
    (r"\.mid_block\.attentions\.0", ".mid.attn_1"),
    (r"\.group_norm\.", ".norm."),
    (r"\.to_([qkv])\.", r".\1."),
    (r"\.to_out\.0\.", ".proj_out."),
    (r"\.conv_norm_out\.", ".norm_out."),
    (r"\.conv_shortcut\.", ".nin_shortcut."),
]
TEXT_RULES = [
    (r"^encoder\.layers\.", "transformer.resblocks."),
    (r"\.self_attn\.", ".attn."),
    (r"\.layer_norm(\d)\.", r".ln_\1."),
    (r"\.fc1\.", ".c_fc."),
    (r"\.fc2\.", ".c_proj."),
    (r"^embeddings\.token_embedding", "token_embedding"),
    (r"^embeddings\.position_embedding\.weight", "positional_embedding"),
    (r"^final_layer_norm", "ln_final"),
]


def small_models():
    """UNet, VAE and a text encoder with a layer less than the checkpoint will have."""
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        sample_size=64, block_out_channels=(64, 128), layers_per_block=1, cross_attention_dim=64,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        attention_head_dim=(1, 2), use_linear_projection=True,
    )  # fmt: skip
    vae = AutoencoderKL(
        block_out_channels=(32, 64), down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2, layers_per_block=1, latent_channels=4,
    )  # fmt: skip
    tokenizer = tiny_tokenizer()
    text = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=2,
            num_attention_heads=1, max_position_embeddings=48, hidden_act="gelu",
            bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
        )
    )  # fmt: skip
    return unet.eval(), vae.eval(), text.eval(), tokenizer


def rename(weights, rules, prefix):
    return {prefix + _renamed(name, rules): value.clone() for name, value in weights.items()}


def _renamed(name, rules):
    for pattern, new in rules if "transformer_blocks" not in name else rules[:12]:
        name = re.sub(pattern, new, name)
    return name


def to_compvis(unet, vae, text):
    """What CompVis's trainer would have saved of these models."""
    weights = rename(unet.state_dict(), UNET_RULES, "model.diffusion_model.")
    weights |= rename(vae.state_dict(), VAE_RULES, "first_stage_model.")
    for name in list(weights):
        if ".attn_1." in name and name.endswith("weight") and weights[name].ndim == 2:
            weights[name] = weights[name][:, :, None, None]  # its attention is made of convolutions
    return weights | _open_clip(text.state_dict()) | _schedule()


def _open_clip(weights):
    prefix = "cond_stage_model.model."
    found = rename(weights, TEXT_RULES, prefix)
    n_layers = 1 + max(int(name.split(".")[2]) for name in weights if name.startswith("encoder.layers."))
    for layer in range(n_layers):
        for kind in ("weight", "bias"):
            parts = [found.pop(f"{prefix}transformer.resblocks.{layer}.attn.{each}_proj.{kind}") for each in "qkv"]
            found[f"{prefix}transformer.resblocks.{layer}.attn.in_proj_{kind}"] = torch.cat(parts)
    last = {name: value for name, value in found.items() if f"resblocks.{n_layers - 1}." in name}
    found |= {
        name.replace(f"resblocks.{n_layers - 1}.", f"resblocks.{n_layers}."): value + 1 for name, value in last.items()
    }
    return found | {f"{prefix}logit_scale": torch.tensor(4.6), f"{prefix}text_projection": torch.eye(64)}


def _schedule():
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    return {"betas": betas.float(), "alphas_cumprod": (1 - betas).cumprod(0).float(), "logvar": torch.zeros(1000)}
