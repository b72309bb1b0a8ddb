"""The builder behind `load_dataset("pop909")`: piano arrangements of 909 pop songs, with beats, chords and keys.

load_dataset("pop909", data_dir="POP909-Dataset/")  # a checkout, its POP909/, or an archive of either

Tracks are the melody (0), the bridge (1) and the piano (2). `chords`, `beats` and `keys` are the annotations made of
the MIDI and of the audio, in seconds. Other arrangements of a song (`versions/`) lie in its split. There are no
published splits: they follow from the song's number.

Source: Wang et al., POP909: a Pop-song Dataset for Music Arrangement Generation, 2020.
"""

import re
from collections.abc import Mapping
from typing import Any

import datasets

from scorehub.dataset_builders import note_rows
from scorehub.dataset_builders.note_corpus import NoteConfig, NoteCorpus
from scorehub.dataset_builders.note_pieces import Facts, Files, Piece, Splits, split_by_group

ANNOTATIONS = ("chord_midi", "key_audio", "beat_midi")  # whose columns are `chords`, `keys`, `beats`

_PATH = re.compile(r"(?:.*/)?(\d{3})/(?:versions/)?([^/]+)\.midi?")
_SPAN = {"start": datasets.List(datasets.Value("float64")), "end": datasets.List(datasets.Value("float64"))}
_LABELLED = {**_SPAN, "label": datasets.List(datasets.Value("string"))}


class Pop909(NoteCorpus):
    """Songs with their annotations."""

    FACTS = Facts(
        title="POP909",
        homepage="https://github.com/music-x-lab/POP909-Dataset",
        license="MIT",
        citation="""@inproceedings{wang2020pop909,
  title={{POP909}: a Pop-song Dataset for Music Arrangement Generation},
  author={Ziyu Wang and Ke Chen and Junyan Jiang and Yiyi Zhang and Maoran Xu and Shuqi Dai and
    Guxian Bin and Gus Xia},
  booktitle={International Society for Music Information Retrieval Conference},
  year={2020}
}""",
        obtain="a checkout of github.com/music-x-lab/POP909-Dataset, or an archive of it",
    )
    COLUMNS = datasets.Features(
        {
            **note_rows.FEATURES,
            "chords": _LABELLED,
            "keys": _LABELLED,
            "beats": datasets.List(datasets.Value("float64")),
        }
    )
    BUILDER_CONFIGS = [  # noqa: RUF012 - the name and form that the library reads
        NoteConfig(name="songs", description="One arrangement a song, the published one."),
        NoteConfig(name="versions", description="All arrangements."),
    ]
    DEFAULT_CONFIG_NAME = "songs"

    def plan(self, files: Files) -> Splits:
        """See `NoteCorpus`."""
        found = [(name, match) for name in sorted(files.members) if (match := _PATH.fullmatch(name))]
        chosen = [pair for pair in found if self.config.name == "versions" or pair[1][1] == pair[1][2]]
        folders = {name[: match.start(1)] for name, match in chosen}
        if len(folders) > 1:
            raise ValueError(f"data_dir must have one POP909 folder, got {', '.join(sorted(folders))}")
        return split_by_group(self._piece(name, match) for name, match in chosen)

    def more(self, piece: Piece, loaded: Mapping[str, bytes]) -> dict[str, Any]:
        """See `NoteCorpus`; empty where a file is missing."""
        chords, keys, beats = (loaded.get(name, b"").decode("utf-8", "replace") for name in piece.beside)
        return {"chords": read_spans(chords), "keys": read_spans(keys), "beats": read_beats(beats)}

    def _piece(self, name: str, match: re.Match[str]) -> Piece:
        song, title = match[1], match[2]
        folder = name[: match.end(1) + 1]
        return Piece(
            path=name,
            title=title,
            group=f"pop909 {song}",
            source=f"POP909 {song}/{title}.mid",
            license=self.FACTS.license,
            beside=tuple(f"{folder}{kind}.txt" for kind in ANNOTATIONS),
        )


def read_spans(text: str) -> dict[str, list[Any]]:
    """Start, end and label of the lines that begin with two numbers."""
    starts, ends, labels = [], [], []
    for line in text.splitlines():
        try:
            start, end, *words = line.split()
            times = float(start), float(end)
        except ValueError:
            continue
        starts.append(times[0])
        ends.append(times[1])
        labels.append(" ".join(words))
    return {"start": starts, "end": ends, "label": labels}


def read_beats(text: str) -> list[float]:
    """The times with which lines begin; what follows says which beats are strong."""
    beats = []
    for line in text.splitlines():
        try:
            beats.append(float(line.split(maxsplit=1)[0]))
        except (ValueError, IndexError):
            continue
    return beats
