"""From a latent diffusion checkpoint in CompVis's naming to a folder that `from_pretrained` loads.

    convert_ldm(Path("ScoreDiffusion.ckpt"), Path("score-diffusion"), tokenizer="openai/clip-vit-large-patch14")

The renaming is diffusers' own; here each key is accounted for, and shapes decide on the networks' sizes.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from diffusers.loaders import single_file_utils as renaming
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from scorehub.ldm_checkpoint import OPEN_CLIP, UNET, VAE, Checkpoint, Weights, read_checkpoint
from scorehub.ldm_shapes import text_config, unet_config, vae_config
from scorehub.pipelines.text_to_score.pipeline import TextToScorePipeline

PREDICTIONS = ("epsilon", "v_prediction")
LATENT_SCALE = 0.18215  # of Stable Diffusion's latents (seed 000, table 2)
_BETAS = (0.00085, 0.012)  # of Stable Diffusion


def convert_ldm(
    path: Path,
    output: Path,
    tokenizer: str,
    averaged: bool = False,
    prediction: str = "epsilon",
    half: bool = False,
) -> list[str]:
    """Converts a checkpoint; returns names of keys that a pipeline needs no more.

    Args:
        tokenizer: folder or Hub repository of the CLIP tokenizer that the text encoder was trained with.
        averaged: takes the moving averages of the UNet's weights, where there are any.
        prediction: what the UNet predicts, `epsilon` or `v_prediction`: shapes can't tell.
        half: saves in half precision.

    Raises:
        ValueError: the checkpoint is not whole or not of this kind, the tokenizer does not fit, or the folder is
            not empty.
    """
    if prediction not in PREDICTIONS:
        raise ValueError(f"prediction must be one of {', '.join(PREDICTIONS)}, got {prediction!r}")
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise ValueError(f"output must be a new or an empty folder, got {output}")
    checkpoint = read_checkpoint(path)
    if averaged and len(checkpoint.averaged) != len(checkpoint.unet):
        given = f"{len(checkpoint.averaged)} of {len(checkpoint.unet)}"
        raise ValueError(f"checkpoint must have an average of each weight of the UNet, got {given}")
    pipe = build_pipeline(checkpoint, CLIPTokenizer.from_pretrained(tokenizer), averaged, prediction)
    (pipe.to(torch.float16) if half else pipe).save_pretrained(output)
    unused = [] if averaged else [f"{UNET}{name}, average" for name in checkpoint.averaged]
    return checkpoint.left + unused


def build_pipeline(checkpoint: Checkpoint, tokenizer: Any, averaged: bool, prediction: str) -> TextToScorePipeline:
    """The pipeline of a checkpoint; ValueError as `convert_ldm`."""
    sizes = text_config(checkpoint.text)
    if len(tokenizer) != (n_tokens := sizes["vocab_size"]):
        raise ValueError(f"tokenizer must have the text encoder's {n_tokens:,} tokens, got {len(tokenizer):,}")
    tokenizer.model_max_length = sizes["max_position_embeddings"]
    return TextToScorePipeline(
        _vae(checkpoint),
        _text_encoder(checkpoint, tokenizer),
        tokenizer,
        _unet(checkpoint, averaged),
        _scheduler(checkpoint, prediction),
    )


def _unet(checkpoint: Checkpoint, averaged: bool) -> UNet2DConditionModel:
    weights = checkpoint.averaged if averaged else checkpoint.unet
    config = unet_config(weights)
    unet = UNet2DConditionModel(**config, sample_size=64)
    renamed = renaming.convert_ldm_unet_checkpoint(_prefixed(weights, UNET), config)
    return _filled(unet, renamed, weights.values())


def _vae(checkpoint: Checkpoint) -> AutoencoderKL:
    config = vae_config(checkpoint.vae)
    scale = float(checkpoint.schedule.get("scale_factor", torch.tensor(LATENT_SCALE)))
    vae = AutoencoderKL(**config, sample_size=512, scaling_factor=scale)
    renamed = renaming.convert_ldm_vae_checkpoint(_prefixed(checkpoint.vae, VAE), config)
    return _filled(vae, renamed, checkpoint.vae.values())


def _text_encoder(checkpoint: Checkpoint, tokenizer: Any) -> CLIPTextModel:
    ends = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    encoder = CLIPTextModel(CLIPTextConfig(**text_config(checkpoint.text), **ends))
    renamed = renaming.convert_open_clip_checkpoint(encoder, _prefixed(checkpoint.text, OPEN_CLIP))
    own = {name.removeprefix("text_model."): value for name, value in renamed.items()}
    return _filled(encoder, own, checkpoint.text.values())


def _scheduler(checkpoint: Checkpoint, prediction: str) -> DDIMScheduler:
    """The paper's sampler, with the noise schedule of the training."""
    options: dict[str, Any] = {"beta_schedule": "scaled_linear", "beta_start": _BETAS[0], "beta_end": _BETAS[1]}
    if (betas := checkpoint.schedule.get("betas")) is not None:
        first, last = float(betas[0]), float(betas[-1])
        expected = torch.linspace(first**0.5, last**0.5, len(betas), dtype=torch.float64) ** 2
        if torch.allclose(expected, betas.double(), rtol=1e-4):
            options = {"beta_schedule": "scaled_linear", "beta_start": first, "beta_end": last}
        else:
            options = {"trained_betas": betas.tolist()}
        options["num_train_timesteps"] = len(betas)
    return DDIMScheduler(
        **options, clip_sample=False, set_alpha_to_one=False, steps_offset=1, prediction_type=prediction
    )


def _prefixed(weights: Weights, prefix: str) -> Weights:
    return {prefix + name: value for name, value in weights.items()}


def _filled(model: Any, renamed: Weights, given: Iterable[Tensor]) -> Any:
    """The model with these weights, each of which must have come from the checkpoint and found its place."""
    n_given, n_renamed = sum(value.numel() for value in given), sum(value.numel() for value in renamed.values())
    if n_given != n_renamed:
        raise ValueError(
            f"checkpoint must have weights of {type(model).__name__} alone, got {n_given - n_renamed} more"
        )
    try:
        model.load_state_dict(renamed)
    except RuntimeError as error:
        raise ValueError(f"checkpoint must have all weights of {type(model).__name__}, got {error}") from None
    return model.eval()
