"""Reads one voice of ABC into bars of Humdrum tokens: the subset of ABC 2.1 that the tunes use.

Notes, chords, rests, tuplets, ties, slurs, grace notes, `!decorations!`, repeats with endings, inline `[K: clef=]` and
lyrics (`w:`). Durations and onsets are fractions of a whole note. Standard: https://abcnotation.com/wiki/abc:standard:v2.1
"""

import re
from dataclasses import dataclass, field
from fractions import Fraction

_SHARPS, _FLATS = "FCGDAEB", "BEADGCF"
_FIFTHS = {
    "C": 0,
    "G": 1,
    "D": 2,
    "A": 3,
    "E": 4,
    "B": 5,
    "F#": 6,
    "F": -1,
    "Bb": -2,
    "Eb": -3,
    "Ab": -4,
    "C#": 7,
    "G#": 8,
}
_MODES = {"": 0, "maj": 0, "m": -3, "min": -3, "dor": -2, "phr": -4, "mix": -1, "lyd": 1}
CLEFS = {"treble": "*clefG2", "treble-8": "*clefGv2", "alto": "*clefC3", "tenor": "*clefC4", "bass": "*clefF4"}
_ACCIDENTALS = {"^^": "##", "^": "#", "=": "n", "_": "-", "__": "--"}
_DECORATIONS = {
    "trill": "T",
    "T": "T",
    "fermata": ";",
    "H": ";",
    ".": "'",
    "accent": "^",
    "tenuto": "~",
    "arpeggio": ":",
}
_DECORATIONS |= {"turn": "S", "lowermordent": "M", "mordent": "M", "uppermordent": "m", "pralltriller": "m"}
_DYNAMICS = {"pp", "p", "mp", "mf", "f", "ff", "sf", "fp"}
_TUPLETS = {"3": Fraction(2, 3), "6": Fraction(2, 3), "5": Fraction(4, 5)}

_LENGTH = r"(\d*)(/*)(\d*)"
_NOTE = rf"([_^=]*)([A-Ga-g])([,']*){_LENGTH}(-?)"
_TOKEN = re.compile(
    rf"(?P<bar>:?\|+[:\]]?(?:[12])?|::)|\[(?P<inline>[A-Z]:[^\]]*)\]|\((?P<tuplet>[356])|(?P<open>\()|(?P<close>\))"
    rf"|!(?P<decoration>[^!]+)!|(?P<short>[.TH])|\{{(?P<grace>[^}}]*)\}}"
    rf"|\[(?P<chord>[^\]|]*)\]{_LENGTH}(?P<tied>-?)|(?P<rest>[zxZ]){_LENGTH}|(?P<note>{_NOTE})|(?P<space>[\s`]+)"
)


@dataclass
class Event:
    """A note, chord or rest of one voice; `onset` counts from the bar line, `tokens` are Humdrum without beams."""

    onset: Fraction
    duration: Fraction
    token: str
    is_note: bool
    graces: list[str] = field(default_factory=list)
    dynamic: str = ""
    clef: str = ""
    syllables: list[str] = field(default_factory=list)
    beam: str = ""


@dataclass
class Bar:
    """One bar of one voice, the bar line after it, and the number of the ending that starts with it (or `""`)."""

    events: list[Event] = field(default_factory=list)
    line: str = "|"
    ending: str = ""

    @property
    def length(self) -> Fraction:
        """The sum of the durations, as a fraction of a whole note."""
        return self.events[-1].onset + self.events[-1].duration if self.events else Fraction(0)


def metre_of(header: dict[str, str]) -> Fraction | None:
    """The length of a full bar, or none for `M:none`."""
    metre = {"C": "4/4", "C|": "2/2"}.get(header["M"], header["M"])
    return None if metre == "none" else Fraction(metre)


def _fifths(key: str) -> int:
    match = re.match(r"([A-G][b#]?)(maj|min|dor|phr|mix|lyd|m)?", key)
    if not match:
        raise ValueError(f"key must be a tonic with an optional mode, got {key!r}")
    return _FIFTHS[match[1]] + _MODES[match[2] or ""]


