"""Readers of MIDI files that `benchmarks/catalogue.py` compares ours with: each reads a file and counts its notes."""

import os
import time
from collections.abc import Callable
from typing import Any


def count_with_pretty_midi() -> Callable[[str], int]:
    """By pretty_midi, which reads by mido."""
    import pretty_midi

    return lambda path: sum(len(instrument.notes) for instrument in pretty_midi.PrettyMIDI(path).instruments)


def count_with_muspy() -> Callable[[str], int]:
    """By MusPy, which reads by mido, too."""
    import muspy

    return lambda path: sum(len(track.notes) for track in muspy.read_midi(path).tracks)


def count_with_music21() -> Callable[[str], int]:
    """By music21, without its cache of parsed files; notes that are tied are one."""
    import music21

    def count(path: str) -> int:
        score = music21.converter.parse(path, format="midi", forceSource=True, storePickle=False)
        notes = [note for each in score.flatten().notes for note in (each.notes if each.isChord else (each,))]
        return sum(note.tie is None or note.tie.type == "start" for note in notes)

    return count


COUNTERS = {"pretty_midi": count_with_pretty_midi, "muspy": count_with_muspy, "music21": count_with_music21}


def read_as_rival(count: Callable[[str], int], paths: dict[str, str], most: float) -> dict[str, Any]:
    """Seconds and notes of each file by its name, in their order until the time is over."""
    count(min(paths.values(), key=os.path.getsize))  # libraries load, caches fill
    notes: dict[str, int] = {}
    start = time.perf_counter()
    for name, path in paths.items():
        notes[name] = count(path)
        if time.perf_counter() - start > most:
            break
    return {"seconds": time.perf_counter() - start, "notes": notes}
