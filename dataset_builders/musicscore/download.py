"""A polite downloader of PDFs, for IMSLP and any other web server.

    from pathlib import Path
    from scorehub.dataset_builders.musicscore.download import download
    from scorehub.dataset_builders.musicscore.web import DownloadPolicy
    download(["https://..."], Path("pdfs"), DownloadPolicy(contact="you@example.org"))

It says who it is, keeps to robots.txt and to one request per two seconds and host (more where the server asks for it),
goes on with interrupted files by range requests, and logs every URL in `downloads.jsonl`, so that a finished file is
never fetched again. IMSLP's robots.txt closes `/wiki/Special:` and `/images/` to programs, and its pages before a file
(disclaimer, waiting time, browser check) are not worked around: such a URL gets a row that says so.
"""

import csv
import hashlib
import json
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from datasets.utils import tqdm

from scorehub.dataset_builders.musicscore.web import DownloadError, DownloadPolicy, PoliteSession

LOG_NAME = "downloads.jsonl"
_MAX_NAME = 150


@dataclass(frozen=True)
class Wanted:
    """A URL; `sha256` and `name` (of the file) are optional."""

    url: str
    sha256: str = ""
    name: str = ""


@dataclass(frozen=True)
class DownloadRow:
    """What became of a URL: `status` is done, already (fetched by an earlier run) or failed (`reason` says why)."""

    url: str
    file: str
    status: str
    reason: str = ""
    bytes: int = 0
    sha256: str = ""
    ms: int = 0


def read_manifest(path: Path) -> list[Wanted]:
    """URLs from a text file (one a line, `#` begins a comment) or a CSV with a column `url`, and `sha256`, `name`.

    Raises:
        ValueError: the file can't be read, or the CSV has no column `url`.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"manifest {path.name} must be a readable UTF-8 file, got {error}") from error
    if path.suffix.lower() != ".csv":
        lines = (line.strip() for line in text.splitlines())
        return [Wanted(line) for line in lines if line and not line.startswith("#")]
    try:
        rows = csv.DictReader(text.splitlines())
        if "url" not in (rows.fieldnames or []):
            raise ValueError(f"manifest {path.name} must have a column url, got {rows.fieldnames}")
        found = [row for row in rows if row["url"]]
    except csv.Error as error:
        raise ValueError(f"manifest {path.name} must be a CSV, got: {error}") from None
    return [Wanted(row["url"].strip(), row.get("sha256") or "", row.get("name") or "") for row in found]


def download(
    wanted: Path | Iterable[str | Wanted],
    folder: Path,
    policy: DownloadPolicy,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> list[DownloadRow]:
    """Fetch PDFs into a folder, one after another; a URL that fails gets its row and never stops the run.

    Args:
        wanted: URLs, or the path of a manifest (see `read_manifest`).
        clock: seconds, for the pauses.
        sleep: waits for so many seconds.

    Raises:
        ValueError: the manifest can't be read.
    """
    items = read_manifest(wanted) if isinstance(wanted, Path) else [_as_wanted(item) for item in wanted]
    folder.mkdir(parents=True, exist_ok=True)
    log = _Log(folder / LOG_NAME)
    session = PoliteSession(policy, clock, sleep)
    rows = []
    for item in tqdm(items, unit="file", desc="downloads"):
        row = _already(log, folder, item) or _fetch(session, folder, item, log.name_for(item))
        if row.status != "already":
            log.append(row)
        rows.append(row)
    return rows


def file_name(url: str) -> str:
    """A safe name for the file of a URL: no folders, no control characters, `.pdf` at the end.

    >>> file_name("https://imslp.org/wiki/Special:ImagefromIndex/514102")
    'IMSLP514102.pdf'
    >>> file_name("https://example.org/a/..%2F..%2Fetc%2Fpasswd?x=1")
    'etc_passwd.pdf'
    """
    try:
        segments = urlsplit(url).path
    except ValueError:  # an unusable address; its row will say so
        segments = ""
    number = re.search(r"Special:(?:ImagefromIndex|IMSLPImageHandler|IMSLPDisclaimerAccept)/(\d+)", unquote(segments))
    if number:
        return f"IMSLP{number.group(1)}.pdf"
    name = unquote(segments.rsplit("/", 1)[-1])
    name = re.sub(r"[^\w .,()'+-]|\.\.+", "_", name).strip(" ._") or "download"
    name = re.sub(r"\.pdf$", "", name, flags=re.IGNORECASE)
    return name.encode()[:_MAX_NAME].decode(errors="ignore") + ".pdf"


def _as_wanted(item: str | Wanted) -> Wanted:
    return item if isinstance(item, Wanted) else Wanted(item.strip())


class _Log:
    """`downloads.jsonl`: a line per URL and run; a line that a kill cut short is skipped and closed."""

    def __init__(self, path: Path):
        self.path = path
        self.done: dict[str, DownloadRow] = {}
        self._owners: dict[str, str] = {}
        text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        if text and not text.endswith("\n"):
            with path.open("a", encoding="utf-8") as log:
                log.write("\n")
        for line in text.splitlines():
            try:
                row = DownloadRow(**json.loads(line))
            except (ValueError, TypeError):
                continue
            self._owners[row.file.casefold()] = row.url
            if row.status == "done":
                self.done[row.url] = row

    def name_for(self, item: Wanted) -> str:
        """The file's name; where another URL has it already, a hash of this one sets them apart."""
        name = file_name(f"http://name/{item.name}") if item.name else file_name(item.url)
        if self._owners.setdefault(name.casefold(), item.url) != item.url:
            name = f"{name.removesuffix('.pdf')}-{hashlib.sha256(item.url.encode()).hexdigest()[:8]}.pdf"
            self._owners[name.casefold()] = item.url
        return name

    def append(self, row: DownloadRow) -> None:
        if row.status == "done":
            self.done[row.url] = row
        with self.path.open("a", encoding="utf-8") as log:
            log.write(json.dumps(asdict(row), ensure_ascii=False) + "\n")


