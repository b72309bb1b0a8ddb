"""Small files in MAESTRO's layout, and what the builder `maestro` makes of files."""

import csv
import io
import json

import numpy as np
from folders_and_archives import write_folder

from scorehub.dataset_builders.maestro.maestro import Maestro
from scorehub.notes import make_notes, write_midi

COLUMNS = ["canonical_composer", "canonical_title", "split", "year", "midi_filename", "audio_filename", "duration"]
SPLITS = ("train", "train", "validation", "test")
VERSION = "maestro-v3.0.0"


def midi(n=8, seed=0):
    rng = np.random.default_rng(seed)
    onset = np.round(rng.uniform(0, 4, n), 2)
    return write_midi(make_notes(onset, np.full(n, 0.5), rng.integers(30, 90, n), rng.integers(1, 128, n)))


def table():
    names = [f"2018/piece{i}.midi" for i in range(len(SPLITS))]
    rows = [
        ["Anon", f"Étude {i}", split, 2018, name, name.replace("midi", "wav"), 4.5]
        for i, (split, name) in enumerate(zip(SPLITS, names, strict=True))
    ]
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]


def as_csv(rows):
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def as_json(rows):
    return json.dumps({name: {str(i): row[name] for i, row in enumerate(rows)} for name in COLUMNS}).encode()


def maestro_files(prefix=f"{VERSION}/"):
    files = {row["midi_filename"]: midi(seed=i) for i, row in enumerate(table())}
    files |= {f"{VERSION}.csv": as_csv(table()), f"{VERSION}.json": as_json(table()), "LICENSE": b"CC BY-NC-SA 4.0"}
    return {prefix + name: data for name, data in files.items()}


def load(tmp_path, name="v3", num_proc=None, **options):
    """All rows by id, with their split."""
    builder = Maestro(cache_dir=str(tmp_path / "cache"), config_name=name, **options)
    builder.download_and_prepare(num_proc=num_proc)
    splits = [split for split, info in builder.info.splits.items() if info.num_examples]
    return {row["id"]: row | {"split": split} for split in splits for row in builder.as_dataset(split)}


def pieces(tmp_path, files=None, **options):
    """A folder of MIDI files, loaded."""
    files = files or {f"{i}.mid": midi(seed=i) for i in range(12)}
    return load(tmp_path, "folder", data_dir=str(write_folder(tmp_path / "midi", files)), **options)
