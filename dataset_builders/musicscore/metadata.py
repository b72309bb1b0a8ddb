"""Metadata of a folder of PDFs, from whatever lies beside them, looked up by the name of a PDF.

Sources: MusicScore's published JSON (a list of records with `ID`, a dict keyed by it, or JSON lines), a CSV with a row
per PDF (a column `kern` may name a Humdrum file that says more), saved IMSLP work pages (HTML or wikitext).
A record belongs to a PDF if their names agree (one path may lack the other's leading folders, and either the `.pdf`),
else if both carry one IMSLP number, else if the PDF is called `IMSLP<n>-<name of the file on the work page>`.
"""

import re
import unicodedata
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scorehub.dataset_builders.musicscore.metadata_files import MetadataRecord, names_works, read_records
from scorehub.dataset_builders.musicscore.schema import WorkMetadata

SUFFIXES = (".json", ".jsonl", ".csv", ".html", ".htm", ".wiki", ".wikitext", ".mediawiki", ".txt")
# Lie beside the folder of PDFs rather than in it.
_NEIGHBOURS = ("index.csv", "metadata.csv", "metadata.json", "metadata.jsonl", "*_index.csv")


@dataclass
class MetadataReport:
    """Counts of what was read: `records` were usable, `duplicates` repeated an earlier name or id and were dropped."""

    files: int = 0
    records: int = 0
    duplicates: int = 0
    without_id: int = 0
    not_records: int = 0


@dataclass
class MetadataTable:
    """Records of works, found by the names of their PDFs."""

    report: MetadataReport = field(default_factory=MetadataReport)
    _records: list[MetadataRecord] = field(default_factory=list)
    _by_stem: dict[str, list[tuple[tuple[str, ...], int]]] = field(default_factory=dict)
    _by_number: dict[int, int] = field(default_factory=dict)

    @property
    def duplicates(self) -> int:
        """How many records repeated an earlier name or id; the first was kept."""
        return self.report.duplicates

    def add(self, record: MetadataRecord) -> None:
        """Add a record, unless everything that identifies it is taken."""
        paths = [parts for name in record.names if (parts := _parts(name))]
        numbers = [number for name in record.imslp_ids if (number := _imslp_number(name)) is not None]
        if not paths and not numbers:
            self.report.without_id += 1
            return
        new_paths = [parts for parts in paths if all(parts != taken for taken, _ in self._by_stem.get(parts[-1], []))]
        new_numbers = [number for number in numbers if number not in self._by_number]
        if not new_paths and not new_numbers:
            self.report.duplicates += 1
            return
        for parts in new_paths:
            self._by_stem.setdefault(parts[-1], []).append((parts, len(self._records)))
        self._by_number.update(dict.fromkeys(new_numbers, len(self._records)))
        self._records.append(record)
        self.report.records += 1

    def lookup(self, source: str) -> WorkMetadata | None:
        """The work of a PDF, by its path relative to the folder of PDFs; `None` if no record names it."""
        index = self._find(source)
        return None if index is None else self._records[index].work

    def unmatched(self, sources: Iterable[str]) -> list[str]:
        """Names of the records that none of the PDFs belongs to, in the order in which they were read."""
        used = {self._find(source) for source in sources}
        return [record.label for index, record in enumerate(self._records) if index not in used]

    def _find(self, source: str) -> int | None:
        parts = _parts(source)
        if not parts:
            return None
        found = self._by_path(parts)
        number = _imslp_number(parts[-1])
        if found is None and number is not None:
            found = self._by_number.get(number)
        wiki_name = re.sub(r"^imslp\d+[-_ ]+", "", parts[-1])
        if found is None and wiki_name != parts[-1]:
            found = self._by_path((wiki_name,))
        return found

    def _by_path(self, parts: tuple[str, ...]) -> int | None:
        """The record with the longest path that agrees with this one from its end."""
        candidates = [
            (len(known), -index)
            for known, index in self._by_stem.get(parts[-1], [])
            if known[-len(parts) :] == parts[-len(known) :]
        ]
        return -max(candidates)[1] if candidates else None


def load_metadata(paths: Sequence[Path]) -> MetadataTable:
    """Read metadata files into one table; on duplicate names or ids the first record wins.

    Raises:
        ValueError: a file is missing, too large, or in none of the known forms (the message names file and reason).
    """
    table = MetadataTable()
    for path in paths:
        for record in read_records(path):
            if record is None:
                table.report.not_records += 1
            else:
                table.add(record)
        table.report.files += 1
    return table


def find_metadata_files(pdf_dir: Path) -> list[Path]:
    """Metadata files for a folder of PDFs: those inside it, and index files beside it that name its PDFs.

    A file that has a suffix of metadata but cannot be read as such is left out with a warning (text files without:
    a README is no news).
    """
    inside = sorted(p for p in pdf_dir.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    found = [path for path in inside if _is_metadata(path)]
    sources = [f"{pdf_dir.resolve().name}/{p.relative_to(pdf_dir).as_posix()}" for p in _pdfs(pdf_dir)]
    beside = {path for pattern in _NEIGHBOURS for path in pdf_dir.resolve().parent.glob(pattern) if path.is_file()}
    for path in sorted(beside):
        if _is_metadata(path) and any(load_metadata([path]).lookup(source) for source in sources):
            found.append(path)
    return found


def _pdfs(pdf_dir: Path) -> Iterator[Path]:
    return (path for path in sorted(pdf_dir.rglob("*")) if path.suffix.lower() == ".pdf")


def _is_metadata(path: Path) -> bool:
    try:
        return names_works(path)
    except ValueError as error:
        if path.suffix.lower() != ".txt":
            warnings.warn(f"left out of the metadata: {error}", stacklevel=3)
        return False


def _parts(name: str) -> tuple[str, ...]:
    """Path components for comparison: one Unicode form, no case, spaces for underscores, no `.pdf` at the end."""
    name = unicodedata.normalize("NFC", name).casefold().replace("\\", "/").replace("_", " ").strip()
    return tuple(part for part in name.removesuffix(".pdf").split("/") if part not in ("", "."))


def _imslp_number(name: str) -> int | None:
    """514102 out of `IMSLP514102-PMLP1-x.pdf`, `#514102` or `514102`; zeros in front do not count."""
    match = re.search(r"imslp(\d{1,12})", name, re.IGNORECASE) or re.fullmatch(r"\s*#?(\d{1,12})\s*", name)
    return int(match.group(1)) if match else None
