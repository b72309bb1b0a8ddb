"""The manifest: what became of every PDF and every page, and why.

`manifest.csv`, one row per PDF:
    source       path below the folder of PDFs
    status       `kept` (every page), `partial` (some), `rejected` (none), `failed` (could not be read)
    reason       why pages are missing, with counts; `""` when none is
    sha256       of the file
    color_depth  of its scanned pages: `1-bit`, `8-bit`, `mixed`; `born-digital` without any; `""` if unknown
    n_pages, n_kept, ms

`pages.csv`, one row per page: source, page, verdict (`kept`, `rejected`), reason, page_kind (`1-bit`, `8-bit`,
`born-digital`), score_probability, music_fraction, sha256 (of the image file), phash, split.
"""

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PDF_COLUMNS = ("source", "status", "reason", "sha256", "color_depth", "n_pages", "n_kept", "ms")
PAGE_COLUMNS = (
    "source",
    "page",
    "verdict",
    "reason",
    "page_kind",
    "score_probability",
    "music_fraction",
    "sha256",
    "phash",
    "split",
)

Facts = dict[str, Any]


def page_row(facts: Facts) -> Facts:
    """The page's row, from what the steps found out about it."""
    return {name: facts.get(name, "") for name in PAGE_COLUMNS}


def pdf_row(pages: Sequence[Facts]) -> Facts:
    """The PDF's row, from the facts of its pages, or of the page 0 that stands for a PDF that could not be read."""
    first = pages[0]
    failed = first["verdict"] == "failed"
    kept = sum(page["verdict"] == "kept" for page in pages)
    return {
        "source": first["source"],
        "status": "failed" if failed else status(kept, len(pages)),
        "reason": first["reason"] if failed else summary(pages),
        "sha256": first.get("file_sha256", ""),
        "color_depth": color_depth({page.get("page_kind", "") for page in pages}),
        "n_pages": first["n_pages"],
        "n_kept": kept,
        "ms": round(sum(page["ms"] for page in pages), 1),
    }


def write_csv(path: Path, rows: Sequence[Facts], columns: Sequence[str]) -> None:
    """Writes a table of the manifest, whole or not at all; file names that are no UTF-8 are escaped."""
    draft = path.with_name(path.name + ".draft")
    with draft.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    draft.replace(path)


def status(kept: int, pages: int) -> str:
    """The status of a PDF of which `kept` of `pages` pages stay."""
    if kept == pages:
        return "kept"
    return "partial" if kept else "rejected"


def summary(pages: Sequence[Facts]) -> str:
    """`3 of 5 pages: 8 bits per component; 1 of 5 pages: not music`, and whether the file had to be repaired."""
    reasons = Counter(page["reason"] for page in pages if page["verdict"] == "rejected")
    notes = [f"{count} of {len(pages)} pages: {reason}" for reason, count in reasons.items()]
    return "; ".join(notes + ["damaged file, repaired"] * bool(pages[0].get("repaired")))


def color_depth(kinds: set[str]) -> str:
    """The depth of a PDF's scans; what a program drew has none, and does not mix with them."""
    scans = kinds & {"1-bit", "8-bit"}
    if len(scans) == 2:
        return "mixed"
    return scans.pop() if scans else "born-digital" if "born-digital" in kinds else ""