def key_signature(key: str) -> dict[str, str]:
    """The accidental (`#` or `-`) of each altered letter, `{"F": "#"}` for `G` or `Em`."""
    fifths = _fifths(key)
    letters = _SHARPS[:fifths] if fifths > 0 else _FLATS[:-fifths]
    return dict.fromkeys(letters, "#" if fifths > 0 else "-")


def _groups(pattern: str, text: str) -> tuple[str, ...]:
    match = re.fullmatch(pattern, text)
    assert match  # the token's own expression has matched it already
    return match.groups()


def _recip(duration: Fraction) -> str:
    """Humdrum's duration: 4 is a quarter note, 4. a dotted one, 12 an eighth of a triplet."""
    for dots, factor in (("", 1), (".", Fraction(3, 2)), ("..", Fraction(7, 4))):
        if (duration / factor).numerator == 1:
            return f"{(duration / factor).denominator}{dots}"
    raise ValueError(f"duration must be a single note value, got {duration}")


class VoiceReader:
    """Reads the music lines of one voice; keeps what lasts beyond a token: key, accidentals, ties, tuplets."""

    def __init__(self, name: str, header: dict[str, str]) -> None:
        self.name, self.header = name, header
        self.unit, self.metre = Fraction(header["L"]), metre_of(header) or Fraction(1)
        self.key = key_signature(header["K"])
        self.bars = [Bar()]
        self.accidentals: dict[tuple[str, str], str] = {}
        self.tied: set[str] = set()
        self.beam: list[Event] = []
        self.tuplet, self.tuplet_notes = Fraction(1), 0
        self.line_start = (0, 0)
        self._reset_marks()

    def _reset_marks(self) -> None:
        self.slurs, self.marks, self.dynamic, self.clef, self.graces = "", "", "", "", list[str]()

    def finish(self) -> list[Bar]:
        """All bars read so far; the last line may end with or without a bar line."""
        self._end_beam()
        return self.bars if self.bars[-1].events else self.bars[:-1]

    def read(self, line: str) -> None:
        """Reads one line of music."""
        self.line_start = (len(self.bars) - 1, len(self.bars[-1].events))
        position = 0
        while position < len(line):
            match = _TOKEN.match(line, position)
            if not match:
                raise ValueError(f"{self.name}: music must be in our subset of ABC, got {line[position:]!r}")
            position = match.end()
            self._take(match)
        self._end_beam()

    def _take(self, match: re.Match[str]) -> None:
        kind, text = match.lastgroup, match.group()
        groups = match.groupdict()
        if groups["bar"]:
            self._bar_line(text)
        elif groups["space"]:
            self._end_beam()
        elif groups["inline"]:
            self._inline(groups["inline"])
        elif groups["tuplet"]:
            self.tuplet, self.tuplet_notes = _TUPLETS[groups["tuplet"]], int(groups["tuplet"])
        elif kind == "open":
            self.slurs += "("
        elif kind == "close":
            self._last_note().token = re.sub(r"^(\S+)", r"\1)", self._last_note().token)
        elif groups["decoration"] or groups["short"]:
            self._decorate(groups["decoration"] or groups["short"])
        elif groups["grace"]:
            notes = re.findall(_NOTE, groups["grace"])
            self.graces = [f"{'8' if len(notes) == 1 else '16'}{self._pitch(*note[:3])}q" for note in notes]
        else:
            self._sound(match)

    def _inline(self, value: str) -> None:
        if clef := re.search(r"clef=(\S+)", value):
            self.clef = CLEFS[clef[1]]
        else:
            raise ValueError(f"{self.name}: inline field must be a clef, got {value!r}")

    def _decorate(self, name: str) -> None:
        if name in _DYNAMICS:
            self.dynamic = name
        elif name in _DECORATIONS:
            self.marks += _DECORATIONS[name]
        else:
            raise ValueError(f"{self.name}: decoration must be one of {sorted(_DECORATIONS)}, got {name!r}")

    def _bar_line(self, line: str) -> None:
        self._end_beam()
        self.accidentals = {}
        ending = line[-1] if line[-1] in "12" else ""
        style = line.rstrip("12")
        if self.bars[-1].events:
            self.bars[-1].line = style
            self.bars.append(Bar(ending=ending))
        elif len(self.bars) > 1:
            # `:|` at the end of a line and `|:` at the start of the next are one bar line.
            self.bars[-2].line = {(":|", "|:"): "::", ("||", "|:"): "|:", ("|", "|:"): "|:"}[self.bars[-2].line, style]

    def _pitch(self, accidental: str, letter: str, octave: str) -> str:
        step = letter.upper()
        place = (step, octave if letter.isupper() else f"{octave}*")
        if accidental:
            self.accidentals[place] = _ACCIDENTALS[accidental]
        alteration = self.accidentals.get(place, self.key.get(step, ""))
        height = (1 if letter.islower() else 0) + octave.count("'") - octave.count(",")
        name = letter.lower() * (height + 1) if height >= 0 else step * -height
        return name + alteration

    def _length(self, digits: str, slashes: str, divisor: str) -> Fraction:
        below = int(divisor) if divisor else 2 ** len(slashes)
        return self.unit * Fraction(int(digits or 1), below if slashes else 1)

    def _sound(self, match: re.Match[str]) -> None:
        """A note, a chord or a rest: one event in the current bar."""
        if match["rest"]:
            letter, *length = _groups(rf"([zxZ]){_LENGTH}", match.group())
            duration = self.metre if letter == "Z" else self._length(*length)
            self._end_beam()
            self._append(duration, [("r" if letter != "x" else "ryy", False)], is_note=False)
            return
        if match["note"]:
            *pitch, digits, slashes, divisor, tie = _groups(_NOTE, match["note"])
            self._append(self._length(digits, slashes, divisor), [(self._pitch(*pitch), bool(tie))], is_note=True)
            return
        numbers = _groups(rf".*\]{_LENGTH}-?", match.group())
        tones = [
            (self._pitch(*note[:3]), bool(match["tied"] or note[6])) for note in re.findall(_NOTE, match["chord"])
        ]
        self._append(self._length(*numbers), tones, is_note=True)

    def _append(self, duration: Fraction, tones: list[tuple[str, bool]], is_note: bool) -> None:
        duration *= self.tuplet
        self.tuplet_notes -= 1
        if self.tuplet_notes <= 0:
            self.tuplet = Fraction(1)
        tokens = []
        for index, (pitch, tied) in enumerate(tones):
            was_tied = pitch in self.tied
            left = "[" if tied and not was_tied else ""
            right = "_" if tied and was_tied else "]" if was_tied else ""
            marks = self.marks if index == 0 else ""
            tokens.append(f"{left}{self.slurs if index == 0 else ''}{_recip(duration)}{pitch}{marks}{right}")
        if missing := self.tied - {pitch for pitch, _ in tones}:
            raise ValueError(
                f"{self.name}: bar {len(self.bars)} must go on with the tied notes, got none of {missing}"
            )
        self.tied = {pitch for pitch, tied in tones if tied}
        bar = self.bars[-1]
        event = Event(bar.length, duration, " ".join(tokens), is_note, self.graces, self.dynamic, self.clef)
        bar.events.append(event)
        self._reset_marks()
        if is_note and duration < Fraction(1, 4):
            self.beam.append(event)
        else:
            self._end_beam()

    def _last_note(self) -> Event:
        return (self.bars[-1].events or self.bars[-2].events)[-1]

    def _end_beam(self) -> None:
        if len(self.beam) > 1:
            self.beam[0].beam, self.beam[-1].beam = "L", "J"
        self.beam = []

    def sing(self, line: str) -> None:
        """Sets the syllables of a `w:` line under the notes of the last music line."""
        bar, event = self.line_start
        events = self.bars[bar].events[event:] + [e for b in self.bars[bar + 1 :] for e in b.events]
        notes = [event for event in events if event.is_note]
        syllables = re.findall(r"[^\s\-_*|]+-?|[-_*]", line)
        if len(syllables) > len(notes):
            raise ValueError(f"{self.name}: syllables must be at most the {len(notes)} notes, got {line!r}")
        hyphen = ""
        for note, syllable in zip(notes, syllables, strict=False):
            word = syllable in "-_*"
            note.syllables.append("." if word else hyphen + syllable.replace("~", " "))
            hyphen = hyphen if word else "-" if syllable.endswith("-") else ""
