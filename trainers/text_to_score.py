"""Trains `pipelines/text_to_score` in the paper's two phases: the VAE, then the UNet on its latents.

    python -m scorehub.trainers.text_to_score --preset vae --scratch --data pages --output_dir runs/vae
    python -m scorehub.trainers.text_to_score --preset unet --scratch --data pages --vae runs/vae/model \\
        --output_dir runs/pages
    accelerate launch --num_processes 8 -m scorehub.trainers.text_to_score --preset paper_unet --data musicscore/ \\
        --base REPOSITORY_OF_STABLE_DIFFUSION_2 --vae runs/paper_vae/model --output_dir runs/paper
    python -m scorehub.trainers.text_to_score --preset paper_unet --lora_rank 16 ... --output_dir runs/lora

Data are any dataset with `image` and fields of the prompt; `text_to_score_corpus` writes one. Saved in
`output_dir/model` are the averaged weights of the best evaluation, losses in `output_dir/results.json`. A killed run
goes on when its command is given again, and ends as it would have; `--epochs` may differ then.

Source: Lin et al., MusicScore, 2024, section 4 and appendix B.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import torch
from PIL import Image
from torch import nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_utils import get_last_checkpoint

from scorehub import cards, hub
from scorehub.pipelines.text_to_score.prompt import FIELDS, write_prompt
from scorehub.trainers.averaged_training import AveragedModule, AverageWeights, LossTrainer
from scorehub.trainers.run_settings import claim_folder
from scorehub.trainers.text_to_score_components import (
    Components,
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
    load_pages,
)
from scorehub.trainers.text_to_score_model import LatentDenoising, PageReconstruction
from scorehub.trainers.text_to_score_settings import FREE, TextToScoreConfig, parse_config, training_arguments

SHOWN = 4  # held-out pages that the VAE draws again at each evaluation
MEASURED = 64  # pages by which its scaling factor is set


class DrawPages(TrainerCallback):
    """Draws pages with the averaged weights at each evaluation, as `folder/STEP.png`."""

    def __init__(self, draw: Callable[[Any], list[Image.Image]], folder: Path) -> None:
        self.draw, self.folder = draw, folder

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """See the class."""
        pages = self.draw(kwargs["model"].averaged_net()) if state.is_world_process_zero else []
        if not pages:
            return
        sheet = Image.new("L", (sum(page.width for page in pages), max(page.height for page in pages)), 255)
        for number, page in enumerate(pages):
            sheet.paste(page, (sum(before.width for before in pages[:number]), 0))
        self.folder.mkdir(parents=True, exist_ok=True)
        sheet.save(self.folder / f"{state.global_step:06d}.png")


def make_trainer(
    config: TextToScoreConfig, module: AveragedModule, data: tuple[Any, Any], draw: Callable[[Any], list[Image.Image]]
) -> LossTrainer:
    """A trainer of `module` on the draws `data`: for training, and fixed ones for evaluation."""
    training, held_out = data
    draws = config.max_steps * config.batch_size or len(training)
    return LossTrainer(
        model=module,
        args=training_arguments(config, draws),
        train_dataset=training,
        eval_dataset=held_out,
        callbacks=[AverageWeights(), DrawPages(draw, Path(config.output_dir) / "drawn")],
    )


def make_draws(config: TextToScoreConfig, pages: tuple[Pages, Pages], items: Any, fixed: Any) -> tuple[Any, Any]:
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


Save = Callable[[Path], str]  # saves what was trained into a folder, and tells the base's commit on the Hub


def train_vae(config: TextToScoreConfig, pages: tuple[Pages, Pages]) -> tuple[LossTrainer, Save]:
    """Phase 1."""
    vae = load_vae(config).to(memory_format=torch.channels_last)
    items = PixelItems(vae, config.height, config.width, config.crop)
    training, held_out = make_draws(config, pages, items, items)
    whole = PixelItems(vae, config.height, config.width, 0)
    shown = [whole(row, 0, np.random.default_rng(0))["pixels"] for row in held_out.pages.take(SHOWN)]
    module = PageReconstruction(vae, config.kl_weight, config.ema_decay)

    @torch.no_grad()
    def draw(net: Any) -> list[Image.Image]:
        pixels = torch.stack(shown).to(net.device)
        again = net.decode(net.encode(pixels).latent_dist.mode()).sample
        both = torch.cat([pixels, again], -2).mean(1).cpu().clamp(-1, 1)
        return [Image.fromarray(((page + 1) * 127.5).byte().numpy()) for page in both]

    def save(folder: Path) -> str:
        net = module.averaged_net().to(memory_format=torch.contiguous_format).eval()
        if config.scratch:
            rows = held_out.pages.take(MEASURED)
            pixels = (whole(row, 0, np.random.default_rng(0))["pixels"][None].to(net.device) for row in rows)
            set_scaling_factor(net, pixels)
        net.save_pretrained(folder)
        return ""

    return fit(make_trainer(config, module, (training, held_out), draw)), save


def train_unet(config: TextToScoreConfig, pages: tuple[Pages, Pages]) -> tuple[LossTrainer, Save]:
    """Phase 2."""
    vocabulary = None
    if config.least_pages and not config.streaming:
        vocabulary = find_vocabulary(pages[0], config.least_pages)  # type: ignore[arg-type]
    parts = load_components(config, _prompts(pages[0]))
    parts.unet.to(memory_format=torch.channels_last)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    parts.vae.to(device)
    encoded = tuple(encode_pages(part, parts.vae, config.height, config.width) for part in pages)
    encoder = None if config.text_encoder else parts.text_encoder.to(device)
    dropouts = config.field_dropout, config.text_dropout
    items, fixed = (
        LatentItems(parts.tokenizer, encoder, vocabulary, dropouts, fixed=is_fixed) for is_fixed in (False, True)
    )
    nets = {"unet": parts.unet} | ({"text_encoder": parts.text_encoder} if config.text_encoder else {})
    module = LatentDenoising(nn.ModuleDict(nets), parts.scheduler, config.snr_gamma, config.ema_decay)

    def draw(net: Any) -> list[Image.Image]:
        pipe = _trained(parts, net).pipeline(vocabulary)
        pipe.set_progress_bar_config(disable=True)
        return [
            page.convert("L")
            for number, prompt in enumerate(config.draw)
            for page in pipe(prompt, generator=torch.Generator(pipe.device).manual_seed(number)).images
        ]

    def save(folder: Path) -> str:
        trained = _trained(parts, module.averaged_net())
        if config.lora_rank:
            save_lora(trained.unet, folder)
        else:
            trained.unet.to(memory_format=torch.contiguous_format)
            trained.pipeline(vocabulary).to(torch.float16).save_pretrained(folder)
        return parts.commit

    return fit(make_trainer(config, module, make_draws(config, encoded, items, fixed), draw)), save  # type: ignore[arg-type]


def _trained(parts: Components, net: Any) -> Components:
    """The components with those that were trained."""
    nets = {"text_encoder": parts.text_encoder, **dict(net.items())}
    return replace(parts, **nets)


def _prompts(pages: Pages) -> Iterator[str]:
    """Whole prompts of the first rows."""
    for row in pages.take(10_000).remove_columns("image"):
        yield write_prompt({name: row.get(name) or "" for name in FIELDS})


def fit(trainer: LossTrainer) -> LossTrainer:
    """Trains, from the last checkpoint if there is one; the best averaged weights are then the model's."""
    folder = Path(str(trainer.args.output_dir))
    trainer.train(resume_from_checkpoint=get_last_checkpoint(str(folder)) if folder.is_dir() else None)
    return trainer


