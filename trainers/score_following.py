"""Trains the score follower of `pipelines/score_following`.

    python -m scorehub.trainers.score_following --corpus corpus --output_dir runs/score_following
    accelerate launch --num_processes 2 -m scorehub.trainers.score_following --corpus corpus --output_dir runs/follower

The corpus is made by `score_following_corpus`. A killed run goes on when the command is given again. The finished
model, with averaged weights, is `output_dir/model`; its losses are `output_dir/results.json`.
"""

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from transformers import AutoModel, TrainingArguments, pipeline, set_seed
from transformers.pipelines import PIPELINE_REGISTRY
from transformers.trainer_utils import EvalLoopOutput

from scorehub import cards, hub
from scorehub.pipelines.score_following.configuration_score_follower import ScoreFollowerConfig
from scorehub.pipelines.score_following.modeling_score_follower import ScoreFollowerModel
from scorehub.pipelines.score_following.pipeline_score_following import ScoreFollowingPipeline
from scorehub.pipelines.score_following.processing_score_follower import ScoreFollowerProcessor
from scorehub.trainers.averaged_training import AveragedModule, AverageWeights, LossTrainer
from scorehub.trainers.run_settings import batch_of_process, claim_folder, last_checkpoint, parse_preset
from scorehub.trainers.score_following_items import Corpus, FollowingItems, collate
from scorehub.trainers.score_following_loss import FollowerLoss

FREE = ("output_dir", "corpus", "held_out", "push_to", "workers")
HELD_OUT = 192  # items


@dataclass
class ScoreFollowingConfig:
    """Settings of a training."""

    output_dir: str = field(metadata={"help": "folder for checkpoints and the finished model"})
    corpus: str = field(default="corpus", metadata={"help": "folder of score_following_corpus"})
    held_out: str = field(default="", metadata={"help": "folder of pieces that are not trained on"})
    start: str = field(default="", metadata={"help": "folder of a follower from which to go on"})
    preset: str = field(default="default", metadata={"help": "default"})
    steps: int = field(default=6000, metadata={"help": "steps of the whole training"})
    batch_size: int = field(default=6, metadata={"help": "items in a step, over all processes"})
    learning_rate: float = field(default=2e-3, metadata={"help": "peak learning rate"})
    ema_decay: float = field(default=0.998, metadata={"help": "what averaged weights keep of themselves a step"})
    evaluate_every: int = field(default=250, metadata={"help": "steps between evaluations and checkpoints"})
    seed: int = field(default=0, metadata={"help": "seeds weights and every item"})
    bf16: bool = field(default=False, metadata={"help": "convolutions in bfloat16"})
    workers: int = field(default=0, metadata={"help": "processes that draw items"})
    push_to: str = field(default="", metadata={"help": "repository of the Hub, such as me/follower"})


PRESETS: dict[str, dict[str, Any]] = {"default": {}}


class AveragedFollower(AveragedModule):
    """The loss by the weights that train, and by their moving average when it evaluates."""

    def forward(self, **batch: torch.Tensor) -> dict[str, torch.Tensor]:
        """As `FollowerLoss`."""
        return FollowerLoss(self.net if self.training else self.averaged_net())(**batch)


class ScoreFollowingTrainer(LossTrainer):
    """Trainer of `AveragedFollower`: batches are its arguments, and evaluation reports each part of the loss."""

    def evaluation_loop(self, dataloader: Any, *_: Any, metric_key_prefix: str = "eval", **__: Any) -> Any:
        """Mean of the loss and of its parts over the held-out items."""
        self.model.eval()  # type: ignore[union-attr]
        rows = []
        for batch in dataloader:
            with torch.no_grad(), self.compute_loss_context_manager():
                outputs = self.model(**self._prepare_inputs(batch))  # type: ignore[misc]
            rows.append(torch.stack([value.float() for value in outputs.values()]))
        # Each process has its share of the items.
        means = cast(torch.Tensor, self.accelerator.gather(torch.stack(rows).mean(0)[None])).mean(0)
        metrics = {f"{metric_key_prefix}_{name}": float(mean) for name, mean in zip(outputs, means, strict=True)}
        return EvalLoopOutput(predictions=np.zeros(0), label_ids=None, metrics=metrics, num_samples=len(rows))


