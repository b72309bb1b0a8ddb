"""Distorts pictures of music as Camera-PrIMuS did: GraphicsMagick's operators, vectorised and seeded.

Pictures are grey uint8 arrays (H, W), black 0 on white 255; whatever a distortion uncovers is white. Coordinates are
pixels, x right, y down. `distort` is the published chain with its random parameters; each effect also works alone.
Effects that move pixels exist twice: `wave(image, ...)` gives a picture, `wave_warp(shape, ...)` a `Warp`, which also
moves points and boxes and joins with others so that a picture is sampled once.

Chain and ranges: J. Calvo-Zaragoza, D. Rizo: Camera-PrIMuS: Neural End-to-End Optical Music Recognition on Realistic
Monophonic Scores, ISMIR 2018, in the form in which ScoreGenerator has it as code
(github.com/mariaalfaroc/ScoreGenerator, image_processing.py). Operators: GraphicsMagick 1.3.40, magick/{fx,effect,
shear,transform,gem}.c.
"""

import math
from dataclasses import dataclass, fields
from typing import Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from scorehub.warps import (
    Floats,
    Grey,
    Warp,
    check_image,
    check_number,
    chop_warp,
    implode_warp,
    rotate_warp,
    shear_warp,
    swirl_warp,
    wave_warp,
)

Range = tuple[float, float]
NoiseKind = Literal["uniform", "gaussian", "impulse", "laplacian", "poisson"]


def wave(image: Grey, amplitude: float, wavelength: float) -> Grey:
    """See `wave_warp`."""
    return wave_warp(image.shape, amplitude, wavelength).apply(image)


def implode(image: Grey, amount: float) -> Grey:
    """See `implode_warp`."""
    return implode_warp(image.shape, amount).apply(image)


def swirl(image: Grey, degrees: float) -> Grey:
    """See `swirl_warp`."""
    return swirl_warp(image.shape, degrees).apply(image)


def shear(image: Grey, degrees_x: float, degrees_y: float) -> Grey:
    """See `shear_warp`."""
    return shear_warp(image.shape, degrees_x, degrees_y).apply(image)


def rotate(image: Grey, degrees: float) -> Grey:
    """See `rotate_warp`."""
    return rotate_warp(image.shape, degrees).apply(image)


def chop(image: Grey, x: int, y: int, width: int, height: int) -> Grey:
    """See `chop_warp`."""
    return chop_warp(image.shape, x, y, width, height).apply(image)


def spread(image: Grey, radius: int, rng: np.random.Generator) -> Grey:
    """Gives each pixel the value of one near it, drawn at random; outside of the picture its edge goes on.

    Args:
        radius: pixels, 0..100. As in GraphicsMagick a draw from -radius..radius+1 is cut towards 0, so that radius 2
            means offsets -1, 0, 0, 1 and 2, alike often.
    """
    check_image(image)
    check_number("radius", radius, 0, 100)
    offsets = np.trunc(np.arange(2 * radius + 1) - radius + 0.5).astype(np.intp)
    padded = np.pad(image, radius, mode="edge")
    jumps = (offsets[:, None] * padded.shape[1] + offsets).ravel()
    places = np.take(jumps, rng.integers(0, len(jumps), image.shape, dtype=np.uint16), mode="clip")
    places += np.arange(radius, radius + image.shape[1])
    places += np.arange(radius, radius + image.shape[0])[:, None] * padded.shape[1]
    return np.take(padded, places, mode="clip")


def shade(image: Grey, azimuth: float, elevation: float, relief: bool = False) -> Grey:
    """Lights the picture as a landscape as high as it is bright; what is flat keeps sin(elevation) of its brightness.

    Args:
        azimuth: where the light comes from in degrees, clockwise from the right, -360..360.
        elevation: of the light above the paper in degrees, 0..180 (90 is straight above).
        relief: only the light (`-shade`), rather than the picture in it (`+shade`, as Camera-PrIMuS has it).
    """
    check_image(image)
    check_number("azimuth", azimuth, -360, 360)
    check_number("elevation", elevation, 0, 180)
    turned, raised = math.radians(azimuth), math.radians(elevation)
    # The normal's x and y are differences of 3-pixel sums, its z is twice white.
    step, sums = np.array([1, 0, -1], np.float32), np.ones(3, np.float32)
    normal_x = cv2.sepFilter2D(image, cv2.CV_32F, step, sums, borderType=cv2.BORDER_REPLICATE)
    normal_y = cv2.sepFilter2D(image, cv2.CV_32F, sums, -step, borderType=cv2.BORDER_REPLICATE)
    light = normal_x * np.float32(math.cos(turned) * math.cos(raised))
    light += normal_y * np.float32(math.sin(turned) * math.cos(raised))
    light += np.float32(510 * math.sin(raised))
    length = np.multiply(normal_x, normal_x, out=normal_x)
    length += np.multiply(normal_y, normal_y, out=normal_y)
    length += np.float32(510**2)
    light /= np.sqrt(length, out=length)
    light *= np.float32(255) if relief else image
    return _to_grey(light)


