"""Whether engraved corpora say what their sources say, and sound as they should.

    SCOREHUB_DATA=data python benchmarks/corpora_checks.py > benchmarks/corpora_checks.md

From each corpus, 1,000 incipits that PrIMuS's tokens can say, engraved, distorted and sounded. Their MEI is read again
by `scorehub.notation.mei`, which shares no code with the readers of the sources (an item on which they differ is left
out), and by music21 (needed here). Onsets are detected by librosa in the audio as it comes out of its FLAC.
"""

import io
import os
import random
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import librosa
import music21
import numpy as np
import soundfile

from scorehub.dataset_builders.camera_primus.engraved import READERS, engrave_incipit
from scorehub.dataset_builders.camera_primus.incipits import Incipit, read_incipits
from scorehub.dataset_builders.camera_primus.items import Item, Sound, make_row
from scorehub.engraving import engrave_staff
from scorehub.notation.mei import read_mei
from scorehub.notation.sounding import to_notes
from scorehub.pipelines.music_transcription.semantic import Note, parse_semantic

TABLES = ("rism_pae/rism_pae.tsv.gz", "polish_incipits/polish_incipits.parquet")
N_ITEMS = 1000
SEED = 0
HOP = 128  # samples between the frames in which onsets are looked for: 6 ms
SEARCH = 0.1  # seconds around a note in which a detected onset may be its own
SILENT, CLIPPED = 0.01, 0.999


def readable(corpus: Path, reasons: Counter[str]) -> Iterator[Incipit]:
    """Incipits in random order that PrIMuS's tokens can say; counts the others."""
    incipits = list(read_incipits(corpus).values())
    random.Random(SEED).shuffle(incipits)
    for incipit in incipits:
        try:
            READERS[incipit.format][0](incipit.notation)
        except ValueError as error:
            reasons[kind(str(error))] += 1
        else:
            yield incipit


def kind(reason: str) -> str:
    """A reason without what differs from item to item."""
    return re.sub(r"\d+", "N", re.sub(r",? got .*", "", reason, flags=re.DOTALL))


def music21_notes(mei: str) -> list[tuple[int, float]] | None:
    """MIDI pitch and quarters of each note, grace notes 0, as music21 reads them; None where it fails."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            score: Any = music21.converter.parseData(mei, format="mei")
        except (IndexError, music21.exceptions21.Music21Exception):  # beamed grace notes, for one
            return None
    return [(note.pitch.midi, float(note.duration.quarterLength)) for note in score.flatten().notes]


def token_notes(item: Item) -> list[tuple[int, float]]:
    """The same of the item's tokens."""
    notes = [token for token in parse_semantic(item.semantic) if isinstance(token, Note)]
    return [(note.pitch.midi, 0.0 if note.grace else float(4 * note.length.fraction)) for note in notes]


def onset_errors(item: Item, audio: np.ndarray, rate: int) -> list[float]:
    """Seconds from each note's onset to the nearest detected one, if that is near."""
    notes = to_notes(parse_semantic(item.semantic))
    found = librosa.onset.onset_detect(y=audio, sr=rate, hop_length=HOP, units="time")
    if not len(found):
        return [np.inf] * len(notes)
    return [float(np.abs(found - onset).min()) for onset in notes.onset]


def token_agreement(incipit: Incipit) -> tuple[int, int]:
    """Tokens of the source that its engraved MEI has too, in the same order, and the larger number of tokens."""
    read, tidy = READERS[incipit.format]
    ours = [str(token) for token in read(incipit.notation)]
    theirs = [str(token) for token in read_mei(engrave_staff(tidy(incipit.notation)).mei)]
    blocks = SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks), max(len(ours), len(theirs))


def check(corpus: Path) -> str:
    """The corpus's table."""
    unsaid: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    silent = clipped = wrong_notes = n_notes = rows = unread = graces = 0
    errors: list[float] = []
    agreement = np.zeros(2, int)
    for incipit, _ in zip(readable(corpus, unsaid), range(N_ITEMS), strict=False):
        try:
            agreement += token_agreement(incipit)
            item = engrave_incipit(incipit, "primus", SEED)
            row = make_row(item, Sound())
        except ValueError as error:
            failed[kind(str(error))] += 1
            continue
        rows += 1
        if row["audio"]:
            audio, rate = soundfile.read(io.BytesIO(row["audio"]["bytes"]))
            silent += np.abs(audio).max() < SILENT
            clipped += np.abs(audio).max() >= CLIPPED
            errors += onset_errors(item, audio, rate)
        ours, theirs = token_notes(item), music21_notes(item.mei)
        if theirs is None:
            unread += 1
        else:
            graces += abs(sum(not length for _, length in ours) - sum(not length for _, length in theirs))
            ours, theirs = ([note for note in notes if note[1]] for notes in (ours, theirs))
            n_notes += len(ours)
            wrong_notes += sum(a != b for a, b in zip(ours, theirs, strict=False)) + abs(len(ours) - len(theirs))
    near = [error for error in errors if error <= SEARCH]
    lines = [
        ("incipits tried", f"{N_ITEMS:,}"),
        ("rows built", f"{rows:,}"),
        *((f"left out: {reason}", f"{count}") for reason, count in failed.most_common()),
        ("tokens that the MEI has as the source", f"{agreement[0] / agreement[1]:.4%} of {agreement[1]:,}"),
        ("MEI that music21 can't read", f"{unread}"),
        ("notes that music21 reads otherwise in the rest", f"{wrong_notes} of {n_notes:,}"),
        ("grace notes beside, which it leaves out where they are beamed", f"{graces}"),
        ("median distance of a detected onset", f"{1000 * np.median(near):.1f} ms"),
        ("95 % are nearer than", f"{1000 * np.percentile(near, 95):.1f} ms"),
        (f"notes without a detected onset within {1000 * SEARCH:.0f} ms", f"{1 - len(near) / len(errors):.2%}"),
        ("silent, clipped", f"{silent}, {clipped}"),
        ("before that, incipits that tokens can't say", f"{unsaid.total()}"),
        *((f"of these: {reason}", f"{count}") for reason, count in unsaid.most_common()),
    ]
    header = [f"## {corpus.parent.name}", "", "| | |", "|---|--:|"]
    return "\n".join([*header, *(f"| {name} | {value} |" for name, value in lines), ""])


if __name__ == "__main__":
    print(f"# Corpora: checks\n\n`SCOREHUB_DATA=data python benchmarks/corpora_checks.py`, seed {SEED}.\n")
    for table in TABLES:
        print(check(Path(os.environ["SCOREHUB_DATA"]) / table))
