"""Staves as the transcription networks take them: pictures, constant-Q transforms and tokens, made once and kept.

    staves = make_staves(load_dataset("camera_primus")["train"], Inputs(pictures=("image", "distorted")), workers=2)
    batches = DataLoader(staves, 16, collate_fn=Collator(processor))

Rows are those of `load_dataset("camera_primus")`. What is made of them `datasets` keeps in its cache, so a second
training on the same rows begins at once. Pictures and transforms are bytes, 0 to 255, a row of pixels after the other.
"""

import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import numpy as np
import soundfile
import torch
from datasets import Dataset, DatasetDict, Image, concatenate_datasets, load_dataset
from PIL import Image as Picture

import scorehub.dataset_builders  # noqa: F401 - makes the name known to load_dataset
from scorehub.photo import photograph
from scorehub.pipelines.music_transcription.configuration_music_transcription import BLANK
from scorehub.pipelines.music_transcription.features import STAFF_HEIGHT, audio_features, image_features
from scorehub.pipelines.music_transcription.processing_music_transcription import (
    MusicTranscriptionProcessor,
    pad_labels,
    pad_pictures,
)
from scorehub.study.scenarios import training_count
from scorehub.trainers.grad_spsa_settings import NETWORKS, GradSPSAConfig

COLUMNS = ("image", "distorted")
PICTURES = (*COLUMNS, "photo")
MOST_MARGIN = 0.6  # of a staff's height: what a photo shows above and below it
Row = dict[str, Any]


@dataclass(frozen=True)
class Inputs:
    """What a network takes of a row.

    Attributes:
        pictures: `image`, `distorted`, or `photo`, the image as a phone would take it, with more around it; a staff
            comes once with each of them, or without any.
        audio_rows: of the transform, 120 or 256; 0: no sound.
    """

    pictures: tuple[str, ...] = COLUMNS
    audio_rows: int = 0

    def __post_init__(self) -> None:
        if not set(self.pictures) <= set(PICTURES) or not (self.pictures or self.audio_rows):
            raise ValueError(f"pictures must be some of {PICTURES}, or there must be sound, got {self.pictures}")


def make_staves(rows: Dataset, inputs: Inputs, workers: int = 1) -> Dataset:
    """Staves with `id`, `semantic`, `length`, and `picture` and `sound` as far as they are wanted.

    What has no such picture or sound, or one that is refused, is left out. `length` is the width of what the network
    reads from left to right, for batches of like widths.
    """
    plain = rows
    for column in COLUMNS:
        plain = plain.cast_column(column, Image(decode=False))
    parts = [
        plain.map(
            partial(_make_staff, picture=picture, audio_rows=inputs.audio_rows),
            remove_columns=plain.column_names,
            num_proc=workers if workers > 1 else None,
            desc="staves",
        )
        for picture in inputs.pictures or ("",)
    ]
    return concatenate_datasets(parts).filter(_is_there, input_columns=["length"])


def _make_staff(row: Row, picture: str, audio_rows: int) -> Row:
    """The columns of a staff; empty ones, of length 0, where an input is refused."""
    columns = [name for name, wanted in (("picture", picture), ("sound", audio_rows)) if wanted]
    staff: Row = {"id": row["id"], "semantic": row["semantic"], "length": 0, **dict.fromkeys(columns, b"")}
    try:
        made = [_picture(row, picture)] if picture else []
        made += [_transform(row["audio"], audio_rows)] if audio_rows else []
    except (ValueError, OSError, soundfile.LibsndfileError):
        return staff
    return staff | {"length": made[-1].shape[1]} | dict(zip(columns, map(_to_bytes, made), strict=True))


def _is_there(length: int) -> bool:
    return length > 0


def _picture(row: Row, name: str) -> torch.Tensor:
    stored = row["image" if name == "photo" else name]
    if stored is None or not stored["bytes"]:
        raise ValueError("row must have a picture, got none")
    with Picture.open(io.BytesIO(stored["bytes"])) as picture:
        return image_features(_photo(picture, zlib.crc32(row["id"].encode())) if name == "photo" else picture)


