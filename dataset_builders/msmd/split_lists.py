"""Which piece is in which split: MSMD's published lists, or the folders that the files lie in."""

from pathlib import Path

import yaml

from scorehub.dataset_builders.splits import PUBLISHED_NAMES, SPLITS

MAX_BYTES = 2**20

_NAMES = PUBLISHED_NAMES | {"validation": "validation"}


class _Loader(yaml.SafeLoader):
    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Leaves merge keys as they are, which is an error: in each other they make billions of a few lines."""


def read_splits(path: Path) -> dict[str, str]:
    """Piece -> split, from a YAML file with lists `train`, `valid` and `test` (github CPJKU/msmd, msmd/splits).

    Raises:
        ValueError: no such file, or a piece in two splits.
    """
    if not path.is_file() or path.stat().st_size > MAX_BYTES:
        raise ValueError(f"splits_file must be a YAML file of at most {MAX_BYTES} bytes, got {path}")
    try:
        lists = yaml.load(path.read_bytes(), _Loader)  # noqa: S506 - a safe loader
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"splits_file must be YAML, got: {str(error)[:100]}") from None
    if not isinstance(lists, dict) or not set(lists) <= set(_NAMES):
        raise ValueError("splits_file must have lists train, valid and test, got others")
    splits: dict[str, str] = {}
    for name, pieces in lists.items():
        if not isinstance(pieces, list) or not all(isinstance(piece, str) for piece in pieces):
            raise ValueError(f"splits_file must list pieces, got another value for {name}")
        for piece in pieces:
            if splits.setdefault(piece, _NAMES[name]) != _NAMES[name]:
                raise ValueError(f"splits_file must have each piece in one split, got {piece!r} in two")
    return splits


def split_of_folder(path: Path) -> str:
    """The split that a folder on the path names, such as `msmd_valid`; train where none does."""
    for part in reversed(path.parts[:-1]):
        if split := _NAMES.get(part.rpartition("_")[2]):
            return split
    return SPLITS[0]


def split_of_name(name: str) -> str:
    """`validation` for `valid`.

    Raises:
        ValueError: there is no such split.
    """
    if name not in _NAMES:
        raise ValueError(f"split must be one of {', '.join(_NAMES)}, got {name!r}")
    return _NAMES[name]
