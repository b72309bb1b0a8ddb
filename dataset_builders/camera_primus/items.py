"""From what an item consists of to its row: tokens are read, the picture is opened, the sound is made.

Every item comes this way, published or engraved, so that both meet the same checks.
"""

import io
from dataclasses import dataclass
from typing import Any

from PIL import Image, UnidentifiedImageError

from scorehub.audio import to_flac
from scorehub.dataset_builders.audio_column import SAMPLE_RATE
from scorehub.dataset_builders.camera_primus.splits import fold_of
from scorehub.notation.agnostic import parse_agnostic
from scorehub.notation.sounding import to_notes
from scorehub.notes import read_midi, write_midi
from scorehub.pictures import check_scans
from scorehub.pipelines.music_transcription.semantic import Token, parse_semantic
from scorehub.pipelines.music_transcription.sounding import duration
from scorehub.synthesis import synthesise

MAX_PIXELS = 64 * 2**20


@dataclass(frozen=True)
class Item:
    """An item as it lies in a folder, or as it was engraved; texts that it lacks are `""`."""

    id: str
    image: bytes  # PNG
    distorted: bytes | None  # JPEG
    semantic: str
    group: str
    source: str
    license: str
    agnostic: str = ""
    mei: str = ""
    notation: str = ""
    notation_format: str = ""  # pae or kern
    midi: bytes | None = None
    title: str = ""
    composer: str = ""


@dataclass(frozen=True)
class Sound:
    """How items sound.

    Raises:
        ValueError: a value out of its range.
    """

    wanted: bool = True
    tempo: float = 120.0  # quarters a minute
    soundfont: str | None = None  # a .sf2 file; TimGM6mb's piano by default
    max_seconds: float = 60.0  # longer items have no audio: the thesis leaves them out

    def __post_init__(self) -> None:
        if not 20 <= self.tempo <= 400:
            raise ValueError(f"tempo must be 20 to 400 quarters a minute, got {self.tempo}")
        if self.max_seconds <= 0:
            raise ValueError(f"max_seconds must be positive, got {self.max_seconds}")


def make_row(item: Item, sound: Sound) -> dict[str, Any]:
    """The item's row, see `schema.py`.

    Raises:
        ValueError: tokens, picture or MIDI can't be read; says what is wrong with which.
    """
    _check_image(item.image, f"{item.id}.png")
    if item.distorted is not None:
        _check_image(item.distorted, f"{item.id}_distorted.jpg")
    if item.midi is not None:
        read_midi(item.midi)
    tokens = parse_semantic(item.semantic)
    agnostic = parse_agnostic(item.agnostic) if item.agnostic else []
    seconds = duration(tokens, sound.tempo)
    return {
        "id": item.id,
        "image": {"bytes": item.image, "path": f"{item.id}.png"},
        "distorted": item.distorted and {"bytes": item.distorted, "path": f"{item.id}_distorted.jpg"},
        "semantic": "\t".join(map(str, tokens)),
        "agnostic": "\t".join(map(str, agnostic)),
        "mei": item.mei,
        "notation": item.notation,
        "notation_format": item.notation_format,
        **_sound(item, tokens, seconds, sound),
        "n_tokens": len(tokens),
        "seconds": seconds,
        "split_group": item.group,
        "fold": fold_of(item.group),
        "title": item.title,
        "composer": item.composer,
        "source": item.source,
        "license": item.license,
    }


def _check_image(data: bytes, name: str) -> None:
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError(f"{name} must have at most {MAX_PIXELS} pixels, got {image.width} x {image.height}")
            check_scans(image)
            image.load()
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, SyntaxError) as error:
        raise ValueError(f"{name} must be a whole PNG or JPEG, got {error}") from None


def _sound(item: Item, tokens: list[Token], seconds: float, sound: Sound) -> dict[str, Any]:
    """MIDI and audio of the tokens; an item too long for the limit has its own MIDI or none."""
    if not sound.wanted or seconds > sound.max_seconds:
        return {"midi": item.midi, "audio": None}
    notes = to_notes(tokens, sound.tempo)
    audio = None
    if len(notes):
        flac = to_flac(synthesise(notes, sound.soundfont, SAMPLE_RATE), SAMPLE_RATE)
        audio = {"bytes": flac, "path": f"{item.id}.flac"}
    return {"midi": item.midi or write_midi(notes, sound.tempo), "audio": audio}
