"""The paper's two phases: what is trained in each, on what, and what is drawn and saved of it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import datasets
import numpy as np
import torch
from accelerate import PartialState
from diffusers.models.attention_processor import AttnProcessor
from PIL import Image
from torch import Tensor, nn

from scorehub.pipelines.text_to_score.prompt import FIELDS, write_prompt
from scorehub.trainers.averaged_training import AveragedModule
from scorehub.trainers.text_to_score_components import (
    Components,
    find_base,
    load_components,
    load_vae,
    save_lora,
    set_scaling_factor,
)
from scorehub.trainers.text_to_score_data import (
    LatentItems,
    PageDraws,
    Pages,
    PixelItems,
    StreamedDraws,
    encode_pages,
    find_vocabulary,
)
from scorehub.trainers.text_to_score_model import LatentDenoising, PageReconstruction, Weighting
from scorehub.trainers.text_to_score_settings import TextToScoreConfig

SHOWN = 4  # held-out pages that the VAE draws again
MEASURED = 64  # pages by which its scaling factor is set
TOKENIZED = 10_000  # prompts of which a tokenizer is made


class Phase(Protocol):
    """A phase: its module, what it is trained and evaluated on, and what becomes of it."""

    module: AveragedModule
    training: Any
    held_out: PageDraws

    def draw(self, net: Any) -> list[Image.Image]:
        """Pages that show what averaged weights can do."""

    def save(self, folder: Path) -> str:
        """Saves what was trained, and returns the base's commit on the Hub, `""` of a local folder."""


class VaePhase:
    """Phase 1: the VAE on squares of pages, or whole ones."""

    def __init__(self, config: TextToScoreConfig, pages: tuple[Pages, Pages]) -> None:
        base, self.commit = find_base(config)
        vae = load_vae(config, base)
        self.sets_scale = config.scratch
        items = PixelItems(vae, config.height, config.width, config.crop)
        self.training, self.held_out = make_draws(config, pages, items, items)
        self._whole = PixelItems(vae, config.height, config.width, 0)
        self.module: AveragedModule = PageReconstruction(vae, config.kl_weight, config.ema_decay)

    @torch.no_grad()
    def draw(self, net: Any) -> list[Image.Image]:
        """Held-out pages, and below what the VAE makes of them."""
        pixels = torch.cat(list(self._pages(SHOWN))).to(net.device)
        again = net.decode(net.encode(pixels).latent_dist.mode()).sample
        both = torch.cat([pixels, again], -2).mean(1).cpu().clamp(-1, 1)
        return [Image.fromarray(((page + 1) * 127.5).byte().numpy()) for page in both]

    def save(self, folder: Path) -> str:
        """See `Phase`; a VAE from scratch gets its scaling factor."""
        net = self.module.averaged_net().eval()
        if self.sets_scale:
            set_scaling_factor(net, (page.to(net.device) for page in self._pages(MEASURED)))
        net.save_pretrained(folder)
        return self.commit

    def _pages(self, count: int) -> Iterator[Tensor]:
        for row in self.held_out.pages.take(count):
            yield self._whole(row, 0, np.random.default_rng(0))["pixels"][None]


class UnetPhase:
    """Phase 2: the UNet on latents; the VAE is frozen, and the text encoder, too, unless it is to be trained."""

    def __init__(self, config: TextToScoreConfig, pages: tuple[Pages, Pages]) -> None:
        self.config, self.vocabulary = config, None
        if config.least_pages and isinstance(pages[0], datasets.Dataset):
            self.vocabulary = find_vocabulary(pages[0], config.least_pages)
        self.parts = parts = load_components(config, _prompts(pages[0]))
        device = PartialState().device
        if device.type == "cpu":  # where PyTorch's fused attention is slow backwards
            parts.unet.set_attn_processor(AttnProcessor())
        parts.vae.to(device)
        train, held_out = (encode_pages(part, parts.vae, config.height, config.width) for part in pages)
        encoder = None if config.text_encoder else parts.text_encoder.to(device)
        dropouts = config.field_dropout, config.text_dropout
        items, fixed = (
            LatentItems(parts.tokenizer, encoder, self.vocabulary, dropouts, fixed=is_fixed)
            for is_fixed in (False, True)
        )
        self.training, self.held_out = make_draws(config, (train, held_out), items, fixed)
        nets = {"unet": parts.unet} | ({"text_encoder": parts.text_encoder} if config.text_encoder else {})
        weighting = Weighting(config.snr_gamma, config.beginning_weight)
        self.module: AveragedModule = LatentDenoising(
            nn.ModuleDict(nets), parts.scheduler, weighting, config.ema_decay
        )

    def draw(self, net: Any) -> list[Image.Image]:
        """A page for each prompt that the settings name."""
        pipe = self._with(net).pipeline(self.vocabulary)
        pipe.set_progress_bar_config(disable=True)
        return [
            page.convert("L")
            for number, prompt in enumerate(self.config.draw)
            for page in pipe(prompt, generator=torch.Generator(pipe.device).manual_seed(number)).images
        ]

    def save(self, folder: Path) -> str:
        """See `Phase`; a whole pipeline in half precision, or low-rank matrices."""
        trained = self._with(self.module.averaged_net())
        if self.config.lora_rank:
            save_lora(trained.unet, folder)
        else:
            trained.pipeline(self.vocabulary).to(torch.float16).save_pretrained(folder)
        return self.parts.commit

    def _with(self, net: Any) -> Components:
        """The components with those that are trained."""
        nets = {"text_encoder": self.parts.text_encoder, **dict(net.items())}
        return replace(self.parts, **nets)


def make_draws(config: TextToScoreConfig, pages: tuple[Pages, Pages], items: Any, fixed: Any) -> tuple[Any, PageDraws]:
    """Items of the pages: `items` to train on, `fixed` ones of held-out pages to evaluate."""
    train, held_out = pages
    if isinstance(held_out, datasets.IterableDataset):
        held_out = datasets.Dataset.from_list(list(held_out.take(config.held_out)), features=held_out.features)
    length = min(config.held_out, len(held_out))
    # Whole batches, so that the mean over batches is that over pages, however many processes share them.
    length -= length % config.batch_size if length > config.batch_size else 0
    evaluation = PageDraws(held_out, fixed, length, config.seed + 1, fixed=True)
    if isinstance(train, datasets.IterableDataset):
        return StreamedDraws(train, items, config.seed), evaluation
    draws = config.batch_size * (config.max_steps or max(1, round(config.epochs * len(train) / config.batch_size)))
    return PageDraws(train, items, draws, config.seed), evaluation


def _prompts(pages: Pages) -> Iterator[str]:
    """Whole prompts of the first rows."""
    for row in pages.take(TOKENIZED).remove_columns("image"):
        yield write_prompt({name: row.get(name) or "" for name in FIELDS})
