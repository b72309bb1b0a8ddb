"""What a visitor gives: a picture, which can be turned and cut to one staff, and a recording."""

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from scorehub.audio import read_audio
from scorehub.pictures import check_scans
from scorehub.pipelines.music_transcription.features import grey_picture
from scorehub.spaces.uploads import check_size, reduced

FORMATS = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp", "TIFF": ".tif", "BMP": ".bmp"}
MAX_BYTES = 20 * 2**20
LONG_SIDE = 5000  # px that are kept of a picture
MAX_SECONDS = 120  # of a recording
LEAST_CUT = 0.01  # of a side; less is no cut but a click

Box = tuple[float, float, float, float]  # left, top, right, bottom, as shares of width and height
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True)
class Picture:
    """A picture as it is turned, grey uint8 (H, W), and what of it is read."""

    name: str
    page: np.ndarray
    box: Box = WHOLE

    @property
    def staff(self) -> np.ndarray:
        """What is read."""
        height, width = self.page.shape
        left, top, right, bottom = self.box
        return self.page[math.floor(top * height) : math.ceil(bottom * height)][
            :, math.floor(left * width) : math.ceil(right * width)
        ]

    def cut(self, *corners: float) -> "Picture":
        """Two opposite corners decide what is read, x, y, x, y as shares of the sides.

        Raises:
            ValueError: they are no four numbers.
        """
        if len(corners) != 4 or not all(isinstance(one, int | float) and math.isfinite(one) for one in corners):
            raise ValueError(f"corners must be four numbers, got {str(corners)[:80]}")
        x, y, to_x, to_y = (min(1.0, max(0.0, float(one))) for one in corners)
        box = min(x, to_x), min(y, to_y), max(x, to_x), max(y, to_y)
        is_click = min(box[2] - box[0], box[3] - box[1]) < LEAST_CUT
        return self if is_click else replace(self, box=box)

    def whole(self) -> "Picture":
        """All of it is read."""
        return replace(self, box=WHOLE)

    def turned(self, quarters: int) -> "Picture":
        """Turned to the left by so many right angles, and read as a whole."""
        return Picture(self.name, np.ascontiguousarray(np.rot90(self.page, quarters)))


@dataclass(frozen=True)
class Recording:
    """Mono float32 (N,) and its sample rate, and the file that it came from."""

    path: Path
    samples: np.ndarray
    sample_rate: int

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / self.sample_rate


def load_picture(path: Path) -> Picture:
    """The picture of a file that somebody sent, upright, not larger than it is kept.

    Raises:
        ValueError: it is no picture, it is damaged, or its size is out of range.
    """
    check_size("picture", [path], MAX_BYTES)
    try:
        with Image.open(path, formats=tuple(FORMATS)) as image:
            check_scans(image)
            page = grey_picture(image)
    except (OSError, SyntaxError, Image.DecompressionBombError):
        raise ValueError(f"picture must be a whole PNG, JPEG, WebP, TIFF or BMP, got {path.name}") from None
    return Picture(path.stem, reduced(page, LONG_SIDE))


def load_recording(path: Path) -> Recording:
    """The recording of a file that somebody sent.

    Raises:
        ValueError: it is no audio file, it is damaged, empty, too large or too long.
    """
    check_size("recording", [path], MAX_BYTES)
    samples, sample_rate = read_audio(path.read_bytes())
    if len(samples) > MAX_SECONDS * sample_rate:
        raise ValueError(f"recording must last at most {MAX_SECONDS} s, got {len(samples) / sample_rate:.0f} s")
    return Recording(path, samples, sample_rate)
