"""The sample set of MusicScore: a folder of PDFs that the project engraves itself, fully offline.

The folder has the published form: `IMSLP<id>.pdf` files and a `metadata.json` with IMSLP's raw headers. It has
something for every stage of curation to decide: 1-bit scans, 8-bit scans, one PDF of mixed depth, born-digital PDFs;
title pages, prefaces, contents, blank and half-full pages; one work in two editions and in two scans; a truncated and
an encrypted PDF, a PDF without metadata and metadata without a PDF. `truth.csv` holds the right answers.

    python -c "from pathlib import Path; from scorehub.dataset_builders.musicscore.sample.folder import write_sample;
               write_sample(Path('sample'))"
"""

import csv
import json
from pathlib import Path

from tqdm.auto import tqdm

from scorehub.dataset_builders.musicscore.sample.books import BOOKS, Book
from scorehub.dataset_builders.musicscore.sample.pages import Page, book_pages, book_title, typeset
from scorehub.dataset_builders.musicscore.sample.scans import page_kinds, scan
from scorehub.dataset_builders.tunes.tune import load_tune

LICENSE = "CC0 1.0"  # the works are in the public domain, and the engraving is ours to give
TRUTH_COLUMNS = ("source", "page", "is_score", "page_kind", "content", "music_fraction")

# Our names of a tune's header fields, and the names that IMSLP's table has after the published cleaning.
_IMSLP_HEADERS = {
    "opus": "Opus/Catalogue NumberOp./Cat. No.",
    "year": "Year/Date of CompositionY/D of Comp.",
    "language": "Language",
    "period": "Composer Time PeriodComp. Period",
    "style": "Piece Style",
    "instrumentation": "Instrumentation",
    "genre": "Genre Categories",
}
_ROW_WITHOUT_PDF = {"Work Title": "A Lost Work", "Composer": "Traditional", "Key": "F minor", "ID": "IMSLP9000099"}
_MODES = {"": "major", "m": "minor", "dor": "dorian"}


def write_sample(folder: Path) -> Path:
    """Writes the sample set, once: the same bytes every time.

    Args:
        folder: is created where missing; one that is whole is left as it is.

    Returns:
        `folder`, with PDFs, `metadata.json` and `truth.csv`.
    """
    if (folder / "truth.csv").exists():  # written last
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    truth: list[dict[str, object]] = []
    for book in tqdm(BOOKS, desc="Engraving the sample set", unit="pdf"):
        pages = book_pages(book)
        (folder / f"{book.imslp_id}.pdf").write_bytes(make_pdf(book, pages))
        truth += _truth_rows(book, pages)
    metadata = [work_metadata(book) for book in BOOKS if book.fault != "no metadata"]
    text = json.dumps([*metadata, _ROW_WITHOUT_PDF], indent=2, ensure_ascii=False)
    (folder / "metadata.json").write_text(text + "\n", encoding="utf-8")
    with (folder / "truth.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, TRUTH_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(truth)
    return folder


def make_pdf(book: Book, pages: list[Page]) -> bytes:
    """The book as a PDF of its paper, with its fault."""
    vector = typeset(book, pages)
    pdf = vector if book.paper == "born-digital" else scan(vector, book.paper, book.dpi, book.seed)
    if book.fault == "truncated":
        return pdf[: len(pdf) // 2]
    return _encrypt(pdf) if book.fault == "encrypted" else pdf


def _encrypt(pdf: bytes) -> bytes:
    """Locks a PDF with a password that nobody has (real encryption would start from random bytes)."""
    lock = f"/Encrypt<</Filter/Standard/V 2/R 3/Length 128/P -4/O<{'5A' * 32}>/U<{'A5' * 32}>>>"
    head, _, trailer = pdf.rpartition(b"trailer\n<<")
    return head + b"trailer\n<<" + lock.encode() + trailer


def work_metadata(book: Book) -> dict[str, str]:
    """The row of a book in the published form; what its tunes disagree on is left out, as IMSLP has it."""
    tunes = [load_tune(name).header for name in book.tunes]
    row = {"Work Title": book_title(book)}
    composers = {tune["C"] for tune in tunes}
    if composers:
        row["Composer"] = composers.pop() if len(composers) == 1 else "Various"
    if len({tune["K"] for tune in tunes}) == 1:
        row["Key"] = key_name(tunes[0]["K"])
    for name, header in _IMSLP_HEADERS.items():
        values = {tune.get(name, "") for tune in tunes}
        if len(values) == 1 and "" not in values:
            row[header] = values.pop()
    if len(tunes) > 1:
        row["Movements/SectionsMov'ts/Sec's"] = "; ".join(tune["T"] for tune in tunes)
    row["Copyright"] = LICENSE
    row["ID"] = book.imslp_id
    return row


def key_name(key: str) -> str:
    """A key as IMSLP writes it.

    >>> key_name("Bb"), key_name("C#m"), key_name("Edor")
    ('B-flat major', 'C-sharp minor', 'E dorian')
    """
    tonic = key[:2] if key[1:2] in ("#", "b") else key[:1]
    spelled = tonic[0] + {"#": "-sharp", "b": "-flat", "": ""}[tonic[1:]]
    return f"{spelled} {_MODES[key[len(tonic) :]]}"


def _truth_rows(book: Book, pages: list[Page]) -> list[dict[str, object]]:
    if book.fault in ("truncated", "encrypted"):
        return []
    kinds = page_kinds(book.paper)
    return [
        {
            "source": f"{book.imslp_id}.pdf",
            "page": number,
            "is_score": int(page.is_score),
            "page_kind": {"grey": "8-bit", "colour": "8-bit"}.get(kind, kind),
            "content": page.kind,
            "music_fraction": f"{page.music_fraction:.2f}",
        }
        for number, (page, kind) in enumerate(zip(pages, kinds, strict=False), 1)
    ]