def motion_blur(image: Grey, radius: float, sigma: float, angle: float) -> Grey:
    """Smears the picture: each pixel averages those ahead of it along `angle` with half a Gaussian.

    Args:
        radius: reach in pixels, up to 100; 0 or less reaches as far as the Gaussian can be seen.
        sigma: of the Gaussian in pixels, 0.01..30.
        angle: degrees, anticlockwise from the right, -360..360.
    """
    check_image(image)
    check_number("radius", radius, -100, 100)
    check_number("sigma", sigma, 0.01, 30)
    check_number("angle", angle, -360, 360)
    # Past four sigma the half Gaussian is less than a grey level.
    reach = max(2, math.ceil(4 * sigma))
    reach = min(reach, 2 * math.ceil(radius)) if radius > 0 else reach
    weights = np.exp(-((np.arange(3 * reach + 3) / (3 * sigma)) ** 2) / 2).reshape(-1, 3).sum(axis=1)
    steps, turned = np.arange(reach + 1), math.radians(angle)
    # Rounds as GraphicsMagick does: half a pixel is added and the rest cut towards 0, also of negative offsets.
    across = np.trunc(steps * math.cos(turned) + 0.5).astype(int)
    down = np.trunc(-steps * math.sin(turned) + 0.5).astype(int)
    kernel = np.zeros((np.ptp(down) + 1, np.ptp(across) + 1), np.float32)
    np.add.at(kernel, (down - down.min(), across - across.min()), weights / weights.sum())
    anchor = -int(across.min()), -int(down.min())
    blurred = cv2.filter2D(image, -1, kernel, anchor=anchor, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, np.uint8)


def noise(image: Grey, kind: NoiseKind, rng: np.random.Generator, amount: float = 1.0) -> Grey:
    """Adds noise of GraphicsMagick's strengths times `amount` (0..10).

    In grey levels: uniform -2..2; gaussian with a standard deviation of sqrt(16 value + 400); impulse turns a tenth of
    the pixels black or white; laplacian of scale 10; poisson of 20 levels an event.
    """
    check_image(image)
    check_number("amount", amount, 0, 10)
    if kind == "uniform":
        added = rng.random(image.shape, np.float32)
        added -= np.float32(0.5)
        added *= np.float32(4)
    elif kind == "gaussian":
        # GraphicsMagick adds two Gaussians, of 4 sqrt(value) and of 20; their sum is one.
        spread_of = np.sqrt(16 * np.arange(256, dtype=np.float32) + 400)
        added = rng.standard_normal(image.shape, np.float32) * cv2.LUT(image, spread_of)
    elif kind == "impulse":
        draw = rng.random(image.shape, np.float32)
        added = np.where(draw < 0.05, 0, np.where(draw >= 0.95, 255, image)).astype(np.float32) - image
    elif kind == "laplacian":
        added = rng.laplace(0, 10, image.shape).astype(np.float32)
    elif kind == "poisson":
        added = (20 * rng.poisson(image / 20) - image.astype(np.float64)).astype(np.float32)
    else:
        raise ValueError(f"kind must be one of {get_args(NoiseKind)}, got {kind!r}")
    added *= np.float32(amount)
    added += image
    return _to_grey(added)


def median(image: Grey, radius: float) -> Grey:
    """Gives each pixel the median of the square of ceil(radius) pixels around it; radius 0..2."""
    check_image(image)
    check_number("radius", radius, 0, 2)
    return np.asarray(cv2.medianBlur(image, 2 * math.ceil(radius) + 1), np.uint8) if radius else image.copy()


def _to_grey(values: Floats) -> Grey:
    # Rounds and saturates; overwrites `values`.
    return np.asarray(cv2.convertScaleAbs(np.maximum(values, 0, out=values)), np.uint8)


@dataclass(frozen=True)
class Distortions:
    """From where `distort` draws, evenly between (low, high); the defaults are Camera-PrIMuS's, in its order."""

    implode: Range = (0.0, 0.07)  # exponent
    chop_width: Range = (1, 5)  # columns
    chop_height: Range = (1, 6)  # rows
    chop_x: Range = (1, 300)  # first column
    chop_y: Range = (1, 50)  # first row
    swirl: Range = (-3.0, 3.0)  # degrees
    spread: Range = (2, 2)  # pixels
    shear_x: Range = (-5.0, 5.0)  # degrees
    shear_y: Range = (-1.5, 1.5)  # degrees
    azimuth: Range = (0.0, 120.0)  # of the shade's light, degrees
    elevation: Range = (80.0, 110.0)  # degrees
    wave_amplitude: Range = (0.0, 0.5)  # pixels; there are two waves, one before and one after the noise
    wavelength: Range = (0.01, 0.4)  # pixels
    rotate: Range = (0.0, 0.3)  # degrees
    gaussian_noise: float = 1 / 6  # how often the noise is gaussian rather than uniform
    motion_radius: Range = (-7.0, 5.0)  # pixels
    motion_sigma: Range = (-7.0, 7.0)  # pixels; the sign means nothing
    motion_angle: Range = (-7.0, 6.0)  # degrees
    median: Range = (0.0, 1.1)  # pixels

    def __post_init__(self) -> None:
        check_ranges(self)


