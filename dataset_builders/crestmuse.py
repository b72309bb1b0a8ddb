"""The builder behind `load_dataset("crestmuse")`: CrestMuse PEDB, expressive piano performances, of a local copy.

load_dataset("crestmuse", data_dir="pedb/")  # any folders or archive with its MIDI files

The database is given out to those who agree to its terms; nothing is fetched. The folder that a MIDI file lies in is
taken for the piece, so that all performances of it share a split; there are no published ones.

Source: Hashida et al., CrestMusePEDB: a Music Performance Expression Database, 2008.
"""

from pathlib import PurePosixPath

from scorehub.dataset_builders.note_corpus import NoteConfig, NoteCorpus
from scorehub.dataset_builders.note_pieces import Facts, Files, Piece, Splits, is_midi, split_by_group


class CrestMuse(NoteCorpus):
    """Performances as MIDI files."""

    FACTS = Facts(
        title="CrestMuse PEDB",
        homepage="https://crestmuse.jp/pedb_edition2/",
        license="CrestMuse PEDB terms: research by those who agreed to them",
        citation="""@inproceedings{hashida2008crestmuse,
  title={A New Music Database Describing Deviation Information of Performance Expressions},
  author={Mitsuyo Hashida and Toshie Matsui and Haruhiro Katayose},
  booktitle={International Conference on Music Information Retrieval},
  year={2008}
}""",
        obtain="a folder or archive of its MIDI files, which crestmuse.jp/pedb_edition2 gives on agreement",
    )
    BUILDER_CONFIGS = [NoteConfig(name="midi", description="All performances.")]  # noqa: RUF012 - the library's form
    DEFAULT_CONFIG_NAME = "midi"

    def plan(self, files: Files) -> Splits:
        """See `NoteCorpus`."""
        paths = [PurePosixPath(name) for name in sorted(files.members) if is_midi(name)]
        return split_by_group(
            Piece(
                str(path),
                path.stem,
                f"pedb {path.parent.name or path.stem}",
                f"PEDB {path}",
                license=self.FACTS.license,
            )
            for path in paths
        )
