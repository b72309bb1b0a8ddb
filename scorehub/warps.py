"""Movements of a picture's pixels, which also move points and boxes and join so that a picture is sampled once.

Pictures are grey uint8 arrays (H, W), black 0 on white 255. Coordinates are pixels, x right, y down. Each `*_warp`
takes the picture's shape; the formulas are GraphicsMagick's (magick/{fx,shear,transform}.c), see `distortion.py`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]
Floats = NDArray[np.float32]
Source = Callable[[Floats, Floats], tuple[Floats, Floats]]

_MOST_PIXELS_A_SIDE = 32_766  # OpenCV counts pixels of a sampled picture in 16 bits
_PIXELS_A_BAND = 1 << 15


@dataclass(frozen=True)
class Warp:
    """A movement of pixels.

    Args:
        shape: (H, W) of the moved picture.
        source: takes x and y in the moved picture, arrays that broadcast to (H, W); gives x and y before the movement.
    """

    shape: tuple[int, int]
    source: Source

    def then(self, following: "Warp") -> "Warp":
        """This movement and then a `following` one, made for pictures of this one's shape."""
        return Warp(following.shape, lambda x, y: self.source(*following.source(x, y)))

    def apply(self, image: Grey, background: int = 255) -> Grey:
        """The moved picture, each pixel interpolated between four."""
        check_image(image)
        if max(*self.shape, *image.shape) > _MOST_PIXELS_A_SIDE:
            raise ValueError(f"image must have sides of at most {_MOST_PIXELS_A_SIDE} pixels, got {image.shape}")
        moved = np.empty(self.shape, np.uint8)
        columns = np.arange(self.shape[1], dtype=np.float32)[None]
        # In bands of rows, whose coordinates stay in the processor's cache.
        n_rows = max(1, _PIXELS_A_BAND // self.shape[1])
        for top in range(0, self.shape[0], n_rows):
            band = moved[top : top + n_rows]
            rows = np.arange(top, top + len(band), dtype=np.float32)[:, None]
            x, y = (np.broadcast_to(part, band.shape) for part in self.source(columns, rows))
            cv2.remap(image, x, y, cv2.INTER_LINEAR, band, cv2.BORDER_CONSTANT, background)
        return moved

    def points(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Where points (N, 2) of x, y come to lie; a point that `chop` removed lies at the cut to within its width.

        Solves source(moved) = point by fixed-point iteration, which converges for all movements of this package:
        none turns by more than 45 degrees or doubles a length.
        """
        wanted = np.asarray(points, np.float64).reshape(-1, 2)
        moved = wanted
        for _ in range(40):
            x, y = self.source(moved[:, 0].astype(np.float32), moved[:, 1].astype(np.float32))
            moved = moved + wanted - np.stack([x, y], axis=1)
        return moved

    def boxes(self, boxes: NDArray[np.floating]) -> NDArray[np.float64]:
        """The upright boxes (N, 4) of centre x, y, width, height around moved boxes."""
        wanted = np.asarray(boxes, np.float64).reshape(-1, 1, 4)
        signs = np.array([[-1, -1], [1, -1], [-1, 1], [1, 1]])
        corners = self.points(wanted[..., :2] + signs * wanted[..., 2:] / 2).reshape(-1, 4, 2)
        low, high = corners.min(axis=1), corners.max(axis=1)
        return np.concatenate([(low + high) / 2, high - low], axis=1)


def check_image(image: Grey) -> None:
    """Refuses whatever is not a grey picture.

    Raises:
        ValueError: `image` is not a uint8 array (H, W) with at least one pixel.
    """
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 2 or not image.size:
        found = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise ValueError(f"image must be a uint8 array (H, W) with at least one pixel, got {found}")


def check_number(name: str, value: float, low: float, high: float) -> None:
    """Raises ValueError unless `value` lies in low..high (both allowed)."""
    if not low <= value <= high:
        raise ValueError(f"{name} must be in {low:g}..{high:g}, got {value!r}")


def wave_warp(shape: tuple[int, int], amplitude: float, wavelength: float) -> Warp:
    """Moves columns up and down along a sine; the picture grows in height by twice the amplitude.

    Args:
        shape: (H, W) of the picture.
        amplitude: pixels, -1000..1000.
        wavelength: pixels, more than 0; below 2 neighbouring columns jitter.
    """
    check_number("amplitude", amplitude, -1000, 1000)
    check_number("wavelength", wavelength, 1e-3, 1e9)

    # Whole columns move, also where a later movement asks for a place between two: Camera-PrIMuS's wavelengths are
    # below a pixel, and such a sine means nothing between pixels.
    phase = 2 * math.pi / wavelength * np.arange(shape[1])
    drops = (abs(amplitude) + amplitude * np.sin(phase)).astype(np.float32)

    def source(x: Floats, y: Floats) -> tuple[Floats, Floats]:
        return x, y - np.take(drops, np.rint(x).astype(np.int32), mode="clip")

    return Warp((int(shape[0] + 2 * abs(amplitude)), shape[1]), source)


def implode_warp(shape: tuple[int, int], amount: float) -> Warp:
    """Pulls the inscribed ellipse towards its centre (negative amounts: away from it).

    Args:
        amount: exponent, -1..1.
    """
    check_number("amount", amount, -1, 1)
    height, width = shape

    def source(x: Floats, y: Floats) -> tuple[Floats, Floats]:
        across, down = x - np.float32(width / 2), y - np.float32(height / 2)
        radius = np.sqrt((across * np.float32(2 / width)) ** 2 + (down * np.float32(2 / height)) ** 2)
        # sin(pi/2 radius) ** -amount inside the ellipse, 1 outside; the centre itself stays where it is.
        sine = np.sin(np.clip(np.float32(math.pi / 2) * radius, np.float32(1e-6), np.float32(math.pi / 2)))
        factor = np.exp(np.float32(-amount) * np.log(sine))
        return factor * across + np.float32(width / 2), factor * down + np.float32(height / 2)

    return Warp(shape, source)


def swirl_warp(shape: tuple[int, int], degrees: float) -> Warp:
    """Turns the inscribed ellipse by `degrees` (-360..360) at its centre, by less further out, by none at its rim."""
    check_number("degrees", degrees, -360, 360)
    height, width = shape

    def source(x: Floats, y: Floats) -> tuple[Floats, Floats]:
        across, down = x - np.float32(width / 2), y - np.float32(height / 2)
        radius = np.sqrt((across * np.float32(2 / width)) ** 2 + (down * np.float32(2 / height)) ** 2)
        inside = np.maximum(1 - radius, 0)
        angle = np.float32(math.radians(degrees)) * inside * inside
        sine, cosine = np.sin(angle), np.cos(angle)
        # The circle that turns is the ellipse with its shorter axis stretched.
        return (
            cosine * across - sine * (down * np.float32(width / height)) + np.float32(width / 2),
            sine * (across * np.float32(height / width)) + cosine * down + np.float32(height / 2),
        )

    return Warp(shape, source)


def _slanted(shape: tuple[int, int], matrix: NDArray[np.float64]) -> Warp:
    # `matrix` (2, 2) moves offsets from the centre; the picture grows to hold its four corners.
    height, width = shape
    corners = np.abs(matrix @ np.array([[width, width], [height, -height]]) / 2).max(axis=1)
    grown = max(1, math.floor(2 * corners[1] + 0.5)), max(1, math.floor(2 * corners[0] + 0.5))
    inverse = np.linalg.inv(matrix)
    a, b, c, d = (np.float32(value) for value in inverse.ravel())
    # What the grown picture's first pixel shows.
    left, top = (np.array([width, height]) / 2 - inverse @ (grown[1] / 2, grown[0] / 2)).astype(np.float32)

    def source(x: Floats, y: Floats) -> tuple[Floats, Floats]:
        return a * x + (b * y + left), c * x + (d * y + top)

    return Warp(grown, source)


def shear_warp(shape: tuple[int, int], degrees_x: float, degrees_y: float) -> Warp:
    """Slides rows sideways, then columns up or down; the picture grows to hold its corners.

    GraphicsMagick takes the tangent of half of `degrees_x` and the sine of `degrees_y`, and so does this.

    Args:
        degrees_x: -60..60.
        degrees_y: -60..60.
    """
    check_number("degrees_x", degrees_x, -60, 60)
    check_number("degrees_y", degrees_y, -60, 60)
    sideways, downwards = -math.tan(math.radians(degrees_x) / 2), math.sin(math.radians(degrees_y))
    return _slanted(shape, np.array([[1, 0], [downwards, 1]]) @ np.array([[1, sideways], [0, 1]]))


def rotate_warp(shape: tuple[int, int], degrees: float) -> Warp:
    """Turns clockwise by `degrees` (-45..45); the picture grows to hold its corners."""
    check_number("degrees", degrees, -45, 45)
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    return _slanted(shape, np.array([[cosine, -sine], [sine, cosine]]))


def chop_warp(shape: tuple[int, int], x: int, y: int, width: int, height: int) -> Warp:
    """Takes out columns x..x+width and rows y..y+height and closes the gap.

    At least one row and one column stay; what of the strip lies outside of the picture does not count.
    """
    for name, value in (("x", x), ("y", y), ("width", width), ("height", height)):
        check_number(name, value, 0, 1e9)
    removed_columns = min(width, max(shape[1] - x, 0), shape[1] - 1)
    removed_rows = min(height, max(shape[0] - y, 0), shape[0] - 1)

    def source(columns: Floats, rows: Floats) -> tuple[Floats, Floats]:
        right, below = (columns >= x).astype(np.float32), (rows >= y).astype(np.float32)
        return columns + removed_columns * right, rows + removed_rows * below

    return Warp((shape[0] - removed_rows, shape[1] - removed_columns), source)
