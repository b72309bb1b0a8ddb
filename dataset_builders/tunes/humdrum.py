"""Tunes as Humdrum text, which verovio engraves: one **kern spine per staff (split where two voices share it).

Spines go from the lowest staff to the highest, as Humdrum has it; lyrics (**text) and dynamics (**dynam) follow their
staff. Syntax: https://www.humdrum.org/guide/ and verovio's Humdrum importer.
"""

import re
from collections.abc import Iterable
from fractions import Fraction
from itertools import chain

from scorehub.dataset_builders.tunes.abc_voices import CLEFS, Bar, Event, key_signature
from scorehub.dataset_builders.tunes.tune import Tune

_LINES = {"|": "=", "||": "=||", "|]": "==", ":|": "=:|!", "|:": "=!|:", "::": "=:|!|:"}


class _Staff:
    """The voices that share a staff, and how many columns they fill."""

    def __init__(self, tune: Tune, number: int, names: list[str]) -> None:
        self.number = number
        self.voices = [tune.voices[name] for name in names]
        self.settings = tune.voice_settings.get(names[0], {})
        events = [event for voice in self.voices for bar in voice for event in bar.events]
        self.verses = max(len(event.syllables) for event in events)
        self.has_dynamics = any(event.dynamic for event in events)

    def columns(self, kern: list[str], verses: str, dynamic: str) -> list[str]:
        return kern + [verses] * self.verses + [dynamic] * self.has_dynamics

    def same(self, kern: str, other: str = "*", split: bool = True) -> list[str]:
        return self.columns([kern] * (len(self.voices) if split else 1), other, other)


def staff_groups(tune: Tune) -> tuple[list[list[str]], str]:
    """The voices of each staff, from the top, and Humdrum's `!!!system-decoration` for their braces and brackets."""
    order = tune.header.get("score", " ".join(tune.voices))
    staves: list[list[str]] = []
    decoration = ""
    for shared, single, mark in re.findall(r"\(([^)]*)\)|(\w+)|([{}\[\]])", order):
        if mark:
            decoration += mark
            continue
        staves.append(shared.split() or [single])
        separator = "," if decoration and decoration[-1] not in "{[" else ""
        decoration += f"{separator}s{len(staves)}"
    return staves, decoration


def to_humdrum(tune: Tune) -> str:
    """The whole tune as Humdrum text, with a break after every `%%bars` bars (the upbeat not counted).

    The breaks are page breaks, since each system is engraved for itself and placed on the paper later.
    """
    groups, decoration = staff_groups(tune)
    staves = [_Staff(tune, number, names) for number, names in enumerate(groups, 1)][::-1]
    lines = [f"!!!OMD: {tune.header['Q']}"] if "Q" in tune.header else []
    lines += [f"!!!system-decoration: {decoration}"]
    rows = _opening(tune, staves)
    per_system = int(tune.header.get("bars", "4"))
    first = 1 if tune.metre and staves[0].voices[0][0].length < tune.metre else 0
    for index in range(tune.n_bars):
        if index > first and (index - first) % per_system == 0:
            rows.insert(-1, ["!!LO:PB:g=z"])
        rows += _bar(staves, index)
    rows += _closing(staves)
    return "\n".join(lines + ["\t".join(row) for row in rows]) + "\n"


def _joined(parts: Iterable[list[str]]) -> list[str]:
    return list(chain.from_iterable(parts))


