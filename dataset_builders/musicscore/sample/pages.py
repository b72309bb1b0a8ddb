"""Typesets a book of the sample set: systems engraved by verovio, placed on A4 pages with headings by typst.

Lengths are millimetres. Each system is engraved for itself; pages are filled from the top and the white space left
is shared between the systems, as an engraver would do it.
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil

import typst

from scorehub.dataset_builders.musicscore.sample.books import Book
from scorehub.dataset_builders.tunes.humdrum import to_humdrum
from scorehub.dataset_builders.tunes.tune import Tune, load_tune
from scorehub.engraving import Layout, engrave
from scorehub.svg import svg_size_mm

_WIDTH, _HEIGHT, _MARGIN = 210.0, 297.0, 16.0
# Engraved wider than the page's text by this on both sides: braces and names hang out to the left.
_HANG = 6.0
_HEADING, _LEAST_GAP, _WIDEST_GAP = 23.0, 4.0, 20.0
FULL_PAGE = 2 / 3  # the paper's rule: a score page is at least two-thirds music


@dataclass(frozen=True)
class Block:
    """What is placed as one: a system, with the heading of its tune if it is the first."""

    svg: str
    height: float
    heading: str = ""


@dataclass(frozen=True)
class Page:
    """One page of a book: its typst source, its images, and the share of the type area that music covers."""

    kind: str  # "title", "preface", "contents", "blank" or "music"
    source: str
    images: tuple[str, ...] = ()
    music_fraction: float = 0.0

    @property
    def is_score(self) -> bool:
        """Whether curation should keep the page."""
        return self.music_fraction >= FULL_PAGE


def book_title(book: Book) -> str:
    """The book's own title, or that of its only tune."""
    return book.title or load_tune(book.tunes[0]).header["T"]


def book_pages(book: Book) -> list[Page]:
    """All pages of a book, in order."""
    tunes = [load_tune(name) for name in book.tunes]
    music: list[Page] = []
    starts: dict[str, int] = {}
    for blocks in _fill_pages([block for tune in tunes for block in _blocks(tune, book)]):
        for block in blocks:
            if block.heading:
                starts[block.heading] = len(book.front) + len(music) + 1
        number = len(book.front) + len(music) + 1
        music.append(_music_page(blocks, number))
    first_pages = list(starts.values())
    front = {
        "title": lambda: _title_page(book, tunes),
        "preface": lambda: _preface_page(book, tunes),
        "contents": lambda: _contents_page(tunes, first_pages),
        "blank": lambda: Page("blank", "#page[]"),
    }
    return [front[kind]() for kind in book.front] + music


def typeset(book: Book, pages: list[Page]) -> bytes:
    """The book as a vector PDF; the same bytes for the same book."""
    files: dict[str, bytes] = {}
    source = [
        "#set document(date: none)",
        f"#set page(width: {_WIDTH}mm, height: {_HEIGHT}mm, margin: 0mm)",
        f'#set text(font: "{book.typeface}", size: 12pt, lang: "en")',
        "#set par(justify: true, leading: 0.75em, spacing: 1.3em)",
    ]
    for number, page in enumerate(pages):
        text = page.source
        for index, svg in enumerate(page.images):
            # Verovio asks for Times, which the machine may not have; typst brings its own typefaces.
            files[f"{number}_{index}.svg"] = svg.replace('"Times, serif"', f'"{book.typeface}"').encode()
            text = text.replace(f"@{index}@", f"{number}_{index}.svg")
        source.append(text)
    files["main.typ"] = "\n".join(source).encode()
    pdf: bytes = typst.compile(files, ignore_system_fonts=True)  # type: ignore[call-overload]  # stubs lack dict
    return pdf


