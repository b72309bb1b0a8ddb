"""The builder behind `load_dataset("msmd")`.

from datasets import load_dataset
import scorehub.dataset_builders

load_dataset("msmd")                                              # `sample`: engraved on the spot, offline
load_dataset("msmd", "rebuilt", data_dir="msmd_rebuilt/")         # pages, MIDI and noteheads from LilyPond sources
load_dataset("msmd", "original", data_dir="msmd/", splits_file="all_split.yaml")
load_dataset("msmd", "rl", data_dir="score_following_game/data/")
load_dataset("msmd", "cyolo", data_dir="msmd/", layout="strip")
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa

from scorehub.dataset_builders.failures import report_failure
from scorehub.dataset_builders.file_names import as_text
from scorehub.dataset_builders.fingerprint import files_fingerprint
from scorehub.dataset_builders.msmd import cyolo, folders, game, rebuilt
from scorehub.dataset_builders.msmd.items import LICENCE, Item, Options, make_row
from scorehub.dataset_builders.msmd.safe_npz import MAX_NPZ_BYTES
from scorehub.dataset_builders.msmd.sample import LICENCE as SAMPLE_LICENCE
from scorehub.dataset_builders.msmd.sample import SAMPLE_SPLITS, sample_item
from scorehub.dataset_builders.msmd.schema import FEATURES
from scorehub.dataset_builders.msmd.split_lists import read_splits, split_of_folder, split_of_name
from scorehub.dataset_builders.parquet_shards import tables
from scorehub.dataset_builders.splits import SPLITS

CITATION = """@article{dorfer2018learning,
  title={Learning Audio--Sheet Music Correspondences for Cross-Modal Retrieval and Piece Identification},
  author={Matthias Dorfer and Jan Haji{\\v{c}} jr. and Andreas Arzt and Harald Frostel and Gerhard Widmer},
  journal={Transactions of the International Society for Music Information Retrieval},
  volume={1},
  number={1},
  pages={22--33},
  year={2018}
}"""
HOMEPAGE = "https://github.com/CPJKU/msmd"

_VERSION = re.compile(r" \d[\d.]*$")


@dataclass
class MsmdConfig(datasets.BuilderConfig):
    """`sample`, `rebuilt`, `original`, `rl` or `cyolo`."""

    splits_file: str | None = None  # MSMD's lists of pieces; else folders decide, or the table of `rebuilt`
    layout: str | None = None  # pages or strip; as the source has it by default
    audio: bool = True
    soundfont: str | None = None  # a .sf2 file for what has no recording; TimGM6mb by default
    licences: tuple[str, ...] | None = None  # that pieces may have, with or without their version
    performances: str = "natural"  # of each piece in `original`: natural (tempo, one of them) or all
    failures_dir: str | None = None  # receives the reasons for what is left out

    def create_config_id(self, config_kwargs: dict[str, Any], custom_features: datasets.Features | None = None) -> str:
        """The cache's name for this configuration: changes with the files, of which the library knows the paths."""
        # The game's MIDI may lie beside the folder, see `game.find_midi`.
        beside = Path(self.data_dir).parent / "performance" if self.data_dir and self.name == "rl" else None
        if paths := [path for path in (self.data_dir, beside, self.splits_file, self.soundfont) if path]:
            config_kwargs = config_kwargs | {"inputs": files_fingerprint(*paths)}
        return super().create_config_id(config_kwargs, custom_features)

    def check(self) -> None:
        """Raises ValueError for options out of range; the library sets them on a copy, after `__post_init__`."""
        if self.performances not in ("natural", "all"):
            raise ValueError(f"performances must be natural or all, got {self.performances!r}")
        if self.name == "rl" and self.layout == "pages":
            raise ValueError("layout must be strip for msmd 'rl', whose files have no pages, got 'pages'")
        self.options()

    def options(self) -> Options:
        """What rows are to hold."""
        return Options(self.layout, self.audio, self.soundfont)

    def folder(self) -> Path:
        """The folder of the data.

        Raises:
            ValueError: none is named, or there is none.
        """
        if self.data_dir is None or not Path(self.data_dir).is_dir():
            raise ValueError(f"data_dir must be a folder of msmd {self.name!r}, got {self.data_dir}")
        return Path(self.data_dir)

    def allows(self, licence: str) -> bool:
        """Whether a piece may come in; of several licences, joined by semicolons, each must be allowed."""
        if self.licences is None:
            return True
        allowed = set(self.licences)
        return all({part, _VERSION.sub("", part)} & allowed for part in licence.split("; "))


