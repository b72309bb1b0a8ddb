"""The builder behind `load_dataset("dadagp")`: 26,181 Guitar Pro songs as tokens, read as notes.

load_dataset("dadagp", data_dir="DadaGP-v1.1/")  # the folder, or an archive of its .tokens.txt files

The files are given out on request. `tokens` are those of the file; notes are what they say, repeats played out. Songs
lie in `ARTIST/ARTIST - SONG.gp4.tokens.txt`; all versions of a song share a split, which follows from its name.

Source: Sarmento et al., DadaGP: A Dataset of Tokenized GuitarPro Songs for Sequence Models, 2021.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import PurePosixPath

import datasets

from scorehub.dataset_builders import note_rows
from scorehub.dataset_builders.dadagp.tokens import read_tokens
from scorehub.dataset_builders.note_corpus import NoteConfig, NoteCorpus
from scorehub.dataset_builders.note_pieces import Facts, Files, Piece, Splits, split_by_group
from scorehub.notes import Notes

_PATH = re.compile(r"(.*?)(?:\.gp\w)?\.tokens\.txt", re.DOTALL)
_VERSION = re.compile(r"\s*\(\d+\)$")


class DadaGp(NoteCorpus):
    """Songs of guitars, bass, drums and others."""

    FACTS = Facts(
        title="DadaGP",
        homepage="https://github.com/dada-bots/dadaGP",
        license="on request, for research",
        citation="""@inproceedings{sarmento2021dadagp,
  title={{DadaGP}: A Dataset of Tokenized {GuitarPro} Songs for Sequence Models},
  author={Pedro Sarmento and Adarsh Kumar and CJ Carr and Zack Zukowski and Mathieu Barthet and Yi-Hsuan Yang},
  booktitle={International Society for Music Information Retrieval Conference},
  year={2021}
}""",
        obtain="the folder of DadaGP's .tokens.txt files, which its authors give on request, or an archive of it",
    )
    COLUMNS = datasets.Features({**note_rows.FEATURES, "tokens": datasets.List(datasets.Value("string"))})
    BUILDER_CONFIGS = [NoteConfig(name="songs", description="All songs.")]  # noqa: RUF012 - the library's form
    DEFAULT_CONFIG_NAME = "songs"

    def plan(self, files: Files) -> Splits:
        """See `NoteCorpus`."""
        found = [(name, match[1]) for name in sorted(files.members) if (match := _PATH.fullmatch(name))]
        return split_by_group(self._piece(name, PurePosixPath(stem)) for name, stem in found)

    def _piece(self, name: str, stem: PurePosixPath) -> Piece:
        artist, dash, song = stem.name.partition(" - ")
        title = song if dash else stem.name
        composer = artist if dash else stem.parent.name
        group = f"dadagp {composer} {_VERSION.sub('', title)}".casefold()
        return Piece(name, title, group, f"DadaGP {PurePosixPath(name).name}", composer, license=self.FACTS.license)

    def read(self, piece: Piece, data: bytes) -> Notes:
        """See `NoteCorpus`."""
        return read_tokens(_tokens(data))

    def more(self, piece: Piece, loaded: Mapping[str, bytes]) -> dict[str, tuple[str, ...]]:
        """See `NoteCorpus`."""
        return {"tokens": _tokens(loaded[piece.path])}


@lru_cache(maxsize=1)  # a song's are asked for twice
def _tokens(data: bytes) -> tuple[str, ...]:
    return tuple(data.decode("utf-8", "replace").split())
