"""Trains the networks of music transcription, `pipelines/music_transcription`: optical first, then the ones that hear.

    python -m scorehub.trainers.grad_spsa --network optical --data_dir incipits.tsv --output_dir runs/optical
    python -m scorehub.trainers.grad_spsa --network audio --optical_model runs/optical/model \\
        --data_dir incipits.tsv --output_dir runs/pair
    python -m scorehub.trainers.grad_spsa --preset paper --network paper_optical ... --output_dir runs/paper
    python -m scorehub.trainers.grad_spsa --preset paper --network grad_spsa --optical_model runs/paper/model \\
        --gamma 1e-7 --sharing overlap --ablate dense ... --output_dir runs/without_dense

Data are staves of `load_dataset("camera_primus")`: those that are engraved from `--data_dir`, the corpus there where
`--lists_dir` has its published lists, or the small sample. What is made of them is kept (`grad_spsa_data`). The
weights of the epoch with the least symbol error rate on the validation part become `output_dir/model`. A run that was
stopped goes on when its command is given again; `accelerate launch -m` runs several processes.

Source: Brouwer, Gradual Soft Parameter Sharing with Attention for Music Transcription, 2026, sections 3 and 4.
"""

import json
import sys
from pathlib import Path
from typing import Any, cast

import torch
from datasets import Dataset
from torch import Tensor
from torch.utils.data import DataLoader
from transformers import Trainer, TrainingArguments, set_seed

from scorehub import cards, hub
from scorehub.metrics.transcription import symbol_error_rate
from scorehub.pipelines.music_transcription.configuration_music_transcription import MusicTranscriptionConfig
from scorehub.pipelines.music_transcription.modeling_music_transcription import MusicTranscriptionModel, best_paths
from scorehub.pipelines.music_transcription.processing_music_transcription import MusicTranscriptionProcessor
from scorehub.trainers.draw_order import LengthOrder
from scorehub.trainers.grad_spsa_data import Collator, load_parts
from scorehub.trainers.grad_spsa_saving import save_folder
from scorehub.trainers.grad_spsa_settings import BATCHES, NETWORKS, PRESETS, GradSPSAConfig
from scorehub.trainers.run_settings import batch_of_process, claim_folder, last_checkpoint, parse_preset

OPTICAL_PARTS = ("optical", "optical_head")
FREE = ("output_dir", "workers", "push_to")


class GradSPSATrainer(Trainer):
    """Trainer of a transcription network: CTC, for GradSPSA with equation 4, and symbol error rates of staves."""

    gamma = 0.0
    sharing = "overlap"

    def _get_train_sampler(self, train_dataset: Any = None) -> "LengthOrder":
        return LengthOrder(
            list(cast(Dataset, self.train_dataset)["length"]), self.args.train_batch_size, self.args.seed
        )

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Tensor | Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        """Equation 5."""
        outputs = model(**inputs)
        loss = outputs.loss
        if self.gamma:
            own = cast(MusicTranscriptionModel, self.accelerator.unwrap_model(model))
            loss = loss + own.sharing_penalty(self.gamma, self.sharing)
        return (loss, outputs) if return_outputs else loss

    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: list[str] | None = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """Symbol error rate of best paths, equation 1, in percent."""
        staves = cast(Dataset, self.eval_dataset if eval_dataset is None else eval_dataset)
        found = transcribe(cast(MusicTranscriptionModel, self.model), staves, cast(Collator, self.data_collator))
        rate = symbol_error_rate([text.split() for text in staves["semantic"]], found)
        metrics = {f"{metric_key_prefix}_ser": rate}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics


@torch.no_grad()
def transcribe(model: MusicTranscriptionModel, staves: Dataset, collator: Collator) -> list[list[str]]:
    """Tokens on the best path of each staff, by the network that is trained."""
    model.eval()
    order = sorted(range(len(staves)), key=list(staves["length"]).__getitem__)  # little padding
    loader: Any = DataLoader(cast(Any, staves.select(order)), 32, collate_fn=collator.inputs)
    found: list[list[str]] = []
    for batch in loader:
        outputs = model(**{name: value.to(model.device) for name, value in batch.items()})
        paths = best_paths(*outputs.of_learner)
        found += [collator.processor.tokens(path) for path in paths]
    by_number = dict(zip(order, found, strict=True))
    return [by_number[number] for number in range(len(staves))]


def build_model(config: GradSPSAConfig, vocabulary: list[str]) -> MusicTranscriptionModel:
    """Networks with seeded random weights, or those of `config.start`; an optical one that was given stays as it is.

    Raises:
        ValueError: GradSPSA has no optical model to learn from, an ablation is not one that there is, or `start` is a
            training of other networks.
    """
    if config.start:
        return _begun(config)
    ablated = config.ablated()
    optical, audio, _ = NETWORKS[config.network]
    if config.network == "grad_spsa" and not config.optical_model:
        raise ValueError("optical_model must be a finished training where grad_spsa is trained, got none")
    earlier = MusicTranscriptionModel.from_pretrained(config.optical_model) if config.optical_model else None
    set_seed(config.seed)
    model = MusicTranscriptionModel(
        MusicTranscriptionConfig(
            vocabulary=vocabulary if earlier is None else earlier.config.vocabulary,
            optical=optical if earlier is None else earlier.config.optical,
            audio=audio,
            width=config.width,
            third_block="third_block" not in ablated,
            interaction="interaction" not in ablated,
            dense="dense" not in ablated,
        )
    )
    if earlier is not None:
        for name in OPTICAL_PARTS:
            getattr(model, name).load_state_dict(getattr(earlier, name).state_dict())
    return _hold_optical(model)


