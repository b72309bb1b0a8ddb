"""The builder behind `load_dataset("maestro")`.

from datasets import load_dataset
import scorehub.dataset_builders

load_dataset("maestro")                                      # `sample`: tunes of the project, offline
load_dataset("maestro", "v3")                                # downloads 58 MB
load_dataset("maestro", "v3", data_dir="maestro-v3.0.0-midi.zip")  # or the folder that was in it
load_dataset("maestro", "folder", data_dir="midi.tar.gz", group="(.*)/", license="CC BY 4.0")  # any MIDI files
"""

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import datasets

from scorehub.dataset_builders import note_rows
from scorehub.dataset_builders.maestro.index import find_index, read_index
from scorehub.dataset_builders.maestro.sample import NO_AUDIO, Tunes, sample_pieces
from scorehub.dataset_builders.note_corpus import NoteConfig, NoteCorpus
from scorehub.dataset_builders.note_pieces import Facts, Files, Piece, Splits, is_midi, split_by_group
from scorehub.dataset_builders.note_tables import load_whole

URL = "https://storage.googleapis.com/magentadata/datasets/maestro/v3.0.0/maestro-v3.0.0-midi.zip"
SHA256 = "70470ee253295c8d2c71e6d9d4a815189e35c89624b76d22fce5a019d5dde12c"

FEATURES = datasets.Features({**note_rows.FEATURES, "audio_filename": datasets.Value("string")})


@dataclass
class MaestroConfig(NoteConfig):
    """`sample`, `v3` or `folder`."""

    group: str = r"([^/]+)\.\w+$"  # of `folder`: takes the paths in which it finds the parts that name their group
    license: str = ""  # of `folder`


class Maestro(NoteCorpus):
    """Piano performances as notes and MIDI."""

    FACTS = Facts(
        title="MAESTRO",
        homepage="https://magenta.tensorflow.org/datasets/maestro",
        license="CC BY-NC-SA 4.0",
        citation="""@inproceedings{hawthorne2018enabling,
  title={Enabling Factorized Piano Music Modeling and Generation with the {MAESTRO} Dataset},
  author={Curtis Hawthorne and Andriy Stasyuk and Adam Roberts and Ian Simon and Cheng-Zhi Anna Huang
    and Sander Dieleman and Erich Elsen and Jesse Engel and Douglas Eck},
  booktitle={International Conference on Learning Representations},
  year={2019}
}""",
        obtain="a folder or an archive of MAESTRO or of MIDI files",
    )
    COLUMNS = FEATURES
    BUILDER_CONFIG_CLASS = MaestroConfig
    BUILDER_CONFIGS = [  # noqa: RUF012 - the name and form that the library reads
        MaestroConfig(name="sample", description="Small, offline: public-domain tunes as they are written."),
        MaestroConfig(
            name="v3", description="v3.0.0: 1,276 performances in the published splits.", url=URL, sha256=SHA256
        ),
        MaestroConfig(name="folder", description="Any MIDI files; splits follow from a hash of their group's name."),
    ]
    DEFAULT_CONFIG_NAME = "sample"

    def files(self, dl_manager: Any) -> Files:
        """See `NoteCorpus`; the sample's are made."""
        return Tunes() if self.config.name == "sample" else super().files(dl_manager)

    def plan(self, files: Files) -> Splits:
        """See `NoteCorpus`."""
        if self.config.name == "sample":
            return split_by_group(sample_pieces())
        if self.config.name == "v3":
            name = find_index(files.members)
            return read_index(name, load_whole(files, name), self.FACTS.license)
        try:
            group = re.compile(self.config.group)
        except re.error as error:
            raise ValueError(f"group must be a regular expression, got {self.config.group!r}: {error}") from None
        found = {name: group.search(name) for name in sorted(files.members) if is_midi(name)}
        pieces = [self._piece(name, match) for name, match in found.items() if match]
        if not pieces:
            raise ValueError(f"data_dir must have MIDI files in it that {group.pattern!r} finds, got none")
        return split_by_group(pieces)

    def _piece(self, name: str, found: re.Match[str]) -> Piece:
        group = " ".join(filter(None, found.groups() or (found[0],)))
        source = f"{Path(self.config.data_dir).name}/{name}"
        return Piece(name, PurePosixPath(name).stem, group, source, license=self.config.license, more=NO_AUDIO)