def run(config: TextToScoreConfig) -> dict[str, Any]:
    """Trains, saves, writes the card, and returns losses and settings.

    Raises:
        ValueError: the data, the base, a setting or the folder is not what it must be.
    """
    config.check()
    settings = claim_folder(config, FREE)
    is_vae = config.preset.endswith("vae")
    pages = load_pages(config.data, config.streaming, config.seed)
    trainer, save = (train_vae if is_vae else train_unet)(config, pages)
    net = trainer.model.net  # type: ignore[union-attr]
    results = {
        "loss": trainer.evaluate()["eval_loss"],
        "steps": trainer.state.best_global_step or trainer.state.global_step,
        "weights": sum(weight.numel() for weight in net.parameters()),
        "trained": sum(weight.numel() for weight in net.parameters() if weight.requires_grad),
        "config": settings,
    }
    if trainer.is_world_process_zero():
        output = Path(config.output_dir)
        results["commit"] = save(output / "model")
        cards.write_card("text_to_score_vae" if is_vae else "text_to_score", output / "model", card_values(results))
        (output / "results.json").write_text(json.dumps(results, indent=2))
        if config.push_to:
            hub.push_model(output / "model", config.push_to)
    return results


def card_values(results: Mapping[str, Any]) -> dict[str, str]:
    """Formats `results` (see `run`) for the placeholders of the card."""
    config = results["config"]
    return {
        "preset": config["preset"],
        "loss": f"{results['loss']:.5f}",
        "steps": str(results["steps"]),
        "weights": f"{results['weights'] / 1e6:.2f}",
        "commit": results["commit"] or "none: a local folder",
        "settings": json.dumps(config, indent=2),
    }


def main() -> None:
    """Runs the command line."""
    run(parse_config(sys.argv[1:]))


if __name__ == "__main__":
    main()
