"""`load_dataset("musicscore")` for our builders by their bare names.

`datasets` finds builders through `dataset_module_factory`, which knows folders, Hub repositories and its own formats.
`install` puts a function before it that knows our names and passes all else on. The builder classes work without it.
The names that it touches are private: setup.cfg bounds `datasets<6`, and a test holds it to each promise.
"""

import functools
from collections.abc import Callable
from typing import Any

import datasets.inspect
import datasets.load
from datasets.load import BuilderConfigsParameters, DatasetModule

from scorehub.dataset_builders.fingerprint import source_fingerprint
from scorehub.dataset_names import FOLDERS, MODULES

BUILDERS = {
    **{name: f"scorehub.dataset_builders.{name}.{name}" for name in FOLDERS},
    **{name: f"scorehub.dataset_builders.{name}" for name in MODULES},
}


def install() -> None:
    """Makes the names in `BUILDERS` known to `load_dataset` and to the inspection functions; once is enough."""
    original = datasets.load.dataset_module_factory
    if getattr(original, "knows_scorehub", False):
        return
    factory = _wrap(original)
    for module in (datasets.load, datasets.inspect):
        module.dataset_module_factory = factory


def _wrap(original: Callable[..., DatasetModule]) -> Callable[..., DatasetModule]:
    @functools.wraps(original)
    def dataset_module_factory(path: str, *args: Any, **kwargs: Any) -> DatasetModule:
        return _dataset_module(path) if path in BUILDERS else original(path, *args, **kwargs)

    dataset_module_factory.knows_scorehub = True  # type: ignore[attr-defined]
    return dataset_module_factory


def _dataset_module(name: str) -> DatasetModule:
    builder = builder_class(name)
    parameters = BuilderConfigsParameters(
        builder_configs=builder.BUILDER_CONFIGS, default_config_name=builder.DEFAULT_CONFIG_NAME
    )
    # The hash names the builder's version in the cache: another source builds anew.
    return DatasetModule(BUILDERS[name], source_fingerprint(), {"dataset_name": name}, parameters)


def builder_class(name: str) -> Any:
    """The builder behind a name."""
    return datasets.load.get_dataset_builder_class(DatasetModule(BUILDERS[name], "", {}), dataset_name=name)
