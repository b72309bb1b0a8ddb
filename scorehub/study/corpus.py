"""The corpus of a study, as Camera-PrIMuS comes: a folder for each item, and lists of five folds.

Published lists are taken as they are, or a seeded sample of each, as in the thesis. Incipits are engraved once, into
the same form, and shared out to folds by their sources (`splits.grouped_splits`). What is there is not made again.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from scorehub.study.files import read_json, write_json, write_text, write_whole
from scorehub.study.settings import FOLDS, StudyConfig
from scorehub.study.workers import each

# What builds on this package is imported where it is used: top-level imports point the other way.
if TYPE_CHECKING:
    from scorehub.dataset_builders.camera_primus.incipits import Incipit

PARTS = {"train": "train", "validation": "val", "test": "test"}  # and their names in published lists
Lists = dict[str, list[str]]  # of each part


class Corpus(NamedTuple):
    """Where items and lists are."""

    data_dir: str
    lists_dir: str

    def lists(self, fold: int) -> Lists:
        """Ids of each part of a fold."""
        folder = Path(self.lists_dir)
        return {part: (folder / _list_name(name, fold)).read_text().split() for part, name in PARTS.items()}


def prepare(config: StudyConfig) -> Corpus:
    """Engraves what must be engraved, and writes the lists.

    Raises:
        ValueError: a list or a table is missing or damaged, or nothing can be engraved.
    """
    from scorehub.dataset_builders.camera_primus import splits

    output = Path(config.output_dir)
    if config.lists_dir:
        data_dir = config.data_dir
        folds = {fold: splits.cleansed_splits(Path(config.lists_dir), fold) for fold in range(FOLDS)}
    else:
        data_dir = str(output / "corpus")
        groups = engrave(config, output / "corpus")
        folds = {fold: splits.grouped_splits(list(groups.items()), fold) for fold in range(FOLDS)}
    corpus = Corpus(data_dir, str(output / "lists"))
    for fold, lists in folds.items():
        for part, ids in sample_lists(lists, config.sample, config.seed).items():
            write_text(Path(corpus.lists_dir) / _list_name(PARTS[part], fold), "\n".join(ids) + "\n")
    return corpus


def sample_lists(lists: Mapping[str, list[str]], share: float, seed: int) -> Lists:
    """A seeded part of each list: at 0.6 the thesis's 8,023 of 13,371 and 2,674 of 4,457 (table 1)."""
    from scorehub.dataset_builders.camera_primus.splits import sample

    return {part: sample(ids, share, seed) if share < 1 else list(ids) for part, ids in lists.items()}


def engrave(config: StudyConfig, folder: Path) -> dict[str, str]:
    """Engraves the incipits that can be engraved; returns their ids and sources.

    Raises:
        ValueError: there are none.
    """
    from scorehub.dataset_builders.camera_primus.incipits import read_incipits
    from scorehub.dataset_builders.camera_primus.sample import sample_incipits

    groups: dict[str, str] | None = read_json(folder / "engraved.json")
    if groups is None:
        incipits = read_incipits(Path(config.data_dir)) if config.data_dir else sample_incipits()
        done = each(_engrave, (folder, config.seed), list(incipits.values()), config.jobs, "engraving")
        groups = {item: incipits[item].group for item in done if item}
        write_json(folder / "engraved.json", groups)
    if not groups:
        raise ValueError(f"data_dir must hold incipits that can be engraved, got {config.data_dir}")
    return groups


def _engrave(where: tuple[Path, int], incipit: "Incipit") -> str | None:
    """Writes an item's folder, its tokens last, unless they are there; None if it can't be engraved."""
    from scorehub.dataset_builders.camera_primus.engraved import engrave_incipit

    folder, seed = where[0] / incipit.id, where[1]
    tokens = folder / f"{incipit.id}.semantic"
    if not tokens.exists():
        try:
            item = engrave_incipit(incipit, "primus", seed)
        except ValueError:
            return None
        assert item.distorted
        os.makedirs(folder, exist_ok=True)
        (folder / f"{incipit.id}.png").write_bytes(item.image)
        (folder / f"{incipit.id}_distorted.jpg").write_bytes(item.distorted)
        write_whole(tokens, lambda file: file.write(item.semantic.encode()))
    return incipit.id


def _list_name(part: str, fold: int) -> str:
    return f"{part}_gt_fold{fold}.dat"
