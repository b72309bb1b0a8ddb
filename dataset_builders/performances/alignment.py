"""Which played note is which written one: (n)ASAP's `note_alignment.tsv`, and where those notes are in score time.

A line is `xml_id midi_id track channel pitch onset`, tabs between. `xml_id` is a note's id in the score and, after a
hyphen, which time it is played (`n12-2`: the repeat); `insertion` where the score has no such note. `midi_id` is `n`
and the note's number in the performance by onset; `deletion` where nobody played it, and then the line ends.

Source: Peter et al., Automatic Note-Level Score-to-Performance Alignments in the ASAP Dataset, TISMIR 2023.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scorehub.dataset_builders.performances.schema import DELETION, INSERTION, MATCH
from scorehub.dataset_builders.performances.score_notes import ScoreNote
from scorehub.notes import MAX_SECONDS, Notes

MAX_NOTES = 200_000
ONSET_TOLERANCE = 0.005  # seconds; the file's onsets and the MIDI's agree to a tick

_HEADER = ["xml_id", "midi_id", "track", "channel", "pitch", "onset"]
_SCORE_ID = re.compile(r"[\w.:-]{1,80}-[1-9]\d{0,2}")


@dataclass(frozen=True)
class AlignedNote:
    """A line of the file; `score_id` is None for an insertion, `midi_id` None for a deletion."""

    score_id: str | None
    midi_id: str | None
    pitch: int = 0
    onset: float = 0.0  # seconds


def parse_alignment(text: str) -> list[AlignedNote]:
    """The lines of a `note_alignment.tsv`.

    Raises:
        ValueError: names the line that is malformed.
    """
    lines = text.splitlines()
    if not lines or lines[0].split("\t") != _HEADER:
        raise ValueError(f"note alignment must begin with {' '.join(_HEADER)}, got {''.join(lines[:1])[:80]!r}")
    if len(lines) > MAX_NOTES:
        raise ValueError(f"note alignment must have at most {MAX_NOTES} lines, got {len(lines)}")
    return [_parse_line(number, line) for number, line in enumerate(lines[1:], 2) if line.strip()]


def _parse_line(number: int, line: str) -> AlignedNote:
    fields = line.rstrip().split("\t")
    score_id = None if fields[0] == INSERTION else fields[0]
    if score_id is not None and not _SCORE_ID.fullmatch(score_id):
        raise ValueError(f"line {number} must begin with insertion or an id like n12-1, got {line[:80]!r}")
    if fields[1:] == [DELETION] and score_id:
        return AlignedNote(score_id, None)
    if len(fields) != len(_HEADER) or not fields[1]:
        raise ValueError(f"line {number} must have {len(_HEADER)} fields or end in deletion, got {line[:80]!r}")
    try:
        note = AlignedNote(score_id, fields[1], int(fields[4]), float(fields[5]))
    except ValueError:
        raise ValueError(f"line {number} must have a pitch and an onset in seconds, got {line[:80]!r}") from None
    if not 0 <= note.onset <= MAX_SECONDS or not 0 <= note.pitch <= 127:
        raise ValueError(f"line {number} must have a MIDI pitch and an onset in seconds, got {line[:80]!r}")
    return note


def find_played(alignment: Sequence[AlignedNote], played: Notes) -> list[int | None]:
    """The number in `played` of each aligned note, None for deletions.

    Raises:
        ValueError: the performance has no such note, or it is aligned twice.
    """
    found = [None if note.midi_id is None else _find(note, played) for note in alignment]
    used = [number for number in found if number is not None]
    if len(set(used)) != len(used):
        raise ValueError("note alignment must name each played note once, got one twice")
    return found


def _find(note: AlignedNote, played: Notes) -> int:
    # The id is trusted where pitch and onset bear it out: other readers may count a note more or less.
    number = re.fullmatch(r"n(\d{1,6})", note.midi_id or "")
    if number and int(number[1]) < len(played) and _agrees(note, played, int(number[1])):
        return int(number[1])
    first, last = np.searchsorted(played.onset, [note.onset - ONSET_TOLERANCE, note.onset + ONSET_TOLERANCE])
    for candidate in range(first, last):
        if _agrees(note, played, candidate):
            return candidate
    raise ValueError(f"{note.midi_id} must be a note of the performance, got pitch {note.pitch} at {note.onset} s")


def _agrees(note: AlignedNote, played: Notes, number: int) -> bool:
    return bool(played.pitch[number] == note.pitch and abs(played.onset[number] - note.onset) <= ONSET_TOLERANCE)


def note_columns(
    alignment: Sequence[AlignedNote],
    played: Notes,
    written: Mapping[str, ScoreNote],
    score_times: Mapping[str, float],
) -> dict[str, list[Any]]:
    """The `notes` column: played notes by onset, what the alignment does not name being insertions; then deletions.

    Args:
        written: The score's notes by id.
        score_times: Seconds in the score's MIDI by score id, of the notes that were found there.

    Raises:
        ValueError: the alignment does not fit the performance or the score.
    """
    found = find_played(alignment, played)
    names = {number: note.score_id for number, note in zip(found, alignment, strict=True) if number is not None}
    rows = list(_played_rows(played, names))
    rows += [(note.score_id, None, None, None, None, DELETION) for note in alignment if note.midi_id is None]
    columns: dict[str, list[Any]] = {"score_id": [], "score_onset": [], "score_time": []}
    rest = ("onset", "duration", "pitch", "velocity", "matched")
    columns |= {name: [row[column] for row in rows] for column, name in enumerate(rest, 1)}
    for number, (score_id, *_) in enumerate(rows):
        note = written_note(score_id, written) if score_id else None
        columns["score_id"].append(score_id or "")
        columns["score_onset"].append(note and note.onset)
        columns["score_time"].append(score_times.get(score_id or ""))
        if note and columns["pitch"][number] is None:
            columns["pitch"][number] = note.pitch
    return columns


def _played_rows(played: Notes, names: Mapping[int, str | None]) -> Iterator[tuple[Any, ...]]:
    columns = (played.onset, played.duration, played.pitch, played.velocity)
    for number, values in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
        score_id = names.get(number)
        yield score_id, *values, MATCH if score_id else INSERTION


def written_note(score_id: str, written: Mapping[str, ScoreNote]) -> ScoreNote:
    """The note of a score id, whichever time it is played.

    Raises:
        ValueError: the score has no such note.
    """
    name = score_id.rpartition("-")[0]
    if name not in written:
        raise ValueError(f"note alignment must name notes of the score, got {score_id!r}")
    return written[name]
