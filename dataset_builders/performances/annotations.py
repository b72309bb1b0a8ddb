"""ASAP's beat annotations: `time TAB time TAB label`, a line per beat, of a score's MIDI or of a performance.

A label is `b` (beat), `db` (downbeat) or `bR` (a beat in free rhythm), and after commas a new time signature and a new
key (sharps, flats being negative), either of which may be missing: `db,4/4,-3`, `b,,7`.

Source: Foscarin et al., ASAP: a dataset of aligned scores and performances, ISMIR 2020.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from scorehub.notes import MAX_SECONDS

MAX_BEATS = 50_000

_LABEL = re.compile(r"(db|bR|b)(?:,([0-9+/]{0,12})(?:,(-?[0-9]{1,2})?)?)?")


@dataclass(frozen=True)
class Beat:
    """A line of annotations; `time_signature` and `key` are `""` where they don't change."""

    time: float  # seconds
    label: str
    time_signature: str = ""
    key: str = ""


def parse_annotations(text: str) -> list[Beat]:
    """The beats of an `_annotations.txt`.

    Raises:
        ValueError: names the line that is malformed, or goes back in time.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    if not 2 <= len(lines) <= MAX_BEATS:
        raise ValueError(f"annotations must have 2 to {MAX_BEATS} beats, got {len(lines)}")
    beats = [_parse_line(number, line) for number, line in enumerate(lines, 1)]
    for number, (before, beat) in enumerate(pairwise(beats), 2):
        if beat.time < before.time:
            raise ValueError(f"line {number} must not be before {before.time} s, got {beat.time} s")
    return beats


def _parse_line(number: int, line: str) -> Beat:
    fields = line.split("\t")
    label = _LABEL.fullmatch(fields[-1].strip())
    if len(fields) != 3 or not label:
        raise ValueError(f"line {number} must be 'time TAB time TAB b, db or bR', got {line[:80]!r}")
    try:
        time = float(fields[0])
    except ValueError:
        raise ValueError(f"line {number} must begin with seconds, got {line[:80]!r}") from None
    if not 0 <= time <= MAX_SECONDS:  # false for NaN too
        raise ValueError(f"line {number} must be within 0 to {MAX_SECONDS} s, got {time}")
    return Beat(time, label[1], label[2] or "", label[3] or "")


def pair_beats(score: Sequence[Beat], performance: Sequence[Beat]) -> dict[str, list[object]]:
    """The `beats` column: both annotations line by line; labels are the performance's, signatures the score's.

    Raises:
        ValueError: the annotations don't correspond, as of 29 performances of ASAP: another number of beats, or a
            downbeat that is none in the other.
    """
    if len(score) != len(performance):
        raise ValueError(f"performance must have the {len(score)} beats of its score, got {len(performance)}")
    for number, (one, other) in enumerate(zip(score, performance, strict=True), 1):
        if (one.label == "db") != (other.label == "db"):
            raise ValueError(f"beat {number} must be {one.label!r} as in the score, got {other.label!r}")
    return {
        "score_time": [beat.time for beat in score],
        "performance_time": [beat.time for beat in performance],
        "label": [beat.label for beat in performance],
        "time_signature": [beat.time_signature for beat in score],
        "key": [beat.key for beat in score],
    }
