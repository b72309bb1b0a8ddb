"""The samples of all datasets that have one, built as folders that the Hub takes; offline, some seconds each."""

from pathlib import Path

from scorehub.dataset_builders import load_hook
from scorehub.dataset_builders.build import Build, build
from scorehub.dataset_builders.musicscore.config import CurationConfig
from scorehub.dataset_builders.musicscore.curation import curate
from scorehub.dataset_builders.musicscore.metadata import find_metadata_files
from scorehub.dataset_builders.musicscore.sample.folder import write_sample

SAMPLE = "sample"  # the name of the configuration
SOURCES_PER_TASK = 50


def sample_names() -> list[str]:
    """The datasets that have a sample."""
    configs = {name: load_hook.builder_class(name).BUILDER_CONFIGS for name in load_hook.BUILDERS}
    return [name for name, known in configs.items() if SAMPLE in [config.name for config in known]]


def build_sample(name: str, folder: Path) -> None:
    """Builds a sample into `folder`, which is there when it is whole; a build that was stopped goes on.

    Args:
        folder: must not exist, so that nothing that someone else builds there is lost.

    Raises:
        ValueError: `folder` exists, or there is no such dataset.
        RuntimeError: a task failed.
    """
    if folder.exists():
        raise ValueError(f"folder of a sample must be new, got {str(folder)!r}")
    draft = folder.parent / ".samples" / name
    if name == "musicscore":
        pdfs = write_sample(draft / "pdfs")
        curate(CurationConfig(pdf_dir=pdfs, out_dir=draft, metadata=tuple(find_metadata_files(pdfs))))
    else:
        build(Build(name, SAMPLE, draft, SOURCES_PER_TASK))
    draft.rename(folder)
