"""Rolls of whole pieces, as strips of all 128 pitches: what windows are cut from, and the file that keeps them.

Windows of a strip may begin at any frame and be transposed without losing notes. That takes less room than the windows
themselves, so that one small file holds a training set at several tempos:

    code 0 off, 127 held (with articulation), 254 on; value = code / 127 - 1, see `scorehub.rolls`
"""

import dataclasses
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import datasets
import numpy as np

import scorehub.dataset_builders  # noqa: F401 - makes the names of our builders known
from scorehub.dataset_builders.msmd.safe_npz import read_npz
from scorehub.dataset_builders.note_rows import columns_to_notes
from scorehub.notes import DRUMS, Notes, make_notes
from scorehub.rolls import RollSpec, make_roll

ON = 254
PITCHES = 128
MAX_STRIPS_BYTES = 2**32  # of a file of strips, unpacked: a thousand hours at 8 frames a second


@dataclass(frozen=True)
class Piece:
    """Notes of a piece, and what keeps it apart from others: pieces of one `group` lie in one split and one fold."""

    notes: Notes
    name: str
    group: str
    split: str  # train, validation or test


@dataclass(frozen=True)
class Strips:
    """Rolls of whole pieces: `codes` are uint8 (C, 128, frames), the other columns have one entry for each.

    Raises:
        ValueError: the columns have different lengths, or codes are of another shape or type.
    """

    codes: list[np.ndarray]
    names: list[str]
    groups: list[str]
    splits: list[str]
    tempos: list[float]  # factor by which it is faster than the piece
    spec: RollSpec

    def __post_init__(self) -> None:
        columns = (self.codes, self.names, self.groups, self.splits, self.tempos)
        if len({len(column) for column in columns}) != 1:
            raise ValueError(f"columns must have one length, got {[len(column) for column in columns]}")
        channels = self.spec.shape[0]
        for codes in self.codes:
            if codes.dtype != np.uint8 or codes.ndim != 3 or codes.shape[:2] != (channels, PITCHES):
                raise ValueError(f"codes must be uint8 ({channels}, {PITCHES}, T), got {codes.dtype} {codes.shape}")

    def __len__(self) -> int:
        return len(self.codes)

    def choose(self, keep: Iterable[int]) -> "Strips":
        """The strips of the given indices."""
        chosen = list(keep)
        return Strips(
            [self.codes[i] for i in chosen],
            [self.names[i] for i in chosen],
            [self.groups[i] for i in chosen],
            [self.splits[i] for i in chosen],
            [self.tempos[i] for i in chosen],
            self.spec,
        )

    def of_splits(self, *splits: str) -> "Strips":
        """The strips of the given splits."""
        return self.choose(i for i, split in enumerate(self.splits) if split in splits)

    def at_tempo(self) -> "Strips":
        """Only the pieces as they are, without those of another tempo."""
        return self.choose(i for i, tempo in enumerate(self.tempos) if tempo == 1)


def read_pieces(names: Sequence[str], builders: Sequence[str], folders: Sequence[str]) -> Iterator[Piece]:
    """All pieces of datasets of the note schema, by `load_dataset`.

    Args:
        builders: The configuration of each dataset, or none at all; so are `folders`, their files.

    Raises:
        ValueError: no dataset is named, or builders or folders are not one for each.
    """
    if not names:
        raise ValueError("dataset must name a dataset of notes where there is no file of rolls, got none")
    for what, given in (("builder", builders), ("data_dir", folders)):
        if given and len(given) != len(names):
            raise ValueError(f"{what} must be given for each dataset or none, got {given} for {names}")
    unset: list[None] = [None] * len(names)
    for name, builder, folder in zip(names, builders or unset, folders or unset, strict=True):
        for split, rows in datasets.load_dataset(name, builder, data_dir=folder).items():
            for row in rows:
                yield Piece(columns_to_notes(row), row["id"], f"{name}:{row['split_group']}", str(split))


