"""Chorales from the models, with or without a given melody; MIDI, MusicXML or a picture out.

write = load_writer("tonicnet")
chorale = write(melody=read_melody(Path("tune.mid"), tempo=80), seed=1)[0]
write_chorale(chorale["pitches"], Path("chorale.musicxml"))
"""

from importlib.resources import files
from pathlib import Path

import numpy as np
from PIL import Image

from scorehub.engraving import Layout, engrave_score
from scorehub.notation.chorale_musicxml import write_musicxml
from scorehub.notes import MAX_MIDI_BYTES, read_midi
from scorehub.pipelines.chorales.configuration_chorales import NETWORKS
from scorehub.pipelines.chorales.grids import MAX_STEPS, STEPS_PER_QUARTER, make_grid, write_midi
from scorehub.pipelines.chorales.modeling_chorales import ChoralesModel
from scorehub.pipelines.chorales.pipeline_chorales import ChoralesPipeline
from scorehub.svg import rasterise

EMBEDDED = Path(str(files("scorehub.pipelines.chorales")))
DEFAULT = "tonicnet"  # lies in the folder itself, where `pipeline` looks; the others lie below
SUFFIXES = (".mid", ".musicxml", ".png")
PICTURE_WIDTH = 1600  # px
PICTURE_LAYOUT = Layout(width_mm=200, height_mm=1000, margin_mm=4, crop_height=True)


def embedded_folder(network: str) -> Path:
    """Where the weights of an embedded network lie, if they are there."""
    return EMBEDDED if network == DEFAULT else EMBEDDED / network


def load_writer(network: str = DEFAULT, model: str | Path | None = None) -> ChoralesPipeline:
    """The pipeline of an embedded network, or of a folder's or Hub repository's model; its own code is not run.

    Raises:
        ValueError: there is no such network or model.
    """
    if model is None and network not in NETWORKS:
        raise ValueError(f"network must be one of {', '.join(NETWORKS)}, got {network!r}")
    folder = str(model or embedded_folder(network))
    try:
        found = ChoralesModel.from_pretrained(folder).eval()
    except MemoryError:
        raise
    except Exception as error:  # the library raises whatever a damaged file leads it to
        reason = repr(error)[:300]
        raise ValueError(f"model must be a folder or Hub repository of chorales, got {folder}: {reason}") from None
    return ChoralesPipeline(model=found, task="chorales")


def read_melody(path: Path, tempo: float) -> list[int]:
    """The highest pitch at each sixteenth of a MIDI file, -1 where there is none.

    Args:
        tempo: quarters a minute by which the file's seconds are taken for sixteenths.

    Raises:
        ValueError: it is no MIDI file, has no note, or is too long.
    """
    with path.open("rb") as file:
        notes = read_midi(file.read(MAX_MIDI_BYTES + 1))
    if not len(notes):
        raise ValueError(f"melody must have a note, got none in {path.name}")
    begins, ends = (
        np.round(seconds * tempo / 60 * STEPS_PER_QUARTER).astype(int)
        for seconds in (notes.onset, notes.onset + notes.duration)
    )
    ends = np.maximum(ends, begins + 1)  # a grace note sounds too
    if ends.max() > MAX_STEPS:
        raise ValueError(f"melody must have at most {MAX_STEPS} sixteenths, got {ends.max()} in {path.name}")
    melody = np.full(max(1, ends.max()), -1)
    for begin, end, pitch in zip(begins, ends, notes.pitch, strict=True):
        melody[begin:end] = np.maximum(melody[begin:end], pitch)
    return [int(pitch) for pitch in melody]


def write_chorale(pitches: np.ndarray, path: Path, tempo: float = 80.0) -> None:
    """Writes a chorale (T, 4) as its file's ending says.

    Raises:
        ValueError: the ending is none of `SUFFIXES`.
    """
    if path.suffix == ".mid":
        path.write_bytes(write_midi(make_grid(pitches), tempo))
    elif path.suffix == ".musicxml":
        path.write_text(write_musicxml(pitches, tempo), encoding="utf-8")
    elif path.suffix == ".png":
        _draw(pitches, tempo).save(path)
    else:
        raise ValueError(f"out must end in one of {', '.join(SUFFIXES)}, got {path.name}")


def _draw(pitches: np.ndarray, tempo: float) -> Image.Image:
    """One picture, however long the chorale is."""
    pages = engrave_score(write_musicxml(pitches, tempo), PICTURE_LAYOUT).pages
    return Image.fromarray(np.concatenate([np.asarray(rasterise(page, PICTURE_WIDTH)) for page in pages]))
