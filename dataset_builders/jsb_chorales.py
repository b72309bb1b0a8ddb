"""The builder behind `load_dataset("jsb_chorales")`: Bach's chorales in the splits of Boulanger-Lewandowski.

load_dataset("jsb_chorales")                                            # downloads 0.2 MB of MIDI
load_dataset("jsb_chorales", "16th", data_dir="Jsb16thSeparated.json")  # or the folder with it, packed or not

The grids say what sounds at each step, and not whether it is struck again: equal pitches that follow each other in a
voice are one note here. Steps are given seconds at 120 quarters a minute, for the grids know no tempo.

Source: Boulanger-Lewandowski et al., Modeling Temporal Dependencies in High-Dimensional Sequences, 2012; grids:
https://github.com/czhuang/JSB-Chorales-dataset.
"""

import json
import re
import reprlib
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from scorehub.dataset_builders.note_corpus import NoteConfig, NoteCorpus
from scorehub.dataset_builders.note_pieces import Facts, Files, Piece, Splits, is_midi
from scorehub.dataset_builders.note_tables import load_whole, unpack
from scorehub.dataset_builders.splits import PUBLISHED_NAMES, SPLITS
from scorehub.notes import Notes, make_notes

GRIDS = {
    "16th": ("Jsb16thSeparated", "jsb-chorales-16th"),
    "8th": ("jsb-chorales-8th",),
    "quarter": ("jsb-chorales-quarter",),
}
QUARTERS = {"16th": 0.25, "8th": 0.5, "quarter": 1.0}  # a step's length
SECONDS_PER_QUARTER = 0.5
VOICES = 4

_MIDI_PATH = re.compile(r"(?:[^/]+/)?(train|valid|test)/([^/]+)\.midi?")


class JsbChorales(NoteCorpus):
    """Chorales as MIDI or as grids of pitches."""

    FACTS = Facts(
        title="JSB Chorales",
        homepage="http://www-etud.iro.umontreal.ca/~boulanni/icml2012",
        license="none stated; the music is in the public domain",
        citation="""@inproceedings{boulanger2012modeling,
  title={Modeling Temporal Dependencies in High-Dimensional Sequences: Application to Polyphonic Music Generation and
    Transcription},
  author={Nicolas Boulanger-Lewandowski and Yoshua Bengio and Pascal Vincent},
  booktitle={International Conference on Machine Learning},
  year={2012}
}""",
        obtain="`JSB Chorales.zip` (train/, valid/, test/), or of a grid its .json or .json.gz",
    )
    BUILDER_CONFIGS = [  # noqa: RUF012 - the name and form that the library reads
        NoteConfig(
            name="midi",
            description="382 chorales as MIDI, in the published splits.",
            url="http://www-etud.iro.umontreal.ca/~boulanni/JSB%20Chorales.zip",
            sha256="69924294546a71620c06374085cd6b0300665ea215e2f854f65a11929f1e723c",
        ),
        *(NoteConfig(name=name, description=f"The same chorales as pitches on a grid: {name}.") for name in GRIDS),
    ]
    DEFAULT_CONFIG_NAME = "midi"

    def plan(self, files: Files) -> Splits:
        """See `NoteCorpus`."""
        return self._midi_pieces(files) if self.config.name == "midi" else self._grid_pieces(files)

    def read(self, piece: Piece, data: bytes) -> Notes:
        """See `NoteCorpus`."""
        if is_midi(piece.path):
            return super().read(piece, data)
        split, number = piece.part.split(" ")
        return grid_to_notes(read_grids(data)[split][int(number)], QUARTERS[self.config.name])

    def _midi_pieces(self, files: Files) -> Splits:
        splits: dict[str, list[Piece]] = {split: [] for split in SPLITS}
        for name in sorted(files.members):
            if match := _MIDI_PATH.fullmatch(name):
                splits[PUBLISHED_NAMES[match[1]]].append(self._piece(name, f"{match[1]} {match[2]}", name))
        return splits

    def _grid_pieces(self, files: Files) -> Splits:
        names = {PurePosixPath(name).name.partition(".")[0]: name for name in sorted(files.members)}
        path = next((names[stem] for stem in GRIDS[self.config.name] if stem in names), None)
        if path is None:
            return {split: [] for split in SPLITS}
        grids = read_grids(load_whole(files, path))
        return {
            ours: [self._piece(path, part, path, part) for part in _parts(theirs, grids)]
            for theirs, ours in PUBLISHED_NAMES.items()
        }

    def _piece(self, path: str, title: str, source: str, part: str = "") -> Piece:
        source = f"{PurePosixPath(source).name} {part}".strip()
        composer = "Bach, Johann Sebastian"
        return Piece(path, title, f"jsb {title}", source, composer, license=self.FACTS.license, part=part)


def _parts(split: str, grids: dict[str, Any]) -> list[str]:
    return [f"{split} {number}" for number in range(len(grids[split]))]


@lru_cache(maxsize=2)
def read_grids(data: bytes) -> dict[str, Any]:
    """split -> chorales -> steps -> pitches, of JSON that may be packed by gzip.

    Raises:
        ValueError: it is no such JSON, or too large.
    """
    try:
        grids = json.loads(unpack(data))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"grids must be JSON, got: {error}") from None
    if not isinstance(grids, dict) or not all(isinstance(grids.get(name), list) for name in PUBLISHED_NAMES):
        raise ValueError(f"grids must have the splits {', '.join(PUBLISHED_NAMES)}, got {reprlib.repr(grids)}")
    return grids


def grid_to_notes(steps: Any, quarters: float) -> Notes:
    """Notes of steps, each with the pitches of its voices from the highest; no pitch, or -1, is a rest.

    Raises:
        ValueError: they are no lists of at most four pitches.
    """
    if not isinstance(steps, list) or not all(isinstance(step, list) and len(step) <= VOICES for step in steps):
        raise ValueError(f"steps must be lists of at most {VOICES} pitches, got {reprlib.repr(steps)}")
    try:
        grid = np.array([[*step, *[-1] * (VOICES - len(step))] for step in steps], np.int64).reshape(-1, VOICES)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"pitches must be whole numbers from -1 to 127, got {reprlib.repr(steps)}") from None
    return _merge_steps(grid, quarters * SECONDS_PER_QUARTER)


def _merge_steps(grid: np.ndarray, seconds: float) -> Notes:
    """A note for each run of a pitch in a column of (T, V)."""
    changes = np.ones(grid.shape, bool)
    changes[1:] = grid[1:] != grid[:-1]
    voice, start = np.nonzero(changes.T)
    last = np.append(voice[1:] != voice[:-1], True)[: len(voice)]
    end = np.where(last, len(grid), np.append(start[1:], 0)[: len(start)])
    pitch = grid[start, voice]
    sounds = pitch >= 0
    return make_notes(start[sounds] * seconds, (end - start)[sounds] * seconds, pitch[sounds], track=voice[sounds])