def check_ranges(ranges: object) -> None:
    """Raises ValueError unless each tuple in a dataclass is a range (low, high) and each number a probability."""
    for field in fields(ranges):  # type: ignore[arg-type]
        value = getattr(ranges, field.name)
        if not isinstance(value, tuple):
            check_number(field.name, value, 0, 1)
        elif len(value) != 2 or not -math.inf < value[0] <= value[1] < math.inf:
            raise ValueError(f"{field.name} must be (low, high) with low <= high, got {value!r}")


def distort(image: Grey, rng: np.random.Generator, ranges: Distortions = Distortions()) -> Grey:
    """The picture as Camera-PrIMuS could have distorted it, a few per cent larger; the generator decides how."""
    return distort_with_warp(image, rng, ranges)[0]


def distort_with_warp(image: Grey, rng: np.random.Generator, ranges: Distortions = Distortions()) -> tuple[Grey, Warp]:
    """As `distort`, with the movement, for boxes; spread and motion blur (some pixels at most) are not in it."""
    check_image(image)
    draw = {f.name: rng.uniform(*v) for f in fields(ranges) if isinstance(v := getattr(ranges, f.name), tuple)}
    # Effects between which nothing changes grey levels are sampled together.
    imploded = implode_warp(image.shape, draw["implode"])
    chopped = imploded.then(chop_warp(image.shape, *_quiet_strips(image, draw)))
    swirled = chopped.then(swirl_warp(chopped.shape, draw["swirl"]))
    image = spread(swirled.apply(image), round(draw["spread"]), rng)
    sheared = shear_warp(swirled.shape, draw["shear_x"], draw["shear_y"])
    image = shade(sheared.apply(image), draw["azimuth"], draw["elevation"])
    waved = wave_warp(sheared.shape, draw["wave_amplitude"], draw["wavelength"])
    rotated = waved.then(rotate_warp(waved.shape, draw["rotate"]))
    # GraphicsMagick adds noise to red, green and blue apart; as grey that has two thirds of the strength.
    kind: NoiseKind = "gaussian" if rng.random() < ranges.gaussian_noise else "uniform"
    image = noise(rotated.apply(image), kind, rng, 2 / 3)
    again = wave_warp(image.shape, rng.uniform(*ranges.wave_amplitude), rng.uniform(*ranges.wavelength))
    image = motion_blur(
        again.apply(image), draw["motion_radius"], max(abs(draw["motion_sigma"]), 0.01), draw["motion_angle"]
    )
    return median(image, draw["median"]), swirled.then(sheared).then(rotated).then(again)


def _quiet_strips(image: Grey, draw: dict[str, float]) -> tuple[int, int, int, int]:
    # Camera-PrIMuS chops anywhere, which can take out a bar line or a stem, or one line of a staff, or push two lines
    # together. Here the strip moves to the nearest place where nothing is lost, or is left out: columns with little
    # more ink than most, as between notes; rows with none, as beside a staff.
    ink = (image < 128).view(np.uint8)
    by_column, by_row = (
        np.asarray(cv2.reduce(ink, axis, cv2.REDUCE_SUM, dtype=cv2.CV_32S), np.int32).ravel() for axis in (0, 1)
    )
    # The implosion before moves ink by up to max(-r ln sin(pi r / 2)) / 2 = 0.12 of its amount times the side.
    moved = 0.12 * abs(draw["implode"])
    x, width = _quiet(by_column > 1.5 * np.median(by_column), draw["chop_x"], draw["chop_width"], moved)
    y, height = _quiet(by_row > 0, draw["chop_y"], draw["chop_height"], moved)
    return x, y, width, height


def _quiet(loud: NDArray[np.bool_], start: float, length: float, moved: float) -> tuple[int, int]:
    margin = math.ceil(moved * len(loud))
    reach = round(length) + 2 * margin
    before = np.concatenate([[0], np.cumsum(loud)])
    starts = np.flatnonzero(before[reach:] == before[: max(len(before) - reach, 0)]) + margin
    return (int(starts[np.argmin(np.abs(starts - start))]), round(length)) if len(starts) else (0, 0)
