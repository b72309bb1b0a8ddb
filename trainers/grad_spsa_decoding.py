"""Chooses how the posteriors of a trained pair become tokens, and writes it into the pair's folder.

    python -m scorehub.trainers.grad_spsa_decoding --model runs/pair/model --data_dir incipits --order 3

The language model is that of the training part's tokens, or of that of more incipits, whose pictures and sounds are
not wanted: `--texts`. Scales of both word graphs, fusion and its weight are those
with the fewest errors on validation staves.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from datasets import Dataset, DatasetDict, load_dataset
from rapidfuzz.distance import Levenshtein
from tqdm import tqdm
from transformers import HfArgumentParser

from scorehub.pipelines.music_transcription.decoding import (
    FUSIONS,
    UNWEIGHTED,
    DecodingSettings,
    Side,
    fuse,
    read_side,
)
from scorehub.pipelines.music_transcription.language_model import NgramModel
from scorehub.pipelines.music_transcription.processing_music_transcription import MusicTranscriptionProcessor
from scorehub.study.decoding import classes_of, fit_language_model, tune
from scorehub.study.posteriors import Posteriors, compute
from scorehub.trainers.grad_spsa_data import Inputs, draw_rows, make_staves
from scorehub.trainers.grad_spsa_saving import save_processor

WEIGHTS = tuple(number / 10 for number in range(1, 10))
# What knows no weight has one nevertheless, that of the probabilities which are shown.
TRIED = [(fusion, weight) for fusion in FUSIONS for weight in ((0.5,) if fusion in UNWEIGHTED else WEIGHTS)]


@dataclass
class DecodingConfig:
    """What is chosen for, and on."""

    model: str = field(metadata={"help": "folder of a trained pair"})
    data_dir: str = field(metadata={"help": "incipits"})
    texts: str = field(default="", metadata={"help": "incipits for the language model; data_dir if empty"})
    order: int = field(default=5, metadata={"help": "of the language model, 1 to 5; 3 takes a sixth of the room of 5"})
    pictures: str = field(default="distorted", metadata={"help": "image, distorted or photo"})
    staves: int = field(default=300, metadata={"help": "validation staves"})
    fold: int = field(default=0, metadata={"help": "fold that is tested"})
    seed: int = field(default=0, metadata={"help": "draws the staves"})
    workers: int = field(default=1, metadata={"help": "processes"})


def choose(config: DecodingConfig) -> dict[str, Any]:
    """Writes language model and settings into the folder; returns the settings, and errors of all that was tried."""
    processor = MusicTranscriptionProcessor.from_pretrained(config.model)
    rows = draw_rows(load_part(config, config.data_dir, "validation"), config.staves, config.seed)
    texts = load_part(config, config.texts or config.data_dir, "train", audio=not config.texts)["semantic"]
    model = fit_language_model(texts, processor.vocabulary, config.order)
    sides = {"optical": Inputs((config.pictures,)), "audio": Inputs((), processor.audio_rows)}
    found = {
        name: compute(Path(config.model), make_staves(rows, inputs, config.workers)) for name, inputs in sides.items()
    }
    tuned = {name: tune(each, range(len(each.ids)), model, config.workers) for name, each in found.items()}
    settings = DecodingSettings(optical=tuned["optical"][0], audio=tuned["audio"][0])
    errors = count_errors(found["optical"], found["audio"], model, settings)
    fusion, weight = min(errors, key=lambda tried: (errors[tried], abs(tried[1] - 0.5)))
    settings = replace(settings, fusion=fusion, weight=weight)
    save_processor(
        MusicTranscriptionProcessor(processor.vocabulary, processor.audio_rows, asdict(settings), model),
        Path(config.model),
    )
    tried = [{"fusion": fusion, "weight": weight, "errors": total} for (fusion, weight), total in errors.items()]
    return {"settings": asdict(settings), "fusion": tried, **{name: each[1] for name, each in tuned.items()}}


def load_part(config: DecodingConfig, data_dir: str, part: str, audio: bool = True) -> Dataset:
    """A part of incipits."""
    options: dict[str, Any] = {"fold": config.fold, "seed": config.seed, "audio": audio}
    parts = load_dataset("camera_primus", "engraved", data_dir=data_dir, num_proc=config.workers, **options)
    return cast(DatasetDict, parts)[part]


def count_errors(
    optical: Posteriors, audio: Posteriors, model: NgramModel, settings: DecodingSettings
) -> dict[tuple[str, float], int]:
    """Edits over all staves that both sides have, of each fusion with each weight."""
    errors = dict.fromkeys(TRIED, 0)
    for reference, sides in tqdm(list(_both(optical, audio)), desc="fusions", disable=None):
        read = [
            read_side(posteriors, model, graph)
            for posteriors, graph in zip(sides, (settings.optical, settings.audio), strict=True)
        ]
        for (fusion, weight), tokens in _fuse_all(read, settings).items():
            errors[fusion, weight] += Levenshtein.distance(reference, list(tokens))
    return errors


def _both(optical: Posteriors, audio: Posteriors) -> Iterator[tuple[list[int], tuple[np.ndarray, np.ndarray]]]:
    """What is right, and both sides' posteriors, of each staff that both have."""
    heard = {item: number for number, item in enumerate(audio.ids.tolist())}
    for number, item in enumerate(optical.ids.tolist()):
        if item in heard:
            yield classes_of(optical, number), (optical.staff(number).dense(), audio.staff(heard[item]).dense())


def _fuse_all(read: list[Side], settings: DecodingSettings) -> Mapping[tuple[str, float], tuple[int, ...]]:
    return {
        (fusion, weight): fuse(read[0], read[1], replace(settings, fusion=fusion, weight=weight))
        for fusion, weight in TRIED
    }


def main() -> None:
    """Runs the command line."""
    config = HfArgumentParser(cast(Any, DecodingConfig)).parse_args_into_dataclasses(sys.argv[1:])[0]
    sys.stdout.write(json.dumps(choose(config), indent=2) + "\n")


if __name__ == "__main__":
    main()
