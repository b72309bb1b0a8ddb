"""Lays pictures with captions out in a grid, to be looked at: one picture for many effects, staves or pages."""

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_GAP = 16  # pixels around and between cells
_FONT_SIZE = 18
_TALLEST = 1.5  # height of a cell over its width
_WIDEST = 10.0  # width over height of a strip that is shown in one line; longer ones are broken
_MOST_LINES = 12
_PAPER, _INK, _RIM = (244, 244, 244), (20, 20, 20), (190, 190, 190)


def contact_sheet(
    images: Sequence[np.ndarray], captions: Sequence[str], columns: int = 2, cell_width: int = 640
) -> Image.Image:
    """A grid of pictures, each under its caption, as an RGB image.

    Long strips are broken into lines from left to right, tall pages made narrower than the cell; nothing is cut off.

    Args:
        images: uint8 arrays (H, W) or (H, W, 3), of any sizes.
        captions: as many; long ones are broken into lines.
        columns: how many pictures stand side by side.
        cell_width: pixels.

    Raises:
        ValueError: there is no picture, as many captions are not given, or something has a wrong type or size.
    """
    if len(images) != len(captions) or not images:
        raise ValueError(f"captions must be one for each of at least one image, got {len(captions)}, {len(images)}")
    if columns < 1 or not 32 <= cell_width <= 8192:
        raise ValueError(f"columns must be at least 1 and cell_width in 32..8192, got {columns} and {cell_width}")
    font = ImageFont.load_default(_FONT_SIZE)
    cells = [_cell(image, caption, cell_width, font) for image, caption in zip(images, captions, strict=True)]
    rows = [cells[start : start + columns] for start in range(0, len(cells), columns)]
    heights = [max(cell.height for cell in row) for row in rows]
    width = _GAP + len(rows[0]) * (cell_width + _GAP)
    sheet = Image.new("RGB", (width, _GAP + sum(height + _GAP for height in heights)), _PAPER)
    top = _GAP
    for row, height in zip(rows, heights, strict=True):
        for column, cell in enumerate(row):
            sheet.paste(cell, (_GAP + column * (cell_width + _GAP), top))
        top += height + _GAP
    return sheet


def _cell(
    image: np.ndarray, caption: str, width: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont
) -> Image.Image:
    lines = _lines(image)
    # All lines of a strip in one scale: the first is as long as any.
    scale = min(width / lines[0].width, _TALLEST * width / sum(line.height for line in lines))
    shown = [
        line.resize((max(1, round(line.width * scale)), max(1, round(line.height * scale))), Image.Resampling.LANCZOS)
        for line in lines
    ]
    text = _broken(caption, width, font)
    line_height = math.ceil(_FONT_SIZE * 1.3)
    cell = Image.new("RGB", (width, line_height * len(text) + sum(line.height + 2 for line in shown)), _PAPER)
    draw = ImageDraw.Draw(cell)
    for number, words in enumerate(text):
        draw.text((0, number * line_height), words, fill=_INK, font=font)
    top = line_height * len(text)
    for line in shown:
        cell.paste(line, (0, top))
        draw.rectangle((0, top, line.width - 1, top + line.height - 1), outline=_RIM)
        top += line.height + 2
    return cell


def _lines(image: np.ndarray) -> list[Image.Image]:
    if (
        not isinstance(image, np.ndarray)
        or image.dtype != np.uint8
        or image.ndim < 2
        or image.shape[2:] not in ((), (3,))
        or not image.size
    ):
        raise ValueError(
            f"images must be uint8 arrays (H, W) or (H, W, 3), got {getattr(image, 'shape', type(image))}"
        )
    n_lines = min(_MOST_LINES, math.ceil(image.shape[1] / image.shape[0] / _WIDEST))
    length = math.ceil(image.shape[1] / max(1, n_lines))
    pieces = [image[:, start : start + length] for start in range(0, image.shape[1], length)]
    return [Image.fromarray(np.ascontiguousarray(piece)).convert("RGB") for piece in pieces]


def _broken(caption: str, width: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> list[str]:
    lines = [""]
    for word in caption.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
