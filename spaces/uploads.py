"""What Spaces do with files: refuse those that are too large, keep no page larger than it is seen, make examples."""

import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

_MB = 2**20


def check_size(name: str, paths: Sequence[Path], most: int) -> None:
    """Before files that somebody sent are read.

    Args:
        name: what they are, in words.
        most: bytes of all of them.

    Raises:
        ValueError: they are too large, or have gone since, an hour after their last use.
    """
    try:
        size = sum(path.stat().st_size for path in paths)
    except FileNotFoundError:
        raise ValueError(f"{name} must have been sent within the last hour, got none") from None
    if size > most:
        # Upwards, lest what is too large by a byte has the size that is allowed.
        raise ValueError(f"{name} must have at most {most // _MB} MB, got {math.ceil(10 * size / _MB) / 10:.1f}")


def reduced(page: np.ndarray, long_side: int) -> np.ndarray:
    """A grey page (H, W) whose longer side has at most so many px."""
    scale = long_side / max(page.shape)
    if scale >= 1:
        return page
    size = max(1, round(page.shape[1] * scale)), max(1, round(page.shape[0] * scale))
    return np.asarray(Image.fromarray(page).resize(size, Image.Resampling.LANCZOS))


@lru_cache
def examples_folder(space: str) -> TemporaryDirectory[str]:
    """Where the files of a Space's examples are until the process ends."""
    return TemporaryDirectory(prefix=f"{space}_")
