"""Trainings whose model returns its loss, and evaluates the moving average of its weights.

The average draws better than the weights of any step. Both lie in the model's state dict, so that a checkpoint holds
them, and loading one needs nothing else.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from transformers import (
    EarlyStoppingCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from scorehub.trainers.run_settings import batch_of_process


class LossSettings(Protocol):
    """What the settings of such a training have in common."""

    batch_size: int
    learning_rate: float
    evaluate_every: int
    bf16: bool
    seed: int


@dataclass(frozen=True)
class Schedule:
    """How the learning rate goes, by the Trainer's name, over how many steps it rises, and what holds weights back."""

    name: str
    warmup: int
    weight_decay: float
    max_grad_norm: float


def loss_arguments(config: LossSettings, folder: Path, steps: int, schedule: Schedule) -> TrainingArguments:
    """The Trainer's arguments for a training of `steps` batches in `folder`.

    The dataset holds every epoch, so that draw n is the same item in any run. The least held-out loss chooses weights.
    """
    batch_size = batch_of_process(config.batch_size)
    every = min(config.evaluate_every, steps)
    return TrainingArguments(
        output_dir=str(folder),
        max_steps=steps,
        train_sampling_strategy="sequential",
        per_device_train_batch_size=batch_size,
        per_device_eval_batch_size=batch_size,
        learning_rate=config.learning_rate,
        lr_scheduler_type=schedule.name,
        warmup_steps=schedule.warmup,
        weight_decay=schedule.weight_decay,
        max_grad_norm=schedule.max_grad_norm,
        eval_strategy="steps",
        eval_steps=every,
        save_steps=every,
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model="eval_loss",
        greater_is_better=False,
        restore_callback_states_from_checkpoint=True,  # patience goes on where it was
        logging_steps=max(1, every // 5),
        bf16=config.bf16,
        use_cpu=config.bf16 and not torch.cuda.is_available(),  # the Trainer wants to be told, or refuses bfloat16
        seed=config.seed,
        data_seed=config.seed,
        report_to="none",
        disable_tqdm=not sys.stderr.isatty(),
        remove_unused_columns=False,
        label_names=[],
        dataloader_num_workers=0,
        dataloader_pin_memory=False,
    )


class WeightAverage(AveragedModel):
    """A copy of a network that keeps `decay` of itself a step, less in the first ones, whose weights it should forget.

    Raises:
        ValueError: `decay` is not from 0 to below 1.
    """

    def __init__(self, net: nn.Module, decay: float) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay must be 0 to below 1, got {decay}")
        super().__init__(net, multi_avg_fn=self._move, use_buffers=True)
        self.decay = decay
        self.requires_grad_(False)

    def _move(self, averaged: Any, current: Any, count: Tensor | int) -> None:
        kept = min(self.decay, (1 + int(count)) / (10 + int(count)))
        for mine, new in zip(averaged, current, strict=True):
            mine.lerp_(new.to(mine.dtype), 1 - kept) if mine.is_floating_point() else mine.copy_(new)


class AveragedModule(nn.Module):
    """Trains `net`; its average is what is evaluated and saved, or itself where `decay` is 0."""

    net: Any

    def __init__(self, net: nn.Module, decay: float) -> None:
        super().__init__()
        self.net = net
        self.average = WeightAverage(net, decay) if decay else None

    def update_average(self) -> None:
        """Moves the average towards the present weights; once after every optimizer step."""
        if self.average is not None:
            self.average.update_parameters(self.net)

    def averaged_net(self) -> Any:
        """The network with averaged weights."""
        return self.net if self.average is None else self.average.module


class AverageWeights(TrainerCallback):
    """Moves the averaged weights after every optimizer step."""

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """See `AveragedModule.update_average`."""
        kwargs["model"].update_average()


class Patience(EarlyStoppingCallback):
    """Early stopping that holds: a run that has stopped stops at once when it is begun again."""

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Stops after a step, whose weights the best ones replace, if patience had run out."""
        super().on_train_begin(args, state, control, **kwargs)
        control.should_training_stop = self.early_stopping_patience_counter >= self.early_stopping_patience


class LossTrainer(Trainer):
    """Trainer of a module that returns `{"loss": ()}`: batches are its arguments, its loss is all that it tells."""

    def prediction_step(
        self,
        model: nn.Module,
        inputs: dict[str, Tensor | Any],
        prediction_loss_only: bool,
        ignore_keys: list[str] | None = None,
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """The held-out loss of a batch, by the averaged weights."""
        with torch.no_grad(), self.compute_loss_context_manager():
            loss = model(**self._prepare_inputs(inputs))["loss"]
        return loss.detach(), None, None

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        # Weights are kept channels-last, and safetensors writes contiguous tensors only.
        state = self.model.state_dict() if state_dict is None else state_dict  # type: ignore[union-attr]
        super()._save(output_dir, {name: value.contiguous() for name, value in state.items()})
