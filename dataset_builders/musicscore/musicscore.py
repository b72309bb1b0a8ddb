"""The builder behind `load_dataset("musicscore")`.

from datasets import load_dataset
import scorehub.dataset_builders

load_dataset("musicscore")                                  # `sample`: made on the spot, offline
load_dataset("musicscore", "pdf", data_dir="pdfs/")         # any folder of PDFs, curated
load_dataset("musicscore", "14k", data_dir="MusicScore/")   # the published form, a local copy
load_dataset("musicscore", "200k", streaming=True)          # the published form, from the Hub
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import datasets
from datasets.utils import logging

from scorehub.dataset_builders.musicscore import published
from scorehub.dataset_builders.musicscore.config import EMBEDDED_MODEL, CurationConfig
from scorehub.dataset_builders.musicscore.metadata import find_metadata_files, load_metadata
from scorehub.dataset_builders.musicscore.schema import FEATURES
from scorehub.dataset_builders.parquet_shards import read_shards
from scorehub.dataset_builders.splits import SPLITS

CITATION = """@misc{lin2024musicscore,
  title={MusicScore: A Dataset for Music Score Modeling and Generation},
  author={Yuheng Lin and Zheqi Dai and Qiuqiang Kong},
  year={2024},
  eprint={2406.11462},
  archivePrefix={arXiv}
}"""
HOMEPAGE = "https://huggingface.co/datasets/ZheqiDAI/MusicScore"

logger = logging.get_logger(__name__)


@dataclass
class MusicScoreConfig(datasets.BuilderConfig):
    """`sample`, `pdf`, or one of the published sizes; the options are those of curation and concern the first two."""

    metadata: list[str] = field(default_factory=list)  # JSON, CSV, saved IMSLP pages; found beside the PDFs by default
    preset: str = "default"  # default or paper
    classifier: str = str(EMBEDDED_MODEL)
    min_probability: float = 0.5
    min_music_fraction: float = 0.0
    workers: int = 1  # PDFs that are read at a time

    def create_config_id(self, config_kwargs: dict[str, Any], custom_features: datasets.Features | None = None) -> str:
        """The cache's name for this configuration: changes with the PDFs, which the library knows by folder only."""
        if self.name == "pdf" and (self.data_dir or self.data_files):
            config_kwargs = config_kwargs | {"inputs": self.curation().fingerprint()}
        return super().create_config_id(config_kwargs, custom_features)

    def curation(self) -> CurationConfig:
        """What to curate, with results in the cache of `datasets`.

        Raises:
            ValueError: no PDFs are named.
        """
        folder, select = self._pdfs()
        metadata = [Path(path) for path in self.metadata] or find_metadata_files(folder)
        config = CurationConfig(
            pdf_dir=folder,
            out_dir=Path(datasets.config.HF_DATASETS_CACHE) / "musicscore_curation",
            metadata=tuple(metadata),
            preset=self.preset,
            classifier=self.classifier,
            select=select,
            min_probability=self.min_probability,
            min_music_fraction=self.min_music_fraction,
        )
        return replace(config, out_dir=config.out_dir / config.fingerprint())

    def _pdfs(self) -> tuple[Path, tuple[str, ...]]:
        if self.data_files:
            paths = [Path(path) for files in self.data_files.values() for path in files]
            folder = Path(os.path.commonpath([path.parent for path in paths]))
            return folder, tuple(path.relative_to(folder).as_posix() for path in paths)
        if not self.data_dir:
            raise ValueError("data_dir must be a folder of PDFs for musicscore 'pdf', got None")
        return Path(self.data_dir), ()


class MusicScore(datasets.GeneratorBasedBuilder):
    """Pages of printed music with what is known about the work (seed section 3)."""

    VERSION = datasets.Version("1.0.0")
    BUILDER_CONFIG_CLASS = MusicScoreConfig
    BUILDER_CONFIGS = [  # noqa: RUF012 - the name and form that the library reads
        MusicScoreConfig(name="sample", description="Small, offline: engraved on the spot from public-domain tunes."),
        MusicScoreConfig(name="pdf", description="Any folder of score PDFs, curated."),
        MusicScoreConfig(name="400", description="Published: 403 pages of 19 works."),
        MusicScoreConfig(name="14k", description="Published: 14,656 pages."),
        MusicScoreConfig(name="200k", description="Published: 200,480 pages."),
    ]
    DEFAULT_CONFIG_NAME = "sample"
    DEFAULT_WRITER_BATCH_SIZE = 100  # pages are large

    def _info(self) -> datasets.DatasetInfo:
        return datasets.DatasetInfo(
            description=self.config.description, features=FEATURES, homepage=HOMEPAGE, citation=CITATION
        )

    def _split_generators(self, dl_manager: Any) -> list[datasets.SplitGenerator]:
        if self.config.name in published.FOLDERS:
            return self._published_splits(dl_manager)
        shards = sorted((self._curate() / "data").glob("*.parquet"))
        files = {split: [str(path) for path in shards if path.name.startswith(split)] for split in SPLITS}
        return [datasets.SplitGenerator(split, {"shards": paths}) for split, paths in files.items() if paths]

    def _curate(self) -> Path:
        """The curated dataset's folder, built where it does not exist yet."""
        from scorehub.dataset_builders.machines import Machines
        from scorehub.dataset_builders.musicscore.curation import curate
        from scorehub.dataset_builders.musicscore.sample.folder import write_sample

        if self.config.name == "sample":
            folder = write_sample(Path(datasets.config.HF_DATASETS_CACHE) / "musicscore_sample" / str(self.VERSION))
            self.config.data_dir, self.config.data_files = str(folder), None
        return curate(self.config.curation(), Machines(self.config.workers))

    def _published_splits(self, dl_manager: Any) -> list[datasets.SplitGenerator]:
        layout = self._layout()
        # A stream fetches nothing, but the metadata is needed whole, before the first page.
        local = datasets.DownloadManager(download_config=dl_manager.download_config).download(layout.metadata)
        table = load_metadata([Path(path) for path in local])
        files = dl_manager.download(layout.splits)
        return [
            datasets.SplitGenerator(name=split, gen_kwargs={"shards": paths, "table": table, "archives": dl_manager})
            for split, paths in files.items()
        ]

    def _layout(self) -> published.Layout:
        if not self.config.data_files:
            return published.find_layout(self.config.data_dir or published.HUB_FOLDER, self.config.name)
        files: Mapping[str, list[str]] = self.config.data_files
        named = {str(split): [str(path) for path in paths] for split, paths in files.items()}
        pages = {split: [p for p in paths if not p.endswith(".json")] for split, paths in named.items()}
        return published.Layout(
            splits={split: paths for split, paths in pages.items() if paths},
            metadata=[p for paths in named.values() for p in paths if p.endswith(".json")],
        )

    def _generate_examples(
        self, shards: list[str], table: Any = None, archives: Any = None
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        rows = _curated_rows(shards) if table is None else _published_rows(shards, table, archives)
        yield from enumerate(rows)


def _curated_rows(shards: list[str]) -> Iterator[dict[str, Any]]:
    yield from read_shards(shards)


def _published_rows(shards: list[str], table: Any, archives: Any) -> Iterator[dict[str, Any]]:
    """Rows out of archives or single images, and a report of what could not be used."""
    report = published.Report()
    yield from published.read_pages(published.members(shards, archives), table, report)
    for line in report.lines():
        logger.warning(line)
