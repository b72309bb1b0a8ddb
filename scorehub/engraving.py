"""Engraves notation with verovio: text in, one SVG per page out.

Lengths are millimetres. Verovio runs in a child of each process that engraves, for malformed notation can make it
crash or work without end: that costs the call a ValueError and starts a fresh child.

    engraving = engrave_staff("@clef:G-2\\n@timesig:3/4\\n@data:'2G4A/2.B", random_layout(rng, one_staff=True))
    image = rasterise(engraving.pages[0], engraving.width_for(staff_px=74))
"""

import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from scorehub.sandbox import Answer, SandboxError, shared_sandbox
from scorehub.svg import svg_size_mm

FONTS = ("Leipzig", "Bravura", "Petaluma", "Gootville", "Leland")
MAX_CHARACTERS = 8 * 2**20  # of notation; the longest song of OpenScore Lieder has 2.4 million

SECONDS = (8, 60)  # for one piece: of a staff, and at most
CHARACTERS_A_SECOND = 50_000  # that the limit grows by
MEMORY_MB = 2048

# Verovio at scale 100: a half space is 0.9 mm, so a staff of four spaces is 7.2 mm high.
_STAFF_MM_AT_SCALE_100 = 7.2
_UNITS_PER_MM = 10


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
    duration_spacing: float = 0.6  # 0: every note is as wide; 1: a half is twice as wide as a quarter
    breaks: str = "auto"  # "encoded": systems and pages end where the notation says so; "none": one system
    crop_height: bool = False  # pages are as high as their music
    crop_width: bool = False  # and as wide
    line_width: float = 0.15  # of staff lines, in half spaces
    stem_width: float = 0.2
    barline_width: float = 0.3
    beam_slope: int = 10  # steepest, in degrees
    semitones: int = 0  # by which the music is moved, into the key with the fewest accidentals

    def __post_init__(self) -> None:
        if self.font not in FONTS:
            raise ValueError(f"font must be one of {FONTS}, got {self.font!r}")
        if not 1 <= self.staff_mm <= 50:
            raise ValueError(f"staff_mm must be 1 to 50, got {self.staff_mm}")
        if self.breaks not in ("auto", "encoded", "none"):
            raise ValueError(f"breaks must be auto, encoded or none, got {self.breaks!r}")
        if not -12 <= self.semitones <= 12:
            raise ValueError(f"semitones must be -12 to 12, got {self.semitones}")


STAFF = Layout(margin_mm=2.0, breaks="none", crop_height=True, crop_width=True)


def random_layout(rng: np.random.Generator, one_staff: bool = False) -> Layout:
    """A layout such as printed music has, of any of the fonts: a page (A4 to octavo), or one staff that is cropped."""
    height = rng.uniform(230.0, 320.0)
    layout = Layout(
        font=str(rng.choice(FONTS)),
        staff_mm=rng.uniform(4.5, 7.5),
        staff_gap=int(rng.integers(8, 17)),
        system_gap=int(rng.integers(4, 17)),
        note_spacing=rng.uniform(0.15, 0.4),
        duration_spacing=rng.uniform(0.45, 0.75),
        line_width=rng.uniform(0.1, 0.25),
        stem_width=rng.uniform(0.15, 0.3),
        barline_width=rng.uniform(0.2, 0.45),
        beam_slope=int(rng.integers(4, 15)),
        width_mm=height / rng.uniform(1.25, 1.45),
        height_mm=height,
        margin_mm=rng.uniform(7.0, 20.0),
    )
    return _as_staff(layout) if one_staff else layout


def _as_staff(layout: Layout) -> Layout:
    return replace(layout, margin_mm=STAFF.margin_mm, breaks="none", crop_height=True, crop_width=True)


@dataclass(frozen=True)
class Engraving:
    """Notation laid out: an SVG per page, and verovio's MEI of it, whose ids the SVG's elements have."""

    notation: str
    layout: Layout
    pages: tuple[str, ...]
    mei: str

    def times(self) -> tuple[list[dict[str, Any]], dict[str, str]]:
        """Verovio's timemap; and by the ids that it gives to what repeats play again, the ids on paper.

        The timemap's events are in time order: `qstamp` in quarters, `tstamp` in ms, ids `on`, `off` and `measureOn`.
        """
        answer, _ = _ask("times", self.notation, self.layout)
        expansion: dict[str, list[str]] = dict(answer["expansion"])
        return answer["timemap"], {played: ids[0] for ids in expansion.values() for played in ids}

    def midi(self) -> bytes:
        """A MIDI file of how verovio plays it, with repeats."""
        return _ask("midi", self.notation, self.layout)[1][0]

    def width_for(self, staff_px: float) -> int:
        """Width in pixels of the first page's image in which a five-line staff is `staff_px` high."""
        staff_mm = _scale(self.layout) / 100 * _STAFF_MM_AT_SCALE_100
        return max(1, round(svg_size_mm(self.pages[0])[0] * staff_px / staff_mm))


