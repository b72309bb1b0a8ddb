"""From the files of a performance to its row."""

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any

from scorehub.audio import to_flac
from scorehub.dataset_builders.archives import MAX_FILE_BYTES
from scorehub.dataset_builders.audio_column import SAMPLE_RATE
from scorehub.dataset_builders.performances.alignment import AlignedNote, note_columns, parse_alignment
from scorehub.dataset_builders.performances.annotations import pair_beats, parse_annotations
from scorehub.dataset_builders.performances.schema import FEATURES
from scorehub.dataset_builders.performances.score_notes import SCORE_FORMATS, ScoreNote, read_score_notes
from scorehub.dataset_builders.performances.score_position import score_position
from scorehub.dataset_builders.performances.score_times import find_score_times, read_score_midi
from scorehub.dataset_builders.performances.source import Entry
from scorehub.notes import Notes, read_midi
from scorehub.synthesis import synthesise

Row = dict[str, Any]


def split_group(entry: Entry) -> str:
    """What must stay together: a title's performances, with and without its repeats."""
    return f"{entry.composer} {entry.title}"


def make_row(entry: Entry, files: Mapping[str, bytes], audio: bool = False) -> Row:
    """The row of a performance, all but `source` and `license`.

    Args:
        files: By the paths of `entry`. The note alignment may be missing, and then `notes` is empty.
        audio: Whether the performance is synthesised.

    Raises:
        ValueError: a file is missing or malformed, or contradicts another.
    """
    score, score_format = _text(files, entry.score), _score_format(entry.score)
    score_midi, performance_midi = (_file(files, name) for name in (entry.score_midi, entry.performance_midi))
    played = read_midi(performance_midi)
    if not len(played):
        raise ValueError("performance MIDI must have a note, got none")
    beats = pair_beats(
        *(parse_annotations(_text(files, name)) for name in (entry.score_annotations, entry.performance_annotations))
    )
    alignment = parse_alignment(_text(files, entry.alignment)) if entry.alignment in files else []
    notes: dict[str, list[Any]] = {name: [] for name in FEATURES["notes"]}
    if alignment:
        notes = _align(alignment, beats, played, _score_notes(score, score_format), score_midi)
    stem = PurePosixPath(entry.performance_midi).stem
    row: Row = {
        "piece": entry.piece,
        "composer": entry.composer,
        "title": entry.title,
        "performer": re.sub(r"\d+[A-Z]*$", "", stem).rstrip("_"),
        "performance": f"{entry.piece}/{stem}",
        "score": score,
        "score_format": score_format,
        "score_midi": score_midi,
        "performance_midi": performance_midi,
        "beats": beats,
        "notes": notes,
        "aligned": entry.aligned and bool(alignment),
        "audio": None,
        "split_group": split_group(entry),
    }
    score_position(row, [])  # raises where the beats don't go forward
    if audio:
        row["audio"] = {"bytes": to_flac(synthesise(played, sample_rate=SAMPLE_RATE)), "path": f"{stem}.flac"}
    return row


def _align(
    alignment: list[AlignedNote],
    beats: dict[str, list[Any]],
    played: Notes,
    written: Mapping[str, ScoreNote],
    score_midi: bytes,
) -> dict[str, list[Any]]:
    by_beats = score_position({"beats": beats, "aligned": False}, [note.onset for note in alignment])
    score_times = find_score_times(alignment, by_beats, written, read_score_midi(score_midi))
    return note_columns(alignment, played, written, score_times)


@lru_cache(maxsize=1)
def _score_notes(text: str, score_format: str) -> dict[str, ScoreNote]:
    """Kept for the next performance of the same piece."""
    return read_score_notes(text, score_format)


def _score_format(name: str) -> str:
    suffix = PurePosixPath(name).suffix.lower()
    if suffix not in SCORE_FORMATS:
        raise ValueError(f"score must be a file with one of {', '.join(SCORE_FORMATS)}, got {name!r}")
    return SCORE_FORMATS[suffix]


def _file(files: Mapping[str, bytes], name: str) -> bytes:
    if name not in files:
        raise ValueError(f"{name!r} must be a file of at most {MAX_FILE_BYTES} bytes, got none")
    return files[name]


def _text(files: Mapping[str, bytes], name: str) -> str:
    data = _file(files, name)
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(f"{name!r} must be text, got {error}") from None
