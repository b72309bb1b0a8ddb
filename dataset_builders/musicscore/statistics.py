"""Figure 5 of the paper: how many PDFs and pages there are of each piece style, instrument, key and period.

Source: Lin, Dai and Kong, "MusicScore", section 3.6: "All statistics are calculated from the PDF files", and "there
can be multiple instruments in one music score", so a PDF counts once for each of its values and the shares of a chart
may add up to more than one. A PDF is an IMSLP id, or a source file where there is none. PDFs without a value are
counted apart, as unknown, and never as a bar. Counts are of the rows given: the kept pages and the PDFs they are from.
"""

import html
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# The columns that `count` reads: select them, so that no image is decoded.
COLUMNS = ("imslp_id", "source", "piece_style", "instrumentation", "key", "period")
TOP = 10  # bars in a chart, and lines in the table, before "other"

_OTHER_NAMES = {
    "b.c": "basso continuo",
    "bass continuo": "basso continuo",
    "basses": "bass",
    "celli": "cello",
    "cembalo": "harpsichord",
    "choir": "chorus",
    "continuo": "basso continuo",
    "contrabass": "double bass",
    "cor anglais": "english horn",
    "fortepiano": "piano",
    "french horn": "horn",
    "mixed choir": "mixed chorus",
    "orch": "orchestra",
    "pianoforte": "piano",
    "satb": "mixed chorus",
    "timpano": "timpani",
    "violas da gamba": "viola da gamba",
    "vocal": "voice",
    "violoncello": "cello",
}
_PLURAL_ONLY = {"bass", "brass", "chorus", "cymbals", "handbells", "strings", "timpani", "winds", "woodwinds"}
_NUMBER = r"(?:\d+|two|three|four|five|six|seven|eight|double(?= chorus))"
# What says how many or how, not which instrument: "2", "1st", "4 hands", "solo", "in B-flat", "II", "unaccompanied".
_QUALIFIERS = (
    rf"\b{_NUMBER}[\s-]*hands\b|\b(?:left|right) hand\b|\bhands\b",
    rf"^{_NUMBER}\b(?!-)|^\d+(?:st|nd|rd|th)\b",
    r"\b(?:solo|soli|soloists?|unaccompanied|obbligato|ad lib(?:itum)?|optional|a cappella|primo|secondo)\b\.?",
    r"\b(?:in|en) [a-g](?:[\s-](?:flat|sharp))?$",
    r"\b(?:i{1,3}|iv|v)$",
)
_UNKNOWN = {"", "none", "n/a", "unknown", "-", "—", "none [force assignment]"}


def _plain(text: str) -> str:
    """One line of text without HTML entities (IMSLP's are escaped up to twice) and with accidentals as words."""
    text = html.unescape(html.unescape(text))
    text = re.sub(r"\s*(?:♭|-flat\b| flat\b)", "-flat", text)
    text = re.sub(r"\s*(?:♯|-sharp\b| sharp\b)", "-sharp", text)
    return re.sub(r"\s+", " ", text).strip()


def _known(values: Iterable[str]) -> list[str]:
    return [value for value in dict.fromkeys(values) if value.casefold() not in _UNKNOWN]


def parse_instruments(text: str) -> list[str]:
    """The instruments of an IMSLP instrumentation, each once, in the singular.

    >>> parse_instruments("2 violins, viola, cello")
    ['violin', 'viola', 'cello']
    >>> parse_instruments("mixed chorus (SATB) a cappella"), parse_instruments("piano 4 hands")
    (['mixed chorus'], ['piano'])
    """
    text = _plain(text).casefold()
    while (without := re.sub(r"\([^()]*\)|\[[^\[\]]*\]", " ", text)) != text:
        text = without
    parts = re.split(r"[,;:/+&\n]|\band\b|\bor\b|\bwith\b", text)
    return _known(_instrument(part) for part in parts)


