"""The builder behind `load_dataset("nottingham")`: British and American folk tunes with chords.

load_dataset("nottingham", data_dir="nottingham-dataset/")            # melody and chords; or an archive
load_dataset("nottingham", "melody", data_dir="nottingham-dataset/")  # or "chords"

The cleaned edition: `MIDI/`, `MIDI/melody/`, `MIDI/chords/`; titles come from `ABC_cleaned/`, where that is there.
There are no published splits: they follow from the title, for tunes recur under other numbers.

Source: Foxley's Nottingham Music Database, cleaned by Jukedeck.
"""

import re
from pathlib import PurePosixPath

from scorehub.dataset_builders.note_corpus import NoteConfig, NoteCorpus
from scorehub.dataset_builders.note_pieces import Facts, Files, Piece, Splits, split_by_group
from scorehub.dataset_builders.note_tables import load_whole

_PATH = re.compile(r"(?:.*/)?MIDI/(?:(melody|chords)/)?([a-z-]+?)(\d+)\.mid")
_TUNE = re.compile(r"^X:\s*(\d+)\s*$(.*?)(?=^X:|\Z)", re.MULTILINE | re.DOTALL)
_TITLE = re.compile(r"^T:\s*(.*?)\s*$", re.MULTILINE)


class Nottingham(NoteCorpus):
    """Tunes as MIDI files."""

    FACTS = Facts(
        title="Nottingham",
        homepage="https://github.com/jukedeck/nottingham-dataset",
        license="GPL-3.0",
        citation="""@misc{foxley2011nottingham,
  title={Nottingham Database},
  author={Eric Foxley},
  year={2011},
  url={https://ifdo.ca/~seymour/nottingham/nottingham.html}
}""",
        obtain="a checkout of github.com/jukedeck/nottingham-dataset, or an archive of it",
    )
    BUILDER_CONFIGS = [  # noqa: RUF012 - the name and form that the library reads
        NoteConfig(name="tunes", description="1,034 tunes, melody and chords."),
        NoteConfig(name="melody", description="Their melodies."),
        NoteConfig(name="chords", description="Their chords."),
    ]
    DEFAULT_CONFIG_NAME = "tunes"

    def plan(self, files: Files) -> Splits:
        """See `NoteCorpus`."""
        titles = read_titles(files)
        wanted = None if self.config.name == "tunes" else self.config.name
        found = [(name, match) for name in sorted(files.members) if (match := _PATH.fullmatch(name))]
        return split_by_group(
            Piece(
                path=name,
                title=titles.get((match[2], int(match[3])), ""),
                group=titles.get((match[2], int(match[3])), f"{match[2]}{match[3]}"),
                source=f"Nottingham {match[2]}{match[3]}",
                license=self.FACTS.license,
            )
            for name, match in found
            if match[1] == wanted
        )


def read_titles(files: Files) -> dict[tuple[str, int], str]:
    """ABC file and number -> title.

    Raises:
        ValueError: an ABC file is damaged or too large.
    """
    names = [name for name in files.members if PurePosixPath(name).suffix == ".abc"]
    return {
        (PurePosixPath(name).stem, int(tune[1])): title[1]
        for name in names
        for tune in _TUNE.finditer(load_whole(files, name).decode("latin-1").replace("\r", ""))
        if (title := _TITLE.search(tune[2]))
    }
