"""The published Camera-PrIMuS: folders of items, or the archive as it was downloaded.

Layout: `.../<id>/<id>` with `.png`, `_distorted.jpg`, `.semantic`, `.agnostic`, `.mei`, and `.pae` or `.mid`, at any
depth (the corpus comes as `Corpus/`, older ones as `package_aa/`, `package_ab/`). An item needs its picture and its
semantic tokens; the rest may be missing. Archives (`.tgz`, `.tar.gz`, `.tar`, `.zip`) are read as
streams, never unpacked.
"""

import re
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Set
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import IO

from scorehub.dataset_builders.archives import ARCHIVE_FAULTS, MAX_FILE_BYTES, Bounded, check_directory, decompressed
from scorehub.dataset_builders.file_names import as_text

SUFFIXES = (".png", "_distorted.jpg", ".semantic", ".agnostic", ".mei", ".pae", ".mid")
ARCHIVES = (".tgz", ".tar.gz", ".tar", ".zip")

_FILE = re.compile(rf"([\w.-]+?)({'|'.join(re.escape(suffix) for suffix in SUFFIXES)})")

Files = dict[str, bytes]  # suffix -> content


def find_sources(path: Path) -> list[str]:
    """The folders of items, or archives, below `path`, sorted; `path` may be an archive itself.

    Raises:
        ValueError: there is neither.
    """
    if path.is_file() and path.name.endswith(ARCHIVES):
        return [str(path)]
    archives = sorted(str(file) for file in path.rglob("*") if file.name.endswith(ARCHIVES) and file.is_file())
    items = sorted(str(file.parent) for file in path.rglob("*.semantic"))
    if not archives and not items:
        raise ValueError(f"data_dir must hold items with .semantic files, or archives of them, got {path}")
    return items or archives


def item_ids(source: str) -> list[str]:
    """The ids of the items in a source, from its file names alone; of a broken archive those before the break."""
    if Path(source).is_dir():
        return [as_text(Path(source).name)]
    ids = set()
    try:
        for name, _ in _files(source, lambda name: name.endswith(".semantic")):
            ids |= {match[1] for match in [_match(name)] if match}
    except (*ARCHIVE_FAULTS, ValueError):
        pass  # reading it will say so
    return sorted(ids)


def read_source(source: str, wanted: Set[str]) -> Iterator[tuple[str, Files | ValueError]]:
    """Id and files of each wanted item, or why they can't be had; an archive that breaks off ends with an error.

    Files of one item must follow each other in an archive, as they do in the published ones.
    """
    found = False
    try:
        for item, members in groupby(_members(source, wanted), key=lambda member: member[0]):
            found = True
            yield item, _complete(item, {suffix: data for _, suffix, data in members})
        if Path(source).is_dir() and not found:
            yield as_text(source), ValueError("item must have files that are named after their folder, got others")
    except (*ARCHIVE_FAULTS, ValueError) as error:
        yield source, ValueError(f"source must be a whole archive or folder, got {error}")


def _complete(item: str, files: Files) -> Files | ValueError:
    if missing := [suffix for suffix in (".png", ".semantic") if suffix not in files]:
        return ValueError(f"item must have {item}{missing[0]}, got {', '.join(sorted(files))}")
    if large := [suffix for suffix, data in files.items() if len(data) > MAX_FILE_BYTES]:
        return ValueError(f"{item}{large[0]} must have at most {MAX_FILE_BYTES} bytes, got more")
    return files


def _members(source: str, wanted: Set[str]) -> Iterator[tuple[str, str, bytes]]:
    """Id, suffix and content of the files of wanted items."""
    for name, file in _files(source, lambda name: bool((match := _match(name)) and match[1] in wanted)):
        match = _match(name)
        assert match
        yield match[1], match[2], file.read(MAX_FILE_BYTES + 1)


def _match(name: str) -> re.Match[str] | None:
    return _FILE.fullmatch(PurePosixPath(name).name)


def _files(source: str, wanted: Callable[[str], bool]) -> Iterator[tuple[str, IO[bytes]]]:
    """Name and open file of each wanted file of a folder or archive."""
    path = Path(source)
    if path.is_dir():
        for child in sorted(path.iterdir()):
            if child.is_file() and wanted(child.name):
                with child.open("rb") as file:
                    yield child.name, file
    elif path.suffix == ".zip":
        check_directory(path)
        with zipfile.ZipFile(path) as archive:
            for name in filter(wanted, archive.namelist()):
                with archive.open(name) as member:
                    yield name, member
    else:
        # tarfile's own decompression takes a stream that breaks off for one that ends; gzip says so.
        with (
            decompressed(path) as stream,
            tarfile.open(fileobj=Bounded(stream, path), mode="r|") as archive,  # type: ignore[call-overload]
        ):
            for entry in archive:
                if entry.isfile() and wanted(entry.name):
                    content = archive.extractfile(entry)
                    assert content
                    yield entry.name, content
