"""The builder behind `load_dataset("rwc")`: MIDI files of the RWC Music Database, of which each user has a copy.

load_dataset("rwc", data_dir="rwc/")  # AIST.RWC-MDB-P-2001.SMF_SYNC/RM-P001.SMF_SYNC.MID and so on, nested or not

The database is given out to those who sign its terms; nothing is fetched. Pieces are told by their number: RM-P are
popular music, RM-R royalty-free, RM-C classical, RM-J jazz, RM-G of all genres. No published splits: they follow from
the number, so that all files of a piece share one.

Source: Goto et al., RWC Music Database: Popular, Classical, and Jazz Music Databases, 2002.
"""

import re
from pathlib import PurePosixPath

from scorehub.dataset_builders.note_corpus import NoteConfig, NoteCorpus
from scorehub.dataset_builders.note_pieces import Facts, Files, Piece, Splits, is_midi, split_by_group

_PIECE = re.compile(r"RM-[PRCJG]\d{3}[A-Z]?")


class Rwc(NoteCorpus):
    """MIDI files that were written for the recordings."""

    FACTS = Facts(
        title="RWC",
        homepage="https://staff.aist.go.jp/m.goto/RWC-MDB/",
        license="RWC Music Database terms: research by those who signed them",
        citation="""@inproceedings{goto2002rwc,
  title={{RWC} Music Database: Popular, Classical, and Jazz Music Databases},
  author={Masataka Goto and Hiroki Hashiguchi and Takuichi Nishimura and Ryuichi Oka},
  booktitle={International Conference on Music Information Retrieval},
  year={2002}
}""",
        obtain="a folder or archive of RM-*.MID files, given out on signature at staff.aist.go.jp/m.goto/RWC-MDB",
    )
    BUILDER_CONFIGS = [NoteConfig(name="midi", description="All MIDI files.")]  # noqa: RUF012 - the library's form
    DEFAULT_CONFIG_NAME = "midi"

    def plan(self, files: Files) -> Splits:
        """See `NoteCorpus`."""
        names = [name for name in sorted(files.members) if is_midi(name)]
        found = [(name, match[0]) for name in names if (match := _PIECE.match(PurePosixPath(name).name))]
        return split_by_group(
            Piece(name, number, number, f"RWC {PurePosixPath(name).name}", license=self.FACTS.license)
            for name, number in found
        )
