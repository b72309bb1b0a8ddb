"""Readers of metadata files: each yields records, or `None` for an entry that is not one.

A file is decoded as UTF-8 (with or without a byte order mark), else as Latin-1, which accepts anything.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scorehub.dataset_builders.musicscore.fields import canonical_header, to_work_metadata
from scorehub.dataset_builders.musicscore.imslp import ImslpFile, WorkPage
from scorehub.dataset_builders.musicscore.kern_records import parse_kern_records
from scorehub.dataset_builders.musicscore.schema import WorkMetadata, imslp_id
from scorehub.sandbox import SandboxError, shared_sandbox

# The published metadata of all 200k pages is below 100 MB.
MAX_BYTES = 200_000_000
PAGE_SECONDS = 5  # for a work page
# Columns that name a PDF, and columns that may hold an IMSLP number, as canonical headers.
_FILE_HEADERS = ("pdf", "file", "filename", "source", "path", "work")
_ID_HEADERS = ("id", "imslpid")
_FORMS = {".csv": "csv", ".json": "json", ".jsonl": "json"} | dict.fromkeys(
    (".html", ".htm", ".wiki", ".wikitext", ".mediawiki", ".txt"), "page"
)


@dataclass(frozen=True)
class MetadataRecord:
    """A work, with the file names and IMSLP ids of its PDFs."""

    work: WorkMetadata
    names: tuple[str, ...] = ()
    imslp_ids: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """What to call the record in a report."""
        return next(iter(self.names + self.imslp_ids), self.work.title)


def read_records(path: Path) -> Iterator[MetadataRecord | None]:
    """Records of one metadata file; its suffix says the form, or its beginning where a cache has renamed it.

    Raises:
        ValueError: the file cannot be read, is larger than `MAX_BYTES`, or is in none of the known forms.
    """
    text = _read_text(path)
    form = _form(path.suffix.lower(), text)
    try:
        if form == "csv":
            yield from _csv_records(text, path.parent)
        elif form == "json":
            yield from _json_records(text)
        else:
            yield from _page_records(text, path.stem)
    except (ValueError, csv.Error, RecursionError) as error:
        raise ValueError(f"metadata file {path.name}: {error or type(error).__name__}") from error


def names_works(path: Path) -> bool:
    """Whether a file says something of a work with a name: lists of files without a field of ours do not.

    Raises:
        ValueError: as `read_records`.
    """
    records = [record for record in read_records(path) if record]
    return any((record.names or record.imslp_ids) and any(record.work.fields().values()) for record in records)


def _read_text(path: Path) -> str:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ValueError(f"metadata file {path.name} must have at most {MAX_BYTES} bytes, got {size}")
        data = path.read_bytes()
    except OSError as error:
        raise ValueError(f"metadata file {path.name} must be readable, got {error.strerror}") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _form(suffix: str, text: str) -> str:
    if suffix in _FORMS:
        return _FORMS[suffix]
    start = text[:1000].lstrip()
    if start.startswith(("{{", "<")):
        return "page"
    return "json" if start.startswith(("{", "[")) else "csv"


def _page_records(text: str, stem: str) -> Iterator[MetadataRecord]:
    """One record for each licence on the page: the files of an edition share it."""
    page = _parse_page(text, stem)
    # A page saved under a file's name, without a list of files, speaks for that file.
    if not page.files:
        yield MetadataRecord(to_work_metadata(page.information), (stem,))
    for rights in dict.fromkeys(file.license for file in page.files):
        files = [file for file in page.files if file.license == rights]
        yield MetadataRecord(
            to_work_metadata(page.information, rights),
            tuple(file.name for file in files if file.name),
            tuple(file.imslp_id for file in files if file.imslp_id),
        )


def _parse_page(text: str, title: str) -> WorkPage:
    """Parses in a child process: unclosed quotes and links take the parsers minutes."""
    parser = shared_sandbox("scorehub.dataset_builders.musicscore.imslp")
    try:
        fields, _ = parser.call("parse_fields", PAGE_SECONDS, text=text, page_title=title)
    except SandboxError as error:
        raise ValueError(f"parser {error}" if error.fatal else str(error)) from None
    return WorkPage(fields["information"], tuple(ImslpFile(**file) for file in fields["files"]))


def _json_records(text: str) -> Iterator[MetadataRecord | None]:
    """A list of dicts, a dict keyed by id, one record, or JSON lines."""
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) < 2 or error.msg != "Extra data":
            raise
        data = [json.loads(line) for line in lines]
    if isinstance(data, dict) and data and all(isinstance(value, dict) for value in data.values()):
        # The key of an entry is its id, unless the entry has its own.
        data = [_with_id(key, entry) for key, entry in data.items()]
    elif isinstance(data, dict):
        data = [data]
    if not isinstance(data, list):
        raise ValueError(f"JSON must hold a list or a dict of records, got {type(data).__name__}")
    for entry in data:
        yield _record({str(key): _as_text(value) for key, value in entry.items()}) if isinstance(entry, dict) else None


def _with_id(key: str, entry: dict[str, Any]) -> dict[str, Any]:
    has_id = any(canonical_header(header) in _ID_HEADERS + _FILE_HEADERS for header in entry)
    return entry if has_id else {"ID": key, **entry}


def _as_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return "; ".join(_as_text(item) for item in value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)


def _csv_records(text: str, folder: Path) -> Iterator[MetadataRecord | None]:
    """A record for each row; the delimiter is the one of `,;` and tab that the header has most of."""
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    columns = [canonical_header(name or "") for name in rows.fieldnames or []]
    if not set(columns) & {*_FILE_HEADERS, *_ID_HEADERS}:
        raise ValueError(f"CSV must have a column among {', '.join(_FILE_HEADERS + _ID_HEADERS)}, got {columns}")
    for row in rows:
        # Cells beyond the header have the key None.
        record = _record({name.strip(): (value or "").strip() for name, value in row.items() if name})
        kern = next((value for name, value in row.items() if name and canonical_header(name) == "kern"), "")
        yield _with_kern(record, folder, kern) if kern else record


def _with_kern(record: MetadataRecord, folder: Path, name: str) -> MetadataRecord:
    """Fill the fields that the row leaves open from the Humdrum file that it names; a missing file adds nothing."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        return record
    try:
        encoded = parse_kern_records(_read_text(path))
    except ValueError:
        return record
    fields = {name: value or encoded.fields()[name] for name, value in record.work.fields().items()}
    information = encoded.general_information | record.work.general_information
    return replace(record, work=WorkMetadata(**fields, general_information=information))


def _record(raw: Mapping[str, str]) -> MetadataRecord:
    names, ids = [], []
    for header, value in raw.items():
        canonical = canonical_header(header)
        if value and canonical in _FILE_HEADERS:
            names.append(value)
        elif value and canonical in _ID_HEADERS:
            ids.append(value)
    # Beside a column of files, a bare number is a row number rather than an IMSLP number.
    numbers = [value for value in ids if imslp_id(value) or value.startswith("#") or not names]
    names += [value for value in ids if imslp_id(value) != value and not value.lstrip("#").isdigit()]
    return MetadataRecord(to_work_metadata(raw), tuple(dict.fromkeys(names)), tuple(dict.fromkeys(numbers)))
