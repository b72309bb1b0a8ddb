"""Push a built dataset, a pipeline folder or a Space to the Hugging Face Hub, by `huggingface_hub`.

What goes up is chosen by patterns per kind of repository (`UPLOADS`), so a dry run lists exactly what a push uploads.
The folder must hold a README.md whose front matter names what its kind needs; the rest is validated by the Hub.
Files that the Hub has already are not sent again. Sizes are in bytes.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import huggingface_hub
from huggingface_hub.utils import filter_repo_objects, validate_repo_id  # type: ignore[attr-defined]

import scorehub
from scorehub.card_checks import find_card
from scorehub.wheels import add_wheel, asks_for_wheel


@dataclass(frozen=True)
class Upload:
    """What a kind of repository takes from its folder."""

    allow: tuple[str, ...]  # patterns of the files that go up
    card_keys: tuple[str, ...]  # what the front matter of README.md must have
    replace: tuple[str, ...] = ()  # patterns of files on the Hub that go away if they are not in the folder


UPLOADS = {
    # An older build may have had more shards, and a stale shard would be loaded beside the new ones.
    "dataset": Upload(
        ("README.md", "data/*.parquet", "figures/*.png", "manifest.csv", "pages.csv", "failures.csv"),
        ("license", "configs", "dataset_info"),
        ("data/*.parquet", "figures/*.png"),
    ),
    "model": Upload(("*",), ("license", "library_name", "pipeline_tag")),
    "space": Upload(("*",), ("title", "sdk", "app_file"), ("scorehub-*.whl",)),
}
# What Python, a Trainer and the system leave in a folder, and the `__init__.py` that only makes it a subpackage here.
IGNORED = ("__init__.py", "*__pycache__*", "*.pyc", "checkpoint-*", ".*", "*/.*")


def push_dataset(
    folder: str | Path,
    repo_id: str,
    *,
    private: bool = False,
    revision: str = "main",
    message: str = "",
    dry_run: bool = False,
) -> list[tuple[str, int]]:
    """Uploads a built dataset folder: Parquet shards, card, figures, manifest; never its work folders.

    Args:
        repo_id: `"owner/name"`; the repository is made if it doesn't exist.
        private: Whether a repository that is made now is private.
        revision: The branch, made from `main` if it doesn't exist.
        message: The commit message, or a sentence that names what was pushed.
        dry_run: List only; nothing is asked of the Hub.

    Returns:
        `list[tuple[str, int]]`: path in the repository and size of every file of the push.

    Raises:
        ValueError: The folder, its card or `repo_id` is not what it must be, or no token is set.
    """
    chosen = _choose(Path(folder), "dataset")
    _push("dataset", chosen, _Target(repo_id, private, revision, message or "Push the dataset", dry_run))
    return chosen.listing()


def push_model(
    model: str | Path,
    repo_id: str,
    *,
    private: bool = False,
    revision: str = "main",
    message: str = "",
    dry_run: bool = False,
) -> list[tuple[str, int]]:
    """Uploads a pipeline folder as a model repository.

    Args:
        model: A name in `pipelines/` such as `"page_classifier"`, or the path of a folder that a trainer saved.
        repo_id: See `push_dataset`, as for all other arguments, the returned list and the errors.
    """
    chosen = _choose(artifact_folder(model, "pipelines"), "model")
    _push("model", chosen, _Target(repo_id, private, revision, message or "Push the model", dry_run))
    return chosen.listing()


def push_space(
    space: str | Path,
    repo_id: str,
    *,
    private: bool = False,
    revision: str = "main",
    message: str = "",
    dry_run: bool = False,
) -> list[tuple[str, int]]:
    """Uploads a Space, and a wheel of this scorehub if its requirements.txt asks for `scorehub`.

    Args:
        space: A name in `spaces/` such as `"musicscore"`, or the path of a folder.
        private: Refused for a Space that needs scorehub: the machine that installs its requirements has no token,
            so it could not fetch the wheel.
        repo_id: See `push_dataset`, as for all other arguments, the returned list and the errors.
    """
    target = _Target(repo_id, private, revision, message or "Push the Space", dry_run)
    with _staged_space(artifact_folder(space, "spaces"), target) as folder:
        chosen = _choose(folder, "space")
        _push("space", chosen, target)
        return chosen.listing()


@dataclass(frozen=True)
class _Target:
    repo_id: str
    private: bool
    revision: str
    message: str
    dry_run: bool

    def __post_init__(self) -> None:
        validate_repo_id(self.repo_id)
        if self.repo_id.count("/") != 1:
            raise ValueError(f"repo_id must be 'owner/name', got {self.repo_id!r}")


@dataclass(frozen=True)
class _Chosen:
    folder: Path
    paths: list[str]

    def listing(self) -> list[tuple[str, int]]:
        return [(path, (self.folder / path).stat().st_size) for path in self.paths]


def artifact_folder(name: str | Path, package: str) -> Path:
    """The folder of a named artifact; a `Path`, or a string with a separator in it, is a folder already."""
    if isinstance(name, Path) or os.sep in name:
        return Path(name)
    root = Path(str(files(f"scorehub.{package}")))
    known = sorted(path.parent.name for path in root.glob("*/README.md"))
    if name not in known:
        choice = ", ".join(known) or "none yet"
        raise ValueError(f"name must be a path or one of {package}/ ({choice}), got {name!r}")
    return root / name


def _choose(folder: Path, kind: str) -> _Chosen:
    """The files of `folder` that go up, once its card has what it needs."""
    if not folder.is_dir():
        raise ValueError(f"the {kind}'s folder must exist, got {str(folder)!r}")
    upload, card = UPLOADS[kind], find_card(folder, kind)
    metadata = huggingface_hub.metadata_load(card) or {}
    missing = [key for key in upload.card_keys if not metadata.get(key)]
    if missing:
        raise ValueError(f"the front matter of {card} must have {', '.join(upload.card_keys)}, got no {missing[0]}")
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    chosen = list(filter_repo_objects(paths, allow_patterns=list(upload.allow), ignore_patterns=list(IGNORED)))
    if kind == "dataset" and not any(path.startswith("data/") for path in chosen):
        raise ValueError(f"a dataset's folder must hold data/*.parquet, got none in {str(folder)!r}")
    return _Chosen(folder, chosen)


def _push(kind: str, chosen: _Chosen, target: _Target) -> None:
    if target.dry_run:
        return
    if huggingface_hub.get_token() is None:
        raise ValueError("a Hub token must be set by HF_TOKEN or `hf auth login`, got none")
    api, upload = huggingface_hub.HfApi(library_name="scorehub", library_version=scorehub.__version__), UPLOADS[kind]
    sdk = "gradio" if kind == "space" else None
    # `None` leaves the visibility to the owner's default, and that of a repository that exists untouched.
    private = target.private or None
    api.create_repo(target.repo_id, repo_type=kind, private=private, exist_ok=True, space_sdk=sdk)
    if target.revision != "main":
        api.create_branch(target.repo_id, branch=target.revision, repo_type=kind, exist_ok=True)
    api.upload_folder(
        repo_id=target.repo_id,
        repo_type=kind,
        folder_path=chosen.folder,
        revision=target.revision,
        commit_message=target.message,
        allow_patterns=list(upload.allow),
        ignore_patterns=list(IGNORED),
        delete_patterns=list(upload.replace) or None,
    )


@contextmanager
def _staged_space(space: Path, target: _Target) -> Iterator[Path]:
    """The Space, or a copy of it with a wheel of scorehub if it asks for one."""
    if not space.is_dir():
        raise ValueError(f"the space's folder must exist, got {str(space)!r}")
    if not asks_for_wheel(space):
        yield space
        return
    with tempfile.TemporaryDirectory() as folder:
        staged, wheels = Path(folder, "space"), Path(folder, "wheels")
        wheels.mkdir()
        shutil.copytree(space, staged)
        add_wheel(staged, wheels, target.repo_id, revision=target.revision, private=target.private)
        yield staged
