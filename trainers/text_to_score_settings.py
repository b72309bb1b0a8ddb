"""Settings of the text-to-score trainer: its command line, its presets, and what they are to the Trainer."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from transformers import TrainingArguments

from scorehub.trainers.averaged_training import Schedule, loss_arguments
from scorehub.trainers.run_settings import parse_preset

PREDICTIONS = ("epsilon", "v_prediction")


@dataclass
class TextToScoreConfig:
    """Settings of a training. Presets `vae` and `unet` make the embedded model, the others are of the paper."""

    output_dir: str = field(metadata={"help": "folder for checkpoints, losses and what is trained"})
    data: str = field(metadata={"help": "folder of Parquet or dataset of the Hub with image and the prompt's fields"})
    preset: str = field(default="unet", metadata={"help": "vae first, then unet; or paper_vae, then paper_unet"})
    base: str = field(default="", metadata={"help": "folder or Hub repository to begin with; the embedded if empty"})
    revision: str = field(default="", metadata={"help": "of a base on the Hub"})
    scratch: bool = field(default=False, metadata={"help": "random weights in place of the base's that are trained"})
    vae: str = field(default="", metadata={"help": "finished VAE in place of the base's"})
    streaming: bool = field(default=False, metadata={"help": "read data while training; needs max_steps"})
    height: int = field(default=352, metadata={"help": "px to which pages are brought"})
    width: int = field(default=256, metadata={"help": "px to which pages are brought"})
    crop: int = field(default=128, metadata={"help": "px of the squares that the VAE sees; 0: whole pages"})
    kl_weight: float = field(default=3e-3, metadata={"help": "of the divergence, where errors are sums over pixels"})
    text_encoder: bool = field(default=True, metadata={"help": "train it together with the UNet"})
    lora_rank: int = field(default=0, metadata={"help": "train low-rank matrices beside the UNet's; 0: the UNet"})
    prediction: str = field(default="", metadata={"help": "epsilon or v_prediction; the base's if empty"})
    snr_gamma: float = field(default=5.0, metadata={"help": "min-SNR weighting; 0: all times count the same"})
    beginning_weight: float = field(default=1.0, metadata={"help": "what errors on a page's left count"})
    least_pages: int = field(default=20, metadata={"help": "of a field's value to be learnt; 0: any text is"})
    field_dropout: float = field(default=0.2, metadata={"help": "share of prompts that lack a field, for each field"})
    text_dropout: float = field(default=0.1, metadata={"help": "share of prompts that are empty, for guidance"})
    ema_decay: float = field(default=0.999, metadata={"help": "what averaged weights keep of themselves; 0: none"})
    epochs: float = field(default=10, metadata={"help": "pages drawn, as a multiple of those that there are"})
    max_steps: int = field(default=0, metadata={"help": "in place of epochs"})
    batch_size: int = field(default=32, metadata={"help": "pages in a step, over all processes"})
    learning_rate: float = field(default=4e-4, metadata={"help": "peak learning rate"})
    schedule: str = field(default="constant_with_warmup", metadata={"help": "of the learning rate, by the Trainer"})
    warmup: int = field(default=200, metadata={"help": "steps until the peak"})
    weight_decay: float = field(default=0.01, metadata={"help": "of AdamW"})
    evaluate_every: int = field(default=500, metadata={"help": "steps between evaluations, and checkpoints"})
    held_out: int = field(default=256, metadata={"help": "pages of an evaluation at most"})
    draw: list[str] = field(default_factory=list, metadata={"help": "prompts drawn at each evaluation"})
    gradient_checkpointing: bool = field(default=False, metadata={"help": "less memory, a third slower"})
    bf16: bool = field(default=False, metadata={"help": "compute in bfloat16, on hardware that has it"})
    seed: int = field(default=0, metadata={"help": "seeds weights, order, crops, prompts, noise and times"})
    push_to: str = field(default="", metadata={"help": "Hub repository for what is trained; none if empty"})

    def check(self) -> None:
        """Raises a ValueError where settings don't go together."""
        if self.prediction not in ("", *PREDICTIONS):
            raise ValueError(f"prediction must be one of {', '.join(PREDICTIONS)}, got {self.prediction!r}")
        if self.streaming and not self.max_steps:
            raise ValueError("max_steps must be from 1 where data are streamed, got 0")
        if not 0 < self.beginning_weight <= 100:
            raise ValueError(f"beginning_weight must be above 0 to 100, got {self.beginning_weight}")
        if self.lora_rank and (self.scratch or self.text_encoder):
            raise ValueError("lora_rank must be 0 where scratch or text_encoder is set, for it leaves both alone")


_PAPER: dict[str, Any] = {
    "height": 512,
    "width": 512,
    "crop": 0,
    "text_encoder": False,
    "snr_gamma": 0.0,
    "least_pages": 0,
    "field_dropout": 0.0,
    "ema_decay": 0.0,
    "learning_rate": 1e-5,
    "warmup": 0,
}
PRESETS: dict[str, dict[str, Any]] = {
    "vae": {"batch_size": 16, "learning_rate": 1e-3, "schedule": "cosine", "weight_decay": 0.0},
    "unet": {},
    "paper_vae": {**_PAPER, "batch_size": 8, "schedule": "linear", "weight_decay": 0.0},
    "paper_unet": {**_PAPER, "batch_size": 64, "max_steps": 78_000, "schedule": "constant"},
}

# Where things lie, and how long it goes on: a run may be gone on with others of these.
FREE = ("output_dir", "data", "base", "vae", "push_to", "epochs", "max_steps", "draw")


def parse_config(arguments: Sequence[str]) -> TextToScoreConfig:
    """Parses a command line, in which `--preset` sets the defaults of all other settings.

    Raises:
        ValueError: a setting is unknown, or settings don't go together.
    """
    config = parse_preset(TextToScoreConfig, PRESETS, arguments)
    config.check()
    return config


def training_arguments(config: TextToScoreConfig, draws: int) -> TrainingArguments:
    """Translates `config` into the Trainer's arguments for a training of `draws` pages."""
    steps = max(1, draws // config.batch_size)
    schedule = Schedule(config.schedule, min(config.warmup, steps // 2), config.weight_decay, max_grad_norm=1.0)
    return loss_arguments(config, Path(config.output_dir) / "checkpoints", steps, schedule)
