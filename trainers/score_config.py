"""Settings of the score-SDE trainer: its command line, its presets, and what they are to `transformers.Trainer`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from transformers import TrainingArguments

from scorehub.rolls import PAPER, RollSpec
from scorehub.trainers.averaged_training import Schedule, loss_arguments
from scorehub.trainers.run_settings import parse_preset

SPECS = {"default": RollSpec(seconds=8.0, articulation=True), "paper": PAPER}
WARMUP = 200


@dataclass
class ScoreSDEConfig:
    """Settings of a training. The defaults are ours, `--preset paper` sets those of the seed paper."""

    output_dir: str = field(metadata={"help": "folder for checkpoints, losses and the finished pipeline"})
    preset: str = field(default="default", metadata={"help": "default or paper: rolls, network and process"})
    dataset: list[str] = field(default_factory=list, metadata={"help": "datasets of notes, by load_dataset"})
    builder: list[str] = field(default_factory=list, metadata={"help": "configuration of each dataset; or none"})
    data_dir: list[str] = field(default_factory=list, metadata={"help": "files of each dataset; or none"})
    rolls: str = field(default="", metadata={"help": "file of rolls; output_dir/rolls.npz is made if empty"})
    pipeline: str = field(default="", metadata={"help": "folder with unet/ and scheduler/; the preset's if empty"})
    hop: float = field(default=2.0, metadata={"help": "seconds from one window to the next"})
    augment: bool = field(default=True, metadata={"help": "transpose by up to 6 semitones, move begins, other tempos"})
    weighting: str = field(default="velocity", metadata={"help": "variance, velocity or likelihood"})
    ema_decay: float = field(default=0.999, metadata={"help": "what averaged weights keep of themselves a step"})
    epochs: float = field(default=4, metadata={"help": "windows drawn, as a multiple of those that there are"})
    batch_size: int = field(default=32, metadata={"help": "windows in a step, over all processes"})
    learning_rate: float = field(default=3e-4, metadata={"help": "peak learning rate"})
    evaluate_every: int = field(default=250, metadata={"help": "steps between evaluations, and checkpoints"})
    patience: int = field(default=20, metadata={"help": "evaluations without a better one that end it; 0: never"})
    folds: int = field(default=0, metadata={"help": "folds of a cross-validation by split_group before; 0: none"})
    search: str = field(default="", metadata={"help": "instead of training: grid, random, qmc or latin"})
    trials: int = field(default=8, metadata={"help": "trainings of a search"})
    bf16: bool = field(default=False, metadata={"help": "compute in bfloat16, on hardware that has it"})
    seed: int = field(default=0, metadata={"help": "seeds weights, folds, and every window, noise and time drawn"})
    push_to: str = field(default="", metadata={"help": "Hub repository for the finished pipeline; none if empty"})


PRESETS: dict[str, dict[str, Any]] = {
    "default": {},
    "paper": {  # the first 28 s of a piece, then the next; Adam, no schedule
        "hop": 28.0,
        "augment": False,
        "weighting": "variance",
        "epochs": 50,
        "learning_rate": 1e-4,
        "evaluate_every": 100,
    },
}

# Where things lie, and how long it goes on: a run may be gone on with others of these.
FREE = ("output_dir", "data_dir", "rolls", "pipeline", "push_to", "epochs")


def parse_config(arguments: Sequence[str]) -> ScoreSDEConfig:
    """Parses a command line, in which `--preset` sets the defaults of all other settings.

    Raises:
        ValueError: if the preset is unknown.
    """
    return parse_preset(ScoreSDEConfig, PRESETS, arguments)


def training_arguments(config: ScoreSDEConfig, folder: Path, draws: int, cells: int) -> TrainingArguments:
    """Translates `config` into the Trainer's arguments for a training of `draws` windows of `cells` in `folder`."""
    paper = config.preset == "paper"
    schedule = Schedule(
        "constant_with_warmup",  # the average does what a decay would, whenever the training ends
        warmup=0 if paper else min(WARMUP, config.evaluate_every),
        weight_decay=0.0 if paper else 0.01,  # AdamW without decay is the paper's Adam
        max_grad_norm=0.0 if paper else 1.0 * cells,  # the loss is a sum over cells
    )
    return loss_arguments(config, folder, max(1, draws // config.batch_size), schedule)
