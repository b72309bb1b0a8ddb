"""The published MusicScore (Hub: ZheqiDAI/MusicScore) as image-text rows: jpg folders, `tar.gz` splits, JSON.

Layout, names as published: `MisicScore-400/{train,val,test}/IMSLP<id>_<page>.jpg`, `MusicScore-14K/` and
`MusicScore-200k/{train,val,test}.tar.gz`, each with one JSON of metadata whose records bear an `ID`. Archives are read
as streams, local or over `hf://`, and never unpacked. What can't be used is counted and skipped.
"""

import hashlib
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import fsspec
from datasets import DownloadManager, Image
from PIL import Image as PillowImage

from scorehub.dataset_builders.archives import TAR_FAULTS
from scorehub.dataset_builders.musicscore.metadata import MetadataTable, load_metadata
from scorehub.dataset_builders.musicscore.schema import FEATURES, WorkMetadata, caption, imslp_id, work_group
from scorehub.pictures import check_scans

HUB_FOLDER = "hf://datasets/ZheqiDAI/MusicScore"
FOLDERS = {"400": "MisicScore-400", "14k": "MusicScore-14K", "200k": "MusicScore-200k"}
SPLIT_FOLDERS = {"train": "train", "validation": "val", "test": "test"}
LICENSE = "CC BY 4.0 as stated by the authors of MusicScore"
MAX_IMAGE_BYTES = 64 * 2**20

_PAGE_NAME = re.compile(r"_(\d+)\.jpe?g$", re.IGNORECASE)
_COLUMNS = {name: feature.dtype for name, feature in FEATURES.items() if not isinstance(feature, Image)}

Member = tuple[str, Any]  # file name and open binary file


@dataclass
class Layout:
    """The files of one configuration: archives or images by split, and the metadata."""

    splits: dict[str, list[str]]
    metadata: list[str]


@dataclass
class Report:
    """What a pass over the pages found: counts, and the first names of each kind of trouble."""

    pages: int = 0
    without_metadata: list[str] = field(default_factory=list)
    duplicate_ids: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    without_images: list[str] = field(default_factory=list)
    double_records: int = 0
    ids: set[str] = field(default_factory=set)

    def lines(self) -> list[str]:
        """The trouble in words, nothing where there is none."""
        found = {
            "pages without metadata": self.without_metadata,
            "pages that are there twice, the first one kept": self.duplicate_ids,
            "broken pages, left out": self.broken,
            "metadata records without pages": self.without_images,
        }
        lines = [f"{len(names)} {what}, such as {names[0]}" for what, names in found.items() if names]
        return lines + [f"{self.double_records} metadata records for ids that have one"] * bool(self.double_records)


def find_layout(folder: str, config: str) -> Layout:
    """The files of configuration `400`, `14k` or `200k` below a folder, local or `hf://`: its own or the one above.

    Raises:
        ValueError: there are neither archives nor split folders.
    """
    system, root = fsspec.url_to_fs(folder)
    inner = next((name for name in _names(system, root) if name.lower() == FOLDERS[config].lower()), "")
    place = f"{root}/{inner}" if inner else root
    names = set(_names(system, place))
    splits = {split: _split_files(system, place, names, part) for split, part in SPLIT_FOLDERS.items()}
    splits = {split: [_address(system, path) for path in paths] for split, paths in splits.items() if paths}
    if not splits:
        found = ", ".join(sorted(names)[:10])
        raise ValueError(f"data_dir must hold train, val, test as folders or .tar.gz, got {folder} with {found}")
    metadata = [_address(system, f"{place}/{name}") for name in sorted(names) if name.endswith(".json")]
    return Layout(splits, metadata)


def _address(system: fsspec.AbstractFileSystem, path: str) -> str:
    return path if "file" in system.protocol else str(system.unstrip_protocol(path))


def _names(system: fsspec.AbstractFileSystem, folder: str) -> list[str]:
    return [PurePosixPath(path).name for path in system.ls(folder, detail=False)]


def _split_files(system: fsspec.AbstractFileSystem, place: str, names: set[str], part: str) -> list[str]:
    if f"{part}.tar.gz" in names:
        return [f"{place}/{part}.tar.gz"]
    return sorted(path for path in system.find(f"{place}/{part}") if is_image(path)) if part in names else []


def is_image(path: str) -> bool:
    """Whether the name is that of a published page."""
    return path.lower().endswith((".jpg", ".jpeg"))


def members(paths: Iterable[str], archives: DownloadManager) -> Iterator[Member]:
    """Name and file of each page, out of single images and archives, local or remote, one open at a time."""
    for path in paths:
        if is_image(path):
            with fsspec.open(path, "rb") as file:
                yield path, file
        else:
            yield from archives.iter_archive(path)


def audit(folder: str, config: str) -> Report:
    """Reads every page of a configuration and reports what can't be used, metadata without images among it."""
    layout = find_layout(folder, config)
    archives = DownloadManager()
    table = load_metadata([Path(path) for path in archives.download(layout.metadata)])
    report = Report(double_records=table.duplicates)
    for paths in layout.splits.values():
        for _ in read_pages(members(paths, archives), table, report):
            pass
    report.without_images = table.unmatched(report.ids)
    return report


def read_pages(members: Iterable[Member], table: MetadataTable, report: Report) -> Iterator[dict[str, Any]]:
    """Rows of the dataset from image files, joined with the metadata by the IMSLP id in their names.

    Raises:
        ValueError: an archive is damaged.
    """
    try:
        yield from _rows(members, table, report)
    except TAR_FAULTS as error:
        raise ValueError(f"archive must be a whole tar.gz, got: {error}") from None


def _rows(members: Iterable[Member], table: MetadataTable, report: Report) -> Iterator[dict[str, Any]]:
    seen: set[str] = set()
    for path, file in members:
        name = PurePosixPath(path).name
        if not is_image(name):
            continue
        if name in seen:
            report.duplicate_ids.append(name)
            continue
        seen.add(name)
        data = file.read(MAX_IMAGE_BYTES + 1)
        if not _is_whole(data):
            report.broken.append(name)
            continue
        work = table.lookup(name)
        if work is None:
            report.without_metadata.append(name)
        report.pages += 1
        report.ids.add(imslp_id(name))
        yield _row(name, data, work or WorkMetadata())


def _is_whole(data: bytes) -> bool:
    """Whether the jpg decodes to its end; an eighth of its size shows that at a fraction of the cost."""
    if len(data) > MAX_IMAGE_BYTES:
        return False
    try:
        with PillowImage.open(io.BytesIO(data), formats=("JPEG",)) as image:
            check_scans(image)
            image.draft("L", (image.width // 8, image.height // 8))
            image.load()
    except (OSError, ValueError, PillowImage.DecompressionBombError, SyntaxError):
        return False
    return True


def _row(name: str, data: bytes, work: WorkMetadata) -> dict[str, Any]:
    """A row with what the published form tells; columns that only our own curation fills stay empty."""
    number = _PAGE_NAME.search(name)
    empty = {column: "" if dtype == "string" else None for column, dtype in _COLUMNS.items()}
    return (
        empty
        | work.fields()
        | {
            "image": {"bytes": data, "path": name},
            "text": caption(work),
            "imslp_id": imslp_id(name),
            "source": name,
            "page": int(number.group(1)) if number else None,
            "license": work.license or LICENSE,
            "sha256": hashlib.sha256(data).hexdigest(),
            "split_group": work_group(work, name),
            "general_information": work.general_information_json(),
        }
    )
