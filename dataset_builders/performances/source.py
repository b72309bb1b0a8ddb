"""Where ASAP's files come from: a folder, or a tar archive that is read without being unpacked.

`metadata.csv` (or `asap_aligned_index.csv`, of the same columns) has a row for each performance, with paths that start
where it lies itself; beside an archive it speaks of the archive's top.
"""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scorehub.dataset_builders.archives import MAX_FILE_BYTES, Archive, Folder, index_archive

INDEX_NAMES = ("asap_aligned_index.csv", "metadata.csv")
ARCHIVE_NAME = "asap_aligned.tar.gz"

_COLUMNS = {
    "composer", "title", "folder", "xml_score", "midi_score", "midi_performance", "performance_annotations",
    "midi_score_annotations",
}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """A performance in the index; paths are those of the folder or archive."""

    composer: str
    title: str
    piece: str
    score: str
    score_midi: str
    performance_midi: str
    score_annotations: str
    performance_annotations: str
    alignment: str
    aligned: bool  # whether (n)ASAP calls the note alignment robust

    @property
    def files(self) -> tuple[str, ...]:
        """All paths."""
        return (
            *(self.score, self.score_midi, self.performance_midi),
            *(self.score_annotations, self.performance_annotations, self.alignment),
        )


def open_source(data_dir: str | Path) -> tuple[Folder | Archive, list[Entry]]:
    """The files of an ASAP folder or archive, and the performances that its index names.

    Raises:
        ValueError: there is no index, or it lacks columns; the archive is damaged.
    """
    path = Path(data_dir)
    if (path / ARCHIVE_NAME).is_file():
        path = path / ARCHIVE_NAME
    if path.is_file():
        archive = index_archive(path)
        prefix, data = _find_index(archive, path.parent)
        return archive, read_index(_decode(data), prefix)
    found = [path / name for name in INDEX_NAMES if (path / name).is_file()]
    if not found:
        raise ValueError(f"data_dir must be an archive, or a folder with {' or '.join(INDEX_NAMES)}, got {data_dir}")
    return Folder(path), read_index(_decode(_read_bounded(found[0])))


def _find_index(archive: Archive, beside: Path) -> tuple[str, bytes]:
    """The index in the archive, at most one folder deep as GitHub packs it, or beside it; and the folder it is in."""
    for name in INDEX_NAMES:
        if (beside / name).is_file():
            return "", _read_bounded(beside / name)
    for name in sorted(archive.members, key=lambda name: (name.count("/"), name)):
        folder, _, last = name.rpartition("/")
        if last in INDEX_NAMES and name.count("/") <= 1:
            if archive.members[name][1] > MAX_FILE_BYTES:
                raise ValueError(f"{name} must have at most {MAX_FILE_BYTES} bytes, got {archive.members[name][1]}")
            return f"{folder}/" if folder else "", archive.load([name])[name]
    raise ValueError(f"archive must have {' or '.join(INDEX_NAMES)} in it or beside it, got {archive.path.name}")


def _read_bounded(path: Path) -> bytes:
    if path.stat().st_size > MAX_FILE_BYTES:
        raise ValueError(f"{path.name} must have at most {MAX_FILE_BYTES} bytes, got {path.stat().st_size}")
    return path.read_bytes()


def _decode(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"index must be UTF-8, got {error}") from None


def read_index(text: str, prefix: str = "") -> list[Entry]:
    """The performances that a `metadata.csv` names, sorted by their MIDI's path.

    Raises:
        ValueError: it is no CSV, lacks columns, or names none.
    """
    try:
        reader = csv.DictReader(io.StringIO(text), strict=True)
        missing = _COLUMNS - set(reader.fieldnames or ())
        if missing:
            raise ValueError(f"index must have the columns of ASAP's metadata.csv, got none named {sorted(missing)}")
        entries = list(_entries(reader, prefix))
    except csv.Error as error:
        raise ValueError(f"index must be a CSV, got: {error}") from None
    if not entries:
        raise ValueError("index must name performances, got none")
    return sorted(entries, key=lambda entry: entry.performance_midi)


def _entries(reader: "csv.DictReader[str]", prefix: str) -> Iterator[Entry]:
    for fields in reader:
        row = {name: value or "" for name, value in fields.items() if isinstance(name, str)}
        paths = ("xml_score", "midi_score", "midi_performance", "midi_score_annotations", "performance_annotations")
        score, score_midi, performance, *annotations = (row[name] and prefix + row[name] for name in paths)
        stem = re.sub(r"\.midi?$", "", performance)
        named = row.get("note_alignments")
        yield Entry(
            composer=row["composer"],
            title=row["title"],
            piece=row["folder"],
            score=score,
            score_midi=score_midi,
            performance_midi=performance,
            score_annotations=annotations[0],
            performance_annotations=annotations[1],
            alignment=prefix + named if named else f"{stem}_note_alignments/note_alignment.tsv",
            aligned=row.get("robust_note_alignment", "") in ("1", "1.0", "True"),
        )
