"""Pieces from which the score follower's corpus is made: a rebuilt MSMD's, and notation that is engraved here.

    for piece in rebuilt_pieces(Path("msmd_rebuilt"), "train") + notation_pieces([Path("kern")], count=100, seed=0):
        score, midi = piece.read()

Notation is Humdrum (.krn), MusicXML (.musicxml, .mxl) or MEI (.mei); each file gets a layout and a key of its own.
"""

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from scorehub.dataset_builders.msmd.engraved import engrave_msmd
from scorehub.dataset_builders.msmd.rebuilt import open_rebuilt, read_rebuilt
from scorehub.dataset_builders.msmd.score import Score
from scorehub.engraving import MAX_CHARACTERS, random_layout

SUFFIXES = (".krn", ".musicxml", ".mxl", ".mei")
MAX_PAGES = 6


class Piece(Protocol):
    """A piece that can be read."""

    @property
    def name(self) -> str:
        """Also of its file in the corpus."""

    def read(self) -> tuple[Score, bytes]:
        """Its score and MIDI file; raises ValueError if it can't be read."""


@dataclass(frozen=True)
class RebuiltPiece:
    """A piece of a rebuilt MSMD."""

    data_dir: Path
    name: str

    def read(self) -> tuple[Score, bytes]:
        """See `Piece`."""
        return read_rebuilt(self.name, open_rebuilt(self.data_dir))


@dataclass(frozen=True)
class NotationPiece:
    """A file of notation, engraved in a random layout and key."""

    path: Path
    seed: int

    @property
    def name(self) -> str:
        """Of the file and its folder."""
        return f"{self.path.parent.name}__{self.path.stem}"

    def read(self) -> tuple[Score, bytes]:
        """See `Piece`."""
        rng = np.random.default_rng([self.seed, zlib.crc32(self.name.encode())])
        # The follower is for pages as they lie on a music stand.
        layout = replace(random_layout(rng), staff_mm=rng.uniform(5.5, 8.0), semitones=int(rng.integers(-4, 5)))
        score, midi = engrave_msmd(read_notation(self.path), layout)
        if len(score.pages) > MAX_PAGES:
            raise ValueError(f"piece must have at most {MAX_PAGES} pages, got {len(score.pages)} of {self.name}")
        return score, midi


def rebuilt_pieces(data_dir: Path, split: str) -> list[Piece]:
    """The pieces of a split."""
    rows = open_rebuilt(data_dir).pieces
    return [RebuiltPiece(data_dir, name) for name, row in rows.items() if row["split"] == split]


def notation_pieces(folders: Sequence[Path], count: int, seed: int) -> list[Piece]:
    """So many files of each folder, at any depth, drawn at random."""
    pieces: list[Piece] = []
    for folder in folders:
        paths = sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES)
        drawn = np.random.default_rng(seed).permutation(len(paths))[:count]
        pieces += [NotationPiece(paths[number], seed) for number in drawn]
    return pieces


def read_notation(path: Path) -> str:
    """The text of a file of notation; of a compressed MusicXML that of its score.

    Raises:
        ValueError: the file is no notation, damaged or too large.
    """
    try:
        if path.suffix == ".mxl":
            with zipfile.ZipFile(path) as archive:
                scores = [info for info in archive.infolist() if info.filename.endswith((".xml", ".musicxml"))]
                scores = [info for info in scores if not info.filename.startswith("META-INF/")]
                if len(scores) != 1 or scores[0].file_size > MAX_CHARACTERS:
                    raise ValueError(f"MXL must hold one score of at most {MAX_CHARACTERS:,} bytes, got {path.name}")
                return archive.read(scores[0]).decode("utf-8")
        return path.read_text(encoding="utf-8")
    except (zipfile.BadZipFile, zlib.error, UnicodeDecodeError) as error:
        raise ValueError(f"notation must be a file that can be read, got {path.name}: {error}") from None
