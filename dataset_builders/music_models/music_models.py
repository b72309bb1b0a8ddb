"""The builder behind `load_dataset("music_models")`: 39 works on making music by machine, a row each.

works = load_dataset("music_models", split="train")
works.filter(lambda work: work["family"] == "transformer")["name"]
"""

from collections.abc import Iterator
from typing import Any

import datasets

from scorehub.dataset_builders.music_models.works import FIELDS, LISTS, Work, read_works

FEATURES = datasets.Features(
    {
        name: datasets.List(datasets.Value("string"))
        if name in LISTS
        else datasets.Value("int32" if name in ("year", "month") else "string")
        for name in FIELDS
    }
)


class MusicModels(datasets.GeneratorBasedBuilder):
    """The survey's works as a table."""

    VERSION = datasets.Version("1.0.0")
    BUILDER_CONFIGS = [  # noqa: RUF012 - the name and form that the library reads
        datasets.BuilderConfig(name="survey", description="The works of a survey of 2023, oldest first.")
    ]
    DEFAULT_CONFIG_NAME = "survey"

    def _info(self) -> datasets.DatasetInfo:
        return datasets.DatasetInfo(description=self.config.description, features=FEATURES)

    def _split_generators(self, dl_manager: Any) -> list[datasets.SplitGenerator]:
        return [datasets.SplitGenerator("train", {"works": read_works()})]

    def _generate_examples(self, works: list[Work]) -> Iterator[tuple[str, Work]]:
        for work in works:
            yield work["id"], work
