"""Photographs pictures of music: what a phone's camera does to a page or a staff.

Pictures are grey uint8 arrays (H, W), black 0 on white 255. Angles are degrees clockwise from the right. `photograph`
is the whole chain with random parameters; each effect also works alone. The page stays wholly inside the picture, and
`photograph_with_warp` tells where its points and boxes went.
"""

import math
from dataclasses import dataclass, fields

import cv2
import numpy as np
from numpy.typing import NDArray

from scorehub.distortion import Range, check_ranges, noise
from scorehub.warps import Floats, Grey, Warp, check_image, check_number

_LIGHT_CELLS = 64  # light varies slowly: it is computed on a grid of this many cells a side at most


def perspective_warp(shape: tuple[int, int], insets: NDArray[np.floating]) -> Warp:
    """Sees the picture at an angle, in a frame of the same shape.

    Args:
        shape: (H, W) of the picture.
        insets: (4, 2), how far top left, top right, bottom right and bottom left corner move inwards, as fractions of
            width and height, each 0..0.3.
    """
    insets = np.asarray(insets, np.float64)
    if insets.shape != (4, 2) or not ((insets >= 0) & (insets <= 0.3)).all():
        raise ValueError(f"insets must be (4, 2) numbers in 0..0.3, got {insets.tolist()}")
    height, width = shape
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * (width, height)
    moved = corners + insets * [[1, 1], [-1, 1], [-1, -1], [1, -1]] * (width, height)
    matrix = cv2.getPerspectiveTransform(moved.astype(np.float32), corners.astype(np.float32)).astype(np.float32)

    def source(x: Floats, y: Floats) -> tuple[Floats, Floats]:
        (a, b, c), (d, e, f), (g, h, i) = matrix
        depth = g * x + (h * y + i)
        return (a * x + (b * y + c)) / depth, (d * x + (e * y + f)) / depth

    return Warp(shape, source)


def curl_warp(shape: tuple[int, int], depth: float, binding: str = "left") -> Warp:
    """Bends the rows of a page that curves into its binding; the picture grows in height by the depth.

    Args:
        depth: how far the rows sink at the binding in pixels, -1000..1000; negative: they rise.
        binding: "left" or "right".
    """
    check_number("depth", depth, -1000, 1000)
    if binding not in ("left", "right"):
        raise ValueError(f"binding must be 'left' or 'right', got {binding!r}")
    # A page lies flat from about half of its width on.
    distance = np.arange(shape[1]) / shape[1]
    drops = depth * np.exp(-8 * (distance if binding == "left" else distance[::-1])) - min(depth, 0)
    drops = drops.astype(np.float32)

    def source(x: Floats, y: Floats) -> tuple[Floats, Floats]:
        return x, y - np.take(drops, np.rint(x).astype(np.int32), mode="clip")

    return Warp((shape[0] + math.ceil(abs(depth)), shape[1]), source)


def perspective(image: Grey, insets: NDArray[np.floating], desk: int = 255) -> Grey:
    """See `perspective_warp`; `desk` is the grey around the page."""
    return perspective_warp(image.shape, insets).apply(image, desk)


def curl(image: Grey, depth: float, binding: str = "left", desk: int = 255) -> Grey:
    """See `curl_warp`; `desk` is the grey around the page."""
    return curl_warp(image.shape, depth, binding).apply(image, desk)


def paper(image: Grey, strength: float, rng: np.random.Generator) -> Grey:
    """Gives the paper grain and cloudiness that darken it by up to about `strength` (0..0.5)."""
    check_image(image)
    check_number("strength", strength, 0, 0.5)
    height, width = image.shape
    grain = cv2.GaussianBlur(rng.random(image.shape, np.float32), (3, 3), 0)
    cells = rng.random((2 + height // 48, 2 + width // 48), np.float32)
    clouds = cv2.resize(cells, (width, height), interpolation=cv2.INTER_CUBIC)
    return _lit(image, 1 - strength * (grain.reshape(image.shape) + clouds.reshape(image.shape)) / 2)


def uneven_light(image: Grey, dimming: float, angle: float) -> Grey:
    """Darkens towards `angle`: the far end of the picture loses `dimming` (0..0.9) of its light, the near end none."""
    check_image(image)
    check_number("dimming", dimming, 0, 0.9)
    return _lit(image, 1 - dimming * _along(image.shape, angle) ** 2)


def shadow(image: Grey, darkness: float, position: float, angle: float, softness: float) -> Grey:
    """Lays the shadow of something with a straight, soft edge over one side.

    Args:
        darkness: the part of the light that the shadow takes, 0..0.9.
        position: where the edge is along `angle`, 0 (all lies in shadow) to 1 (nothing does).
        angle: towards the shadowed side.
        softness: width of the half-shadow as a part of the picture along `angle`, 0.01..1.
    """
    check_image(image)
    check_number("darkness", darkness, 0, 0.9)
    check_number("position", position, 0, 1)
    check_number("softness", softness, 0.01, 1)
    inside = np.clip((_along(image.shape, angle) - position) / softness + 0.5, 0, 1)
    return _lit(image, 1 - darkness * inside * inside * (3 - 2 * inside))


def fade(image: Grey, black: float, white: float) -> Grey:
    """Shows black as the grey level `black` and white as `white`, 0 <= black < white <= 255."""
    check_image(image)
    check_number("white", white, 1, 255)
    check_number("black", black, 0, white - 1)
    table = np.rint(np.linspace(black, white, 256)).astype(np.uint8)
    return table[image]


def defocus(image: Grey, radius: float) -> Grey:
    """Averages over a disc of `radius` pixels (0..20), as a lens out of focus does."""
    check_image(image)
    check_number("radius", radius, 0, 20)
    reach = math.ceil(radius)
    offsets = np.arange(-reach, reach + 1)
    # Pixels on the disc's rim count for the part of them that lies in it.
    disc = np.clip(radius + 0.5 - np.hypot(offsets[:, None], offsets), 0, 1)
    blurred = cv2.filter2D(image, -1, disc / disc.sum(), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, np.uint8)


def jpeg(image: Grey, quality: int) -> Grey:
    """The picture after JPEG compression of `quality` 1..100."""
    check_image(image)
    check_number("quality", quality, 1, 100)
    if max(image.shape) > 65_500:
        raise ValueError(f"image must have sides of at most 65500 pixels for JPEG, got {image.shape}")
    _, coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), np.uint8)