def _instrument(part: str) -> str:
    for pattern in _QUALIFIERS:
        part = re.sub(pattern, " ", part.strip(" ."))
    name = re.sub(r"\s+", " ", part).strip(" .-")
    name = _OTHER_NAMES.get(name, name)
    if name.split(" ")[-1] not in _PLURAL_ONLY:
        name = re.sub(r"(?<=[^su])s$|(?<=ss|us)es$", "", name)
    return _OTHER_NAMES.get(name, name)


def parse_keys(text: str) -> list[str]:
    """The keys that a text names, each once, as `"B-flat major"`; a text without a key in it stays one value.

    >>> parse_keys("B&flat; major; c minor"), parse_keys("Dorian mode")
    (['B-flat major', 'C minor'], ['Dorian mode'])
    """
    text = _plain(text)
    found = re.findall(r"\b([A-G])(b|#|-flat|-sharp)?[\s-]+(major|minor)\b", text, re.IGNORECASE)
    signs = {"b": "-flat", "B": "-flat", "#": "-sharp"}
    keys = [f"{tonic.upper()}{signs.get(sign, sign.casefold())} {mode.casefold()}" for tonic, sign, mode in found]
    return _known(keys or [text])


def parse_names(text: str) -> list[str]:
    """The values of a list such as `"Romantic, Early 20th century"`, each once, with a capital.

    >>> parse_names("romantic; Early 20th century")
    ['Romantic', 'Early 20th century']
    """
    parts = [part.strip() for part in re.split(r"[,;/]", _plain(text))]
    return _known(part[:1].upper() + part[1:] for part in parts)


@dataclass(frozen=True)
class Chart:
    """One of the four counts: where its values come from and what it is called."""

    title: str
    column: str
    parse: Callable[[str], list[str]]
    color: str


# In the order of Figure 5. The colours are four of Okabe and Ito's, told apart by colour-blind readers.
CHARTS = {
    "piece_styles": Chart("Piece style", "piece_style", parse_names, "#0072B2"),
    "instruments": Chart("Instrument", "instrumentation", parse_instruments, "#D55E00"),
    "keys": Chart("Key", "key", parse_keys, "#009E73"),
    "periods": Chart("Composer period", "period", parse_names, "#CC79A7"),
}


@dataclass
class Tally:
    """Counts of one chart: per value, and of what has none."""

    pdfs: Counter[str] = field(default_factory=Counter)
    pages: Counter[str] = field(default_factory=Counter)
    unknown_pdfs: int = 0
    unknown_pages: int = 0

    def ranked(self, top: int = TOP) -> list[tuple[str, int, int]]:
        """(value, PDFs, pages) of the `top` commonest values, then one `"other (n)"` of the n values left."""
        order = sorted(self.pdfs, key=lambda value: (-self.pdfs[value], -self.pages[value], value))
        # A single value left over needs no more room than "other (1)" would.
        top = top if len(order) > top + 1 else top + 1
        shown = [(value, self.pdfs[value], self.pages[value]) for value in order[:top]]
        rest = order[top:]
        if rest:
            counts = sum(self.pdfs[value] for value in rest), sum(self.pages[value] for value in rest)
            shown.append((f"other ({len(rest)})", *counts))
        return shown


@dataclass
class Statistics:
    """Figure 5: `tallies` by the names of `CHARTS`."""

    n_pdfs: int = 0
    n_pages: int = 0
    tallies: dict[str, Tally] = field(default_factory=lambda: {name: Tally() for name in CHARTS})


def count(rows: Iterable[Mapping[str, str]]) -> Statistics:
    """Counts rows of MusicScore, one a page, by PDF and by page.

    Args:
        rows: Mappings with at least `COLUMNS`, such as `dataset.select_columns(COLUMNS)`, streaming or not.

    Raises:
        ValueError: A row lacks one of `COLUMNS`.
    """
    statistics, seen = Statistics(), set()
    for row in rows:
        missing = [column for column in COLUMNS if column not in row]
        if missing:
            raise ValueError(f"a row must have the columns {', '.join(COLUMNS)}, got none called {missing[0]}")
        pdf = row["imslp_id"] or row["source"]
        new = pdf not in seen
        seen.add(pdf)
        statistics.n_pages += 1
        statistics.n_pdfs += new
        for name, chart in CHARTS.items():
            tally, values = statistics.tallies[name], chart.parse(row[chart.column] or "")
            tally.pages.update(values)
            tally.unknown_pages += not values
            # All pages of a PDF carry its metadata, so its first page speaks for it.
            if new:
                tally.pdfs.update(values)
                tally.unknown_pdfs += not values
    return statistics