def build_model(config: ScoreFollowingConfig) -> AveragedFollower:
    """A network with seeded random weights, or those of `config.start`."""
    set_seed(config.seed)
    start = config.start
    model = ScoreFollowerModel.from_pretrained(start) if start else ScoreFollowerModel(ScoreFollowerConfig())
    cast(Any, model).to(memory_format=torch.channels_last)
    return AveragedFollower(model, config.ema_decay)


def training_arguments(config: ScoreFollowingConfig) -> TrainingArguments:
    """Translates `config` into the Trainer's arguments."""
    batch_size = batch_of_process(config.batch_size)
    every = min(config.evaluate_every, config.steps)
    return TrainingArguments(
        output_dir=str(Path(config.output_dir) / "checkpoints"),
        max_steps=config.steps,
        train_sampling_strategy="sequential",  # the items are drawn by their numbers
        per_device_train_batch_size=batch_size,
        per_device_eval_batch_size=batch_size,
        learning_rate=config.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=min(200, config.steps // 10),
        weight_decay=0.01,
        max_grad_norm=5.0,
        bf16=config.bf16,
        use_cpu=config.bf16 and not torch.cuda.is_available(),  # the Trainer wants to be told, or refuses bfloat16
        eval_strategy="steps" if config.held_out else "no",
        eval_steps=every,
        save_steps=every,
        save_total_limit=1,
        logging_steps=min(50, every),
        dataloader_num_workers=config.workers,
        remove_unused_columns=False,
        label_names=["column"],
        dataloader_pin_memory=False,
        report_to="none",
        seed=config.seed,
        data_seed=config.seed,
        disable_tqdm=not sys.stderr.isatty(),
    )


def make_trainer(config: ScoreFollowingConfig) -> ScoreFollowingTrainer:
    """A trainer on the corpus.

    Raises:
        ValueError: a folder holds no pieces.
    """
    held_out = FollowingItems(Corpus(config.held_out), HELD_OUT, config.seed + 1) if config.held_out else None
    return ScoreFollowingTrainer(
        model=build_model(config),
        args=training_arguments(config),
        train_dataset=FollowingItems(Corpus(config.corpus), config.steps * config.batch_size, config.seed),
        eval_dataset=held_out,
        data_collator=collate,
        callbacks=[AverageWeights()],
    )


def run(config: ScoreFollowingConfig) -> dict[str, Any]:
    """Trains, saves the model, and returns losses and settings.

    Raises:
        ValueError: the data, the preset or the folder is not what it must be.
    """
    settings = claim_folder(config, FREE)
    trainer = make_trainer(config)
    folder = str(trainer.args.output_dir)
    trainer.train(resume_from_checkpoint=last_checkpoint(folder))
    results = {"config": settings, **(trainer.evaluate() if config.held_out else {})}
    if trainer.is_world_process_zero():
        output = Path(config.output_dir)
        save_model(cast(AveragedFollower, trainer.model).averaged_net(), output / "model")
        write_card(results, len(Corpus(config.corpus)), output / "model")
        (output / "results.json").write_text(json.dumps(results, indent=2))
        if config.push_to:
            hub.push_model(output / "model", config.push_to)
    return results


def save_model(model: ScoreFollowerModel, folder: Path) -> None:
    """Saves all that a Hub repository of the follower needs but its card."""
    type(model.config).register_for_auto_class()
    ScoreFollowerModel.register_for_auto_class("AutoModel")
    ScoreFollowerProcessor.register_for_auto_class("AutoProcessor")
    PIPELINE_REGISTRY.register_pipeline("score-following", ScoreFollowingPipeline, pt_model=AutoModel)
    ready: Any = model
    ready.to(memory_format=torch.contiguous_format)
    cast(Any, pipeline)("score-following", model=ready).save_pretrained(folder)
    ScoreFollowerProcessor().save_pretrained(folder)


def write_card(results: dict[str, Any], pieces: int, folder: Path) -> None:
    """Writes README.md of a trained follower."""
    settings = results["config"]
    losses = ("hits", "match", "read", "hear", "rate")
    values = {name: f"{results[f'eval_{name}']:.3f}" if f"eval_{name}" in results else "-" for name in losses}
    values |= {"pieces": str(pieces), "steps": str(settings["steps"]), "settings": json.dumps(settings, indent=2)}
    cards.write_card("score_following", folder, values)


def main() -> None:
    """Runs the command line."""
    run(parse_preset(ScoreFollowingConfig, PRESETS, sys.argv[1:]))


if __name__ == "__main__":
    main()
