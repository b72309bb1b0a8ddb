"""What the builders of note datasets say of their data: facts about it, its pieces and their splits."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import IO, Any, Protocol

from scorehub.dataset_builders.splits import SPLITS, split_of

_MIDI = re.compile(r".*\.(?:midi?|kar)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Facts:
    """What is to be known of a dataset before it is used.

    Attributes:
        obtain: what `data_dir` must be, and where it comes from.
    """

    title: str
    homepage: str
    license: str
    citation: str
    obtain: str


@dataclass(frozen=True)
class Piece:
    """A piece, by the path of its file, and what is known of it; unknown text is `""`.

    Attributes:
        group: all pieces of a group lie in one split.
        part: which of a file that holds several.
        beside: files that are read with it, if they are there.
        more: columns beyond those of `note_rows.FEATURES`, as far as they are known before.
    """

    path: str
    title: str
    group: str
    source: str
    composer: str = ""
    year: str = ""
    license: str = ""
    part: str = ""
    beside: tuple[str, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The path without its ending, and which part of it, if any."""
        return self.path.removesuffix(PurePosixPath(self.path).suffix) + self._part

    @property
    def place(self) -> str:
        """The path, and which part of it, if any."""
        return self.path + self._part

    @property
    def _part(self) -> str:
        return self.part and f"#{self.part}"


Splits = Mapping[str, list[Piece]]


class Files(Protocol):
    """Files by their names; see `note_files`."""

    @property
    def members(self) -> dict[str, tuple[int, int]]:
        """What tells a version of each from another, and its size; in the order in which they are best read."""

    def load(self, names: Iterable[str]) -> dict[str, bytes]:
        """The contents of those that are there, whole, and no larger than a piece may be."""

    def open(self, name: str) -> IO[bytes]:
        """A file of any size from its beginning on, of which `members` says where it ends."""


def is_midi(name: str) -> bool:
    """Whether a file is MIDI by its name."""
    return _MIDI.fullmatch(name) is not None


def split_by_group(pieces: Iterable[Piece]) -> dict[str, list[Piece]]:
    """Pieces in splits that follow from a hash of their group's name: they stay where they are when others come."""
    splits: dict[str, list[Piece]] = {split: [] for split in SPLITS}
    for piece in pieces:
        splits[split_of(piece.group)].append(piece)
    return splits
