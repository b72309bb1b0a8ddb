"""A staff's picture, drawn in a child process: some broken notation ends the process that lets Verovio read it."""

import io
from dataclasses import asdict
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image

from scorehub.engraving import Layout, engrave_staff
from scorehub.sandbox import Sandbox, SandboxError
from scorehub.svg import rasterise

STAFF_PX = 60.0  # height of the five lines
SECONDS = 20.0
MEMORY_MB = 4096


def draw_staff(notation: str, layout: Layout) -> tuple[str, np.ndarray]:
    """MEI and grey picture (H, W) of one staff.

    Raises:
        ValueError: the notation can't be engraved; says why.
    """
    try:
        mei, (png,) = _child().call("draw", SECONDS, notation=notation, layout=asdict(layout))
    except SandboxError as error:
        raise ValueError(f"notation must be such that Verovio can engrave it, got: {error}") from None
    return mei, np.asarray(Image.open(io.BytesIO(png)))


@lru_cache(maxsize=1)
def _child() -> Sandbox:
    return Sandbox(__name__, MEMORY_MB)


def draw(notation: str, layout: dict[str, Any]) -> tuple[str, list[bytes]]:
    """The child's side of `draw_staff`: MEI, and the picture as a fast PNG."""
    engraving = engrave_staff(notation, Layout(**layout))
    png = io.BytesIO()
    rasterise(engraving.pages[0], engraving.width_for(STAFF_PX)).save(png, "PNG", compress_level=1)
    return engraving.mei, [png.getvalue()]
