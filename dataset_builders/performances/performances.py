"""The builder behind `load_dataset("performances")`.

from datasets import load_dataset
import scorehub.dataset_builders

load_dataset("performances")                                   # `sample`: made up on the spot, offline
load_dataset("performances", "asap", data_dir="asap-dataset/")  # a checkout, or an archive of it
load_dataset("performances", "asap", data_dir="asap.tar.gz", audio=True)
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa

from scorehub.dataset_builders.archives import Archive, Folder
from scorehub.dataset_builders.failures import report_failure
from scorehub.dataset_builders.fingerprint import files_fingerprint
from scorehub.dataset_builders.parquet_shards import tables
from scorehub.dataset_builders.performances import sample
from scorehub.dataset_builders.performances.rows import Row, make_row, split_group
from scorehub.dataset_builders.performances.schema import FEATURES, LICENSE
from scorehub.dataset_builders.performances.source import INDEX_NAMES, Entry, open_source
from scorehub.dataset_builders.splits import SPLITS, split_of

CITATION = """@article{peter2023automatic,
  title={Automatic Note-Level Score-to-Performance Alignments in the ASAP Dataset},
  author={Silvan David Peter and Carlos Eduardo Cancino-Chac\\'on and Francesco Foscarin and Andrew Philip McLeod
    and Florian Henkel and Emmanouil Karystinaios and Gerhard Widmer},
  journal={Transactions of the International Society for Music Information Retrieval},
  year={2023}
}"""
HOMEPAGE = "https://github.com/CPJKU/asap-dataset"


@dataclass
class PerformancesConfig(datasets.BuilderConfig):
    """`sample` or `asap`."""

    audio: bool = False  # whether performances are synthesised: minutes each
    failures_dir: str | None = None  # receives the reasons for what is left out

    def create_config_id(self, config_kwargs: dict[str, Any], custom_features: datasets.Features | None = None) -> str:
        """The cache's name for this configuration: changes with the files, of which the library knows the folder."""
        if self.name == "asap" and self.data_dir:
            beside = [Path(self.data_dir).parent / name for name in INDEX_NAMES]  # of an archive
            config_kwargs = config_kwargs | {"inputs": files_fingerprint(self.data_dir, *beside)}
        return super().create_config_id(config_kwargs, custom_features)


class Performances(datasets.ArrowBasedBuilder):
    """Scores, performances of them, and their alignment by beats and notes; splits are by piece."""

    VERSION = datasets.Version("1.0.0")
    BUILDER_CONFIG_CLASS = PerformancesConfig
    BUILDER_CONFIGS = [  # noqa: RUF012 - the name and form that the library reads
        PerformancesConfig(
            name="sample", description="Small, offline: public-domain tunes; performances are made up."
        ),
        PerformancesConfig(name="asap", description="(n)ASAP: piano music with up to 1,067 human performances."),
    ]
    DEFAULT_CONFIG_NAME = "sample"
    DEFAULT_WRITER_BATCH_SIZE = 20  # a score can have a megabyte

    def _info(self) -> datasets.DatasetInfo:
        return datasets.DatasetInfo(
            description=self.config.description, features=FEATURES, homepage=HOMEPAGE, citation=CITATION
        )

    def _split_generators(self, dl_manager: Any) -> list[datasets.SplitGenerator]:
        files, entries = open_source(self._data_dir())
        pieces: dict[str, list[Entry]] = defaultdict(list)
        for entry in entries:
            pieces[entry.piece].append(entry)
        whole = {piece: tuple(performances) for piece, performances in sorted(pieces.items())}
        splits = {piece: split_of(split_group(performances[0])) for piece, performances in whole.items()}
        return [
            datasets.SplitGenerator(split, {"pieces": chosen, "entries": whole, "files": files})
            for split in SPLITS
            if (chosen := [piece for piece in whole if splits[piece] == split])
        ]

    def _data_dir(self) -> Path:
        if self.config.name == "sample":
            cache = Path(datasets.config.HF_DATASETS_CACHE)
            return sample.write_sample(cache / "performances_sample" / str(self.VERSION))
        if self.config.data_dir is None:
            raise ValueError("data_dir must be a folder or an archive of ASAP, got None")
        return Path(self.config.data_dir)

    def _generate_tables(
        self, pieces: list[str], entries: Mapping[str, tuple[Entry, ...]], files: Folder | Archive
    ) -> Iterator[tuple[int, pa.Table]]:
        yield from tables(self._rows(pieces, entries, files), FEATURES)

    def _rows(
        self, pieces: list[str], entries: Mapping[str, tuple[Entry, ...]], files: Folder | Archive
    ) -> Iterator[Row]:
        seen: set[str] = set()
        for piece in pieces:
            try:
                loaded = files.load([name for entry in entries[piece] for name in entry.files])
            except ValueError as error:
                report_failure(piece, str(error), self.config.failures_dir)
                continue
            for entry in entries[piece]:
                try:
                    if entry.performance_midi in seen:
                        raise ValueError("performance must be in the index once, got it again")
                    seen.add(entry.performance_midi)
                    row = make_row(entry, loaded, self.config.audio)
                except ValueError as error:
                    report_failure(entry.performance_midi, str(error), self.config.failures_dir)
                else:
                    yield row | self._origin(entry)

    def _origin(self, entry: Entry) -> Row:
        if self.config.name == "sample":
            return {"source": f"made up, not human: {entry.performance_midi}", "license": sample.LICENSE}
        return {"source": f"(n)ASAP {entry.performance_midi}", "license": LICENSE}
