"""Pictures of strangers: what they may be, and what is looked at before they are decoded."""

from pathlib import Path

import numpy as np
from PIL import Image

from scorehub.pipelines.score_following.layout import FORMATS, MAX_PIXELS, grey_page

MAX_SCANNED = 4 * 10**9  # pixels times scans; a page of 600 dpi has ten scans of 35 million


def read_page(path: Path, allowed: str = "an image") -> np.ndarray:
    """The picture of a file, grey uint8 (H, W), upright, white paper where it is transparent.

    Args:
        allowed: what the file may be, for the message where it is no picture.

    Raises:
        ValueError: it is none of `FORMATS`, is damaged or too large.
        OSError: there is no such file.
    """
    with path.open("rb") as file:
        try:
            with Image.open(file, formats=FORMATS) as picture:
                if picture.width * picture.height > MAX_PIXELS:
                    size = f"{picture.width} x {picture.height} in {path.name}"
                    raise ValueError(f"page must have at most {MAX_PIXELS:,} pixels, got {size}")
                check_scans(picture)
                return grey_page(picture)
        except (OSError, SyntaxError, Image.DecompressionBombError) as error:
            raise ValueError(f"page must be {allowed} that can be read, got {path.name}: {error}") from None


def check_scans(picture: Image.Image) -> None:
    """Refuses a JPEG, opened and not yet decoded, of so many scans that decoding it would take minutes.

    Each scan of a progressive JPEG goes over all its pixels, and may be a few bytes long.

    Raises:
        ValueError: it is such a picture.
    """
    if picture.format not in ("JPEG", "MPO") or picture.fp is None:  # type: ignore[attr-defined]
        return
    place = picture.fp.tell()  # type: ignore[attr-defined]
    picture.fp.seek(0)  # type: ignore[attr-defined]
    # Within a scan the decoder would find a zero after each 0xff.
    n_scans = picture.fp.read().count(b"\xff\xda")  # type: ignore[attr-defined]
    picture.fp.seek(place)  # type: ignore[attr-defined]
    if picture.width * picture.height * n_scans > MAX_SCANNED:
        raise ValueError(
            f"JPEG must have at most {MAX_SCANNED:,} pixels in all its scans, "
            f"got {n_scans} scans of {picture.width} x {picture.height}"
        )
