"""The builder behind `load_dataset("pop909")`: piano arrangements of 909 pop songs, with beats, chords and keys.

load_dataset("pop909", data_dir="POP909-Dataset/")  # a checkout, or an archive of it

Tracks are the melody (0), the bridge (1) and the piano (2). `chords`, `beats` and `keys` are the annotations made of
the MIDI and of the audio, in seconds. Other arrangements of a song (`versions/`) lie in its split. There are no
published splits: they follow from the song's number.

Source: Wang et al., POP909: a Pop-song Dataset for Music Arrangement Generation, 2020.
"""

import re
from collections.abc import Iterator
from typing import Any

import datasets

from scorehub.dataset_builders import note_rows
from scorehub.dataset_builders.note_corpus import Facts, Files, NoteConfig, NoteCorpus, Piece, Splits, split_by_group

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
        folders = {name.split(f"/{match[1]}/")[0] for name, match in chosen}
        if len(folders) > 1:
            raise ValueError(f"data_dir must have one POP909 folder, got {', '.join(sorted(folders))}")
        return split_by_group(self._piece(name, match, files) for name, match in chosen)

    def _piece(self, name: str, match: re.Match[str], files: Files) -> Piece:
        song, title = match[1], match[2]
        folder = name[: name.rindex(f"{song}/") + 4]
        return Piece(
            path=name,
            title=title,
            group=f"pop909 {song}",
            source=f"POP909 {song}/{title}.mid",
            license=self.FACTS.license,
            more=read_annotations(files, folder),
        )


def read_annotations(files: Files, folder: str) -> dict[str, Any]:
    """Chords and beats of the MIDI and keys of the audio; empty where a file is missing."""
    names = {kind: f"{folder}{kind}.txt" for kind in ("chord_midi", "key_audio", "beat_midi")}
    there = [name for name in names.values() if name in files.members]
    texts = {name: data.decode("utf-8", "replace") for name, data in files.load(there).items()}
    return {
        "chords": _spans(texts.get(names["chord_midi"], "")),
        "keys": _spans(texts.get(names["key_audio"], "")),
        "beats": [row[0] for row in _numbers(texts.get(names["beat_midi"], ""), 1)],
    }


def _spans(text: str) -> dict[str, list[Any]]:
    rows = list(_numbers(text, 2))
    return {"start": [row[0] for row in rows], "end": [row[1] for row in rows], "label": [row[2] for row in rows]}


def _numbers(text: str, count: int) -> Iterator[tuple[Any, ...]]:
    """Lines that begin with so many numbers: these, and what follows."""
    for line in text.splitlines():
        parts = line.split()
        try:
            numbers = [float(part) for part in parts[:count]]
        except ValueError:
            continue
        if len(numbers) == count:
            yield *numbers, " ".join(parts[count:])
