"""SVG that verovio has engraved: its size on paper, its image, and where noteheads and staves lie in it.

Its user units are tenths of a millimetre. Images are grey, black 0 on white 255.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from xml.etree import ElementTree

import numpy as np
import pymupdf
from PIL import Image

pymupdf.TOOLS.mupdf_display_errors(False)
pymupdf.TOOLS.mupdf_display_warnings(False)

MAX_PIXELS = 150_000_000
UNITS_PER_MM = 10


def svg_size_mm(svg: str) -> tuple[float, float]:
    """Width and height of an engraved SVG on paper."""
    match = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    if not match:
        raise ValueError(f"SVG must have a viewBox that starts at 0 0, got {svg[:80]!r}")
    return float(match[1]) / UNITS_PER_MM, float(match[2]) / UNITS_PER_MM


def rasterise(svg: str, width: int) -> Image.Image:
    """An engraved SVG as a grey image (black 0 on white 255) of `width` pixels.

    MuPDF took a quarter of resvg's time and a seventh of cairosvg's, and brings its own fonts for text; what its
    SVG reader does not know (nested <svg>, style sheets, dashes) is put in plainer words first.

    Raises:
        ValueError: it is no engraved SVG, or the image would be too large.
    """
    size = svg_size_mm(svg)
    pixels = width * width * size[1] / size[0] if size[0] else 0.0
    if width < 1 or not 1 <= pixels <= MAX_PIXELS:
        raise ValueError(f"image must have 1 to {MAX_PIXELS} pixels, got width {width} for {size} mm")
    try:
        with pymupdf.open(stream=_plain_svg(svg).encode(), filetype="svg") as document:
            zoom = width / document[0].rect.width
            pixmap = document[0].get_pixmap(matrix=pymupdf.Matrix(zoom, zoom), colorspace=pymupdf.csGRAY, alpha=False)
    except (RuntimeError, pymupdf.mupdf.FzErrorBase) as error:
        raise ValueError(f"SVG must be well formed, got: {error}") from None
    return Image.frombytes("L", (pixmap.width, pixmap.height), pixmap.samples)


_HIDDEN = re.compile(r'(<g [^>]*class="[^"]*placeholder[^>]*>\s*)<ellipse[^>]*/>')
_STYLED = re.compile(r'class="(?:(ending|fing|reh|tempo)|dir|dynam|mNum)\b[^>]*>\s*<text ')  # bold or italic
_DASHED = re.compile(r'd="M(-?\d+) (-?\d+) L(-?\d+) (-?\d+)"([^>]*?)stroke-dasharray="(\d+)[ ,]+(\d+)"')
_MAX_DASHES = 2000


def _plain_svg(svg: str) -> str:
    """The same drawing without a style sheet, nested <svg> and dashes."""
    size = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    head, found, body = svg.partition('<svg class="definition-scale"')
    if not found or not size:
        raise ValueError(f"SVG must be engraved by verovio, got {svg[:80]!r}")
    scale = _drawing_scale(svg)
    head = re.sub(r"<style.*?</style>", "", head, flags=re.DOTALL)
    head = head.replace("<svg ", f'<svg width="{size[1]}" height="{size[2]}" ', 1)
    body = body[body.index(">") + 1 : body.rindex("</svg>", 0, body.rindex("</svg>"))]
    body = _DASHED.sub(_dashes, _HIDDEN.sub(r"\1", body))
    body = _STYLED.sub(lambda m: m[0] + ('font-weight="bold" ' if m[1] else 'font-style="italic" '), body)
    return f'{head}<g transform="scale({scale:.8f})" stroke="#000000" fill="#000000">{body}</g></svg>'


def _dashes(line: re.Match[str]) -> str:
    """A dashed straight line as many short ones."""
    x, y, to_x, to_y = (int(line[i]) for i in range(1, 5))
    dash, period = int(line[6]), max(1, int(line[6]) + int(line[7]))
    length = max(1.0, float(np.hypot(to_x - x, to_y - y)))
    steps = min(_MAX_DASHES, int(length / period) + 1)
    parts = [(start, min(1.0, start + dash / length)) for start in np.arange(steps) / steps]
    path = " ".join(
        f"{letter}{x + (to_x - x) * part:.0f} {y + (to_y - y) * part:.0f}"
        for pair in parts
        for letter, part in zip("ML", pair, strict=True)
    )
    return f'd="{path}"{line[5]}'


Box = tuple[float, float, float, float]  # left, top, right, bottom


@dataclass(frozen=True)
class Mark:
    """A notehead, or the lines of a staff in one measure, of a page."""

    id: str  # of the note or the measure
    system: int  # on the page, from 0
    measure: str
    staff: int  # in the system, from 0 at the top
    box: Box  # in user units


def find_marks(svg: str, font: str) -> tuple[list[Mark], list[Mark]]:
    """Noteheads and staff lines of a page that is engraved in `font`, in the order in which they are drawn.

    Noteheads are glyphs with a place, so that their boxes are the font's. What is not drawn has no mark.

    Raises:
        ValueError: it is no engraved SVG.
    """
    drawing, place = _drawing(svg)
    heads, staves = [], []
    system = staff = -1
    measure = note = ""
    # Systems hold measures, these staves, these notes: the order of the document tells what is in what.
    for group in drawing.iter(f"{_SVG}g"):
        kind = group.get("class", "").partition(" ")[0]
        if kind == "system":
            system += 1
        elif kind == "measure":
            measure, staff = group.get("id", ""), -1
        elif kind == "staff":
            staff += 1
            lines = [_numbers(line.get("d", "")) for line in group.findall(f"{_SVG}path")]
            if boxes := [(line[0], line[1], line[2], line[3]) for line in lines if len(line) == 4]:
                staves.append(Mark(measure, system, measure, staff, place.box(hull(boxes))))
        elif kind == "note":
            note = group.get("id", "")
        if kind in ("note", "notehead") and (boxes := _head_boxes(group, font)):
            heads.append(Mark(note, system, measure, staff, place.box(hull(boxes))))
    return heads, staves


def find_boxes(svg: str, font: str) -> dict[str, Box]:
    """What is drawn of each sign of a page that is engraved in `font`, by its id: all that is in its group.

    Glyphs have the font's boxes, curves those of the points by which they are bent. What is not drawn has none.

    Raises:
        ValueError: it is no engraved SVG.
    """
    drawing, place = _drawing(svg)
    found = {group.get("id", ""): _boxes(group, font) for group in drawing.iter(f"{_SVG}g")}
    return {name: place.box(hull(boxes)) for name, boxes in found.items() if name and boxes}


def _boxes(group: ElementTree.Element, font: str) -> list[Box]:
    boxes = [_glyph_box(use, font) for use in group.iter(f"{_SVG}use")]
    boxes += [_points_box(path.get("d", "")) for path in group.iter(f"{_SVG}path")]
    for rect in group.iter(f"{_SVG}rect"):
        x, y, width, height = (float(rect.get(name, "0")) for name in ("x", "y", "width", "height"))
        boxes.append((x, y, x + width, y + height))
    return boxes


def _head_boxes(group: ElementTree.Element, font: str) -> list[Box]:
    """Of the glyphs of a notehead, or of the polygons that breves and ligatures are drawn with."""
    boxes = [_glyph_box(use, font) for use in group.findall(f"{_SVG}use")]
    return boxes + [_points_box(polygon.get("points", "")) for polygon in group.findall(f"{_SVG}polygon")]


def _points_box(text: str) -> Box:
    """Around points, in a text in which all numbers are x, y, x, y."""
    numbers = _numbers(text)
    return min(numbers[::2]), min(numbers[1::2]), max(numbers[::2]), max(numbers[1::2])


_SVG = "{http://www.w3.org/2000/svg}"
_HREF = "{http://www.w3.org/1999/xlink}href"


@dataclass(frozen=True)
class _Place:
    """From the page's drawing, inside its margin, to user units."""

    scale: float
    left: float
    top: float

    def box(self, box: Box) -> Box:
        x, y, to_x, to_y = box
        return (
            self.scale * (self.left + x),
            self.scale * (self.top + y),
            self.scale * (self.left + to_x),
            self.scale * (self.top + to_y),
        )


