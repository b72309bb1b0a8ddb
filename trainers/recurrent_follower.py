"""Trains the paper's recurrent score follower, `pipelines/score_following/paper`.

    python -m scorehub.trainers.recurrent_follower --output_dir runs/sample --epochs 5 --width 0.125 --hidden_size 64
    python -m scorehub.trainers.recurrent_follower --data_dir msmd_rebuilt --output_dir runs/follower
    python -m scorehub.trainers.recurrent_follower --data_dir msmd_rebuilt --max_frames 0 --output_dir runs/whole_songs

Songs are the strips of MSMD (`load_dataset("msmd")`, rebuilt from `--data_dir` or the sample), their sound made from
their MIDI. An epoch is a random choice of songs; the state is carried through a song and forgotten at its end, and
gradients go back through one chunk of it. The finished model is `output_dir/model`, its scores
`output_dir/results.json`. A killed run goes on from its last whole epoch when its command is given again, and ends as
it would have. It runs as one process, for a song's chunks follow each other.
"""

import json
import shutil
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor
from transformers import (
    HfArgumentParser,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
    set_seed,
)

from scorehub.pipelines.score_following.paper.configuration_recurrent_follower import RecurrentFollowerConfig
from scorehub.pipelines.score_following.paper.modeling_recurrent_follower import (
    FollowerState,
    RecurrentFollowerModel,
    RecurrentFollowerOutput,
)
from scorehub.trainers.averaged_training import Patience
from scorehub.trainers.recurrent_follower_data import Song, SongChunks, read_songs, shorten
from scorehub.trainers.recurrent_follower_evaluation import follow, mean_loss, mean_scores
from scorehub.trainers.run_settings import claim_folder, last_checkpoint


@dataclass
class RecurrentFollowerTraining:
    """Settings of a training; where the paper names a value, it is the default."""

    output_dir: str = field(metadata={"help": "folder for checkpoints, scores and the finished model"})
    data_dir: str = field(default="", metadata={"help": "folder of MSMD rebuilt; the small sample if empty"})
    pieces: int = field(default=0, metadata={"help": "training pieces, a seeded choice; 0: all"})
    cell: str = field(default="lstm", metadata={"help": "srn, gru or lstm"})
    excerpt: str = field(default="own", metadata={"help": "own (about the last position) or whole (squeezed)"})
    jump_weight: float = field(default=0.2, metadata={"help": "lambda of equation 1"})
    width: float = field(default=1.0, metadata={"help": "multiplies the channels and dense layers of Figure 3"})
    hidden_size: int = field(default=1024, metadata={"help": "of the recurrent layers"})
    max_frames: int = field(default=300, metadata={"help": "frames of a song, from its start; 0: all"})
    chunk_frames: int = field(default=50, metadata={"help": "frames that gradients go back through"})
    songs_per_epoch: int = field(default=15, metadata={"help": "songs drawn for an epoch"})
    batch_size: int = field(default=5, metadata={"help": "songs side by side in a step"})
    epochs: int = field(default=50, metadata={"help": "epochs"})
    learning_rate: float = field(default=3e-4, metadata={"help": "learning rate of Adam, constant"})
    patience: int = field(default=10, metadata={"help": "epochs without a better validation that end it; 0: no one"})
    seed: int = field(default=0, metadata={"help": "seeds weights, dropout, pieces and the songs of an epoch"})


class EpochEnds(TrainerCallback):
    """Evaluates and saves where an epoch ends: there no song is under way, so that no state need be kept."""

    def __init__(self, steps: Collection[int], evaluates: bool) -> None:
        self.steps, self.evaluates = frozenset(steps), evaluates

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Asks the Trainer for it."""
        if state.global_step in self.steps:
            control.should_log = control.should_save = True
            control.should_evaluate = self.evaluates


class RecurrentFollowerTrainer(Trainer):
    """Trainer that carries the follower's state from a batch to the next, until one is `fresh`."""

    follower_state: FollowerState | None = None

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Tensor | Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Tensor | tuple[Tensor, RecurrentFollowerOutput]:
        """Equation 1 on a chunk that goes on where the last one ended."""
        if inputs.pop("fresh"):
            self.follower_state = None
        outputs: RecurrentFollowerOutput = model(**inputs, state=self.follower_state)
        self.follower_state = outputs.state
        assert outputs.loss is not None
        return (outputs.loss, outputs) if return_outputs else outputs.loss

    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: list[str] | None = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """Follows whole songs: equation 1, the mean over their frames, and the scores of `mean_scores`."""
        songs = cast(Sequence[Song], self.eval_dataset if eval_dataset is None else eval_dataset)
        model = cast(RecurrentFollowerModel, self.model)
        estimated = follow(model, songs, beside=max(1, len(songs)))
        loss = mean_loss(songs, estimated, model.config.jump_weight)
        named = {"loss": loss, **mean_scores(songs, estimated)}
        metrics = {f"{metric_key_prefix}_{name}": value for name, value in named.items()}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics


