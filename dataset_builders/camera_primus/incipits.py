"""Monophonic staves in Plaine & Easie or **kern, from tables and files.

Sources: a table of RISM incipits (`.tsv`, `.tsv.gz`, with columns rism_id, incipit, clef, keysig, timesig, pae), a
Parquet table of **kern excerpts (columns file, spine, first_measure, kern), `.pae` and `.krn` files. Of several
incipits with the same notation the first one counts, so that none is both trained on and tested.
"""

import csv
import gzip
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain, count
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from scorehub.dataset_builders.file_names import as_text

RISM_COLUMNS = ("rism_id", "incipit", "clef", "keysig", "timesig", "pae")
KERN_COLUMNS = ("file", "spine", "first_measure", "kern")
RISM_LICENSE = "CC BY 3.0 (RISM, https://rism.info)"
FORMATS = {".pae": "pae", ".krn": "kern"}
MAX_NOTATION_BYTES = 2**16
MAX_TABLE_CHARACTERS = 2**30  # unpacked; nine thousand incipits have 1.7 million
MAX_LINE = 2**17
_BATCH = 256  # rows of a Parquet table that are unpacked at once


@dataclass(frozen=True)
class Incipit:
    """A staff of notation, and what is known about it; what is not known is `""`."""

    id: str
    notation: str
    format: str  # pae or kern
    group: str  # what it was taken from, such as a manuscript
    source: str = ""
    license: str = ""
    title: str = ""
    composer: str = ""


def read_incipits(path: Path) -> dict[str, Incipit]:
    """The incipits of a table or file, or of all those in a folder, by their ids, each notation once.

    Raises:
        ValueError: there are none, or a table is damaged or lacks a column.
    """
    if not path.exists():
        raise ValueError(f"data_dir must be a table, file or folder of incipits, got {path}, which does not exist")
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    return _read_all(tuple((file, file.stat().st_mtime_ns) for file in files), path)


@lru_cache(maxsize=1)
def _read_all(files: tuple[tuple[Path, int], ...], path: Path) -> dict[str, Incipit]:
    """Kept for the next item: a stream asks for the table with each (times of change tell files written again)."""
    first: dict[str, Incipit] = {}
    for file, _ in files:
        for incipit in _read(file):
            first.setdefault(incipit.notation, incipit)
    if not first:
        raise ValueError(f"data_dir must hold incipits as .tsv, .tsv.gz, .parquet, .pae or .krn, got {path}")
    found: dict[str, Incipit] = {}
    for incipit in first.values():
        name = _free_name(incipit.id, found)
        found[name] = replace(incipit, id=name)
    return found


def _free_name(name: str, taken: Collection[str]) -> str:
    """The name, with a number if it is taken: records may give one number to two incipits."""
    names = chain([name], (f"{name}_{number}" for number in count(2)))
    return next(free for free in names if free not in taken)


def _read(path: Path) -> Iterator[Incipit]:
    try:
        if path.name.endswith((".tsv", ".tsv.gz")):
            yield from _read_rism(path)
        elif path.suffix == ".parquet":
            yield from _read_kern_table(path)
        elif path.suffix in FORMATS and path.stat().st_size <= MAX_NOTATION_BYTES:
            text = path.read_text(encoding="utf-8", errors="replace")
            stem = as_text(path.stem)
            yield Incipit(stem, text, FORMATS[path.suffix], group=stem, source=as_text(path.name))
    except (OSError, EOFError, zlib.error, csv.Error, UnicodeDecodeError, pa.ArrowInvalid) as error:
        raise ValueError(f"{path.name} must be a whole table of incipits, got {error}") from None


def _read_rism(path: Path) -> Iterator[Incipit]:
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        rows = csv.DictReader(_lines(file), restval="", delimiter="\t", quoting=csv.QUOTE_NONE)
        _require(RISM_COLUMNS, rows.fieldnames or (), path)
        for row in rows:
            notation = f"@clef:{row['clef']}\n@keysig:{row['keysig']}\n@timesig:{row['timesig']}\n@data:{row['pae']}\n"
            yield Incipit(
                f"{row['rism_id']}-{row['incipit'].replace('.', '_')}",
                notation,
                "pae",
                group=row["rism_id"],
                source=f"RISM {row['rism_id']}, incipit {row['incipit']}",
                license=RISM_LICENSE,
                title=row.get("title") or "",
                composer=row.get("composer") or "",
            )


def _lines(file: TextIO) -> Iterator[str]:
    """The lines of a table, none of them endless, nor all together."""
    n_characters = 0
    while line := file.readline(MAX_LINE):
        n_characters += len(line)
        if len(line) == MAX_LINE or n_characters > MAX_TABLE_CHARACTERS:
            raise ValueError(
                f"table must have at most {MAX_TABLE_CHARACTERS} characters, less than {MAX_LINE} of them in a line, "
                f"got {n_characters} as far as a line of {len(line)}"
            )
        yield line


def _read_kern_table(path: Path) -> Iterator[Incipit]:
    file = pq.ParquetFile(path)
    _require(KERN_COLUMNS, file.schema_arrow.names, path)
    known = {*KERN_COLUMNS, "title", "composer", "licence"} & {*file.schema_arrow.names}
    n_characters = 0
    for batch in file.iter_batches(_BATCH, columns=sorted(known)):
        for incipit in map(_kern_row, batch.to_pylist()):
            n_characters += len(incipit.notation)
            if n_characters > MAX_TABLE_CHARACTERS:
                raise ValueError(f"table must have at most {MAX_TABLE_CHARACTERS} characters of kern, got more")
            yield incipit


def _kern_row(row: dict[str, Any]) -> Incipit:
    if not isinstance(row["file"], str) or not isinstance(row["kern"], str):
        raise ValueError(f"row must have text as file and kern, got {row['file']!r:.40} and {row['kern']!r:.40}")
    stem = Path(row["file"]).stem
    return Incipit(
        f"{stem}-{row['spine']}_{row['first_measure']}",
        row["kern"],
        "kern",
        group=stem,
        source=f"{row['file']}, spine {row['spine']}, from measure {row['first_measure']}",
        license=str(row.get("licence") or ""),
        title=str(row.get("title") or ""),
        composer=str(row.get("composer") or ""),
    )


def _require(needed: tuple[str, ...], found: Any, path: Path) -> None:
    if missing := [name for name in needed if name not in found]:
        raise ValueError(f"{path.name} must have the columns {', '.join(needed)}, got none named {missing[0]}")