def engrave(notation: str, layout: Layout = Layout(), n_measures: int | None = None) -> list[str]:
    """The SVG pages of `engrave_score`."""
    return list(engrave_score(notation, layout, n_measures).pages)


def engrave_score(notation: str, layout: Layout = Layout(), n_measures: int | None = None) -> Engraving:
    """Engraves Humdrum, MEI, MusicXML, ABC or Plaine & Easie, which verovio tells apart.

    Verovio only warns of what it cannot read and then draws an empty page, so the result is checked.

    Args:
        n_measures: how many measures must come out, where known.

    Raises:
        ValueError: the notation cannot be read or is too long, has no staff, no note or another number of measures, or
            is such that verovio crashes or takes longer than `SECONDS`.
    """
    if len(notation) > MAX_CHARACTERS:
        raise ValueError(f"notation must have at most {MAX_CHARACTERS} characters, got {len(notation)}")
    if broken := re.search("[\0\ud800-\udfff]", notation):
        raise ValueError(f"notation must be text without null or surrogate characters, got {broken[0]!r}")
    mei, *pages = [text.decode() for text in _ask("engrave", notation, layout)[1]] or [""]
    found = {name: len(re.findall(rf"<{name}\b", mei)) for name in ("staffDef", "note", "measure")}
    if not all(found.values()):
        raise ValueError(f"notation must have a staff, a note and a measure, got {found} from {notation[:60]!r}")
    if n_measures is not None and found["measure"] != n_measures:
        raise ValueError(f"notation must have {n_measures} measures, got {found['measure']}")
    return Engraving(notation, layout, tuple(pages), mei)


def engrave_staff(notation: str, layout: Layout = STAFF, n_measures: int | None = None) -> Engraving:
    """`engrave_score` of a single staff as one system, whatever its length, with no page around it.

    Raises:
        ValueError: as `engrave_score`, and if the notation has several staves.
    """
    engraving = engrave_score(notation, _as_staff(layout), n_measures)
    n_staves = len(set(re.findall(r'<staffDef\b[^>]*? n="(\d+)"', engraving.mei)))
    if n_staves > 1:
        raise ValueError(f"notation must have one staff, got {n_staves}")
    return engraving


def _ask(function: str, notation: str, layout: Layout) -> Answer:
    """Calls a function of `scorehub.verovio_calls`."""
    sandbox = shared_sandbox("scorehub.verovio_calls", MEMORY_MB)
    seconds = min(SECONDS[0] + len(notation) / CHARACTERS_A_SECOND, SECONDS[1])
    try:
        return sandbox.call(function, seconds, notation=notation, options=verovio_options(layout))
    except SandboxError as error:
        raise ValueError(f"notation must be such that verovio can engrave it, got: {error}") from None


def _scale(layout: Layout) -> int:
    return round(100 * layout.staff_mm / _STAFF_MM_AT_SCALE_100)


def verovio_options(layout: Layout) -> dict[str, object]:
    """What verovio is told of a layout."""
    scale = _scale(layout)
    # Verovio counts page and margins before scaling.
    width, height, margin = (
        round(length * _UNITS_PER_MM * 100 / scale) for length in (layout.width_mm, layout.height_mm, layout.margin_mm)
    )
    options: dict[str, object] = {
        "scale": scale,
        "pageWidth": width,
        "pageHeight": height,
        "font": layout.font,
        "spacingStaff": layout.staff_gap,
        "spacingSystem": layout.system_gap,
        "spacingLinear": layout.note_spacing,
        "spacingNonLinear": layout.duration_spacing,
        "staffLineWidth": layout.line_width,
        "stemWidth": layout.stem_width,
        "barLineWidth": layout.barline_width,
        "beamMaxSlope": layout.beam_slope,
        "adjustPageHeight": layout.crop_height,
        "adjustPageWidth": layout.crop_width,
        "breaks": layout.breaks,
        "minLastJustification": 0.0 if layout.breaks == "encoded" else 0.8,
        "header": "none",
        "footer": "none",
        "svgViewBox": True,
        "transpose": str(layout.semitones or ""),
        "xmlIdSeed": 1,  # ids in the SVG are random otherwise
    }
    options |= {f"pageMargin{side}": margin for side in ("Left", "Right", "Top", "Bottom")}
    return options
