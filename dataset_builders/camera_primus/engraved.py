"""An incipit engraved as PrIMuS was: picture, distorted picture, tokens, MEI.

The tokens are read from the source; those that its engraved MEI says, read by other code, must be the same.
"""

import zlib
from collections.abc import Callable

import cv2
import numpy as np

from scorehub.dataset_builders.camera_primus.incipits import Incipit
from scorehub.dataset_builders.camera_primus.items import Item
from scorehub.distortion import distort
from scorehub.engraving import engrave_staff, random_layout
from scorehub.notation.kern import read_kern
from scorehub.notation.mei import read_mei, read_mei_agnostic
from scorehub.notation.pae import read_pae
from scorehub.notation.tidy import tidy_kern, tidy_pae
from scorehub.photo import photograph
from scorehub.pipelines.music_transcription.semantic import Token, write_semantic
from scorehub.strip import staff_image
from scorehub.warps import Grey

READERS: dict[str, tuple[Callable[[str], list[Token]], Callable[[str], str]]] = {
    "pae": (read_pae, tidy_pae),
    "kern": (read_kern, tidy_kern),
}
CAMERAS: dict[str, Callable[[Grey, np.random.Generator], Grey]] = {"primus": distort, "photo": photograph}
JPEG_QUALITY = 85


def engrave_incipit(incipit: Incipit, camera: str, seed: int) -> Item:
    """The incipit as an item of Camera-PrIMuS.

    Args:
        camera: `primus` distorts as Camera-PrIMuS does, `photo` like a phone's picture.
        seed: with the id it decides font, layout and distortion.

    Raises:
        ValueError: PrIMuS has no token for something in it, it can't be engraved, or its MEI says something else.
    """
    rng = np.random.default_rng([seed, zlib.crc32(incipit.id.encode())])
    read, tidy = READERS[incipit.format]
    tokens = read(incipit.notation)
    engraving = engrave_staff(tidy(incipit.notation), random_layout(rng, one_staff=True))
    _check(tokens, read_mei(engraving.mei))
    image = staff_image(engraving).image
    return Item(
        id=incipit.id,
        image=_encode(image, ".png"),
        distorted=_encode(CAMERAS[camera](image, rng), ".jpg"),
        semantic=write_semantic(tokens),
        agnostic="\t".join(map(str, read_mei_agnostic(engraving.mei))),
        mei=engraving.mei,
        notation=incipit.notation,
        notation_format=incipit.format,
        group=incipit.group,
        title=incipit.title,
        composer=incipit.composer,
        source=incipit.source,
        license=incipit.license,
    )


def _check(tokens: list[Token], engraved: list[Token]) -> None:
    if tokens == engraved:
        return
    pairs = [*zip(tokens, engraved, strict=False), (None, None)]
    index = next(i for i, (token, other) in enumerate(pairs) if token != other or token is None)
    ours, theirs = ([*map(str, side), "the end"][index] for side in (tokens, engraved))
    raise ValueError(f"engraved staff must say what its source says, got {theirs} for {ours}, token {index + 1}")


def _encode(image: np.ndarray, suffix: str) -> bytes:
    done, data = cv2.imencode(suffix, image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if suffix == ".jpg" else [])
    assert done
    return bytes(data)
