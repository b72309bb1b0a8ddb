"""The builder behind `load_dataset("maestro")`.

from datasets import load_dataset
import scorehub.dataset_builders

load_dataset("maestro")                                      # `sample`: tunes of the project, offline
load_dataset("maestro", "v3")                                # downloads 58 MB
load_dataset("maestro", "v3", data_dir="maestro-v3.0.0-midi.zip")  # or the folder that was in it
load_dataset("maestro", "folder", data_dir="midi.tar.gz", group="(.*)/", license="CC BY 4.0")  # any MIDI files
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Any

import aiohttp
import datasets
import pyarrow as pa

from scorehub.dataset_builders import note_rows
from scorehub.dataset_builders.failures import report_failure
from scorehub.dataset_builders.maestro.index import Piece, find_index, read_index
from scorehub.dataset_builders.maestro.sample import Tunes, sample_pieces
from scorehub.dataset_builders.maestro.source import Files, batches, open_files
from scorehub.dataset_builders.musicscore.schema import SPLITS, split_of
from scorehub.dataset_builders.parquet_shards import tables
from scorehub.dataset_builders.performances.source import MAX_FILE_BYTES
from scorehub.notes import read_midi

CITATION = """@inproceedings{hawthorne2018enabling,
  title={Enabling Factorized Piano Music Modeling and Generation with the {MAESTRO} Dataset},
  author={Curtis Hawthorne and Andriy Stasyuk and Adam Roberts and Ian Simon and Cheng-Zhi Anna Huang
    and Sander Dieleman and Erich Elsen and Jesse Engel and Douglas Eck},
  booktitle={International Conference on Learning Representations},
  year={2019}
}"""
HOMEPAGE = "https://magenta.tensorflow.org/datasets/maestro"
LICENSE = "CC BY-NC-SA 4.0"
URL = "https://storage.googleapis.com/magentadata/datasets/maestro/v3.0.0/maestro-v3.0.0-midi.zip"
SHA256 = "70470ee253295c8d2c71e6d9d4a815189e35c89624b76d22fce5a019d5dde12c"

FEATURES = datasets.Features({**note_rows.FEATURES, "audio_filename": datasets.Value("string")})

NO_FILE = f"MIDI must be a whole file of at most {MAX_FILE_BYTES} bytes, got none"

Row = dict[str, Any]

_MIDI = re.compile(r".*\.(?:midi?|kar)", re.IGNORECASE | re.DOTALL)


@dataclass
class MaestroConfig(datasets.BuilderConfig):
    """`sample`, `v3` or `folder`."""

    url: str = URL  # of `v3` without `data_dir`
    sha256: str = SHA256  # of what lies there
    group: str = r"([^/]+)\.\w+$"  # of `folder`: takes the paths in which it finds the parts that name their group
    license: str = ""  # of `folder`
    failures_dir: str | None = None  # receives the reasons for what is left out

    def create_config_id(self, config_kwargs: dict[str, Any], custom_features: datasets.Features | None = None) -> str:
        """The cache's name for this configuration: changes with the files, of which the library knows the folder."""
        if self.name != "sample" and self.data_dir:
            path = Path(self.data_dir)
            facts = repr((sorted(open_files(path).members.items()), path.is_file() and path.stat().st_mtime_ns))
            config_kwargs = config_kwargs | {"inputs": hashlib.sha256(facts.encode()).hexdigest()}
        return super().create_config_id(config_kwargs, custom_features)


