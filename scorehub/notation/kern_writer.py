"""Semantic tokens -> Humdrum **kern, which `kern.read_kern` reads as the same tokens.

What it can write, the normal form, are tokens in which
- a tie follows a note, and the next note or rest is a note at the same pitch;
- bar lines do not begin the tokens;
- a multirest stands between bar lines, in the meter that then counts, and no other follows it;
- a meter's sign is one of the two that PrIMuS has, and C major's signature takes back another.

Source: The **kern representation, humdrum.org/rep/kern.
"""

import re
from collections.abc import Sequence
from fractions import Fraction
from itertools import zip_longest

from scorehub.notation.accidentals import signature_steps
from scorehub.notation.kern import SIGNATURES
from scorehub.pipelines.music_transcription.semantic import (
    DURATIONS,
    Barline,
    Clef,
    KeySignature,
    Length,
    MultiRest,
    Note,
    Pitch,
    Rest,
    Tie,
    TimeSignature,
    Token,
)

_LONG = {"double_whole": "0", "quadruple_whole": "00"}
_DURATION = re.compile(r"\[?(\d+)(\.*)")
_MENSURATIONS = {"C": "c", "C/": "c|"}


def write_kern(tokens: Sequence[Token], beams: bool = False) -> str:
    """The tokens as a **kern document of one spine.

    Args:
        beams: joins flags by beats, of three eighths where the meter counts in threes of them.

    Raises:
        ValueError: a tie joins nothing, or a multirest stands in no meter.
    """
    start = next((i for i, token in enumerate(tokens) if not isinstance(token, SIGNATURES)), len(tokens))
    meter: Fraction | None = None
    tied = ""  # pitch that is held
    lines = ["**kern"]
    joined = find_beams(tokens) if beams else {}
    for number, token in enumerate(tokens):
        if number == start:
            lines.append("=-")  # begins the first measure, unseen
        if isinstance(token, Note):
            holds = isinstance(next(iter(tokens[number + 1 :]), None), Tie)
            lines.append(_note(token, tied, holds) + joined.get(number, ""))
            tied = str(token.pitch) if holds else ""
        elif isinstance(token, Tie):
            if not tied:
                raise ValueError("tie must follow a note, got none before it")
        else:
            meter = token.measure if isinstance(token, TimeSignature) else meter
            lines += _line(token, meter)
    if tied:
        raise ValueError(f"tie must join two notes, got none behind {tied}")
    return "\n".join([*lines, "*-", ""])


def join_spines(spines: Sequence[str]) -> str:
    """Documents of one spine each as one document, from the lowest staff: what sounds together stands on one line.

    Raises:
        ValueError: they do not have bar lines and interpretations at the same times.
    """
    columns = [_read_spine(spine) for spine in spines]
    joined: list[str] = []
    for parts in zip_longest(*columns):
        if len({(part is None, part is None or part[0][:1]) for part in parts}) > 1:
            raise ValueError("spines must have bar lines and interpretations at the same times, got others")
        joined.append("\t".join(control for control, _ in parts))
        for time in sorted({time for _, notes in parts for time in notes}):
            joined.append("\t".join(notes.get(time, ".") for _, notes in parts))
    return "\n".join([*joined, ""])


def _read_spine(spine: str) -> list[tuple[str, dict[Fraction, str]]]:
    """Each bar line or interpretation, and notes and rests by their time after it."""
    found: list[tuple[str, dict[Fraction, str]]] = []
    time = Fraction(0)
    for line in spine.splitlines():
        duration = _DURATION.match(line)
        if duration is None:
            found.append((line, {}))
            time = Fraction(0)
            continue
        found[-1][1][time] = line
        breve = {"0": Fraction(2), "00": Fraction(4)}
        length = breve.get(duration[1]) or Fraction(1, int(duration[1]))
        time += length * (2 - Fraction(1, 2 ** len(duration[2])))
    return found


def find_beams(tokens: Sequence[Token]) -> dict[int, str]:
    """Where beams begin, `L`, and end, `J`: at the first and last of two or more flagged notes within a beat."""
    groups: dict[tuple[int, int], list[int]] = {}
    beat, time = Fraction(1, 4), Fraction(0)
    broken = 0  # how often a bar line, a rest or a longer note has ended a beam
    for number, token in enumerate(tokens):
        if isinstance(token, Barline):
            time, broken = Fraction(0), broken + 1
        elif isinstance(token, TimeSignature):
            beats, unit = token.fraction
            beat = Fraction(3, unit) if unit >= 8 and beats % 3 == 0 else Fraction(1, 4)
        elif isinstance(token, Note | Rest) and not (isinstance(token, Note) and token.grace):
            if isinstance(token, Note) and DURATIONS[token.length.name] < Fraction(1, 4):
                groups.setdefault((broken, int(time / beat)), []).append(number)
            else:
                broken += 1
            time += token.length.fraction
    joined = [group for group in groups.values() if len(group) > 1]
    return {group[0]: "L" for group in joined} | {group[-1]: "J" for group in joined}


def _note(note: Note, tied: str, holds: bool) -> str:
    if tied and str(note.pitch) != tied:
        raise ValueError(f"tie must join notes of one pitch, got {tied} and {note.pitch}")
    before = "[" if holds and not tied else ""
    after = ("_" if holds else "]") if tied else ""
    return f"{before}{_length(note.length)}{_pitch(note.pitch)}{'q' * note.grace}{';' * note.fermata}{after}"


def _line(token: Token, meter: Fraction | None) -> list[str]:
    if isinstance(token, Clef):
        return [f"*clef{token.sign}{token.line}"]
    if isinstance(token, KeySignature):
        mark = "#" if token.fifths > 0 else "-"
        return [f"*k[{''.join(step.lower() + mark for step in signature_steps(token.fifths))}]"]
    if isinstance(token, TimeSignature):
        sign = [f"*met({_MENSURATIONS[token.text]})"] if token.text in _MENSURATIONS else []
        return [f"*M{'/'.join(map(str, token.fraction))}", *sign]
    if isinstance(token, Barline):
        return ["="]
    if isinstance(token, Rest):
        return [f"{_length(token.length)}r{';' * token.fermata}"]
    assert isinstance(token, MultiRest)
    if meter is None:
        raise ValueError("multirest must stand in a meter, got none before it")
    measure = f"{_length(Length.of(meter))}r"
    return [measure, *["=", measure] * (token.measures - 1)]


def _length(length: Length) -> str:
    return (_LONG.get(length.name) or str(1 / DURATIONS[length.name])) + "." * length.dots


def _pitch(pitch: Pitch) -> str:
    letters = pitch.step.lower() * (pitch.octave - 3) if pitch.octave >= 4 else pitch.step * (4 - pitch.octave)
    return letters + "#" * pitch.alter + "-" * -pitch.alter
