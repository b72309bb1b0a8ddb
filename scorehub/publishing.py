"""Everything that the project publishes, as a list of repositories, and their way to the Hub.

    scorehub push all --namespace me --dry-run

Datasets, models and Spaces go to `<namespace>/<name>` with dashes; those of one name don't meet, as each kind has
addresses of its own. Metrics are Spaces, too, and keep their underscores, as `evaluate.load` takes the name of the
module from that of the repository: `me/score-following` is the Space to look at, `me/score_following` the metric.

A repository that has all its files already is left alone. One that fails does not keep the others from going up, and
the next run sends what is missing; what the Hub has received of a push that broke off it does not ask for again.
"""

import hashlib
import tempfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from huggingface_hub import HfApi, RepoFile
from huggingface_hub.errors import HTTPError, RepositoryNotFoundError  # type: ignore[attr-defined]
from huggingface_hub.utils import filter_repo_objects, validate_repo_id  # type: ignore[attr-defined]
from huggingface_hub.utils.sha import git_hash

from scorehub.card_checks import check_card
from scorehub.hub import UPLOADS
from scorehub.staging import PUSHES, Repository, staged

KINDS = {"datasets": "dataset", "models": "model", "metrics": "metric", "spaces": "space"}
TIMEOUT = 20  # seconds for a first answer of the Hub


@dataclass(frozen=True)
class Outcome:
    """What became of a repository, or would.

    Attributes:
        files: path and size in bytes of all that it holds.
        sent: paths that the Hub did not have as they are; None where the Hub could not be asked.
        removed: paths that the Hub had beside them, of shards and wheels of another time.
        failure: why nothing was sent, `""` where nothing went wrong.
    """

    repository: Repository
    files: Sequence[tuple[str, int]] = ()
    sent: Sequence[str] | None = ()
    removed: Sequence[str] = ()
    failure: str = ""

    @property
    def is_unchanged(self) -> bool:
        """Whether the Hub has all of it, and nothing that has to go."""
        return not (self.failure or self.sent is None or self.sent or self.removed)


def plan(
    namespace: str, datasets: Path, only: Collection[str] = tuple(KINDS), samples: bool = True
) -> list[Repository]:
    """The repositories of the project, and of the built datasets in a folder.

    Args:
        namespace: user or organisation.
        datasets: its folders are built datasets, each by the name of the dataset.
        only: some of datasets, models, metrics, spaces.
        samples: whether the samples that are missing in `datasets` belong to it; `publish` builds them there.

    Raises:
        ValueError: no such kind, no name for a namespace, or no dataset where some are asked for.
    """
    if unknown := sorted(set(only) - set(KINDS)):
        raise ValueError(f"only must be some of {', '.join(KINDS)}, got {unknown[0]!r}")
    if "/" in namespace:
        raise ValueError(f"namespace must be a user or an organisation, got {namespace!r}")
    validate_repo_id(f"{namespace}/scorehub")
    found = []
    for name, kind in KINDS.items():
        if name in only:
            folders = _dataset_folders(datasets, samples) if kind == "dataset" else _project_folders(kind)
            found += [_repository(kind, namespace, folder) for folder in folders]
    return found


def _repository(kind: str, namespace: str, folder: Path) -> Repository:
    name = folder.name if kind == "metric" else folder.name.replace("_", "-")
    return Repository(kind, f"{namespace}/{name}", folder, is_sample=not folder.exists())


def _project_folders(kind: str) -> list[Path]:
    """Models that have weights and a card, Spaces, or modules of `evaluate`."""
    package = {"model": "pipelines", "metric": "metrics", "space": "spaces"}[kind]
    folders = sorted(card.parent for card in Path(str(files(f"scorehub.{package}"))).glob("*/README.md"))
    if kind == "model":
        return [folder for folder in folders if any(folder.rglob("*.safetensors"))]
    return folders