def _opening(tune: Tune, staves: list[_Staff]) -> list[list[str]]:
    altered = "".join(letter.lower() + sign for letter, sign in key_signature(tune.header["K"]).items())
    metre = tune.header["M"]
    time = {"C": ["*M4/4"], "C|": ["*M2/2"], "none": []}.get(metre, [f"*M{metre}"])
    first = [staff.columns(["**kern"], "**text", "**dynam") for staff in staves]
    numbers = [staff.columns([f"*staff{staff.number}"], *[f"*staff{staff.number}"] * 2) for staff in staves]
    named = [staff for staff in staves if "name" in staff.settings]
    names = (
        [staff.same(f'*I"{staff.settings["name"]}', split=False) for staff in staves]
        if len(named) == len(staves)
        else []
    )
    clefs = [staff.same(CLEFS[staff.settings.get("clef", "treble")], split=False) for staff in staves]
    common = [[staff.same(text, split=False) for staff in staves] for text in (f"*k[{altered}]", *time)]
    rows = [_joined(parts) for parts in (first, numbers, names, clefs, *common) if parts]
    split = _joined(staff.columns(["*^" if len(staff.voices) == 2 else "*"], "*", "*") for staff in staves)
    return rows + ([split] if "*^" in split else [])


def _closing(staves: list[_Staff]) -> list[list[str]]:
    """Joins the voices of the shared staves, one staff at a time (neighbouring `*v` would all become one)."""
    rows = []
    for index, staff in enumerate(staves):
        if len(staff.voices) == 2:
            cells = [other.same("*", split=position > index) for position, other in enumerate(staves)]
            cells[index] = staff.columns(["*v", "*v"], "*", "*")
            rows.append(_joined(cells))
    return [*rows, _joined(staff.same("*-", "*-", split=False) for staff in staves)]


def _bar(staves: list[_Staff], index: int) -> list[list[str]]:
    """The rows of one bar: ending label, events by onset, bar line."""
    bars = [[voice[index] for voice in staff.voices] for staff in staves]
    top: Bar = bars[-1][0]
    rows = []
    if top.ending:
        rows.append([f"*>{'ABCDEFGH'[index // 8 % 8]}{top.ending}"] * sum(len(staff.same("*")) for staff in staves))
    for onset in sorted({event.onset for voices in bars for bar in voices for event in bar.events}):
        rows += _moment(staves, bars, onset)
    return [*rows, _joined(staff.same(_LINES[top.line], _LINES[top.line]) for staff in staves)]


def _moment(staves: list[_Staff], bars: list[list[Bar]], onset: Fraction) -> list[list[str]]:
    """The row of one onset, after the rows of its clef change and grace notes."""
    now = [[_event_at(bar, onset) for bar in voices] for voices in bars]
    depth = max((len(event.graces) for events in now for event in events if event), default=0)
    clefs: list[str] = []
    notes: list[str] = []
    graces: list[list[str]] = [[] for _ in range(depth)]
    for staff, events in zip(staves, now, strict=True):
        clef = next((event.clef for event in events if event and event.clef), "*")
        clefs += staff.columns([clef] * len(staff.voices), "*", "*")
        for step, row in enumerate(graces):
            row += staff.columns([_grace(event, step, depth) for event in events], ".", ".")
        verses = next((event.syllables for event in events if event), [])
        notes += [_token(event) for event in events] + (verses + ["."] * staff.verses)[: staff.verses]
        dynamic = next((event.dynamic for event in events if event and event.dynamic), ".")
        notes += [dynamic] * staff.has_dynamics
    return ([clefs] if set(clefs) != {"*"} else []) + graces + [notes]


def _event_at(bar: Bar, onset: Fraction) -> Event | None:
    return next((event for event in bar.events if event.onset == onset), None)


def _token(event: Event | None) -> str:
    if event is None:
        return "."
    return " ".join(f"{part}{event.beam}" if i == 0 else part for i, part in enumerate(event.token.split(" ")))


def _grace(event: Event | None, step: int, depth: int) -> str:
    """The grace note of one row; the last grace note stands in the last row, next to its note."""
    graces = event.graces if event else []
    place = step - (depth - len(graces))
    if not graces or place < 0:
        return "."
    beam = "" if len(graces) == 1 else "L" if place == 0 else "J" if place == len(graces) - 1 else ""
    return graces[place] + beam
