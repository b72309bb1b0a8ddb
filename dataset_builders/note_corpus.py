"""What the builders of note datasets share: files of a folder or archive in, rows of notes out.

A builder says which pieces its published layout holds, in which splits, and how the notes of one are read. Archives
are read in place. A piece that can't be read is left out and reported, see `failures`.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar

import aiohttp
import datasets
import pyarrow as pa

from scorehub.dataset_builders import note_rows
from scorehub.dataset_builders.archives import MAX_FILE_BYTES
from scorehub.dataset_builders.failures import report_failure
from scorehub.dataset_builders.fingerprint import files_fingerprint
from scorehub.dataset_builders.note_files import batches, open_files
from scorehub.dataset_builders.note_pieces import Facts, Files, Piece, Splits, is_midi
from scorehub.dataset_builders.splits import SPLITS
from scorehub.notes import Notes, read_midi

TABLE_BYTES = 4 * 2**20  # of files, whose rows are held in memory together
NO_FILE = f"file must be whole and of at most {MAX_FILE_BYTES} bytes, got none"

Row = dict[str, Any]


@dataclass
class NoteConfig(datasets.BuilderConfig):
    """Where the files are, and what becomes of those that can't be read."""

    url: str = ""  # of the archive that is fetched where there is no `data_dir`
    sha256: str = ""  # of what lies there
    failures_dir: str | None = None  # receives the reasons for what is left out

    def create_config_id(self, config_kwargs: dict[str, Any], custom_features: datasets.Features | None = None) -> str:
        """The cache's name for this configuration: changes with the files, of which the library knows the folder."""
        if self.name != "sample" and self.data_dir:
            config_kwargs = config_kwargs | {"inputs": files_fingerprint(self.data_dir)}
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

    def more(self, piece: Piece, loaded: Mapping[str, bytes]) -> Mapping[str, Any]:
        """The columns beyond those of `note_rows.FEATURES`; `loaded` has the piece's file and those beside it."""
        return piece.more

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
        return open_files(self.config.data_dir or self._download(dl_manager))

    def _split_generators(self, dl_manager: Any) -> list[datasets.SplitGenerator]:
        files = self.files(dl_manager)
        splits = self.plan(files)
        if not any(splits.values()):
            raise ValueError(f"data_dir must be {self.FACTS.obtain}, got {self.config.data_dir!r} with no such file")
        missing = [split for split in SPLITS if not any(piece.path in files.members for piece in splits[split])]
        if len(missing) == len(SPLITS):
            first = next(chain.from_iterable(splits.values()))
            raise ValueError(f"data_dir must have the files that its table names, got none, such as {first.path}")
        for piece in chain.from_iterable(splits[split] for split in missing):
            report_failure(piece.place, NO_FILE, self.config.failures_dir)
        order = {name: number for number, name in enumerate(files.members)}  # that in which they are best read
        return [
            datasets.SplitGenerator(
                split, {"pieces": sorted(splits[split], key=lambda piece: order.get(piece.path, -1)), "files": files}
            )
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
        schema = self.COLUMNS.arrow_schema
        of_path: dict[str, list[Piece]] = {}
        sizes: dict[str, int] = {}
        for piece in pieces:
            of_path.setdefault(piece.path, []).append(piece)
            sizes.setdefault(piece.path, sum(files.members[name][1] for name in _present(piece, files)))
        for number, batch in enumerate(batches(of_path, sizes, TABLE_BYTES)):
            rows = list(self._rows([piece for path in batch for piece in of_path[path]], files))
            if rows:
                yield number, pa.Table.from_pylist(rows, schema=schema)

    def _rows(self, pieces: list[Piece], files: Files) -> Iterator[Row]:
        """The rows of pieces whose files are loaded together."""
        names = dict.fromkeys(name for piece in pieces for name in _present(piece, files))
        try:
            loaded, reason = files.load(names), NO_FILE
        except (ValueError, OSError) as error:
            loaded, reason = {}, str(error)
        for piece in pieces:
            try:
                if piece.path not in loaded:
                    raise ValueError(reason)
                row = self.row(piece, loaded)
            except ValueError as error:
                report_failure(piece.place, str(error), self.config.failures_dir)
            else:
                yield row

    def row(self, piece: Piece, loaded: Mapping[str, bytes]) -> Row:
        """The row of a piece, of its file and those beside it.

        Raises:
            ValueError: as `read`, and where it has no note.
        """
        data = loaded[piece.path]
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
            **self.more(piece, loaded),
        }


def _present(piece: Piece, files: Files) -> list[str]:
    """Which of a piece's files are there."""
    return [name for name in (piece.path, *piece.beside) if name in files.members]
