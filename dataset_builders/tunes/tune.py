"""The tunes: ABC files beside this module, checked bar by bar.

Why our own reading: verovio's ABC import knows one voice only, drops endings, and forgets the key between files; its
Humdrum import is complete (`humdrum`). A file has header fields `T C M L K Q`, voices (`V:` with `clef=` and
`name=`), and `%%score` with `()` for voices on one staff and `{}` or `[]` for groups of staves; `abc_voices` says what
a voice may hold. Other `%%name value` lines of the header are the metadata of the work. Every bar must fill its metre,
except beside a repeat or a double bar and at the two ends (an upbeat and its complement).
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from scorehub.dataset_builders.tunes.abc_voices import Bar, VoiceReader, metre_of

FOLDER = Path(__file__).parent
MAX_CHARACTERS = 100_000


@dataclass(frozen=True)
class Tune:
    """A tune: its header (`T`, `C`, ... and the `%%` lines) and its voices of bars."""

    name: str
    header: dict[str, str]
    voices: dict[str, list[Bar]]
    voice_settings: dict[str, dict[str, str]]

    @property
    def metre(self) -> Fraction | None:
        """The length of a full bar as a fraction of a whole note; none for chant (`M:none`)."""
        return metre_of(self.header)

    @property
    def n_bars(self) -> int:
        """The number of bars, an upbeat counted as one."""
        return len(next(iter(self.voices.values())))


def tune_names() -> list[str]:
    """The names of all tunes, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.abc"))


def load_tune(name: str) -> Tune:
    """Reads `<name>.abc`.

    Raises:
        ValueError: something in the file is not in our subset of ABC, or a bar does not fill its metre.
    """
    return parse_abc((FOLDER / f"{name}.abc").read_text(encoding="utf-8"), name)


def parse_abc(text: str, name: str = "abc") -> Tune:
    """Reads one tune; see the module's docstring for the subset and `load_tune` for what raises."""
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"{name}: text must have at most {MAX_CHARACTERS} characters, got {len(text)}")
    try:
        tune = _read_tune(text, name)
    except (LookupError, ZeroDivisionError) as error:  # a field, name or number that the subset does not have
        raise ValueError(f"{name}: text must be in our subset of ABC, got {type(error).__name__} {error}") from None
    _check_bars(tune)
    return tune


def _read_tune(text: str, name: str) -> Tune:
    header: dict[str, str] = {}
    settings: dict[str, dict[str, str]] = {}
    voices: dict[str, VoiceReader] = {}
    current = "1"
    for line in text.splitlines():
        if match := re.match(r"%%(\w+)\s+(.*)|([A-Z]):\s*(.*)", line):
            key, value = (match[1], match[2]) if match[1] else (match[3], match[4])
            if key != "V":
                header[key] = value.strip()
                continue
            current = value.split()[0]
            settings.setdefault(current, {}).update(
                {k: v.strip('"') for k, v in re.findall(r'(\w+)=("[^"]*"|\S+)', value)}
            )
        elif line.startswith("w:"):
            voices[current].sing(line[2:])
        elif line.strip() and not line.startswith("%"):
            voices.setdefault(current, VoiceReader(name, header)).read(line)
    if not voices:
        raise ValueError(f"{name}: tune must have music, got none")
    return Tune(name, header, {number: voice.finish() for number, voice in voices.items()}, settings)


def _check_bars(tune: Tune) -> None:
    first, *others = tune.voices.values()
    for number, voice in zip(list(tune.voices)[1:], others, strict=True):
        if [bar.length for bar in voice] != [bar.length for bar in first]:
            bad = [i for i, (a, b) in enumerate(zip(first, voice, strict=False), 1) if a.length != b.length]
            raise ValueError(
                f"{tune.name}: voice {number} must have the {len(first)} bars of the first, got {len(voice)} {bad}"
            )
    if tune.metre is None:
        return
    line_before = "|"
    for position, bar in enumerate(first, 1):
        at_edge = line_before != "|" or bar.line != "|" or position in (1, len(first)) or bar.ending
        if bar.length != tune.metre and not (at_edge and bar.length < tune.metre):
            raise ValueError(f"{tune.name}: bar {position} must last {tune.metre}, got {bar.length}")
        line_before = bar.line
