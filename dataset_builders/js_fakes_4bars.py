"""The builder behind `load_dataset("js_fakes_4bars")`: four bars of JS Fake Chorales at a time, as tokens.

load_dataset("js_fakes_4bars", data_dir="js-fakes-4bars/")  # text files, a piece a line; .jsonl with `text`, too

`text` are the published tokens: four tracks of four bars, `NOTE_ON=PITCH`, `NOTE_OFF=PITCH` and
`TIME_DELTA=SIXTEENTHS`. They know no tempo: a quarter is half a second here. Splits are those that file names say
(train, valid, test); lines of other files are split by a hash of their notes, so that equal ones stay together.

Source: Behrens, js-fakes-4bars, 2023.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import PurePosixPath

import datasets
import numpy as np

from scorehub.dataset_builders import note_rows
from scorehub.dataset_builders.failures import report_failure
from scorehub.dataset_builders.note_corpus import NoteConfig, NoteCorpus
from scorehub.dataset_builders.note_pieces import Facts, Files, Piece, Splits
from scorehub.dataset_builders.note_tables import load_whole
from scorehub.dataset_builders.splits import PUBLISHED_NAMES, SPLITS, split_of
from scorehub.notes import DRUMS, Notes, make_notes

SECONDS_PER_STEP = 0.125  # a sixteenth at 120 quarters a minute
STEPS_PER_BAR = 16
TRACK_START, BAR_START = "TRACK_START", "BAR_START"
MAX_TOKENS = 20_000  # of a piece; published ones have some 400

_TOKEN = re.compile(r"(NOTE_ON|NOTE_OFF|TIME_DELTA|INST)=(\w+)")


class JsFakes4Bars(NoteCorpus):
    """Excerpts of machine-made chorales."""

    FACTS = Facts(
        title="js-fakes-4bars",
        homepage="https://huggingface.co/datasets/TristanBehrens/js-fakes-4bars",
        license="CC BY 4.0",
        citation="""@misc{behrens2023jsfakes4bars,
  title={js-fakes-4bars},
  author={Tristan Behrens},
  year={2023},
  url={https://huggingface.co/datasets/TristanBehrens/js-fakes-4bars}
}""",
        obtain="a copy of huggingface.co/datasets/TristanBehrens/js-fakes-4bars",
    )
    COLUMNS = datasets.Features({**note_rows.FEATURES, "text": datasets.Value("string")})
    BUILDER_CONFIGS = [NoteConfig(name="excerpts", description="All excerpts.")]  # noqa: RUF012 - the library's form
    DEFAULT_CONFIG_NAME = "excerpts"

    def plan(self, files: Files) -> Splits:
        """See `NoteCorpus`."""
        splits: dict[str, list[Piece]] = {split: [] for split in SPLITS}
        for name in sorted(files.members):
            if not name.endswith((".txt", ".jsonl")):
                continue
            named = next((ours for start, ours in PUBLISHED_NAMES.items() if start in PurePosixPath(name).name), None)
            for number, text in enumerate(self._lines(name, files)):
                group = hashlib.sha256(text.encode()).hexdigest()
                source = f"js-fakes-4bars {PurePosixPath(name).name} {number}"
                piece = Piece(
                    path=name,
                    title="",
                    group=f"{named or ''}{group}",
                    source=source,
                    composer="KS_Chorus",
                    license=self.FACTS.license,
                    part=str(number),
                )
                splits[named or split_of(group)].append(piece)
        return splits

    def _lines(self, name: str, files: Files) -> tuple[str, ...]:
        try:
            return read_lines(load_whole(files, name))
        except ValueError as error:
            report_failure(name, str(error), self.config.failures_dir)
            return ()

    def read(self, piece: Piece, data: bytes) -> Notes:
        """See `NoteCorpus`."""
        return read_text(read_lines(data)[int(piece.part)])

    def more(self, piece: Piece, loaded: Mapping[str, bytes]) -> dict[str, str]:
        """See `NoteCorpus`."""
        return {"text": read_lines(loaded[piece.path])[int(piece.part)]}


@lru_cache(maxsize=2)
def read_lines(data: bytes) -> tuple[str, ...]:
    """The pieces of a file: its lines, or the `text` of JSON Lines."""
    lines = [line for line in data.decode("utf-8", "replace").splitlines() if "NOTE_ON" in line]
    return tuple(_text(line) for line in lines)


def _text(line: str) -> str:
    if not line.startswith("{"):
        return line
    try:
        return str(json.loads(line)["text"]).encode("utf-8", "replace").decode()  # no half surrogate pairs
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


def read_text(text: str) -> Notes:
    """The notes of a piece's tokens; tracks and bars begin at their own places, whatever the waits before them are.

    Raises:
        ValueError: there are too many tokens, or numbers that are none.
    """
    tokens = text.split()
    if len(tokens) > MAX_TOKENS:
        raise ValueError(f"piece must have at most {MAX_TOKENS} tokens, got {len(tokens)}")
    rows: list[tuple[float, float, int, int, int]] = []
    track, bar, step, program = -1, -1, 0, 0
    begun: dict[int, int] = {}
    for token in tokens:
        if token == TRACK_START:
            track, bar, step, begun = track + 1, -1, 0, {}
        elif token == BAR_START:
            bar, step = bar + 1, (bar + 1) * STEPS_PER_BAR
        elif found := _TOKEN.fullmatch(token):
            kind, value = found[1], DRUMS if found[2] == "DRUMS" else _number(found[2])
            if kind == "INST":
                program = value
            elif kind == "TIME_DELTA":
                step += value
            elif kind == "NOTE_ON":
                begun[value] = step
            elif value in begun:
                start = begun.pop(value)
                rows.append((start * SECONDS_PER_STEP, (step - start) * SECONDS_PER_STEP, value, program, track))
    onset, duration, pitch, programs, tracks = np.array(rows, np.float64).reshape(-1, 5).T
    return make_notes(onset, duration, pitch.astype(int), 80, programs.astype(int), tracks.astype(int))


def _number(text: str) -> int:
    if not text.isdecimal() or len(text) > 5:
        raise ValueError(f"values of tokens must be whole numbers, got {text!r}")
    return int(text)
