"""The builder behind `load_dataset("lakh")`: 176,581 MIDI files from all over the web.

load_dataset("lakh")                                       # downloads 1.8 GB
load_dataset("lakh", "matched", data_dir="lmd_matched/")   # or the archive; also "aligned"

A file's name is the MD5 of its bytes. There are no published splits: of `full` they follow from that name, of
`matched` and `aligned` from the track of the Million Song Dataset that a file was matched to, so that two versions of
a song share a split. Many files are damaged; they are left out and reported.

Source: Raffel, Learning-Based Methods for Comparing Sequences, with Applications to Audio-to-MIDI Alignment and
Matching, 2016.
"""

from pathlib import PurePosixPath

from scorehub.dataset_builders.note_corpus import NoteConfig, NoteCorpus
from scorehub.dataset_builders.note_pieces import Facts, Files, Piece, Splits, is_midi, split_by_group

_URL = "http://hog.ee.columbia.edu/craffel/lmd/lmd_"


class Lakh(NoteCorpus):
    """MIDI files of songs, whole or matched to recordings."""

    FACTS = Facts(
        title="Lakh MIDI",
        homepage="https://colinraffel.com/projects/lmd/",
        license="CC BY 4.0",
        citation="""@phdthesis{raffel2016learning,
  title={Learning-Based Methods for Comparing Sequences, with Applications to Audio-to-MIDI Alignment and Matching},
  author={Colin Raffel},
  school={Columbia University},
  year={2016}
}""",
        obtain="`lmd_full.tar.gz`, `lmd_matched.tar.gz` or `lmd_aligned.tar.gz`, or the folder that was in it",
    )
    BUILDER_CONFIGS = [  # noqa: RUF012 - the name and form that the library reads
        NoteConfig(
            name="full",
            description="176,581 files.",
            url=f"{_URL}full.tar.gz",
            sha256="6fcfe2ac49ca08f3f214cec86ab138d4fc4dabcd7f27f491a838dae6db45a12b",
        ),
        NoteConfig(
            name="matched",
            description="45,129 files with the tracks of the Million Song Dataset that they were matched to.",
            url=f"{_URL}matched.tar.gz",
            sha256="621ff830aed771f469e5bfa13dc12a33c6ed69090adeda63d0b5c47783af0191",
        ),
        NoteConfig(
            name="aligned",
            description="The same, moved in time onto the recordings.",
            url=f"{_URL}aligned.tar.gz",
            sha256="2bf5400e82eba73204644946515489b68811e1e656b0cfd854efc14377f6e53b",
        ),
    ]
    DEFAULT_CONFIG_NAME = "full"

    def plan(self, files: Files) -> Splits:
        """See `NoteCorpus`."""
        return split_by_group(self._piece(PurePosixPath(name)) for name in sorted(files.members) if is_midi(name))

    def _piece(self, path: PurePosixPath) -> Piece:
        group = path.stem if self.config.name == "full" else path.parent.name
        source = f"lmd_{self.config.name} {path.parent.name}/{path.name}"
        return Piece(str(path), group, group, source, license=self.FACTS.license)
