"""The builder behind `load_dataset("music_models")`: 39 works on making music by machine, a row each.

works = load_dataset("music_models", split="train")
works.filter(lambda work: work["family"] == "transformer")["name"]
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import datasets

from scorehub.dataset_builders.music_models.works import FIELDS, LISTS, Work, read_works, table

FEATURES = datasets.Features(
    {
        name: datasets.List(datasets.Value("string"))
        if name in LISTS
        else datasets.Value("int32" if name in ("year", "month") else "string")
        for name in FIELDS
    }
)


@dataclass
class WorksConfig(datasets.BuilderConfig):
    """The table as it is now."""

    def create_config_id(self, config_kwargs: dict[str, Any], custom_features: datasets.Features | None = None) -> str:
        """The cache's name for this configuration: changes with the table, of which the library does not know."""
        digest = hashlib.sha256(table().encode()).hexdigest()
        return super().create_config_id(config_kwargs | {"table": digest}, custom_features)


class MusicModels(datasets.GeneratorBasedBuilder):
    """The survey's works as a table."""

    VERSION = datasets.Version("1.0.0")
    BUILDER_CONFIG_CLASS = WorksConfig
    BUILDER_CONFIGS = [  # noqa: RUF012 - the name and form that the library reads
        WorksConfig(name="survey", description="The works of a survey of 2023, oldest first.")
    ]
    DEFAULT_CONFIG_NAME = "survey"

    def _info(self) -> datasets.DatasetInfo:
        return datasets.DatasetInfo(description=self.config.description, features=FEATURES)

    def _split_generators(self, dl_manager: Any) -> list[datasets.SplitGenerator]:
        return [datasets.SplitGenerator("train", {"works": read_works()})]

    def _generate_examples(self, works: list[Work]) -> Iterator[tuple[str, Work]]:
        for work in works:
            yield work["id"], work