def make_strips(pieces: Iterable[Piece], spec: RollSpec, tempos: Sequence[float] = (1.0,)) -> Strips:
    """Strips of all pieces that have notes, each at every tempo; held-out ones only as they are.

    Raises:
        ValueError: a tempo is not above 0, or no piece has notes.
    """
    if not tempos or min(tempos) <= 0:
        raise ValueError(f"tempos must be factors above 0, got {tempos}")
    rows = [
        (_strip(piece.notes, spec, tempo), piece.name, piece.group, piece.split, float(tempo))
        for piece in pieces
        if len(piece.notes)
        for tempo in (tempos if piece.split == "train" else (1.0,))
    ]
    if not rows:
        raise ValueError("pieces must hold notes, got none")
    codes, names, groups, splits, factors = (list(column) for column in zip(*rows, strict=True))
    return Strips(codes, names, groups, splits, factors, spec)


def _strip(notes: Notes, spec: RollSpec, tempo: float) -> np.ndarray:
    """The whole piece as codes (C, 128, T), from its first note on, and at least a window long."""
    start = notes.onset[0]
    # What is neither heard nor drawn must not make the strip longer; drums are in no mixed roll.
    columns = (notes.pitch, notes.velocity, notes.program, notes.track)
    faster = make_notes((notes.onset - start) / tempo, notes.duration / tempo, *columns)
    heard = faster.program != DRUMS if spec.channels == "mixed" else np.ones(len(faster), bool)
    end = float((faster.onset + faster.duration)[heard].max()) if heard.any() else 0.0
    whole = dataclasses.replace(spec, lowest=0, n_pitches=PITCHES, seconds=max(end, spec.seconds))
    return np.round((make_roll(faster, whole) + 1) * (ON / 2)).astype(np.uint8)


def pack_strips(strips: Strips, path: str | Path) -> None:
    """Writes a compressed .npz without pickles, about 30 bytes for a second of piano music at 8 frames a second."""
    np.savez_compressed(
        path,
        codes=np.concatenate(strips.codes, axis=-1),
        lengths=np.array([codes.shape[-1] for codes in strips.codes]),
        names=np.array(strips.names, str),
        groups=np.array(strips.groups, str),
        splits=np.array(strips.splits, str),
        tempos=np.array(strips.tempos, np.float64),
        spec=np.array(json.dumps(dataclasses.asdict(strips.spec))),
    )


def load_strips(path: str | Path) -> Strips:
    """Reads what `pack_strips` wrote.

    Raises:
        ValueError: the file is no such file.
    """
    try:
        columns = read_npz(Path(path).read_bytes(), MAX_STRIPS_BYTES)
        spec = json.loads(str(columns["spec"]))
        spec = RollSpec(**{**spec, "members": tuple(spec["members"])})
        ends = columns["lengths"].cumsum()[:-1]
        codes = [np.array(part, order="C") for part in np.split(columns["codes"], ends, axis=-1)]
        names, groups, splits = ([str(text) for text in columns[name]] for name in ("names", "groups", "splits"))
        return Strips(codes, names, groups, splits, [float(tempo) for tempo in columns["tempos"]], spec)
    except (LookupError, TypeError, AttributeError, RecursionError, OSError, ValueError) as error:
        raise ValueError(f"cache of rolls must be a file of this trainer, got {path}: {error}") from None


def split_folds(groups: Sequence[str], folds: int, seed: int) -> np.ndarray:
    """The fold (N,) of each strip: groups in a seeded order, each to the fold that has the fewest strips so far.

    Raises:
        ValueError: there are fewer groups than folds.
    """
    names, counts = np.unique(list(groups), return_counts=True)
    if not 2 <= folds <= len(names):
        raise ValueError(f"folds must be 2 to the number of groups {len(names)}, got {folds}")
    order = np.random.default_rng([seed, folds]).permutation(len(names))
    sizes, fold_of = np.zeros(folds, np.int64), {}
    for i in sorted(order, key=lambda i: -counts[i]):  # a stable sort: groups of one size stay in the seeded order
        fold = int(sizes.argmin())
        fold_of[str(names[i])] = fold
        sizes[fold] += counts[i]
    return np.array([fold_of[group] for group in groups])