def _photo(picture: Picture.Image, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    image = np.array(picture.convert("L"))
    above, below = (rng.uniform(0, MOST_MARGIN, 2) * len(image)).astype(int)
    return photograph(np.pad(image, ((above, below), (0, 0)), constant_values=255), rng)


def _transform(stored: Row | None, rows: int) -> torch.Tensor:
    if stored is None or not stored["bytes"]:
        raise ValueError("row must have sound, got none")
    samples, rate = soundfile.read(io.BytesIO(stored["bytes"]), dtype="float32", always_2d=True)
    return audio_features(samples.T, rate, rows)


def _to_bytes(picture: torch.Tensor) -> bytes:
    """Values from 0 to 1."""
    return (picture * 255).round().to(torch.uint8).numpy().tobytes()


def from_bytes(stored: bytes, rows: int) -> torch.Tensor:
    """The inverse: (rows, W)."""
    return torch.from_numpy(np.frombuffer(stored, np.uint8).reshape(rows, -1).astype(np.float32)) / 255


def load_parts(config: GradSPSAConfig) -> tuple[Dataset, Dataset, list[str]]:
    """Staves to train on, those to choose weights by, and the vocabulary of the whole training part.

    Raises:
        ValueError: the network, the pictures or a part is not one that there is.
    """
    if config.network not in NETWORKS:
        raise ValueError(f"network must be one of {', '.join(NETWORKS)}, got {config.network!r}")
    optical, audio, rows = NETWORKS[config.network]
    inputs = Inputs(tuple(config.pictures.split(",")) if optical else (), rows)
    options: dict[str, Any] = {"fold": config.fold, "seed": config.seed, "audio": bool(audio)}
    options |= {"data_dir": config.data_dir} if config.data_dir else {}
    options |= {"lists_dir": config.lists_dir} if config.lists_dir else {}
    name = "sample" if not config.data_dir else "cleansed" if config.lists_dir else "engraved"
    workers = config.workers if config.workers > 1 else None
    parts = cast(DatasetDict, load_dataset("camera_primus", name, num_proc=workers, **options))
    count = training_count(len(parts["train"]), config.fraction)
    train = make_staves(draw_rows(parts["train"], count, config.seed), inputs, config.workers)
    chosen_by = draw_rows(parts["validation"], config.held_out or None, config.seed)
    return train, make_staves(chosen_by, inputs, config.workers), find_vocabulary(parts["train"])


def draw_rows(rows: Dataset, count: int | None, seed: int) -> Dataset:
    """Drawn by seed, at least one; all if None or if there are no more."""
    if count is None or count >= len(rows):
        return rows
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed)).tolist()
    return rows.select(sorted(order[: max(1, count)]))


def find_vocabulary(staves: Dataset) -> list[str]:
    """CTC's blank and all tokens of staves, sorted."""
    return [BLANK, *sorted({token for text in staves["semantic"] for token in text.split()})]


class Collator:
    """Makes a batch of staves; those with tokens that the vocabulary lacks must have been left out (`knows`)."""

    def __init__(self, processor: MusicTranscriptionProcessor):
        self.processor = processor

    def __call__(self, staves: Sequence[Row]) -> dict[str, torch.Tensor]:
        """What the model takes, labels included."""
        return self.inputs(staves) | pad_labels([self.processor.classes(staff["semantic"]) for staff in staves])

    def inputs(self, staves: Sequence[Row]) -> dict[str, torch.Tensor]:
        """What the model takes but for the labels."""
        batch: dict[str, torch.Tensor] = {}
        for column, name, rows in (("picture", "image", STAFF_HEIGHT), ("sound", "audio", self.processor.audio_rows)):
            if column in staves[0]:
                batch |= pad_pictures(name, [from_bytes(staff[column], rows) for staff in staves])
        return batch

    def knows(self, semantic: str) -> bool:
        """Whether all tokens are in the vocabulary."""
        return set(semantic.split()) <= set(self.processor.vocabulary)
