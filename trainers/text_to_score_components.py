"""The components of Stable Diffusion that a text-to-score training begins with, and the folders that it ends with."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from huggingface_hub import snapshot_download
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer, set_seed

from scorehub.pipelines.text_to_score.pipeline import TextToScorePipeline
from scorehub.trainers.text_to_score_settings import TextToScoreConfig

TOKENS = 1000  # of a tokenizer that is made of prompts
LORA_TARGETS = ["to_q", "to_k", "to_v", "to_out.0"]


@dataclass
class Components:
    """What a training of the UNet begins with; `commit` is the base's on the Hub, `""` of a local folder."""

    vae: Any
    text_encoder: Any
    tokenizer: Any
    unet: Any
    scheduler: Any
    commit: str

    def pipeline(self, vocabulary: Mapping[str, list[str]] | None) -> TextToScorePipeline:
        """The components as a pipeline that samples with DPM-Solver++."""
        scheduler = DPMSolverMultistepScheduler.from_config(self.scheduler.config)
        learnt = None if vocabulary is None else dict(vocabulary)
        return TextToScorePipeline(
            self.vae, self.text_encoder, self.tokenizer, self.unet, scheduler, vocabulary=learnt
        )


def find_base(config: TextToScoreConfig) -> tuple[Path, str]:
    """The folder of the base, which is fetched where it is on the Hub, and its commit there.

    Raises:
        ValueError: there is no such folder or repository.
    """
    if not config.base:
        return Path(str(files("scorehub.pipelines.text_to_score"))), ""
    if Path(config.base).is_dir():
        return Path(config.base), ""
    wanted = [f"{name}/*.{end}" for name in ("vae", "unet", "text_encoder") for end in ("json", "safetensors")]
    try:
        folder = snapshot_download(
            config.base,
            revision=config.revision or None,
            allow_patterns=["model_index.json", "scheduler/*", "tokenizer/*", *wanted],
            ignore_patterns=["*.fp16.safetensors", "*.non_ema.safetensors"],
        )
    except (OSError, ValueError) as error:
        raise ValueError(f"base must be a folder or a repository of the Hub, got {config.base!r}: {error}") from None
    return Path(folder), Path(folder).name


def load_vae(config: TextToScoreConfig, base: Path) -> Any:
    """The VAE to train, or that is used: of `config.vae`, of the base, or with seeded random weights."""
    if config.preset.endswith("vae") and config.scratch:
        set_seed(config.seed)
        return AutoencoderKL.from_config(AutoencoderKL.load_config(base / "vae"))
    folder = Path(config.vae) if config.vae else base / "vae"
    if not any(folder.glob("*.safetensors")):
        raise ValueError(f"vae must be a folder with weights (*.safetensors), got {folder}")
    return AutoencoderKL.from_pretrained(folder, use_safetensors=True)


def load_components(config: TextToScoreConfig, prompts: Iterable[str]) -> Components:
    """All components; from scratch UNet and text encoder have seeded random weights.

    Args:
        prompts: of which a tokenizer is made where the text encoder is trained from scratch.

    Raises:
        ValueError: a folder that weights are to be read of has none, or is of another kind than Stable Diffusion's.
    """
    base, commit = find_base(config)
    vae = load_vae(config, base).requires_grad_(False).eval()
    text_encoder, tokenizer = _load_text(config, base, prompts)
    set_seed(config.seed)
    if config.scratch:
        unet = UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(base / "unet"))
    else:
        _require(base / "unet")
        unet = UNet2DConditionModel.from_pretrained(base / "unet", use_safetensors=True)
    if unet.config.in_channels != vae.config.latent_channels:
        found = f"{unet.config.in_channels} and {vae.config.latent_channels}"
        raise ValueError(f"unet and vae must have latents of the same channels, got {found}")
    if config.lora_rank:
        unet.requires_grad_(False)
        rank = config.lora_rank
        unet.add_adapter(
            LoraConfig(r=rank, lora_alpha=rank, target_modules=LORA_TARGETS, init_lora_weights="gaussian")
        )
    if config.gradient_checkpointing:
        unet.enable_gradient_checkpointing()
    scheduler: Any = DPMSolverMultistepScheduler.from_pretrained(base / "scheduler")
    if config.prediction:
        scheduler.register_to_config(prediction_type=config.prediction)
    return Components(vae, text_encoder, tokenizer, unet, scheduler, commit)


def _load_text(config: TextToScoreConfig, base: Path, prompts: Iterable[str]) -> tuple[Any, Any]:
    folder = base / "text_encoder"
    if not (config.scratch and config.text_encoder):
        _require(folder)
        encoder = CLIPTextModel.from_pretrained(folder, use_safetensors=True, dtype=torch.float32)
        return encoder.requires_grad_(config.text_encoder), CLIPTokenizer.from_pretrained(base / "tokenizer")
    settings = CLIPTextConfig.from_pretrained(folder)
    tokenizer = CLIPTokenizer(model_max_length=settings.max_position_embeddings)
    tokenizer = tokenizer.train_new_from_iterator(prompts, TOKENS)
    settings.vocab_size = len(tokenizer)
    settings.bos_token_id, settings.eos_token_id = tokenizer.bos_token_id, tokenizer.eos_token_id
    set_seed(config.seed)
    return CLIPTextModel(settings), tokenizer


def _require(folder: Path) -> None:
    if not any(folder.glob("*.safetensors")):
        raise ValueError(f"base must have weights (*.safetensors) in {folder.name}/, got none; scratch makes new ones")


def save_lora(unet: Any, folder: Path) -> None:
    """Saves the low-rank matrices for `load_lora_weights`."""
    TextToScorePipeline.save_lora_weights(folder, unet_lora_layers=get_peft_model_state_dict(unet))


@torch.no_grad()
def set_scaling_factor(vae: Any, batches: Iterable[torch.Tensor]) -> None:
    """Notes in the VAE's settings by what latents must be multiplied to have a standard deviation of 1."""
    means = torch.cat([vae.encode(pixels).latent_dist.mean.flatten() for pixels in batches])
    vae.register_to_config(scaling_factor=round(1 / float(means.std()), 5))
