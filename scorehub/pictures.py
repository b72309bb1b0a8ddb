"""Pictures of strangers: what they may be, and what is looked at before they are decoded."""

from PIL import Image

# Pillow knows many more, of which one starts a program.
FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "JPEG2000")
MAX_SCANNED = 4 * 10**9  # pixels times scans; a page of 600 dpi has ten scans of 35 million


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