def _begun(config: GradSPSAConfig) -> MusicTranscriptionModel:
    model = MusicTranscriptionModel.from_pretrained(config.start)
    optical, audio, _ = NETWORKS[config.network]
    if model.config.audio != audio or (optical and model.config.optical != optical):
        found = f"{model.config.optical} and {model.config.audio}"
        raise ValueError(f"start must be a training of {config.network}, got one of {found}")
    return _hold_optical(model)


def _hold_optical(model: MusicTranscriptionModel) -> MusicTranscriptionModel:
    """Lets an optical network that stands beside one that hears stay as it is."""
    if model.audio is not None and model.optical is not None:
        for name in OPTICAL_PARTS:
            getattr(model, name).requires_grad_(False)
    return model


def training_arguments(config: GradSPSAConfig) -> TrainingArguments:
    """Translates `config` into the Trainer's arguments."""
    batch_size = batch_of_process(config.batch_size or BATCHES[config.network])
    is_paper = config.preset == "paper"
    return TrainingArguments(
        output_dir=str(Path(config.output_dir) / "checkpoints"),
        num_train_epochs=config.epochs,
        per_device_train_batch_size=batch_size,
        learning_rate=config.learning_rate,
        lr_scheduler_type="constant" if is_paper else "cosine",
        warmup_steps=0.0 if is_paper else 0.03,  # of all steps
        weight_decay=0.0 if is_paper else 0.01,
        max_grad_norm=5.0,
        bf16=config.bf16,
        use_cpu=config.bf16 and not torch.cuda.is_available(),  # the Trainer wants to be told, or refuses bfloat16
        eval_strategy="steps" if config.eval_steps else "epoch",
        save_strategy="steps" if config.eval_steps else "epoch",
        eval_steps=config.eval_steps or None,
        save_steps=config.eval_steps or 500,
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model="eval_ser",
        greater_is_better=False,
        logging_steps=50,
        remove_unused_columns=False,
        label_names=["labels"],
        dataloader_pin_memory=False,
        report_to="none",
        seed=config.seed,
        data_seed=config.seed,
        disable_tqdm=not sys.stderr.isatty(),
    )


def make_trainer(config: GradSPSAConfig) -> GradSPSATrainer:
    """A trainer on the staves whose tokens the model knows.

    Raises:
        ValueError: as `load_parts` and `build_model`.
    """
    train, held_out, vocabulary = load_parts(config)
    model = build_model(config, vocabulary)
    collator = Collator(MusicTranscriptionProcessor(model.config.vocabulary, NETWORKS[config.network][2] or 120))
    trainer = GradSPSATrainer(
        model=model,
        args=training_arguments(config),
        train_dataset=train.filter(collator.knows, input_columns=["semantic"]),
        eval_dataset=held_out,
        data_collator=collator,
    )
    if config.network == "grad_spsa" and "sharing" not in config.ablated():
        trainer.gamma, trainer.sharing = config.gamma, config.sharing
    return trainer


def run(config: GradSPSAConfig) -> dict[str, Any]:
    """Trains, saves the model, and returns its settings and symbol error rate.

    Raises:
        ValueError: the data, a setting or the folder is not what it must be.
    """
    settings = claim_folder(config, FREE)
    trainer = make_trainer(config)
    folder = str(trainer.args.output_dir)
    trainer.train(resume_from_checkpoint=last_checkpoint(folder))
    weights = cast(MusicTranscriptionModel, trainer.model).num_parameters(only_trainable=True)
    results = {"config": settings, "weights": weights, **trainer.evaluate()}
    if trainer.is_world_process_zero():
        output = Path(config.output_dir)
        model = cast(MusicTranscriptionModel, trainer.model)
        save_folder(model, cast(Collator, trainer.data_collator).processor, output / "model")
        write_card(results, model, output / "model")
        (output / "results.json").write_text(json.dumps(results, indent=2))
        if config.push_to:
            hub.push_model(output / "model", config.push_to)
    return results


def write_card(results: dict[str, Any], model: MusicTranscriptionModel, folder: Path) -> None:
    """Writes README.md of trained networks."""
    values = {
        "network": results["config"]["network"],
        "optical": model.config.optical or "none",
        "audio": model.config.audio or "none",
        "symbols": str(len(model.config.vocabulary) - 1),
        "ser": f"{results['eval_ser']:.2f}",
        "settings": json.dumps(results["config"], indent=2),
    }
    cards.write_card("music_transcription", folder, values)


def main() -> None:
    """Runs the command line."""
    run(parse_preset(GradSPSAConfig, PRESETS, sys.argv[1:]))


if __name__ == "__main__":
    main()
