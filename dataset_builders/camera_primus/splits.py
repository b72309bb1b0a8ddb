"""Which items are in a split: published id lists, grouped folds, and the thesis's sample.

The cleansed lists hold 22,285 ids in five folds of 13,371 / 4,457 / 4,457 (github mariaalfaroc/smc-2022:
`clean_samples`, `train_gt_fold0` and so on); 524 to 596 test items of a fold share their source with training items.
The lists of the whole corpus have 78,755 ids for training and 8,923 for testing (github OMR-Research/tf-end-to-end).
Grouped folds keep every source on one side. The rule by which the cleansed ids were chosen was never published.
"""

import gzip
import hashlib
import math
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from scorehub.dataset_builders.camera_primus.schema import FOLDS
from scorehub.dataset_builders.splits import SPLITS

VALIDATION_SHARE = 0.1  # of the published training list of the whole corpus, which has no validation list
MAX_LIST_BYTES = 64 * 2**20

_FOLD_NAMES = {"train": "train", "validation": "val", "test": "test"}


def group_of(item_id: str) -> str:
    """The source of a PrIMuS item: its RISM record, which is what stands before the hyphen.

    >>> group_of("000051652-1_2_1")
    '000051652'
    """
    return item_id.partition("-")[0]


def fold_of(group: str) -> int:
    """The grouped fold, from 0 to 4: a hash decides, so that it never moves when other groups come or go."""
    return int.from_bytes(hashlib.sha256(group.encode()).digest()[:8], "big") % FOLDS


def split_of(fold: int, test_fold: int) -> str:
    """The split of an item of `fold`: fold k is tested, k + 1 validates, the other three train (60 / 20 / 20)."""
    if fold == test_fold:
        return "test"
    return "validation" if fold == (test_fold + 1) % FOLDS else "train"


def grouped_splits(groups: Sequence[tuple[str, str]], test_fold: int) -> dict[str, list[str]]:
    """split -> ids, of `(id, group)` pairs."""
    splits: dict[str, list[str]] = {split: [] for split in SPLITS}
    for item, group in groups:
        splits[split_of(fold_of(group), test_fold)].append(item)
    return splits


def cleansed_splits(folder: Path, fold: int) -> dict[str, list[str]]:
    """split -> ids of a published fold.

    Raises:
        ValueError: a list is missing or damaged.
    """
    return {split: read_ids(folder, f"{name}_gt_fold{fold}.dat") for split, name in _FOLD_NAMES.items()}


def cleansed_ids(folder: Path) -> list[str]:
    """The 22,285 published ids."""
    return read_ids(folder, "clean_samples.dat")


def official_splits(folder: Path, seed: int) -> dict[str, list[str]]:
    """split -> ids of the whole corpus; a seeded tenth of the published training list validates."""
    train, test = (read_ids(folder, f"{name}_ids.txt") for name in ("train", "test"))
    validation = set(sample(train, VALIDATION_SHARE, seed))
    return {
        "train": [item for item in train if item not in validation],
        "validation": sorted(validation),
        "test": test,
    }


def read_ids(folder: Path, name: str) -> list[str]:
    """The ids of a list, one a line, plain or `.gz`, wherever it lies below `folder`.

    Raises:
        ValueError: it is not there, or can't be read.
    """
    found = sorted(path for path in folder.rglob(f"{name}*") if path.name in (name, f"{name}.gz"))
    if not found:
        raise ValueError(f"lists_dir must hold {name} or {name}.gz (see the dataset's card), got {folder}")
    try:
        with gzip.open(found[0]) if found[0].suffix == ".gz" else found[0].open("rb") as file:
            data = file.read(MAX_LIST_BYTES + 1)
        ids = data.decode("ascii").split()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise ValueError(f"{name} must be a list of ids, one a line, got {found[0]}: {error}") from None
    if len(data) > MAX_LIST_BYTES or not ids:
        raise ValueError(f"{name} must be a list of ids of at most {MAX_LIST_BYTES} bytes, got {found[0]}")
    return ids


def sample(ids: Iterable[str], fraction: float, seed: int) -> list[str]:
    """A seeded part of the ids, sorted: of 13,371 at 0.6 the thesis's 8,023, of 4,457 its 2,674.

    Raises:
        ValueError: `fraction` is not in (0, 1].
    """
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction must be more than 0 and at most 1, got {fraction}")
    ordered = sorted(ids)
    count = math.floor(fraction * len(ordered) + 0.5)
    chosen = np.random.default_rng(seed).choice(len(ordered), count, replace=False)
    return [ordered[index] for index in sorted(chosen)]