def _dataset_folders(datasets: Path, samples: bool) -> list[Path]:
    from scorehub.dataset_builders.load_hook import BUILDERS
    from scorehub.dataset_builders.samples import sample_names

    there = [path for path in datasets.glob("*") if path.name in BUILDERS or (path / "README.md").is_file()]
    missing = [datasets / name for name in sample_names() if samples and not (datasets / name).exists()]
    if not there + missing:
        raise ValueError(f"datasets must be a folder of built datasets, got {str(datasets)!r} without any")
    return sorted(there + missing)


def check_login() -> None:
    """Asks the Hub who it takes us for.

    Raises:
        ValueError: there is no token, it is not valid, or the Hub can't be reached.
    """
    try:
        HfApi().whoami()
    except (HTTPError, OSError) as error:
        raise ValueError(
            f"you must be signed in, by HF_TOKEN or `hf auth login`, got: {_in_one_line(error)}"
        ) from None


def publish(repositories: Sequence[Repository], *, private: bool = False, dry_run: bool = False) -> Iterator[Outcome]:
    """Sends what the Hub does not have yet, and yields what became of each repository, in their order.

    Every card is checked before anything of its repository goes up, see `card_checks`.

    Args:
        private: whether repositories that are made now are private; see `hub.push_space` for Spaces.
        dry_run: send nothing, and ask the Hub without a token for what it has: what is private there seems missing.
    """
    on_hub = _HubFiles(dry_run)
    with tempfile.TemporaryDirectory() as wheels:
        for repository in repositories:
            try:
                outcome = _publish(repository, on_hub, Path(wheels), private)
            except Exception as error:  # whatever it is, the other repositories go up
                outcome = Outcome(repository, failure=_in_one_line(error))
            yield outcome


def _publish(repository: Repository, on_hub: "_HubFiles", wheels: Path, private: bool) -> Outcome:
    if repository.is_sample and not repository.folder.exists():
        from scorehub.dataset_builders.samples import build_sample

        build_sample(repository.folder.name, repository.folder)
    push = PUSHES[repository.repo_type]
    with staged(repository, wheels, private) as folder:
        check_card(folder, repository.kind)
        up = push(folder, repository.repo_id, dry_run=True)
        held = on_hub.files(repository)
        if held is None:
            return Outcome(repository, up, sent=None)
        sent = [path for path, _ in up if not _is_same(folder / path, held.get(path))]
        stale = UPLOADS[repository.repo_type].replace
        old = set(held) - {path for path, _ in up}
        removed = sorted(filter_repo_objects(old, allow_patterns=list(stale))) if stale else []
        if (sent or removed) and not on_hub.is_dry:
            push(folder, repository.repo_id, private=private)
        return Outcome(repository, up, sent, removed)


class _HubFiles:
    """What lies on the Hub; a dry run asks without a token, and no longer once the Hub can't be reached."""

    def __init__(self, dry_run: bool):
        self.is_dry = dry_run
        self.api: HfApi | None = HfApi(token=False if dry_run else None)

    def files(self, repository: Repository) -> dict[str, RepoFile] | None:
        """The files of a repository by their paths, none where there is none; None where a dry run can't know.

        Raises:
            OSError: the Hub can't be asked, and this is no dry run; other errors of its client likewise.
        """
        if self.api is None:
            return None
        try:
            # Fails at once where the Hub can't be reached; listing a tree would try for half a minute.
            self.api.repo_info(repository.repo_id, repo_type=repository.repo_type, timeout=TIMEOUT)
            tree = self.api.list_repo_tree(repository.repo_id, repo_type=repository.repo_type, recursive=True)
            return {entry.path: entry for entry in tree if isinstance(entry, RepoFile)}
        except RepositoryNotFoundError:
            return {}
        except (HTTPError, OSError):
            if not self.is_dry:
                raise
            self.api = None
            return None


def _is_same(path: Path, held: RepoFile | None) -> bool:
    if held is None or held.size != path.stat().st_size:
        return False
    if held.lfs is None:
        return git_hash(path.read_bytes()) == held.blob_id
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == held.lfs.sha256


def _in_one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, ValueError) and text else f"{type(error).__name__}: {text}"
