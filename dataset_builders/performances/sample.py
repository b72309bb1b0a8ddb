"""The sample: tunes of the project in ASAP's layout, with performances that are made up.

Nobody played them. Tempo, timing and loudness come from `scorehub.tempo.humanise` by a seed, so that every alignment
is known and not estimated; the second performance of each piece has wrong notes. Scores are MEI.
"""

import csv
import re
import shutil
import tempfile
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import verovio

from scorehub.dataset_builders.tunes.humdrum import to_humdrum
from scorehub.dataset_builders.tunes.tune import load_tune
from scorehub.notes import TICKS_PER_QUARTER, Notes, make_notes, write_midi
from scorehub.tempo import TempoCurve, humanise

LICENSE = "CC0 1.0"
# Without repeats, ties and unisons, and with measures of whole beats.
TUNES = ("bach_cello_prelude", "beethoven_moonlight", "bourgeois_old_hundredth", "grieg_mountain_king")
PERFORMANCES = 2
WRONG_NOTES = 0.03  # share of the second performance

_SECONDS_PER_QUARTER = 0.5
_TICKS_PER_SECOND = TICKS_PER_QUARTER / _SECONDS_PER_QUARTER


@dataclass(frozen=True)
class _Score:
    """MEI with the ids of its notes in the order of `notes`, and where its measures begin, in quarters."""

    mei: str
    ids: list[str]
    notes: Notes
    measures: list[float]


def write_sample(folder: Path) -> Path:
    """Writes the sample into `folder`, unless it is there, and returns it."""
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=folder.parent))
        rows = [row for name in TUNES for row in _write_piece(draft, name)]
        with (draft / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        try:
            draft.rename(folder)
        except OSError:  # another process was first
            shutil.rmtree(draft)
    return folder


def _write_piece(root: Path, name: str) -> list[dict[str, str]]:
    tune = load_tune(name)
    kern = to_humdrum(tune)
    score = _read_score(kern)
    (root / name).mkdir()
    (root / name / "score.mei").write_text(score.mei, encoding="utf-8")
    (root / name / "midi_score.mid").write_bytes(write_midi(score.notes))
    beats, labels = _beats(kern, score)
    _write_beats(root / name / "midi_score_annotations.txt", beats, labels)
    rows = []
    for number in range(PERFORMANCES):
        performance = f"{name}/made{number + 1:02d}"
        rng = np.random.default_rng([TUNES.index(name), number])
        curve = _write_performance(root / performance, score, rng, WRONG_NOTES * number)
        _write_beats(root / f"{performance}_annotations.txt", curve.performed(beats), labels)
        rows.append(
            {
                "composer": tune.header["C"],
                "title": tune.header["T"],
                "folder": name,
                "xml_score": f"{name}/score.mei",
                "midi_score": f"{name}/midi_score.mid",
                "midi_performance": f"{performance}.mid",
                "performance_annotations": f"{performance}_annotations.txt",
                "midi_score_annotations": f"{name}/midi_score_annotations.txt",
                "robust_note_alignment": "1.0",
            }
        )
    return rows


@lru_cache(maxsize=1)
def _toolkit() -> verovio.toolkit:
    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    toolkit.setOptions({"xmlIdSeed": 1})  # ids are random otherwise
    return toolkit


def _read_score(kern: str) -> _Score:
    toolkit = _toolkit()
    toolkit.loadData(kern)
    starts: dict[str, float] = {}
    ends: dict[str, float] = {}
    measures = []
    for event in toolkit.renderToTimemap({"includeMeasures": True}):
        starts |= dict.fromkeys(event.get("on", ()), event["qstamp"])
        ends |= dict.fromkeys(event.get("off", ()), event["qstamp"])
        measures += [event["qstamp"]] if "measureOn" in event else []
    onset = np.array(list(starts.values())) * _SECONDS_PER_QUARTER
    stop = np.array([ends[name] for name in starts]) * _SECONDS_PER_QUARTER
    pitch = np.array([toolkit.getMIDIValuesForElement(name)["pitch"] for name in starts])
    # Notes are sorted when they are made: their tracks remember which they were.
    notes = make_notes(onset, stop - onset, pitch, track=np.arange(len(onset)))
    names = list(starts)
    ids = [names[number] for number in notes.track]
    return _Score(toolkit.getMEI(), ids, replace(notes, track=np.zeros_like(notes.track)), measures)


def _beats(kern: str, score: _Score) -> tuple[np.ndarray, list[str]]:
    """Seconds and labels of the beats, which are those of the meter's lower number; an upbeat is no downbeat."""
    meter, key = re.search(r"\*M(\d+)/(\d+)", kern), re.search(r"\*k\[([^\]]*)\]", kern)
    if not meter or not key:
        raise ValueError("tune must have a meter and a key signature, got none")
    beat = 4 / int(meter[2])
    quarters = np.arange(0, score.notes.end / _SECONDS_PER_QUARTER, beat)
    has_upbeat = score.measures[1] < int(meter[1]) * beat
    downbeats = score.measures[has_upbeat:]
    labels = ["db" if quarter in downbeats else "b" for quarter in quarters]
    labels[0] += f",{meter[1]}/{meter[2]},{key[1].count('#') - key[1].count('-')}"
    return quarters * _SECONDS_PER_QUARTER, labels


def _write_beats(path: Path, times: np.ndarray, labels: list[str]) -> None:
    lines = [f"{time:.6f}\t{time:.6f}\t{label}\n" for time, label in zip(times, labels, strict=True)]
    path.write_text("".join(lines), encoding="utf-8")


def _write_performance(stem: Path, score: _Score, rng: np.random.Generator, wrong: float) -> TempoCurve:
    """Writes the MIDI and the alignment of a performance with a share of `wrong` notes; gives its tempo curve."""
    numbered = replace(score.notes, track=np.arange(len(score.notes)))
    human, curve = humanise(numbered, rng)
    slips = rng.random(len(human)) < wrong
    onset = np.round(human.onset * _TICKS_PER_SECOND) / _TICKS_PER_SECOND  # as the file will have it
    played = make_notes(onset, human.duration, human.pitch + slips, human.velocity, track=human.track)
    stem.with_suffix(".mid").write_bytes(write_midi(replace(played, track=np.zeros_like(played.track))))
    missed = set(human.track[slips].tolist())
    lines = ["xml_id\tmidi_id\ttrack\tchannel\tpitch\tonset"]
    for number, note in enumerate(played.track.tolist()):
        name = "insertion" if note in missed else f"{score.ids[note]}-1"
        lines.append(f"{name}\tn{number}\t0\t0\t{played.pitch[number]}\t{played.onset[number]}")
    lines += [f"{score.ids[note]}-1\tdeletion" for note in sorted(missed)]
    folder = stem.with_name(f"{stem.name}_note_alignments")
    folder.mkdir()
    (folder / "note_alignment.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return curve