def _text(value: str) -> str:
    """A string literal of typst."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _blocks(tune: Tune, book: Book) -> list[Block]:
    width = _WIDTH - 2 * _MARGIN + 2 * _HANG
    layout = Layout(book.font, book.staff_mm, width, margin_mm=_HANG, breaks="encoded", crop_height=True)
    if len(tune.voices) > 3:
        layout = replace(layout, staff_gap=9)
    blocks = [Block(svg, svg_size_mm(svg)[1]) for svg in engrave(to_humdrum(tune), layout, tune.n_bars)]
    return [replace(blocks[0], heading=_heading(tune)), *blocks[1:]]


def _heading(tune: Tune) -> str:
    header = tune.header
    under = ", ".join(header[key] for key in ("opus", "year") if key in header)
    dates = f" ({header['dates']})" if "dates" in header else ""
    composer = " ".join(reversed(header["C"].split(", "))) + dates
    instrument = _text(f"for {header['instrumentation']}")
    return (
        f"#align(center, text(17pt, {_text(header['T'])})) #v(-9pt) #align(center, text(9.5pt, {_text(under)}))\n"
        f'#v(-7pt) #grid(columns: (1fr, 1fr), text(10pt, style: "italic", {instrument}),'
        f" align(right, text(10.5pt, {_text(composer)})))"
    )


def _needed(blocks: list[Block]) -> float:
    headings = sum(_HEADING for block in blocks if block.heading)
    return sum(block.height - 2 * _HANG for block in blocks) + headings + _LEAST_GAP * (len(blocks) - 1)


def _fill_pages(blocks: list[Block]) -> list[list[Block]]:
    """Spreads the blocks evenly over the fewest pages; a tune that fits on a page is not broken."""
    room = _HEIGHT - 2 * _MARGIN
    starts = [index for index, block in enumerate(blocks) if block.heading] + [len(blocks)]
    tunes = [blocks[start:end] for start, end in pairwise(starts)]
    units = [unit for tune in tunes for unit in ([tune] if _needed(tune) <= room else [[block] for block in tune])]
    target = _needed(blocks) / max(ceil(_needed(blocks) / room), 1)
    pages: list[list[Block]] = []
    for unit in units:
        if not pages or _needed(pages[-1] + unit) > room or _needed(pages[-1]) + _needed(unit) / 2 > target:
            pages.append([])
        pages[-1] += unit
    return pages


def _music_page(blocks: list[Block], number: int) -> Page:
    room = _HEIGHT - 2 * _MARGIN
    spare = (room - _needed(blocks)) / max(len(blocks) - 1, 1)
    gap = _LEAST_GAP + min(max(spare, 0), _WIDEST_GAP - _LEAST_GAP)
    y, parts = _MARGIN, []
    for index, block in enumerate(blocks):
        if block.heading:
            parts.append(
                f"#place(dx: {_MARGIN}mm, dy: {y:.2f}mm, block(width: {_WIDTH - 2 * _MARGIN}mm)[{block.heading}])"
            )
            y += _HEADING
        width = _WIDTH - 2 * _MARGIN + 2 * _HANG
        parts.append(f'#place(dx: {_MARGIN - _HANG}mm, dy: {y - _HANG:.2f}mm, image("@{index}@", width: {width}mm))')
        y += block.height - 2 * _HANG + gap
    folio = f"#place(dy: {_HEIGHT - 10}mm, block(width: {_WIDTH}mm, align(center, text(9pt)[{number}])))"
    source = "#page[" + "\n".join([*parts, folio]) + "]"
    return Page("music", source, tuple(block.svg for block in blocks), (y - gap - _MARGIN) / room)


def _title_page(book: Book, tunes: list[Tune]) -> Page:
    composers = list(dict.fromkeys(" ".join(reversed(tune.header["C"].split(", "))) for tune in tunes))
    instruments = list(dict.fromkeys(tune.header["instrumentation"] for tune in tunes))
    above = composers[0] if len(composers) == 1 else ""
    below = f"for {instruments[0]}" if len(instruments) == 1 else ""
    title = f"#par(justify: false, text(30pt, {_text(book_title(book))}))"
    imprint = "#text(11pt, tracking: 1.5pt)[THE SAMPLE EDITION]\\ #text(10pt)[engraved anew from the public domain]"
    return Page(
        "title",
        f"#page(margin: 30mm)[#align(center)[#v(2fr) #text(16pt, tracking: 2pt, upper({_text(above)}))"
        f"#v(14mm) {title}"
        f'#v(8mm) #line(length: 40mm, stroke: 0.7pt) #v(8mm) #text(15pt, style: "italic", {_text(below)})'
        f"#v(3fr) {imprint}]]",
    )


def _preface_page(book: Book, tunes: list[Tune]) -> Page:
    paragraphs = [f"#par({_text(text)})" for text in book.preface.split("\n\n")]
    notes = [f"#par[#emph({_text(tune.header['T'])}). #{_text(tune.header['note'])}]" for tune in tunes]
    heading = "#align(center, text(18pt)[Preface]) #v(8mm)"
    remarks = ["#v(6mm) #align(center, text(14pt)[Notes]) #v(3mm)", *notes] if len(notes) > 1 else []
    return Page("preface", "#page(margin: (x: 32mm, y: 35mm))[" + "\n".join([heading, *paragraphs, *remarks]) + "]")


def _contents_page(tunes: list[Tune], first_pages: list[int]) -> Page:
    rows = [
        f'[#{_text(tune.header["T"])} #h(2mm) #text(10pt, style: "italic", {_text(tune.header["C"])})'
        f" #box(width: 1fr, repeat[.])], align(right)[{page}],"
        for tune, page in zip(tunes, first_pages, strict=True)
    ]
    heading = "#align(center, text(18pt)[Contents]) #v(10mm)"
    grid = f"#grid(columns: (1fr, 12mm), row-gutter: 7mm, {' '.join(rows)})"
    return Page("contents", f"#page(margin: (x: 28mm, y: 40mm))[{heading}\n{grid}]")