class Msmd(datasets.ArrowBasedBuilder):
    """Scores as images, with the place and time of each notehead (Dorfer et al. 2018; seed section 2)."""

    VERSION = datasets.Version("1.0.0")
    BUILDER_CONFIG_CLASS = MsmdConfig
    BUILDER_CONFIGS = [  # noqa: RUF012 - the name and form that the library reads
        MsmdConfig(name="sample", description="Small, offline: engraved on the spot from public-domain tunes."),
        MsmdConfig(name="rebuilt", description="MSMD's pieces, engraved anew from Mutopia's LilyPond sources."),
        MsmdConfig(name="original", description="The published folders of MSMD."),
        MsmdConfig(name="rl", description="The published strips of the score following game."),
        MsmdConfig(name="cyolo", description="The published pages of CYOLO."),
    ]
    DEFAULT_CONFIG_NAME = "sample"

    def _info(self) -> datasets.DatasetInfo:
        self.config.check()
        return datasets.DatasetInfo(
            description=self.config.description, features=FEATURES, homepage=HOMEPAGE, citation=CITATION
        )

    def _split_generators(self, dl_manager: Any) -> list[datasets.SplitGenerator]:
        pieces = self._pieces()
        if self.config.splits_file is not None:
            pieces = self._listed(pieces, read_splits(Path(self.config.splits_file)))
        by_split = {split: [piece for piece, own in pieces.items() if own == split] for split in SPLITS}
        if not any(by_split.values()):
            raise ValueError(f"msmd {self.config.name!r} must have pieces that the options allow, got none")
        return [datasets.SplitGenerator(split, {"pieces": names}) for split, names in by_split.items() if names]

    def _pieces(self) -> dict[str, str]:
        """Piece, or path of its file below the folder -> split, sorted."""
        if self.config.name == "rebuilt":
            table = rebuilt.read_pieces(self.config.folder())
            allowed = {piece: row for piece, row in table.items() if self.config.allows(row["licence"])}
            return {piece: split_of_name(row["split"]) for piece, row in allowed.items()}
        if not self.config.allows(SAMPLE_LICENCE if self.config.name == "sample" else LICENCE):
            return {}
        if self.config.name == "sample":
            return SAMPLE_SPLITS
        if self.config.name == "original":
            return dict.fromkeys(folders.find_pieces(self.config.folder()), SPLITS[0])
        folder = self.config.folder()
        found = sorted(path.relative_to(folder) for path in folder.rglob("*.npz"))
        return {path.as_posix(): split_of_folder(folder.name / path) for path in found}

    def _listed(self, pieces: dict[str, str], splits: dict[str, str]) -> dict[str, str]:
        named = {piece: splits.get(_piece_name(piece)) for piece in pieces}
        for piece in [piece for piece, split in named.items() if split is None]:
            report_failure(piece, "in no list of splits_file", self.config.failures_dir)
        return {piece: split for piece, split in named.items() if split is not None}

    def _generate_tables(self, pieces: list[str]) -> Iterator[tuple[int, pa.Table]]:
        yield from tables(self._rows(pieces), FEATURES)

    def _rows(self, pieces: list[str]) -> Iterator[dict[str, Any]]:
        for key, make in self._items(pieces):
            try:
                row = make_row(make(), self.config.options())
            except (ValueError, OSError) as error:
                report_failure(key, str(error), self.config.failures_dir)
            else:
                yield row

    def _items(self, pieces: list[str]) -> Iterator[tuple[str, Callable[[], Item]]]:
        if self.config.name == "sample":
            yield from ((piece, partial(sample_item, piece)) for piece in pieces)
        elif self.config.name == "rebuilt":
            source = rebuilt.open_rebuilt(self.config.folder())
            yield from ((piece, partial(_rebuilt_item, piece, source)) for piece in pieces)
        elif self.config.name == "original":
            yield from self._original(pieces)
        else:
            read = _game_item if self.config.name == "rl" else _cyolo_item
            yield from ((piece, partial(read, self.config.folder() / piece)) for piece in pieces)

    def _original(self, pieces: list[str]) -> Iterator[tuple[str, Callable[[], Item]]]:
        for piece in pieces:
            folder = self.config.folder() / piece
            performances = folders.find_performances(folder, every=self.config.performances == "all")
            pairs = [(score, performance) for score in folders.find_scores(folder) for performance in performances]
            if not pairs:
                report_failure(piece, "no page images or no performances", self.config.failures_dir)
            for score, performance in pairs:
                yield f"{score}/{performance}", partial(_original_item, folder, score, performance)


def _piece_name(path: str) -> str:
    """`PIECE` for `msmd_test/PIECE_synth.npz`, CYOLO's name of what was rendered."""
    return as_text(path).rpartition("/")[2].removesuffix(".npz").removesuffix("_synth")


def _rebuilt_item(piece: str, source: rebuilt.Source) -> Item:
    score, midi = rebuilt.read_rebuilt(piece, source)
    about = source.pieces[piece]
    origin = f"Mutopia {about['mutopia_dir']}" if about.get("mutopia_dir") else "Mutopia"
    return Item(piece, score, midi, licence=about["licence"], source=origin)


def _original_item(folder: Path, score: str, performance: str) -> Item:
    return Item(
        as_text(folder.name),
        folders.read_score(folder / "scores" / score, performance),
        folders.read_midi_file(folder, performance),
        score_name=as_text(score),
        performance=as_text(performance),
        features=folders.read_features(folder, performance),
    )


def _game_item(path: Path) -> Item:
    midi = game.find_midi(path).read_bytes()
    score = game.read_game(_npz_bytes(path), midi)
    return Item(_piece_name(path.name), score, midi, layout="strip", source="score following game")


def _cyolo_item(path: Path) -> Item:
    midi, recording = path.with_suffix(".mid"), path.with_suffix(".wav")
    return Item(
        _piece_name(path.name),
        cyolo.read_cyolo(_npz_bytes(path)),
        midi.read_bytes() if midi.is_file() else None,
        recording.read_bytes() if recording.is_file() else None,
        performance=as_text(path.stem),
        source="CYOLO",
    )


def _npz_bytes(path: Path) -> bytes:
    if path.stat().st_size > MAX_NPZ_BYTES:
        raise ValueError(f"npz must have at most {MAX_NPZ_BYTES} bytes, got {path.stat().st_size}")
    return path.read_bytes()
