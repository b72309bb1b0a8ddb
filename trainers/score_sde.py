"""Trains the piano-roll models of `pipelines/score_sde` by denoising score matching.

    python -m scorehub.trainers.score_sde --dataset maestro --builder folder --data_dir midi/ --output_dir runs/rolls
    accelerate launch --num_processes 2 -m scorehub.trainers.score_sde --rolls rolls.npz --output_dir runs/rolls
    python -m scorehub.trainers.score_sde --preset paper --rolls rolls28.npz --output_dir runs/paper
    python -m scorehub.trainers.score_sde --rolls rolls.npz --folds 5 --output_dir runs/folds
    python -m scorehub.trainers.score_sde --rolls rolls.npz --search qmc --trials 16 --output_dir runs/search

Pieces come from one or several datasets of the note schema (`scorehub.dataset_builders.note_rows`), or from `--rolls`,
the file that the first run writes. The finished pipeline is `output_dir/model`, its losses `output_dir/results.json`.
Evaluated and saved are the averaged weights of the best evaluation. A killed run goes on when its command is given
again, and ends as it would have; `--epochs` may differ then, to end it sooner or to go on longer.
"""

import json
import math
import os
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import torch
from diffusers import UNet2DModel
from transformers import set_seed

from scorehub import cards, hub
from scorehub.pipelines.score_sde.paper.unet.score_net import ScoreNet
from scorehub.pipelines.score_sde.pipeline import ScoreSDEPipeline
from scorehub.pipelines.score_sde.scheduler import sde_scheduler
from scorehub.rolls import RollSpec
from scorehub.study.files import write_json
from scorehub.trainers.averaged_training import AverageWeights, LossTrainer, Patience
from scorehub.trainers.roll_strips import Strips, load_strips, make_strips, pack_strips, read_pieces, split_folds
from scorehub.trainers.roll_windows import NoisyWindows, RollWindows
from scorehub.trainers.run_settings import claim_folder, last_checkpoint
from scorehub.trainers.score_config import FREE, SPECS, ScoreSDEConfig, parse_config, training_arguments
from scorehub.trainers.score_matching import ScoreMatching

TEMPOS = (0.85, 0.92, 1.0, 1.08, 1.17)  # at which `augment` hears the training pieces
NETWORKS = {"UNet2DModel": UNet2DModel, "ScoreNet": ScoreNet}
HELD_OUT = 512  # at most, windows of an evaluation


def find_strips(config: ScoreSDEConfig) -> Strips:
    """The rolls to train on: read from their file, which is made first where it doesn't exist.

    Raises:
        ValueError: see `read_pieces`; or the file's rolls are not those of the preset.
    """
    path = Path(config.rolls or Path(config.output_dir) / "rolls.npz")
    spec = SPECS[config.preset]
    if not path.exists():
        pieces = read_pieces(config.dataset, config.builder, config.data_dir)
        strips = make_strips(pieces, spec, TEMPOS if config.augment else (1.0,))
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.stem}.{os.getpid()}.npz")  # processes that make it at once don't mix
        pack_strips(strips, part)
        part.replace(path)
    strips = load_strips(path)
    if strips.spec != spec:
        raise ValueError(f"rolls must be made by {spec}, got {strips.spec} in {path}")
    return strips if config.augment else strips.at_tempo()


def build_model(config: ScoreSDEConfig, **changes: float) -> ScoreMatching:
    """The network and process of `config.pipeline`, with seeded random weights.

    Args:
        changes: Values of the process to be others than in its file, such as `sigma`.
    """
    preset = files("scorehub.pipelines.score_sde").joinpath("paper" if config.preset == "paper" else "")
    folder = Path(config.pipeline or str(preset))
    network = json.loads((folder / "unet" / "config.json").read_text(encoding="utf-8"))
    process = json.loads((folder / "scheduler" / "scheduler_config.json").read_text(encoding="utf-8"))
    set_seed(config.seed)
    net = NETWORKS[network["_class_name"]].from_config(network)
    net.to(memory_format=torch.channels_last)  # 1.8 times as fast on a CPU
    sde = getattr(sde_scheduler, process["_class_name"]).from_config({**process, **changes})
    return ScoreMatching(net, sde, config.weighting, config.ema_decay)


def make_trainer(
    config: ScoreSDEConfig,
    folder: Path,
    training: Strips,
    held_out: Strips,
    build: Callable[..., ScoreMatching] | None = None,
) -> LossTrainer:
    """A trainer on the windows of `training` that evaluates on those of `held_out`, with fixed noise and times.

    Args:
        build: Makes the model, for a search that needs a new one for each trial; `build_model` once if None.

    Raises:
        ValueError: there are no windows.
    """
    spec = training.spec
    windows = RollWindows(training, spec, config.hop)
    draws = config.batch_size * max(1, round(config.epochs * len(windows) / config.batch_size))
    held_out_windows = RollWindows(held_out.at_tempo(), spec, spec.seconds)
    length = min(HELD_OUT, len(held_out_windows))
    # Whole batches, so that the mean over batches is that over windows, however many processes share them.
    length -= length % config.batch_size if length > config.batch_size else 0
    patience = [Patience(config.patience)] if config.patience else []
    return LossTrainer(
        model=None if build else build_model(config),
        model_init=build,  # type: ignore[arg-type]
        args=training_arguments(config, folder, draws, math.prod(spec.shape)),
        train_dataset=NoisyWindows(windows, draws, config.seed, augmented=config.augment),
        eval_dataset=NoisyWindows(held_out_windows, length, config.seed + 1, fixed=True),
        callbacks=[AverageWeights(), *patience],
    )


