"""What the builders of note datasets share: files of a folder or archive in, rows of notes out.

A builder says which pieces its published layout holds, in which splits, and how the notes of one are read. Archives
are read in place. A piece that can't be read is left out and reported, see `failures`.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Protocol

import aiohttp
import datasets
import pyarrow as pa

from scorehub.dataset_builders import note_rows
from scorehub.dataset_builders.failures import report_failure
from scorehub.dataset_builders.musicscore.schema import SPLITS, split_of
from scorehub.dataset_builders.note_files import batches, open_files, unpack
from scorehub.dataset_builders.parquet_shards import tables
from scorehub.dataset_builders.performances.source import MAX_FILE_BYTES
from scorehub.notes import Notes, read_midi

NO_FILE = f"file must be whole and of at most {MAX_FILE_BYTES} bytes, got none"

Row = dict[str, Any]

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
        more: columns beyond those of `note_rows.FEATURES`.
    """

    path: str
    title: str
    group: str
    source: str
    composer: str = ""
    year: str = ""
    license: str = ""
    part: str = ""
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
        """What tells a version of each from another."""

    def load(self, names: Iterable[str]) -> dict[str, bytes]:
        """The contents of those that are there and whole."""


@dataclass
class NoteConfig(datasets.BuilderConfig):
    """Where the files are, and what becomes of those that can't be read."""

    url: str = ""  # of the archive that is fetched where there is no `data_dir`
    sha256: str = ""  # of what lies there
    failures_dir: str | None = None  # receives the reasons for what is left out

    def create_config_id(self, config_kwargs: dict[str, Any], custom_features: datasets.Features | None = None) -> str:
        """The cache's name for this configuration: changes with the files, of which the library knows the folder."""
        if self.name != "sample" and self.data_dir:
            path = Path(self.data_dir)
            facts = repr((sorted(open_files(path).members.items()), path.is_file() and path.stat().st_mtime_ns))
            config_kwargs = config_kwargs | {"inputs": hashlib.sha256(facts.encode()).hexdigest()}
        return super().create_config_id(config_kwargs, custom_features)


class NoteCorpus(datasets.ArrowBasedBuilder):
    """A dataset of notes; its builder has `FACTS`, `plan`, and `read` where pieces are no MIDI files."""

    VERSION = datasets.Version("1.0.0")
    BUILDER_CONFIG_CLASS = NoteConfig
    FACTS: ClassVar[Facts]
    COLUMNS: ClassVar[datasets.Features] = note_rows.FEATURES

    def plan(self, files: Files) -> Splits:
        """The pieces of each split.

        Raises:
            ValueError: the files are not laid out as they are published.
        """
        raise NotImplementedError

    def read(self, piece: Piece, data: bytes) -> Notes:
        """The notes of a piece in its file.

        Raises:
            ValueError: the file is malformed, or has no such piece.
        """
        return read_midi(data)

    def _info(self) -> datasets.DatasetInfo:
        return datasets.DatasetInfo(
            description=self.config.description,
            features=self.COLUMNS,
            homepage=self.FACTS.homepage,
            citation=self.FACTS.citation,
            license=self.FACTS.license,
        )

    def files(self, dl_manager: Any) -> Files:
        """The files of `data_dir`, or of the archive that is fetched.

        Raises:
            ValueError: there is neither.
        """
        return open_files(Path(self.config.data_dir) if self.config.data_dir else self._download(dl_manager))

    def _split_generators(self, dl_manager: Any) -> list[datasets.SplitGenerator]:
        files = self.files(dl_manager)
        splits = self.plan(files)
        if not any(splits.values()):
            raise ValueError(f"data_dir must be {self.FACTS.obtain}, got {self.config.data_dir!r} with no such file")
        missing = [split for split in SPLITS if not any(piece.path in files.members for piece in splits[split])]
        for piece in chain.from_iterable(splits[split] for split in missing):
            report_failure(piece.place, NO_FILE, self.config.failures_dir)
        return [
            datasets.SplitGenerator(split, {"pieces": list(splits[split]), "files": files})
            for split in SPLITS
            if split not in missing  # the library takes no split without rows
        ]

    def _download(self, dl_manager: Any) -> Path:
        url, wanted = self.config.url, f"data_dir must be {self.FACTS.obtain}"
        if not url:
            raise ValueError(f"{wanted}, got None")
        if datasets.config.HF_HUB_OFFLINE:
            raise ValueError(f"{wanted}, where downloads are off, got None")
        try:
            # Streams too read a copy on the disk, for a zip's directory is at its end.
            manager = datasets.DownloadManager(download_config=dl_manager.download_config)
            path = Path(manager.download(url))
        except (OSError, aiohttp.ClientError) as error:
            raise ValueError(f"{wanted}, where {url} is unreachable, got None: {error}") from None
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != self.config.sha256:
            raise ValueError(f"{url} must have the sha256 {self.config.sha256}, got {digest}")
        return path

    def _generate_tables(self, pieces: list[Piece], files: Files) -> Iterator[tuple[int, pa.Table]]:
        yield from tables(self._rows(pieces, files), self.COLUMNS)

    def _rows(self, pieces: list[Piece], files: Files) -> Iterator[Row]:
        of_path: dict[str, list[Piece]] = {}
        for piece in pieces:
            of_path.setdefault(piece.path, []).append(piece)
        for batch in batches(of_path, files.members):
            try:
                loaded = files.load([path for path in batch if path in files.members])
                reason = NO_FILE
            except (ValueError, OSError) as error:
                loaded, reason = {}, str(error)
            for piece in chain.from_iterable(of_path[path] for path in batch):
                try:
                    if piece.path not in loaded:
                        raise ValueError(reason)
                    row = self.row(piece, loaded[piece.path])
                except ValueError as error:
                    report_failure(piece.place, str(error), self.config.failures_dir)
                else:
                    yield row

    def row(self, piece: Piece, data: bytes) -> Row:
        """The row of a piece in its file.

        Raises:
            ValueError: as `read`, and where it has no note.
        """
        notes = self.read(piece, data)
        if not len(notes):
            raise ValueError("piece must have a note, got none")
        return {
            "id": piece.id,
            "title": piece.title,
            "composer": piece.composer,
            "year": piece.year,
            "notes": note_rows.notes_to_columns(notes),
            "seconds": notes.end,
            "midi": data if is_midi(piece.path) else None,
            "source": piece.source,
            "license": piece.license,
            "split_group": piece.group,
            **piece.more,
        }


def is_midi(name: str) -> bool:
    """Whether a file is MIDI by its name."""
    return _MIDI.fullmatch(name) is not None


def split_by_group(pieces: Iterable[Piece]) -> dict[str, list[Piece]]:
    """Pieces in splits that follow from a hash of their group's name: they stay where they are when others come."""
    splits: dict[str, list[Piece]] = {split: [] for split in SPLITS}
    for piece in pieces:
        splits[split_of(piece.group)].append(piece)
    return splits


def load_named(files: Files, *wanted: str) -> bytes:
    """The contents of the first file with one of these names, in whatever folder; empty where there is none.

    Raises:
        ValueError: it is packed by gzip, and damaged or too large.
    """
    name = next((name for name in files.members if PurePosixPath(name).name in wanted), None)
    return b"" if name is None else unpack(files.load([name]).get(name, b""))