def build_model(config: RecurrentFollowerTraining) -> RecurrentFollowerModel:
    """The follower with seeded random weights."""
    set_seed(config.seed)
    return RecurrentFollowerModel(
        RecurrentFollowerConfig(
            cell=config.cell,
            hidden_size=config.hidden_size,
            jump_weight=config.jump_weight,
            width=config.width,
            excerpt=config.excerpt,
        )
    )


def training_arguments(config: RecurrentFollowerTraining, steps: int) -> TrainingArguments:
    """Translates `config` into the Trainer's arguments for a training of `steps` batches."""
    return TrainingArguments(
        output_dir=str(Path(config.output_dir) / "checkpoints"),
        num_train_epochs=1,  # the dataset holds every epoch, as a random choice of songs has no constant length
        train_sampling_strategy="sequential",
        per_device_train_batch_size=1,  # an item is a batch already
        learning_rate=config.learning_rate,
        lr_scheduler_type="constant",
        weight_decay=0.0,
        max_grad_norm=1.0,
        eval_strategy="steps" if config.patience else "no",
        eval_steps=steps,  # `EpochEnds` asks for the others
        save_strategy="steps",
        save_steps=steps,
        save_total_limit=2,
        load_best_model_at_end=config.patience > 0,
        metric_for_best_model="eval_loss",
        greater_is_better=False,
        restore_callback_states_from_checkpoint=True,  # patience goes on where it was
        logging_strategy="no",  # at epoch ends only
        seed=config.seed,
        data_seed=config.seed,
        report_to="none",
        disable_tqdm=not sys.stderr.isatty(),
        remove_unused_columns=False,
        dataloader_num_workers=0,
        dataloader_pin_memory=False,
    )


def make_trainer(
    config: RecurrentFollowerTraining, songs: Sequence[Song], held_out: Sequence[Song]
) -> RecurrentFollowerTrainer:
    """A trainer on `songs` that, unless patience is 0, stops by `held_out`; none is shortened here.

    Raises:
        ValueError: there are no songs, a size is out of range, or several processes would share a song's chunks.
    """
    chunks = SongChunks(
        songs, config.epochs, config.songs_per_epoch, config.batch_size, config.chunk_frames, config.seed
    )
    if config.patience and not held_out:
        raise ValueError("patience must be 0 where no songs are held out, got " + str(config.patience))
    arguments = training_arguments(config, len(chunks))
    if (processes := max(arguments.world_size, arguments.n_gpu)) > 1:
        raise ValueError(f"processes and GPUs must be 1, got {processes}")
    callbacks: list[TrainerCallback] = [EpochEnds(chunks.epoch_ends, config.patience > 0)]
    callbacks += [Patience(config.patience)] if config.patience else []
    return RecurrentFollowerTrainer(
        model=build_model(config),
        args=arguments,
        data_collator=_the_one,
        train_dataset=chunks,
        eval_dataset=cast(Any, held_out),
        callbacks=callbacks,
    )


def _the_one(items: list[dict[str, Any]]) -> dict[str, Any]:
    (batch,) = items
    return batch


def train(
    config: RecurrentFollowerTraining, songs: Sequence[Song], held_out: Sequence[Song]
) -> RecurrentFollowerTrainer:
    """Trains, from the last whole epoch in the output folder if there is one; see `make_trainer`."""
    trainer = make_trainer(config, songs, held_out)
    folder = str(trainer.args.output_dir)
    trainer.train(resume_from_checkpoint=last_checkpoint(folder))
    return trainer


def run(config: RecurrentFollowerTraining) -> dict[str, Any]:
    """Reads songs, trains, saves the model, and returns its scores on seen and held-out songs.

    Raises:
        ValueError: a setting is out of range, or the output folder is of another training.
    """
    settings = claim_folder(config, ("output_dir", "data_dir"))
    songs, held_out = (
        [shorten(song, config.max_frames) for song in read_songs(config.data_dir, split, count, config.seed)]
        for split, count in (("train", config.pieces), ("validation", 0))
    )
    trainer = train(config, songs, held_out)
    model = cast(RecurrentFollowerModel, trainer.model)
    results = {
        "seen": mean_scores(songs, follow(model, songs)),
        "held_out": mean_scores(held_out, follow(model, held_out)) if held_out else {},
        "songs": len(songs),
        "held_out_songs": len(held_out),
        "steps": trainer.state.best_global_step or trainer.state.global_step,
        "config": settings,
    }
    output = Path(config.output_dir)
    model.save_pretrained(output / "model")
    card = files("scorehub.pipelines.score_following").joinpath("paper", "README.md")
    shutil.copyfile(str(card), output / "model" / "README.md")
    (output / "results.json").write_text(json.dumps(results, indent=2))
    return results


def parse_config(arguments: Sequence[str]) -> RecurrentFollowerTraining:
    """Parses a command line."""
    parser = HfArgumentParser(cast(Any, RecurrentFollowerTraining))
    return cast(RecurrentFollowerTraining, parser.parse_args_into_dataclasses(list(arguments))[0])


def main() -> None:
    """Runs the command line."""
    run(parse_config(sys.argv[1:]))


if __name__ == "__main__":
    main()
