"""Staves to try, engraved, photographed and played on the spot: the lines of tunes that Camera-PrIMuS's sample has."""

import zlib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from scorehub.audio import to_flac
from scorehub.dataset_builders.camera_primus.engraved import CAMERAS, READERS
from scorehub.dataset_builders.camera_primus.sample import sample_incipits
from scorehub.engraving import Engraving, engrave_staff, random_layout
from scorehub.notation.sounding import to_notes
from scorehub.noteheads import find_noteheads
from scorehub.pipelines.music_transcription.semantic import Token, parse_token
from scorehub.spaces.uploads import examples_folder
from scorehub.strip import PRIMUS_STAFF_PX, staff_image
from scorehub.synthesis import synthesise

_SOUND_RATE = 44_100  # Hz
_BLOT = (0.42, 0.62)  # radii of a blot, in heights of a staff
_JPEG_QUALITY = 90


@dataclass(frozen=True)
class Example:
    """A staff to try.

    Attributes:
        incipit: of the sample.
        title: what a visitor chooses.
        hint: what there is to see.
        camera: one of `CAMERAS`; None for no picture at all.
        played: tokens that are played in the stead of others, by their places.
        blotted: the note that a blot of ink is on, from 0; None for none.
    """

    incipit: str
    title: str
    hint: str
    camera: str | None
    played: dict[int, str] = field(default_factory=dict)
    blotted: int | None = None


EXAMPLES = {
    example.incipit: example
    for example in (
        Example(
            "beethoven_ode_to_joy-1",
            "Ode to Joy, a wrong note",
            "The second note of measure 2 is played as B; the page has G.",
            camera="primus",
            played={9: "note-B3_quarter"},
        ),
        Example(
            "foster_oh_susanna-1",
            "Oh! Susanna, photographed",
            "A phone's picture, with shadow and noise, and a recording that agrees with it.",
            camera="photo",
        ),
        Example(
            "haydn_surprise-1",
            "Haydn's Surprise, a blot",
            "A blot is on the first note of measure 2: the recording has to help.",
            camera="photo",
            blotted=4,
        ),
        Example("greensleeves-1", "Greensleeves, by ear", "A recording, and no picture.", camera=None),
    )
}


@lru_cache
def load_example(name: str) -> tuple[Path | None, Path]:
    """Picture and recording of one of `EXAMPLES`, as files."""
    example = EXAMPLES[name]
    incipit, rng = sample_incipits()[name], np.random.default_rng(zlib.crc32(name.encode()))
    folder, (read, tidy) = Path(examples_folder("music_transcription").name), READERS[incipit.format]
    recording = folder / f"{name}.flac"
    recording.write_bytes(_played(example, read(incipit.notation)))
    if example.camera is None:
        return None, recording
    image = _drawn(example, engrave_staff(tidy(incipit.notation), random_layout(rng, one_staff=True)))
    picture = folder / f"{name}.jpg"
    cv2.imwrite(str(picture), CAMERAS[example.camera](image, rng), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return picture, recording


def _played(example: Example, tokens: list[Token]) -> bytes:
    """A FLAC file of a piano."""
    sounding = list(tokens)
    for place, token in example.played.items():
        sounding[place] = parse_token(token)
    return to_flac(synthesise(to_notes(sounding), sample_rate=_SOUND_RATE), _SOUND_RATE)


def _drawn(example: Example, engraving: Engraving) -> np.ndarray:
    """The staff as it is printed, with its blot."""
    crop = staff_image(engraving)
    if example.blotted is None:
        return crop.image
    heads = find_noteheads(engraving, engraving.width_for(PRIMUS_STAFF_PX)).moved(crop.left, crop.top).notes
    head, radii = heads[example.blotted], [round(PRIMUS_STAFF_PX * share) for share in _BLOT]
    blotted = crop.image.copy()
    cv2.ellipse(blotted, (round(float(head["x"])), round(float(head["y"]))), radii, 20, 0, 360, 0, cv2.FILLED)
    return blotted
