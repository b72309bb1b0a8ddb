"""How many staves a picture shows, so that a page or a system is not read as if it were one staff.

A picture is cut into upright strips, so narrow that staff lines are level in them however the picture leans or bends.
In the rows of each, combs of five evenly spaced thin lines are looked for, which do not overlap and are of one size.
Ledger lines, beams and slurs are in a few strips only: what counts is what a third of the strips with a staff show.
"""

import numpy as np
from PIL import Image

HEIGHTS = (256, 768)  # px that a picture is scaled to: for a few staves, and for a page
STRIP = 32  # px
MOST_STRIPS = 24  # spread over the width
SPACINGS = 3.5 * 1.03 ** np.arange(84)  # px from line to line that are tried, up to 41
LEAST_CONTRAST = 0.05  # of a line to the spaces beside it, of 1
LEAST_SHARE = 0.25  # of the clearest comb's contrast
SAME_SIZE = 1.2  # staves of a picture differ by less
ENOUGH = 1 / 3  # of the strips


def count_staves(grey: np.ndarray) -> int:
    """Staves in a picture, uint8 (H, W), dark on light or light on dark; 0 if none is found.

    It errs towards too few: a staff that is alone is hardly ever taken for two.
    """
    heights = HEIGHTS if len(grey) > 2 * HEIGHTS[0] else HEIGHTS[:1]
    return max(_count(_strips(shown, height)) for height in heights for shown in (grey, 255 - grey))


def _strips(grey: np.ndarray, height: int) -> np.ndarray:
    """How dark the rows of each strip are, (strips, height), from 0 to 1; of what is in them, what is widest."""
    width = max(STRIP, round(grey.shape[1] * height / len(grey)))
    scaled = np.asarray(Image.fromarray(grey).resize((width, height), Image.Resampling.BOX))
    lefts = np.unique(np.linspace(0, width - STRIP, min(MOST_STRIPS, width // STRIP)).astype(int))
    columns = lefts[:, None] + np.arange(STRIP)
    return 1 - np.quantile(scaled[:, columns], 0.6, axis=2).T.astype(np.float32) / 255


def _count(dark: np.ndarray) -> int:
    """The number of staves that enough of the strips show, or more."""
    counts = np.array([_count_combs(contrast) for contrast in _combs(dark)])
    counts = np.sort(counts[counts > 0])[::-1]
    return int(counts[int(ENOUGH * len(counts))]) if len(counts) else 0


def _combs(dark: np.ndarray) -> np.ndarray:
    """The contrast of the weakest of five lines, (strips, spacings, rows of the first line)."""
    n_strips, height = dark.shape
    contrast = np.full((n_strips, len(SPACINGS), height), -1.0, np.float32)
    around = np.pad(dark, ((0, 0), (1, 1)), mode="edge")
    on_line = np.maximum.reduce([around[:, :-2], dark, around[:, 2:]])  # as rows are not where a line is to the pixel
    for number, spacing in enumerate(SPACINGS):
        first = np.arange(height - int(np.ceil(4 * spacing)))
        lines = [_rows(on_line, first + n * spacing) for n in range(5)]
        spaces = [_rows(dark, first + (n - 0.5) * spacing) for n in range(6)]
        stands_out = [line - np.maximum(*spaces[n : n + 2]) for n, line in enumerate(lines)]
        contrast[:, number, : len(first)] = np.minimum.reduce(stands_out)
    return contrast


def _rows(dark: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Rows nearest to places; those beyond the picture are as its first or last."""
    return dark.take(np.rint(places).astype(int), axis=1, mode="clip")


def _count_combs(contrast: np.ndarray) -> int:
    """Combs of a strip, (spacings, rows): the clearest, and then each further one that does not overlap those."""
    least = max(LEAST_CONTRAST, LEAST_SHARE * float(contrast.max()))
    rows, count = np.arange(contrast.shape[1]), 0
    while contrast.max() >= least:
        size, row = np.unravel_index(contrast.argmax(), contrast.shape)
        spacing = SPACINGS[size]
        begins, ends = rows - SPACINGS[:, None] / 2, rows + 4.5 * SPACINGS[:, None]
        overlaps = (ends >= row - spacing / 2) & (begins <= row + 4.5 * spacing)
        unlike = np.abs(np.log(SPACINGS / spacing)) > np.log(SAME_SIZE)
        contrast = np.where(overlaps | unlike[:, None], -1.0, contrast)
        count += 1
    return count
