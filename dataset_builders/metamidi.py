"""The builder behind `load_dataset("metamidi")`: 436,631 MIDI files, with the titles found for them.

load_dataset("metamidi", data_dir="metamidi/")  # MMD_MIDI/ or MMD_MIDI.tar.gz's folder, and the .jsonl beside it

The files are to be asked for on Zenodo. `MMD_scraped_title_artist.jsonl`, where it lies there, has a line for each
file: its MD5, which is its name, and pairs of title and artist; the first pair is taken. No published splits: they
follow from the MD5.

Source: Ens and Pasquier, Building the MetaMIDI Dataset: Linking Symbolic and Audio Musical Data, 2021.
"""

import json
from pathlib import PurePosixPath
from typing import Any

from scorehub.dataset_builders.note_corpus import NoteConfig, NoteCorpus
from scorehub.dataset_builders.note_pieces import Facts, Files, Piece, Splits, is_midi, split_by_group
from scorehub.dataset_builders.note_tables import table_lines

TITLES = "MMD_scraped_title_artist.jsonl"


class MetaMidi(NoteCorpus):
    """MIDI files of all kinds."""

    FACTS = Facts(
        title="MetaMIDI",
        homepage="https://zenodo.org/record/5142664",
        license="on request, for research",
        citation="""@inproceedings{ens2021metamidi,
  title={Building the {MetaMIDI} Dataset: Linking Symbolic and Audio Musical Data},
  author={Jeff Ens and Philippe Pasquier},
  booktitle={International Society for Music Information Retrieval Conference},
  year={2021}
}""",
        obtain="the folder of MetaMIDI's files, which zenodo.org/record/5142664 gives on request",
    )
    BUILDER_CONFIGS = [NoteConfig(name="files", description="All files.")]  # noqa: RUF012 - the library's form
    DEFAULT_CONFIG_NAME = "files"

    def plan(self, files: Files) -> Splits:
        """See `NoteCorpus`."""
        titles = read_titles(files)
        paths = [PurePosixPath(name) for name in sorted(files.members) if is_midi(name)]
        return split_by_group(
            Piece(
                path=str(path),
                title=titles.get(path.stem, ("", ""))[0],
                group=path.stem,
                source=f"MetaMIDI {path.name}",
                composer=titles.get(path.stem, ("", ""))[1],
                license=self.FACTS.license,
            )
            for path in paths
        )


def read_titles(files: Files) -> dict[str, tuple[str, str]]:
    """MD5 -> title and artist; nothing where there is no table, or for lines that say nothing.

    Raises:
        ValueError: the table is damaged or too large.
    """
    found = {}
    for line in table_lines(files, TITLES):
        try:
            row: Any = json.loads(line)
            title, artist = row["title_artist"][0]
            f"{title}{artist}".encode()  # half a surrogate pair is no text
            found[str(row["md5"])] = str(title), str(artist)
        except (ValueError, KeyError, IndexError, TypeError, RecursionError):
            continue
    return found
