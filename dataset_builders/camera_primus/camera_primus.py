"""The builder behind `load_dataset("camera_primus")`.

from datasets import load_dataset
import scorehub.dataset_builders

load_dataset("camera_primus")                                          # `sample`: engraved on the spot, offline
load_dataset("camera_primus", "engraved", data_dir="incipits.tsv")     # any Plaine & Easie or **kern
load_dataset("camera_primus", "full", data_dir="Corpus/", lists_dir="lists/", grouped=False)
load_dataset("camera_primus", "cleansed", data_dir="CameraPrIMuS.tgz", lists_dir="lists/", fold=0, fraction=0.6)
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa

from scorehub.dataset_builders.camera_primus import published, splits
from scorehub.dataset_builders.camera_primus.engraved import CAMERAS, engrave_incipit
from scorehub.dataset_builders.camera_primus.incipits import Incipit, read_incipits
from scorehub.dataset_builders.camera_primus.items import Item, Sound, make_row
from scorehub.dataset_builders.camera_primus.sample import sample_incipits
from scorehub.dataset_builders.camera_primus.schema import FEATURES, FOLDS
from scorehub.dataset_builders.failures import report_failure
from scorehub.dataset_builders.fingerprint import files_fingerprint
from scorehub.dataset_builders.parquet_shards import tables

CITATION = """@inproceedings{calvozaragoza2018camera,
  title={Camera-PrIMuS: Neural End-to-End Optical Music Recognition on Realistic Monophonic Scores},
  author={Jorge Calvo-Zaragoza and David Rizo},
  booktitle={Proceedings of the 19th International Society for Music Information Retrieval Conference},
  pages={248--255},
  year={2018}
}"""
HOMEPAGE = "https://grfia.dlsi.ua.es/primus/"
PUBLISHED_LICENSE = "as stated by the authors of PrIMuS"
TEXTS = (".semantic", ".agnostic", ".mei", ".pae")


@dataclass
class CameraPrimusConfig(datasets.BuilderConfig):
    """`sample`, `engraved`, `full` or `cleansed`."""

    lists_dir: str | None = None  # published id lists, for cleansed, and for full where grouped is off
    fold: int = 0  # 0 to 4: the one that is tested
    grouped: bool | None = None  # all items of a source on one side; by default unless published lists say otherwise
    fraction: float = 1.0  # of each split; the thesis takes 0.6
    seed: int = 0  # of the fraction, and of fonts, layouts and distortions
    camera: str = "primus"  # how engraved items are distorted: primus or photo
    audio: bool = True
    tempo: float = 120.0  # quarters a minute
    soundfont: str | None = None  # a .sf2 file; a piano that comes along by default
    max_seconds: float = 60.0  # items that would sound longer have no audio
    failures_dir: str | None = None  # receives the reasons for what is left out

    def create_config_id(self, config_kwargs: dict[str, Any], custom_features: datasets.Features | None = None) -> str:
        """The cache's name for this configuration: changes with the files, of which the library knows the paths."""
        if paths := [path for path in (self.data_dir, self.lists_dir, self.soundfont) if path]:
            config_kwargs = config_kwargs | {"inputs": files_fingerprint(*paths)}
        return super().create_config_id(config_kwargs, custom_features)

    def check(self) -> None:
        """Raises a ValueError that names an option out of its range; the library sets options after construction."""
        if not 0 <= self.fold < FOLDS:
            raise ValueError(f"fold must be 0 to {FOLDS - 1}, got {self.fold}")
        if self.camera not in CAMERAS:
            raise ValueError(f"camera must be one of {', '.join(CAMERAS)}, got {self.camera!r}")
        self.sound()

    def sound(self) -> Sound:
        """How items sound."""
        return Sound(self.audio, self.tempo, self.soundfont, self.max_seconds)


