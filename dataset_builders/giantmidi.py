"""The builder behind `load_dataset("giantmidi")`: 10,855 recordings of piano music, transcribed.

load_dataset("giantmidi", data_dir="midis_v1.2.zip")            # splits from the table, if it lies there
load_dataset("giantmidi", "evaluation", data_dir="GiantMIDI-Piano/")  # the sample that the repository commits

`full_music_pieces_youtube_similarity_pianosoloprob_split.csv`, in the folder, gives composers, titles and the
published splits; without it splits follow from a hash of the file's name, and composer and title are read from that.
`evaluation` holds transcriptions and scores of the same pieces, which share a split; the performances of MAESTRO
beside them are under another licence, and left out.

Source: Kong et al., GiantMIDI-Piano: a Large-Scale MIDI Dataset for Classical Piano Music, 2020.
"""

import csv
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import PurePosixPath

from scorehub.dataset_builders.note_corpus import NoteConfig, NoteCorpus
from scorehub.dataset_builders.note_pieces import Facts, Files, Piece, Splits, is_midi, split_by_group
from scorehub.dataset_builders.note_tables import table_lines
from scorehub.dataset_builders.splits import SPLITS

TABLE = "full_music_pieces_youtube_similarity_pianosoloprob_split.csv"
CORRESPONDENCE = "groundtruth_maestro_giantmidi-piano.csv"
COLUMNS = ("surname", "firstname", "music", "youtube_id", "split")  # of the table, which has more
OF_EVALUATION = {"giantmidi-piano": "GiantMIDI-Piano", "ground_truth": "GroundTruth"}  # folder -> column

_YOUTUBE_ID = re.compile(r"[\w-]{11}")


class GiantMidi(NoteCorpus):
    """Transcriptions of recordings."""

    FACTS = Facts(
        title="GiantMIDI-Piano",
        homepage="https://github.com/bytedance/GiantMIDI-Piano",
        license="CC BY 4.0",
        citation="""@article{kong2022giantmidi,
  title={{GiantMIDI-Piano}: a Large-Scale {MIDI} Dataset for Classical Piano Music},
  author={Qiuqiang Kong and Bochen Li and Jitong Chen and Yuxuan Wang},
  journal={Transactions of the International Society for Music Information Retrieval},
  volume={5},
  year={2022}
}""",
        obtain="`midis_v1.2.zip` or its folder; of `evaluation` a checkout of github.com/bytedance/GiantMIDI-Piano",
    )
    BUILDER_CONFIGS = [  # noqa: RUF012 - the name and form that the library reads
        NoteConfig(name="full", description="All transcriptions."),
        NoteConfig(name="evaluation", description="52 pieces as transcription and as score."),
    ]
    DEFAULT_CONFIG_NAME = "full"

    def plan(self, files: Files) -> Splits:
        """See `NoteCorpus`."""
        return self._evaluation(files) if self.config.name == "evaluation" else self._full(files)

    def _full(self, files: Files) -> Splits:
        names = [name for name in sorted(files.members) if is_midi(name)]
        rows = {row["youtube_id"]: row for row in read_table(files, TABLE, ",", COLUMNS) if row["youtube_id"]}
        if not rows:
            return split_by_group(self._by_name(name) for name in names)
        splits: dict[str, list[Piece]] = {split: [] for split in SPLITS}
        for name in names:
            row = rows.get(PurePosixPath(name).stem[-11:])
            if row is not None and row["split"] in splits:
                splits[row["split"]].append(self._by_row(name, row))
        return splits

    def _by_row(self, name: str, row: dict[str, str]) -> Piece:
        composer = f"{row['surname']}, {row['firstname']}"
        group = f"giantmidi {composer} {row['music']}"
        source = f"GiantMIDI-Piano {row['youtube_id']}"
        return Piece(name, row["music"], group, source, composer, license=self.FACTS.license)

    def _by_name(self, name: str) -> Piece:
        """Of `Surname, First names, Title, youtubeid.mid`."""
        parts = PurePosixPath(name).stem.split(", ")
        is_whole = len(parts) >= 4 and _YOUTUBE_ID.fullmatch(parts[-1])
        composer, title = (
            (", ".join(parts[:2]), ", ".join(parts[2:-1])) if is_whole else ("", PurePosixPath(name).stem)
        )
        source = f"GiantMIDI-Piano {PurePosixPath(name).name}"
        return Piece(name, title, f"giantmidi {composer} {title}", source, composer, license=self.FACTS.license)

    def _evaluation(self, files: Files) -> Splits:
        rows = list(read_table(files, CORRESPONDENCE, "\t", ("Name", *OF_EVALUATION.values())))
        of_name = {row[column]: row["Name"] for row in rows for column in OF_EVALUATION.values()}
        pieces = []
        for name in sorted(files.members):
            path = PurePosixPath(name)
            if is_midi(name) and path.parent.name in OF_EVALUATION:
                title = of_name.get(path.name, path.stem)
                source = f"GiantMIDI-Piano {path.parent.name}/{path.name}"
                pieces.append(Piece(name, title, f"giantmidi {title}", source, license=self.FACTS.license))
        return split_by_group(pieces)


def read_table(files: Files, wanted: str, separator: str, columns: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """These columns of the table with this name, row by row; none where there is none.

    Raises:
        ValueError: it is no table, lacks a column, or is too large.
    """
    lines = table_lines(files, wanted)
    head = next(lines, "").removeprefix("\ufeff")
    if not head.strip():
        return
    # The published table has tabs, whatever its name says.
    rows = csv.DictReader(chain([head], lines), delimiter="\t" if "\t" in head else separator)
    try:
        if missing := set(columns) - set(rows.fieldnames or ()):
            raise ValueError(f"{wanted} must have columns {', '.join(columns)}, got none named {sorted(missing)}")
        for row in rows:
            yield {column: row[column] or "" for column in columns}
    except csv.Error as error:
        raise ValueError(f"{wanted} must be a table, got: {error}") from None