def train(config: ScoreSDEConfig, folder: Path, training: Strips, held_out: Strips) -> LossTrainer:
    """Trains, from the last checkpoint in `folder` if there is one; the best averaged weights are then the model's."""
    trainer = make_trainer(config, folder, training, held_out)
    trainer.train(resume_from_checkpoint=last_checkpoint(folder))
    return trainer


def cross_validate(config: ScoreSDEConfig, strips: Strips) -> list[float]:
    """The held-out loss of each fold, by a model that heard nothing of its groups; finished ones are read again."""
    fold_of, losses = split_folds(strips.groups, config.folds, config.seed), []
    for fold in range(config.folds):
        folder = Path(config.output_dir) / f"fold_{fold}"
        saved = folder / "loss.json"
        if not saved.exists():
            parts = [[i for i, other in enumerate(fold_of) if (other == fold) == held] for held in (False, True)]
            trainer = train(config, folder, *(strips.choose(part) for part in parts))
            loss = trainer.evaluate()["eval_loss"]
            if trainer.is_world_process_zero():
                write_json(saved, loss)
            trainer.accelerator.wait_for_everyone()
        losses.append(float(json.loads(saved.read_text())))
    return losses


def save_pipeline(model: ScoreMatching, spec: RollSpec, folder: Path, results: dict[str, Any]) -> None:
    """Saves averaged weights, process, the pipeline's code and the card: a repository for the Hub."""
    net: Any = model.averaged_net()
    net.to(memory_format=torch.contiguous_format)
    programs = spec.members if spec.channels == "program" else (0,) * spec.shape[0]
    pipeline = ScoreSDEPipeline(net, model.sde, spec.fs, spec.lowest, spec.values, spec.articulation, list(programs))
    pipeline.save_pretrained(folder)
    cards.write_card("score_sde", folder, card_values(results))


def card_values(results: dict[str, Any]) -> dict[str, str]:
    """Formats `results` (see `run`) for the placeholders of `model_cards/score_sde.md`."""
    config = results["config"]
    folds = [f"| {fold} | {loss / results['cells']:.5f} |" for fold, loss in enumerate(results["folds"])]
    return {
        "preset": config["preset"],
        "shape": " x ".join(str(size) for size in results["shape"]),
        "network": results["network"],
        "parameters": f"{results['parameters'] / 1e6:.2f}",
        "process": results["process"],
        "loss": f"{results['loss'] / results['cells']:.5f}",
        "steps": str(results["steps"]),
        "training_pieces": str(results["training_pieces"]),
        "held_out_pieces": str(results["held_out_pieces"]),
        "fold_rows": "\n".join(folds) or "| none | |",
        "settings": json.dumps(config, indent=2),
    }


def run(config: ScoreSDEConfig) -> dict[str, Any]:
    """Cross-validates where folds are asked for, trains, saves the pipeline, and returns losses and settings.

    Raises:
        ValueError: the data, the preset or the folder is not what it must be.
    """
    settings = claim_folder(config, FREE)
    strips = find_strips(config)
    folds = cross_validate(config, strips) if config.folds else []
    training, held_out = strips.of_splits("train"), strips.of_splits("validation")
    output = Path(config.output_dir)
    trainer = train(config, output / "final", training, held_out)
    model = cast(ScoreMatching, trainer.model)
    results = {
        "loss": trainer.evaluate()["eval_loss"],
        "cells": math.prod(strips.spec.shape),
        "shape": list(strips.spec.shape),
        "folds": folds,
        "steps": trainer.state.best_global_step or trainer.state.global_step,
        "network": type(model.net).__name__,
        "parameters": sum(weight.numel() for weight in model.net.parameters()),
        "process": type(model.sde).__name__,
        "training_pieces": len(set(training.names)),
        "held_out_pieces": len(set(held_out.names)),
        "config": settings,
    }
    if trainer.is_world_process_zero():
        save_pipeline(model, strips.spec, output / "model", results)
        (output / "results.json").write_text(json.dumps(results, indent=2))
        if config.push_to:
            hub.push_model(output / "model", config.push_to)
    return results


def main() -> None:
    """Runs the command line."""
    config = parse_config(sys.argv[1:])
    if config.search:
        from scorehub.trainers.score_search import search  # needs the extra `search`

        strips = find_strips(config)
        best = search(config, strips.of_splits("train"), strips.of_splits("validation"))
        Path(config.output_dir, "search.json").write_text(json.dumps(best._asdict(), indent=2))
    else:
        run(config)


if __name__ == "__main__":
    main()