def _already(log: _Log, folder: Path, item: Wanted) -> DownloadRow | None:
    """The row of an earlier run, if its file is still what it was and has the checksum that is wanted now."""
    row = log.done.get(item.url)
    if row is None or (item.sha256 and item.sha256.lower() != row.sha256):
        return None
    path = folder / row.file
    if not path.is_file() or path.stat().st_size != row.bytes or _sha256(path) != row.sha256:
        return None
    return DownloadRow(item.url, row.file, "already", "", row.bytes, row.sha256)


def _fetch(session: PoliteSession, folder: Path, item: Wanted, name: str) -> DownloadRow:
    start = time.perf_counter()
    path, part = folder / name, folder / f"{name}.part"
    try:
        session.fetch(item.url, part)
        _check(part, item.sha256)
        part.replace(path)
        part.with_name(part.name + ".json").unlink(missing_ok=True)
    except (DownloadError, OSError) as error:
        return DownloadRow(item.url, name, "failed", str(error), ms=_ms_since(start))
    return DownloadRow(item.url, name, "done", "", path.stat().st_size, _sha256(path), _ms_since(start))


def _check(part: Path, sha256: str) -> None:
    """What is not the wanted PDF is set aside as `.rejected`, so that the next run begins it anew."""
    with part.open("rb") as file:
        # Readers accept up to 1024 bytes of anything before the header.
        is_pdf = b"%PDF-" in file.read(1024 + 5)
    actual = _sha256(part)
    if is_pdf and (not sha256 or actual == sha256.lower()):
        return
    part.replace(part.with_suffix(".rejected"))
    part.with_name(part.name + ".json").unlink(missing_ok=True)
    raise DownloadError(
        f"sha256 must be {sha256}, got {actual}" if is_pdf else "not a PDF: no %PDF- in its first 1024 bytes"
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _ms_since(start: float) -> int:
    return round(1000 * (time.perf_counter() - start))
