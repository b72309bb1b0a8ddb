"""The row that all datasets of notes have, whatever their sources are: MIDI files, scores, tables.

`notes` are columns of equal length, sorted by onset and then pitch: times in seconds, MIDI pitches and velocities,
General MIDI programs with 128 for drums, and the track or voice. Unknown text is `""`; a row whose source is no MIDI
file has the null `midi`. All rows of a `split_group` lie in one split. A dataset may have more columns than these.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from datasets import Features, List, Value

from scorehub.notes import Notes, make_notes

NOTE_COLUMNS = ("onset", "duration", "pitch", "velocity", "program", "track")

FEATURES = Features(
    {
        "id": Value("string"),
        "title": Value("string"),
        "composer": Value("string"),
        "year": Value("string"),
        "notes": {
            "onset": List(Value("float64")),
            "duration": List(Value("float64")),
            "pitch": List(Value("int32")),
            "velocity": List(Value("int32")),
            "program": List(Value("int32")),
            "track": List(Value("int32")),
        },
        "seconds": Value("float64"),  # until the last note ends
        "midi": Value("binary"),
        "source": Value("string"),
        "license": Value("string"),
        "split_group": Value("string"),
    }
)


def notes_to_columns(notes: Notes) -> dict[str, np.ndarray]:
    """The `notes` column of a row, as arrays of the column's types, which Arrow copies whole."""
    times = {"onset": notes.onset, "duration": notes.duration}
    return times | {name: getattr(notes, name).astype(np.int32) for name in NOTE_COLUMNS if name not in times}


def columns_to_notes(row: Mapping[str, Any]) -> Notes:
    """The notes of a row, whose lists may be arrays.

    Raises:
        ValueError: a column is missing, longer than another, or has a value out of range.
    """
    columns = row["notes"]
    missing = [name for name in NOTE_COLUMNS if name not in columns]
    if missing:
        raise ValueError(f"notes must have the columns {', '.join(NOTE_COLUMNS)}, got none named {missing}")
    arrays = [np.asarray(columns[name]) for name in NOTE_COLUMNS]
    if len({array.shape for array in arrays}) != 1:
        raise ValueError(f"columns must have one length, got {[array.shape for array in arrays]}")
    return make_notes(*arrays)
