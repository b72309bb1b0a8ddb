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
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from scorehub import cards, hub
from scorehub.trainers.averaged_training import AverageWeights, LossTrainer
from scorehub.trainers.run_settings import claim_folder, last_checkpoint
from scorehub.trainers.text_to_score_data import load_pages
from scorehub.trainers.text_to_score_phases import Phase, UnetPhase, VaePhase
from scorehub.trainers.text_to_score_settings import FREE, TextToScoreConfig, parse_config, training_arguments


class DrawPages(TrainerCallback):
    """Draws pages with the averaged weights at each evaluation, as `folder/STEP.png`."""

    def __init__(self, phase: Phase, folder: Path) -> None:
        self.phase, self.folder = phase, folder

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """See the class."""
        pages = self.phase.draw(kwargs["model"].averaged_net()) if state.is_world_process_zero else []
        if not pages:
            return
        sheet = Image.new("L", (sum(page.width for page in pages), max(page.height for page in pages)), 255)
        for number, page in enumerate(pages):
            sheet.paste(page, (sum(before.width for before in pages[:number]), 0))
        self.folder.mkdir(parents=True, exist_ok=True)
        sheet.save(self.folder / f"{state.global_step:06d}.png")


def train(config: TextToScoreConfig, phase: Phase) -> LossTrainer:
    """Trains, from the last checkpoint if there is one; the best averaged weights are then the module's."""
    draws = config.max_steps * config.batch_size or len(phase.training)
    trainer = LossTrainer(
        model=phase.module,
        args=training_arguments(config, draws),
        train_dataset=phase.training,
        eval_dataset=phase.held_out,
        callbacks=[AverageWeights(), DrawPages(phase, Path(config.output_dir) / "drawn")],
    )
    folder = Path(str(trainer.args.output_dir))
    trainer.train(resume_from_checkpoint=last_checkpoint(folder))
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
    phase: Phase = (VaePhase if is_vae else UnetPhase)(config, pages)
    trainer = train(config, phase)
    weights = list(phase.module.net.parameters())
    results = {
        "loss": trainer.evaluate()["eval_loss"],
        "steps": trainer.state.best_global_step or trainer.state.global_step,
        "weights": sum(weight.numel() for weight in weights),
        "trained": sum(weight.numel() for weight in weights if weight.requires_grad),
        "config": settings,
    }
    if trainer.is_world_process_zero():
        output = Path(config.output_dir)
        results["commit"] = phase.save(output / "model")
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
