"""The pairs of files of the score following game (Dorfer et al. 2018): one strip a piece, and its MIDI.

    <anything>/PIECE.npz    sheet        uint8 (200, W): the piece's systems side by side, each 200 px high
                            coords       float32 (N, 2): y and x of the middle of each aligned notehead
                            coord2onset  object (1,): a dict, row of `coords` -> number of a note in the MIDI
    <anything>/PIECE.mid    beside the .npz, or in a folder `performance` beside its folder

Sources: github CPJKU/score_following_game, data_processing/{song,utils}.py: an onset number counts all notes (not
only different times) of `pretty_midi.get_onsets()`; and sheet_manager's export script that wrote the files: it counts
MSMD's note events, which are sorted by onset and within a chord from the highest note down. So a number gives time
and pitch. Where the systems join is not in the files: the strip is one system.
"""

from pathlib import Path

import numpy as np

from scorehub.dataset_builders.msmd.safe_npz import read_npz
from scorehub.dataset_builders.msmd.score import BOX, NOTEHEAD, Score, columns, write_image
from scorehub.notes import Notes, read_midi


def find_midi(path: Path) -> Path:
    """The MIDI file of an .npz; the one beside it where there is none."""
    beside = path.with_suffix(".mid")
    elsewhere = path.parent.parent / "performance" / beside.name
    return elsewhere if elsewhere.is_file() and not beside.is_file() else beside


def read_game(data: bytes, midi: bytes) -> Score:
    """The strip of a piece.

    Raises:
        ValueError: the .npz or the MIDI can't be read, or they don't fit each other.
    """
    arrays = read_npz(data)
    if missing := {"sheet", "coords", "coord2onset"} - set(arrays):
        raise ValueError(f"npz of the game must hold sheet, coords and coord2onset, got none of {sorted(missing)}")
    sheet, coords = arrays["sheet"], arrays["coords"]
    if coords.ndim != 2 or coords.shape[1] != 2 or coords.dtype.kind != "f":
        raise ValueError(f"coords must be floating point (N, 2), got {coords.dtype} {coords.shape}")
    rows, numbers = _onset_numbers(arrays["coord2onset"], len(coords))
    notes = read_midi(midi)
    onset, pitch = _events(notes)
    if len(numbers) and numbers.max() >= len(notes):
        raise ValueError(f"coord2onset must count the {len(notes)} notes of the MIDI, got {numbers.max()}")
    aligned = coords[rows].astype(np.float64)
    zeros = np.zeros(len(rows))
    page = write_image(sheet)
    height, width = sheet.shape
    strip = {"x": [width / 2], "y": [height / 2], "w": [width], "h": [height]}
    return Score(
        pages=[page],
        systems=columns(BOX, page=[0], system=[0], **strip),
        noteheads=columns(
            NOTEHEAD,
            page=zeros,
            system=zeros,
            x=aligned[:, 1],
            y=aligned[:, 0],
            pitch=pitch[numbers],
            onset=onset[numbers],
        ),
    )


def _onset_numbers(mapping: np.ndarray, n_coords: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of `coords` (M,) and the numbers of their notes (M,), in the order of the rows."""
    table = mapping.ravel()[0] if mapping.dtype == object and mapping.size == 1 else None
    if not isinstance(table, dict):
        raise ValueError(f"coord2onset must be one dict, got {mapping.dtype} {mapping.shape}")
    for row, number in table.items():
        if type(row) is not int or type(number) is not int or not 0 <= row < n_coords or number < 0:
            raise ValueError(f"coord2onset must map rows below {n_coords} to numbers of notes, got another item")
    rows = sorted(table)
    return np.array(rows, np.int64), np.array([table[row] for row in rows], np.int64)


def _events(notes: Notes) -> tuple[np.ndarray, np.ndarray]:
    """Onset and pitch of all notes in MSMD's order."""
    order = np.lexsort((-notes.pitch, notes.onset))
    return notes.onset[order], notes.pitch[order]
