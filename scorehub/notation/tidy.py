"""Plaine & Easie and kern in the form that verovio engraves in full: the same music, with nothing left out.

Engrave what these return rather than the source: the readers of both notations read it, so tokens and page agree.
"""

import re
from collections.abc import Iterator
from fractions import Fraction

from scorehub.pipelines.music_transcription.semantic import DURATIONS, MAX_DOTS, Length

MAX_CHARS = 100_000  # of a text; an excerpt has a few hundred
MAX_MEASURES = 99  # of a single rest

_LONG = {"0": Fraction(2), "00": Fraction(4)}
# A rest as long as one symbol, in kern.
_RESTS = {
    length.fraction: ("0" * int(plain / 2) if plain > 1 else str(1 / plain)) + "." * length.dots + "r"
    for name, plain in DURATIONS.items()
    for length in (Length(name), Length(name, 1), Length(name, 2))
}


def tidy_pae(text: str) -> str:
    """Plaine & Easie in its order of symbols; verovio leaves out those that stand elsewhere.

    Typographic apostrophes become plain ones, an accidental goes behind marks of octave, length and beam, a tie goes
    into the beam and out of the fermata, or away if no note follows, and a space ends a clef.

    Raises:
        ValueError: the text is longer than `MAX_CHARS`.
    """
    _check_size(text)
    text = re.sub("[\u2018\u2019]", "'", text)
    text = re.sub(r"(xx?|bb?|n)((?:[0-9]\.*|[',{])+)(?=[A-G(])", r"\2\1", text)
    text = re.sub(r"(?<!\})(\}+)\+", r"+\1", text).replace("+)", ")+")
    last = max(map(text.rfind, "ABCDEFG"))
    text = text[: last + 1] + text[last + 1 :].replace("+", "")
    return re.sub(r"(%[A-Za-z][-+][1-5])(?=\S)", r"\1 ", text)


def tidy_kern(text: str) -> str:
    """Kern of one spine that verovio draws in full.

    As it is, verovio draws neither of the signs c and c| of `*met` if the numbers of `*M` stand beside it: a null
    token parts them, or where they disagree the sign becomes that of mensural notation. It also drops measures from a
    run of rests that last several measures each, so these become rests of one measure. Ties that do not join two
    neighbours at one pitch go: verovio draws them hanging.

    Raises:
        ValueError: the text is longer than `MAX_CHARS`, or has a rest of no duration.
    """
    _check_size(text)
    lines = text.replace("\r\n", "\n").split("\n")
    first = next((i for i, line in enumerate(lines) if line[:1] not in ("*", "!", "")), len(lines))
    begins_with_bar = "".join(lines[first : first + 1]).startswith("=")

    def meter(match: re.Match[str]) -> str:
        if match.groups() in (("4/4", "c"), ("2/2", "c|")) and not begins_with_bar:
            return f"*met({match[2]})\n.\n*M{match[1]}"
        return f"*M{match[1]}\n*met({match[2].upper()})"

    header = re.sub(r"^\*M([0-9]\S*)\n\*met\((c\|?)\) *$", meter, "\n".join(lines[:first]), flags=re.MULTILINE)
    return "\n".join(_joined_ties(list(_single_measures([*header.split("\n"), *lines[first:]]))))


def _check_size(text: str) -> None:
    if len(text) > MAX_CHARS:
        raise ValueError(f"notation must have at most {MAX_CHARS} characters, got {len(text)}")


def duration(number: str, part: str, dots: str) -> Fraction:
    """What `3%2.` of kern (`3`, `2` and `.`), two thirds and a half more, is of a whole note.

    Raises:
        ValueError: there is no such duration.
    """
    if (int(number) == 0 and number not in _LONG) or (part and int(part) == 0) or len(dots) > MAX_DOTS:
        raise ValueError(f"duration must be 00, 0 or a part of a whole note, got {number}%{part}{dots}"[:80])
    plain = _LONG[number] if number in _LONG else Fraction(int(part or 1), int(number))
    return plain * (2 - Fraction(1, 2 ** len(dots)))


def _single_measures(lines: list[str]) -> Iterator[str]:
    # A rest of several measures, alone between bar lines, becomes as many rests; one of odd numbers becomes plain.
    meter, symbol = Fraction(0), ""
    for i, line in enumerate(lines):
        if match := re.fullmatch(r"\*M([1-9][0-9]?)/([1-9][0-9]?)", line):
            meter = Fraction(int(match[1]), int(match[2]))
            symbol = _RESTS.get(meter, "")
        match = re.fullmatch(r"(0{1,2}|[1-9][0-9]{0,2})(?:%([1-9][0-9]?))?(\.{0,3})r[A-Ga-g]*", line)
        alone = lines[i - 1][:1] in ("=", "*") and "".join(lines[i + 1 : i + 2])[:1] in ("=", "*")
        if match and symbol and alone:
            count = duration(match[1], match[2] or "", match[3]) / meter
            if count.denominator == 1 and count <= MAX_MEASURES and (count > 1 or match[2]):
                yield from [symbol, "="] * (int(count) - 1)
                line = symbol
        yield line


def _joined_ties(lines: list[str]) -> list[str]:
    # Of the marks [ _ ] those remain whose note has a neighbour to be tied to.
    pitch, before = "", -1  # of the note before, if it ties
    for i, line in enumerate(lines):
        if not line or line[0] in "*=!" or line == ".":
            continue
        own = "" if "r" in line else "".join(re.findall(r"[A-Ga-g#-]", line))
        joined = pitch == own != "" and ("]" in line or "_" in line)
        if before >= 0 and not joined:
            lines[before] = _untie(lines[before], forward=True)
        if not joined:
            lines[i] = line = _untie(line, forward=False)
        ties = "[" in line or "_" in line
        pitch, before = (own, i) if ties else ("", -1)
    if before >= 0:
        lines[before] = _untie(lines[before], forward=True)
    return lines


def _untie(line: str, forward: bool) -> str:
    alone, both = ("[", "]") if forward else ("]", "[")
    return line.replace(alone, "").replace("_", both)
