"""Engraves notation with verovio: text in, one SVG per page out; and rasterises such SVG.

Lengths are millimetres. An SVG's size in user units is tenths of a millimetre on paper.
"""

import io
import re
from dataclasses import dataclass
from functools import lru_cache

import resvg_py
import verovio
from PIL import Image

FONTS = ("Leipzig", "Bravura", "Petaluma", "Gootville", "Leland")

# Verovio at scale 100: a half space is 0.9 mm, so a staff of four spaces is 7.2 mm high.
_STAFF_MM_AT_SCALE_100 = 7.2
_TENTHS_PER_MM = 10


@dataclass(frozen=True)
class Layout:
    """How notation is laid out on paper; the defaults are an A4 page of ordinary sheet music."""

    font: str = "Leipzig"
    staff_mm: float = 6.5  # height of a five-line staff
    width_mm: float = 210.0
    height_mm: float = 297.0
    margin_mm: float = 15.0
    staff_gap: int = 12  # least distance of staves in half spaces
    system_gap: int = 8  # least distance of systems in half spaces
    note_spacing: float = 0.25  # verovio's linear spacing: larger is wider
    breaks: str = "auto"  # or "encoded": systems and pages end where the notation says so
    crop_height: bool = False  # pages are as high as their music

    def __post_init__(self) -> None:
        if self.font not in FONTS:
            raise ValueError(f"font must be one of {FONTS}, got {self.font!r}")


def engrave(notation: str, layout: Layout = Layout(), n_measures: int | None = None) -> list[str]:
    """Engraves Humdrum, MEI, MusicXML, ABC or Plaine & Easie (verovio tells them apart) as SVG, one text per page.

    Verovio only warns of what it cannot read and then draws an empty page, so the result is checked.

    Args:
        n_measures: how many measures must come out, where known.

    Raises:
        ValueError: the notation cannot be read, or has no staff, no note, or another number of measures.
    """
    toolkit = _toolkit()
    toolkit.resetOptions()
    toolkit.setOptions(_options(layout))
    mei = toolkit.getMEI() if toolkit.loadData(notation) else ""
    found = {name: len(re.findall(rf"<{name}\b", mei)) for name in ("staffDef", "note", "measure")}
    if not all(found.values()):
        raise ValueError(f"notation must have a staff, a note and a measure, got {found} from {notation[:60]!r}")
    if n_measures is not None and found["measure"] != n_measures:
        raise ValueError(f"notation must have {n_measures} measures, got {found['measure']}")
    return [toolkit.renderToSVG(page) for page in range(1, toolkit.getPageCount() + 1)]


@lru_cache(maxsize=1)
def _toolkit() -> verovio.toolkit:
    # Loading verovio's fonts costs more than a page, so one toolkit serves all calls.
    verovio.enableLog(verovio.LOG_OFF)
    return verovio.toolkit()


def _options(layout: Layout) -> dict[str, object]:
    scale = round(100 * layout.staff_mm / _STAFF_MM_AT_SCALE_100)
    # Verovio counts page and margins before scaling.
    width, height, margin = (
        round(length * _TENTHS_PER_MM * 100 / scale)
        for length in (layout.width_mm, layout.height_mm, layout.margin_mm)
    )
    options: dict[str, object] = {
        "scale": scale,
        "pageWidth": width,
        "pageHeight": height,
        "font": layout.font,
        "spacingStaff": layout.staff_gap,
        "spacingSystem": layout.system_gap,
        "spacingLinear": layout.note_spacing,
        "adjustPageHeight": layout.crop_height,
        "breaks": layout.breaks,
        "minLastJustification": 0.0 if layout.breaks == "encoded" else 0.8,
        "header": "none",
        "footer": "none",
        "svgViewBox": True,
        "xmlIdSeed": 1,  # ids in the SVG are random otherwise
    }
    options |= {f"pageMargin{side}": margin for side in ("Left", "Right", "Top", "Bottom")}
    return options


def svg_size_mm(svg: str) -> tuple[float, float]:
    """Width and height of an engraved SVG on paper."""
    match = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    if not match:
        raise ValueError(f"SVG must have a viewBox that starts at 0 0, got {svg[:80]!r}")
    return float(match[1]) / _TENTHS_PER_MM, float(match[2]) / _TENTHS_PER_MM


def rasterise(svg: str, width: int) -> Image.Image:
    """An engraved SVG as a grey image (black 0 on white 255) of `width` pixels."""
    png = resvg_py.svg_to_bytes(svg_string=svg, width=width, background="#ffffff")
    return Image.open(io.BytesIO(bytes(png))).convert("L")