class Maestro(datasets.ArrowBasedBuilder):
    """Piano performances as notes and MIDI."""

    VERSION = datasets.Version("1.0.0")
    BUILDER_CONFIG_CLASS = MaestroConfig
    BUILDER_CONFIGS = [  # noqa: RUF012 - the name and form that the library reads
        MaestroConfig(name="sample", description="Small, offline: public-domain tunes as they are written."),
        MaestroConfig(name="v3", description="MAESTRO v3.0.0: 1,276 performances in the published splits."),
        MaestroConfig(name="folder", description="Any MIDI files; splits follow from a hash of their group's name."),
    ]
    DEFAULT_CONFIG_NAME = "sample"

    def _info(self) -> datasets.DatasetInfo:
        return datasets.DatasetInfo(
            description=self.config.description, features=FEATURES, homepage=HOMEPAGE, citation=CITATION
        )

    def _split_generators(self, dl_manager: Any) -> list[datasets.SplitGenerator]:
        files, splits = self._pieces(dl_manager)
        missing = [split for split in SPLITS if not any(piece.path in files.members for piece in splits[split])]
        for piece in chain.from_iterable(splits[split] for split in missing):
            report_failure(piece.path, NO_FILE, self.config.failures_dir)
        return [
            datasets.SplitGenerator(
                split,
                {
                    "paths": [piece.path for piece in splits[split]],
                    "pieces": {piece.path: piece for piece in splits[split]},
                    "files": files,
                },
            )
            for split in SPLITS
            if split not in missing  # the library takes no split without rows
        ]

    def _pieces(self, dl_manager: Any) -> tuple[Files | Tunes, dict[str, list[Piece]]]:
        if self.config.name == "sample":
            return Tunes(), _by_group(sample_pieces())
        path = Path(self.config.data_dir) if self.config.data_dir else self._download(dl_manager)
        files = open_files(path)
        if self.config.name == "v3":
            name = find_index(files.members)
            return files, read_index(name, files.load([name]).get(name, b""), LICENSE)
        try:
            group = re.compile(self.config.group)
        except re.error as error:
            raise ValueError(f"group must be a regular expression, got {self.config.group!r}: {error}") from None
        found = {name: group.search(name) for name in sorted(files.members) if _MIDI.fullmatch(name)}
        pieces = [self._piece(path, name, match) for name, match in found.items() if match]
        if not pieces:
            raise ValueError(f"data_dir must have MIDI files in it that {group.pattern!r} finds, got none")
        return files, _by_group(pieces)

    def _piece(self, data_dir: Path, name: str, found: re.Match[str]) -> Piece:
        group = " ".join(filter(None, found.groups() or (found[0],)))
        return Piece(name, PurePosixPath(name).stem, group, f"{data_dir.name}/{name}", license=self.config.license)

    def _download(self, dl_manager: Any) -> Path:
        url, wanted = self.config.url, "data_dir must be a folder or an archive"
        if self.config.name == "folder":
            raise ValueError(f"{wanted} of MIDI files, got None")
        if datasets.config.HF_HUB_OFFLINE:
            raise ValueError(f"{wanted} of MAESTRO where downloads are off, got None")
        try:
            # Streams too read a copy on the disk, for a zip's directory is at its end.
            manager = datasets.DownloadManager(download_config=dl_manager.download_config)
            path = Path(manager.download(url))
        except (OSError, aiohttp.ClientError) as error:
            raise ValueError(f"{wanted} of MAESTRO where {url} is unreachable, got None: {error}") from None
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != self.config.sha256:
            raise ValueError(f"{url} must have the sha256 {self.config.sha256}, got {digest}")
        return path

    def _generate_tables(
        self, paths: list[str], pieces: Mapping[str, Piece], files: Files | Tunes
    ) -> Iterator[tuple[int, pa.Table]]:
        yield from tables(self._rows(paths, pieces, files), FEATURES)

    def _rows(self, paths: list[str], pieces: Mapping[str, Piece], files: Files | Tunes) -> Iterator[Row]:
        for batch in batches(paths, files.members):
            try:
                loaded = files.load([path for path in batch if path in files.members])
            except (ValueError, OSError) as error:
                for path in batch:
                    report_failure(path, str(error), self.config.failures_dir)
                continue
            for path in batch:
                try:
                    row = make_row(pieces[path], loaded)
                except ValueError as error:
                    report_failure(path, str(error), self.config.failures_dir)
                else:
                    yield row


def _by_group(pieces: list[Piece]) -> dict[str, list[Piece]]:
    return {split: [piece for piece in pieces if split_of(piece.group) == split] for split in SPLITS}


def make_row(piece: Piece, files: Mapping[str, bytes]) -> Row:
    """The row of a piece.

    Args:
        files: MIDI files by their paths.

    Raises:
        ValueError: its file is missing or malformed, or has no note.
    """
    if piece.path not in files:
        raise ValueError(NO_FILE)
    notes = read_midi(files[piece.path])
    if not len(notes):
        raise ValueError("MIDI must have a note, got none")
    return {
        "id": piece.path.removesuffix(PurePosixPath(piece.path).suffix),
        "title": piece.title,
        "composer": piece.composer,
        "year": piece.year,
        "notes": note_rows.notes_to_columns(notes),
        "seconds": notes.end,
        "midi": files[piece.path],
        "source": piece.source,
        "license": piece.license,
        "split_group": piece.group,
        "audio_filename": piece.audio_filename,
    }