def _drawing(svg: str) -> tuple[ElementTree.Element, _Place]:
    """The drawing inside the page's margin, and its place."""
    try:
        root = ElementTree.fromstring(svg)  # noqa: S314 - verovio's own, which declares no entities
    except ElementTree.ParseError as error:
        raise ValueError(f"SVG must be well formed, got: {error}") from None
    drawing = root.find(f"{_SVG}svg[@class='definition-scale']/{_SVG}g[@class='page-margin']")
    if drawing is None:
        raise ValueError(f"SVG must be engraved by verovio, got {svg[:80]!r}")
    return drawing, _Place(_drawing_scale(svg), *_numbers(drawing.get("transform", "translate(0, 0)")))


def _drawing_scale(svg: str) -> float:
    """User units of the page in one of verovio's drawing, which is a nested <svg> as wide as the page."""
    sizes = re.findall(r'<svg [^>]*viewBox="0 0 ([\d.]+) [\d.]+"', svg)
    if len(sizes) < 2 or not float(sizes[1]):
        raise ValueError(f"SVG must be engraved by verovio, got {svg[:80]!r}")
    return float(sizes[0]) / float(sizes[1])


def _numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", text)]


def hull(boxes: list[Box]) -> Box:
    """The least box around at least one."""
    left, top, right, bottom = zip(*boxes, strict=True)
    return min(left), min(top), max(right), max(bottom)


def _glyph_box(use: ElementTree.Element, font: str) -> Box:
    """Of `<use href="#E0A4-id" transform="translate(x, y) scale(s, s)">`."""
    code = use.get(_HREF, "").lstrip("#").partition("-")[0]
    left, bottom, width, height = _glyph_boxes(font).get(code) or _glyph_boxes(_FALLBACK).get(code, (0, 0, 0, 0))
    x, y, scale, _ = _numbers(use.get("transform", ""))
    return x + scale * left, y - scale * (bottom + height), x + scale * (left + width), y - scale * bottom


_FALLBACK = "Leipzig"  # verovio's own for what a font lacks


@lru_cache
def _glyph_boxes(font: str) -> dict[str, Box]:
    """(left, bottom, width, height) of a font's glyphs in its own units, y up, by their code."""
    root = ElementTree.fromstring((files("verovio") / "data" / f"{font}.xml").read_bytes())  # noqa: S314
    return {
        glyph.get("c", ""): tuple(float(glyph.get(name, "0")) for name in "xywh")  # type: ignore[misc]
        for glyph in root.iter("g")
    }