@dataclass(frozen=True)
class Photo:
    """From where `photograph` draws, evenly between (low, high), in its order."""

    paper: Range = (0.02, 0.10)  # part of the light
    curl: Range = (-0.02, 0.02)  # depth as a part of the width
    inset: Range = (0.005, 0.04)  # of each corner, as a part of width or height
    desk: Range = (30, 170)  # grey level around the page
    dimming: Range = (0.10, 0.35)  # part of the light
    darkness: Range = (0.10, 0.40)  # of the shadow
    position: Range = (0.3, 0.9)  # of the shadow's edge
    softness: Range = (0.05, 0.30)  # of the shadow's edge
    black: Range = (15, 65)  # grey level of ink
    white: Range = (200, 250)  # grey level of lit paper
    defocus: Range = (0.3, 1.3)  # pixels
    noise: Range = (0.03, 0.12)  # of GraphicsMagick's gaussian noise
    quality: Range = (40, 85)  # of the JPEG

    def __post_init__(self) -> None:
        check_ranges(self)


def photograph(image: Grey, rng: np.random.Generator, ranges: Photo = Photo()) -> Grey:
    """The page or staff as a phone could have photographed it; the generator decides how."""
    return photograph_with_warp(image, rng, ranges)[0]


def photograph_with_warp(image: Grey, rng: np.random.Generator, ranges: Photo = Photo()) -> tuple[Grey, Warp]:
    """As `photograph`, with the movement, for noteheads: `warp.boxes(boxes)` gives their boxes in the photograph."""
    check_image(image)
    draw = {field.name: rng.uniform(*getattr(ranges, field.name)) for field in fields(ranges)}
    curled = curl_warp(image.shape, draw["curl"] * image.shape[1], "left" if rng.random() < 0.5 else "right")
    warp = curled.then(perspective_warp(curled.shape, rng.uniform(*ranges.inset, (4, 2))))
    image = warp.apply(paper(image, draw["paper"], rng), round(draw["desk"]))
    image = uneven_light(image, draw["dimming"], rng.uniform(0, 360))
    image = shadow(image, draw["darkness"], draw["position"], rng.uniform(0, 360), draw["softness"])
    image = defocus(fade(image, draw["black"], draw["white"]), draw["defocus"])
    return jpeg(noise(image, "gaussian", rng, draw["noise"]), round(draw["quality"])), warp


def _along(shape: tuple[int, int], angle: float) -> NDArray[np.float64]:
    # How far each cell of a coarse grid lies along `angle`, from 0 at one corner to 1 at the opposite one.
    check_number("angle", angle, -360, 360)
    n_rows, n_columns = (min(side, _LIGHT_CELLS) for side in shape)
    across = math.cos(math.radians(angle)) * shape[1] * np.linspace(-1, 1, n_columns)
    down = math.sin(math.radians(angle)) * shape[0] * np.linspace(-1, 1, n_rows)
    distance = down[:, None] + across
    return (distance / max(np.abs(distance).max(), 1e-9) + 1) / 2


def _lit(image: Grey, light: NDArray[np.floating]) -> Grey:
    # Multiplies by light, given on any grid.
    full = cv2.resize(light.astype(np.float32), image.shape[::-1], interpolation=cv2.INTER_LINEAR)
    lit = cv2.multiply(image, full.reshape(image.shape), dtype=cv2.CV_8U)
    return np.asarray(lit, np.uint8).reshape(image.shape)
