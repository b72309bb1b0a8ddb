"""The folders of the original MSMD (Dorfer et al. 2018; Zenodo, and `msmd_aug` with more performances).

    PIECE/PIECE.ly, .norm.ly, .midi, meta.yml
    PIECE/scores/SCORE/              SCORE is PIECE_ly
        SCORE.pdf
        img/01.png ...               pages, counted from 1
        coords/notes_01.npy ...      float (N, 2): row and column of noteheads, not aligned
        coords/systems_01.npy ...    float (S, 4, 2): row and column of corners, from the upper left clockwise
        mung/01.xml ...              noteheads, systems and alignment, see mung.py
    PIECE/performances/PERFORMANCE/  PERFORMANCE is PIECE_tempo-1000_SOUNDFONT, the tempo in thousandths
        PERFORMANCE.mid or .midi     PERFORMANCE.flac is dropped from the published form
        features/PERFORMANCE_{midi,notes,onsets,spec}.npy
            midi    uint8 (128, frames), 20 frames a second      notes   float (N, 5): onset, pitch, duration, ...
            onsets  float (N,): frame of each of `notes`         spec    float (92, frames)

Sources: README.md and msmd/data_model/{piece,score,performance}.py, msmd/pdf_parser.py, msmd/midi_parser.py of github
CPJKU/msmd. A page's boxes come from MuNG, which has all that `coords` has; systems that it lacks come from `coords`.
"""

from pathlib import Path

import numpy as np

from scorehub.dataset_builders.msmd.mung import MungObject, parse_mung
from scorehub.dataset_builders.msmd.safe_npz import read_npy
from scorehub.dataset_builders.msmd.schema import FEATURE_FILES
from scorehub.dataset_builders.msmd.score import BOX, NOTEHEAD, Columns, Score, columns, read_image

MAX_FEATURE_BYTES = 128 * 2**20
NATURAL_TEMPO = "_tempo-1000_"


def find_pieces(folder: Path) -> list[str]:
    """The pieces below `folder`: its folders with `scores`, sorted."""
    return sorted(path.parent.name for path in folder.glob("*/scores") if path.is_dir())


def find_scores(piece: Path) -> list[str]:
    """The names of a piece's scores, sorted."""
    return sorted(path.parent.name for path in piece.glob("scores/*/img") if path.is_dir())


def find_performances(piece: Path, every: bool = False) -> list[str]:
    """The names of a piece's performances, sorted; by default one only, at the natural tempo if there is one."""
    names = sorted(path.name for path in piece.glob("performances/*") if path.is_dir())
    if every:
        return names
    return ([name for name in names if NATURAL_TEMPO in name] or names)[:1]


def read_midi_file(piece: Path, performance: str) -> bytes:
    """The MIDI of a performance.

    Raises:
        FileNotFoundError: there is none.
    """
    folder = piece / "performances" / performance
    found = sorted(path for path in folder.glob("*.mid*") if path.suffix in (".mid", ".midi"))
    if not found:
        raise FileNotFoundError(f"performance must have a MIDI file, got none in {performance}")
    return found[0].read_bytes()


def read_features(piece: Path, performance: str) -> dict[str, bytes | None]:
    """The .npy files of a performance, each read once as a check.

    Raises:
        ValueError: one is damaged, too large, or holds objects.
    """
    folder = piece / "performances" / performance / "features"
    return {name: _feature(folder / f"{performance}_{name}.npy") for name in FEATURE_FILES}


def _feature(path: Path) -> bytes | None:
    if not path.is_file():
        return None
    if path.stat().st_size > MAX_FEATURE_BYTES:
        raise ValueError(f"{path.name} must have at most {MAX_FEATURE_BYTES} bytes, got {path.stat().st_size}")
    data = path.read_bytes()
    read_npy(data)
    return data


def read_score(folder: Path, performance: str) -> Score:
    """A score, with onsets in one of its performances; noteheads that are not aligned to it have none.

    Raises:
        ValueError: a page, its MuNG or its coordinates can't be read or don't fit each other.
        OSError: a file is missing.
    """
    images = sorted((folder / "img").glob("*.png"))
    pages = [path.read_bytes() for path in images]
    systems: list[tuple[float, ...]] = []
    noteheads: list[tuple[float, ...]] = []
    for number, (path, page) in enumerate(zip(images, pages, strict=True)):
        read_image(page)
        objects = parse_mung((folder / "mung" / f"{path.stem}.xml").read_bytes())
        corners = folder / "coords" / f"systems_{path.stem}.npy"
        boxes = _system_boxes(objects) or _corner_boxes(read_npy(corners.read_bytes()))
        noteheads += _noteheads(objects, boxes, number, len(systems), performance)
        systems += [(number, len(systems) + index, *box[1:]) for index, box in enumerate(boxes)]
    return Score(pages=pages, systems=_table(BOX, systems), noteheads=_table(NOTEHEAD, noteheads))


def _table(names: tuple[str, ...], rows: list[tuple[float, ...]]) -> Columns:
    array = np.array(rows, np.float64).reshape(-1, len(names))
    return columns(names, **dict(zip(names, array.T, strict=True)))


def _centred(left: float, top: float, width: float, height: float) -> tuple[float, float, float, float]:
    return left + width / 2, top + height / 2, width, height


def _system_boxes(objects: list[MungObject]) -> list[tuple[float, ...]]:
    """Systems of a page from the top: id, x, y, w, h."""
    staves = sorted((item for item in objects if item.kind == "staff"), key=lambda item: item.top)
    return [(item.id, *_centred(item.left, item.top, item.width, item.height)) for item in staves]


def _corner_boxes(corners: np.ndarray) -> list[tuple[float, ...]]:
    """The same from `coords`; without id."""
    if corners.ndim != 3 or corners.shape[1:] != (4, 2) or corners.dtype.kind not in "iuf":
        raise ValueError(f"coordinates of systems must be (S, 4, 2), got {corners.dtype} {corners.shape}")
    boxes = np.concatenate([corners.min(axis=1), np.ptp(corners, axis=1)], axis=1).astype(np.float64)
    ordered = boxes[np.argsort(boxes[:, 0], kind="stable")].tolist()
    return [(-1, *_centred(left, top, width, height)) for top, left, height, width in ordered]


def _noteheads(
    objects: list[MungObject], boxes: list[tuple[float, ...]], page: int, first: int, performance: str
) -> list[tuple[float, ...]]:
    """Rows of NOTEHEAD; `first` is the number of the page's first system."""
    places = {box[0]: index for index, box in enumerate(boxes)}
    rows: list[tuple[float, ...]] = []
    for item in objects:
        if "notehead" not in item.kind or not boxes:
            continue
        x, y, width, height = _centred(item.left, item.top, item.width, item.height)
        linked = [places[link] for link in item.outlinks if link in places]
        system = linked[0] if linked else int(np.argmin([abs(y - box[2]) for box in boxes]))
        pitch = item.number("midi_pitch_code")
        onset = item.number(f"{performance}_onset_seconds")
        tied = item.number("tied") == 1
        rows.append((page, first + system, x, y, width, height, -1 if np.isnan(pitch) else pitch, onset, np.nan, tied))
    return rows