class CameraPrimus(datasets.ArrowBasedBuilder):
    """Monophonic staves with tokens and sound (seed section 3, and its table 1 for the cleansed part)."""

    VERSION = datasets.Version("1.0.0")
    BUILDER_CONFIG_CLASS = CameraPrimusConfig
    BUILDER_CONFIGS = [  # noqa: RUF012 - the name and form that the library reads
        CameraPrimusConfig(name="sample", description="Small, offline: lines of public-domain tunes, engraved."),
        CameraPrimusConfig(name="engraved", description="Any incipits in Plaine & Easie or **kern, engraved."),
        CameraPrimusConfig(name="full", description="The published corpus: 87,678 incipits."),
        CameraPrimusConfig(name="cleansed", description="The published subset for images and sound: 22,285 incipits."),
    ]
    DEFAULT_CONFIG_NAME = "sample"
    DEFAULT_WRITER_BATCH_SIZE = 100

    def _info(self) -> datasets.DatasetInfo:
        self.config.check()
        return datasets.DatasetInfo(
            description=self.config.description, features=FEATURES, homepage=HOMEPAGE, citation=CITATION
        )

    def _split_generators(self, dl_manager: Any) -> list[datasets.SplitGenerator]:
        if self.config.name in ("full", "cleansed"):
            return self._published_splits()
        incipits = self._incipits()
        ids = splits.grouped_splits([(item, incipit.group) for item, incipit in incipits.items()], self.config.fold)
        chosen = {split: self._sampled(items) for split, items in ids.items()}
        if not any(chosen.values()):
            raise ValueError(f"fraction must leave one of {len(incipits)} incipits, got {self.config.fraction}")
        return [datasets.SplitGenerator(split, {"sources": items}) for split, items in chosen.items() if items]

    def _published_splits(self) -> list[datasets.SplitGenerator]:
        if self.config.data_dir is None:
            raise ValueError("data_dir must be a folder of Camera-PrIMuS or its archive, got None")
        sources = published.find_sources(Path(self.config.data_dir))
        contents = {source: published.item_ids(source) for source in sources}
        present = {item for items in contents.values() for item in items}
        generators = []
        for split, ids in self._published_ids(present).items():
            wanted = frozenset(self._sampled(ids)) & present
            holding = [source for source in sources if not wanted.isdisjoint(contents[source])]
            if holding:
                generators.append(datasets.SplitGenerator(split, {"sources": holding, "wanted": wanted}))
        if not generators:
            raise ValueError(f"data_dir must hold items of the lists, got none of {len(present)} in them")
        return generators

    def _published_ids(self, present: set[str]) -> dict[str, list[str]]:
        lists, fold = Path(self.config.lists_dir or self.config.data_dir), self.config.fold
        cleansed = self.config.name == "cleansed"
        grouped = not cleansed if self.config.grouped is None else self.config.grouped
        if grouped:
            ids = splits.cleansed_ids(lists) if cleansed else sorted(present)
            return splits.grouped_splits([(item, splits.group_of(item)) for item in ids], fold)
        return splits.cleansed_splits(lists, fold) if cleansed else splits.official_splits(lists, self.config.seed)

    def _sampled(self, ids: list[str]) -> list[str]:
        return splits.sample(ids, self.config.fraction, self.config.seed)

    def _incipits(self) -> dict[str, Incipit]:
        if self.config.name == "sample":
            return sample_incipits()
        if self.config.data_dir is None:
            raise ValueError("data_dir must be a table, file or folder of incipits, got None")
        return read_incipits(Path(self.config.data_dir))

    def _generate_tables(
        self, sources: list[str], wanted: frozenset[str] | None = None
    ) -> Iterator[tuple[int, pa.Table]]:
        yield from tables(self._rows(sources, wanted), FEATURES)

    def _rows(self, sources: list[str], wanted: frozenset[str] | None) -> Iterator[dict[str, Any]]:
        items = self._engraved(sources) if wanted is None else _published(sources, wanted)
        for name, make in items:
            try:
                row = make_row(make(), self.config.sound())
            except ValueError as error:
                report_failure(name, str(error), self.config.failures_dir)
            else:
                yield row

    def _engraved(self, ids: list[str]) -> Iterator[tuple[str, Callable[[], Item]]]:
        incipits = self._incipits()
        for item in ids:
            yield item, partial(engrave_incipit, incipits[item], self.config.camera, self.config.seed)


def _published(sources: list[str], wanted: frozenset[str]) -> Iterator[tuple[str, Callable[[], Item]]]:
    for source in sources:
        for item, files in published.read_source(source, wanted):
            yield item, partial(_published_item, item, files)


def _published_item(item: str, files: published.Files | ValueError) -> Item:
    if isinstance(files, ValueError):
        raise files
    texts = {suffix: data.decode("utf-8") for suffix, data in files.items() if suffix in TEXTS}
    return Item(
        id=item,
        image=files[".png"],
        distorted=files.get("_distorted.jpg"),
        semantic=texts[".semantic"],
        agnostic=texts.get(".agnostic", ""),
        mei=texts.get(".mei", ""),
        notation=texts.get(".pae", ""),
        notation_format="pae" if ".pae" in texts else "",
        midi=files.get(".mid"),
        group=splits.group_of(item),
        source=f"Camera-PrIMuS {item}",
        license=PUBLISHED_LICENSE,
    )