def table(statistics: Statistics, top: int = TOP) -> str:
    """The counts as a Markdown table: of each chart the `top` commonest values, the others together, the unknown."""
    if not statistics.n_pages:
        return "No page was kept.\n"
    lines = ["| | | PDFs | % of PDFs | pages |", "|---|---|--:|--:|--:|"]
    for name, chart in CHARTS.items():
        tally = statistics.tallies[name]
        rows = tally.ranked(top)
        if tally.unknown_pdfs:
            rows.append(("*unknown*", tally.unknown_pdfs, tally.unknown_pages))
        for position, (value, pdfs, pages) in enumerate(rows):
            title = f"**{chart.title}**" if position == 0 else ""
            # "other" sums over values of which a PDF may have several, so it is no share of the PDFs.
            share = "" if value.startswith("other (") else f"{pdfs / statistics.n_pdfs:.1%}"[:-1]
            lines.append(f"| {title} | {value.replace('|', '/')} | {pdfs:,} | {share} | {pages:,} |")
    return "\n".join(lines) + "\n"


def plot(statistics: Statistics, folder: str | Path) -> list[Path]:
    """Draws Figure 5 as five PNG files into `folder`: one a chart, and `statistics.png` with all four.

    Returns:
        `list[Path]`: `piece_styles.png`, `instruments.png`, `keys.png`, `periods.png`, `statistics.png`.
    """
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name in CHARTS:
        figure = Figure(figsize=(7, 4.2), layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1))
        _draw(figure.subplots(), name, statistics)
        paths.append(folder / f"{name}.png")
        figure.savefig(paths[-1], dpi=120)
    figure = Figure(figsize=(14, 8.4), layout=ConstrainedLayoutEngine(w_pad=0.2, h_pad=0.15))
    for axes, name in zip(figure.subplots(2, 2).flat, CHARTS, strict=True):
        _draw(axes, name, statistics)
    paths.append(folder / "statistics.png")
    figure.savefig(paths[-1], dpi=120)
    return paths


def _draw(axes: "Axes", name: str, statistics: Statistics) -> None:
    """Horizontal bars of one chart, the commonest at the top, "other" in grey, each with its count."""
    chart, tally = CHARTS[name], statistics.tallies[name]
    rows = tally.ranked()
    labels = [value if len(value) <= 28 else f"{value[:27]}…" for value, _, _ in rows]
    colors = ["#999999" if value.startswith("other (") else chart.color for value, _, _ in rows]
    bars = axes.barh(range(len(rows)), [pdfs for _, pdfs, _ in rows], color=colors)
    axes.bar_label(bars, [f"{pdfs:,}" for _, pdfs, _ in rows], padding=3, fontsize=9)
    axes.set_yticks(range(len(rows)), labels)
    # Room for all bars that a chart may have, so that few bars are no thicker; the first on top.
    axes.set_ylim(TOP + 0.5, -0.5)
    axes.set_xticks([])
    axes.margins(x=0.1)
    axes.spines[:].set_visible(False)
    axes.tick_params(left=False)
    axes.set_title(f"{chart.title}, PDFs", loc="left", fontweight="bold")
    unknown = f"{tally.unknown_pdfs:,} of {statistics.n_pdfs:,} unknown"
    axes.set_title(unknown, loc="right", fontsize=9, color="#555555")
    if not rows:
        axes.text(0.5, 0.5, "no PDF has a value", ha="center", va="center", transform=axes.transAxes, color="#555555")
