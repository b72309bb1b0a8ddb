"""How loaders are asked to read a file, and of what kinds; what a loader gives is asked for all that there is to read.

Functions are named as `module:function` of scorehub and imported when they are first used: a child that is begun anew
need not know all of them.
"""

import importlib
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import reliability_seeds as seeds
import reliability_weights as weights
from reliability_archives import Hostile
from reliability_containers import Container
from reliability_mutations import MAX_BYTES

Reader = Callable[[Path], Any]


@dataclass(frozen=True)
class Form:
    """One kind of file: the end of its name, what reads it, a valid one, and how to take it apart."""

    suffix: str
    read: Reader
    seed: Callable[[], bytes]
    container: Container | None = None


@dataclass(frozen=True)
class Loader:
    """The forms that a loader reads, hostile files for them, and how many bytes damaged ones have at most."""

    forms: tuple[Form, ...]
    hostile: tuple[Callable[[], Hostile], ...] = ()
    most: int = MAX_BYTES


def called(name: str) -> Any:
    """The function of a name."""
    module, _, attributes = name.partition(":")
    found: Any = importlib.import_module(f"scorehub.{module}")
    for attribute in attributes.split("."):
        found = getattr(found, attribute)
    return found


def of_path(name: str, *more: Any) -> Reader:
    """Reads by a function of a path."""
    return lambda path: called(name)(path, *more)


def of_bytes(name: str, *more: Any) -> Reader:
    """Reads by a function of a file's bytes."""
    return lambda path: called(name)(path.read_bytes(), *more)


def of_text(name: str, *more: Any, then: str | None = None) -> Reader:
    """Reads by a function of a file's text, and passes on what it gives."""

    def read(path: Path) -> None:
        found = called(name)(path.read_text(encoding="utf-8", errors="replace"), *more)
        if then:
            called(then)(found)

    return read


def of_folder(name: str, file: str) -> Reader:
    """Reads by a function of a folder, in which the file has a certain name."""

    def read(path: Path) -> None:
        with tempfile.TemporaryDirectory() as folder:
            shutil.copyfile(path, Path(folder, file))
            called(name)(Path(folder))

    return read


def of_archive(name: str) -> Reader:
    """Opens an archive, and loads all that is in it."""

    def read(path: Path) -> None:
        found = called(name)(path)
        found.load(list(found.members))

    return read


def of_model(name: str, kind: str, file: str) -> Reader:
    """Loads a model of which one file is another."""

    def read(path: Path) -> None:
        with tempfile.TemporaryDirectory() as folder:
            for other, data in (weights.model_files(kind) | {file: path.read_bytes()}).items():
                Path(folder, other).write_bytes(data)
            called(name)(model=folder)

    return read


def pages(path: Path) -> None:
    """Pages of a score, of an image or a PDF."""
    called("following:read_pages")([path])


def game(path: Path) -> None:
    """A strip, with the MIDI file that it belongs to."""
    called("dataset_builders.msmd.game:read_game")(path.read_bytes(), seeds.midi())


def heard(path: Path) -> None:
    """A WAV stream, to its end."""
    chunks, rate = called("listening:open_wav")(str(path))
    for _ in called("listening:resampled")(chunks, rate):
        pass


def played(path: Path) -> None:
    """A SoundFont, by some notes."""
    called("synthesis:synthesise")(seeds.melody().choose(np.arange(12) % 3 == 0), path)


def primus(path: Path) -> None:
    """All items of an archive of Camera-PrIMuS."""
    source = "dataset_builders.camera_primus.published"
    for _, files in called(f"{source}:read_source")(str(path), set(called(f"{source}:item_ids")(str(path)))):
        if isinstance(files, Exception):
            raise files


def musicscore(path: Path) -> None:
    """All pages of an archive of MusicScore."""
    from datasets import DownloadManager

    source, metadata = "dataset_builders.musicscore.published", "dataset_builders.musicscore.metadata"
    members = called(f"{source}:members")([str(path)], DownloadManager())
    for _ in called(f"{source}:read_pages")(
        members, called(f"{metadata}:MetadataTable")(), called(f"{source}:Report")()
    ):
        pass


def records(path: Path) -> None:
    """Metadata of works."""
    for _ in called("dataset_builders.musicscore.metadata_files:read_records")(path):
        pass


def maestro(name: str) -> Reader:
    """MAESTRO's table under its name."""
    return lambda path: called("dataset_builders.maestro.index:read_index")(name, path.read_bytes(), "")


def words(path: Path) -> None:
    """A song in DadaGP's tokens."""
    called("dataset_builders.dadagp.tokens:read_tokens")(path.read_text(encoding="utf-8", errors="replace").split())


def bars(path: Path) -> None:
    """Chorales in tokens, a line each."""
    for line in called("dataset_builders.js_fakes_4bars:read_lines")(path.read_bytes()):
        called("dataset_builders.js_fakes_4bars:read_text")(line)


def grids(path: Path) -> None:
    """Chorales on grids."""
    for chorales in called("dataset_builders.jsb_chorales:read_grids")(path.read_bytes()).values():
        for steps in chorales:
            called("dataset_builders.jsb_chorales:grid_to_notes")(steps, 0.25)
