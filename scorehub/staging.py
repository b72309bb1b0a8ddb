"""Folders as they go up: what the Hub gets beside, or in place of, what lies in the project.

The snippets of a card name its repository, so that they run as they stand: in a model's first one this is `folder`;
a dataset's say `load_dataset(".")` until then, and a metric's `evaluate.load("<module>.py")`. A Space gets a wheel of
this scorehub, built once for all; a static one, which every metric is, gets its card as its page. Data and weights
are linked, not copied.
"""

import html
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import huggingface_hub
from huggingface_hub import RepoCard
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

from scorehub import hub
from scorehub.wheels import add_wheel

PUSHES = {"dataset": hub.push_dataset, "model": hub.push_model, "space": hub.push_space}
PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>{title}</title>
<pre style="max-width: 75em; margin: 2em auto; white-space: pre-wrap">{text}</pre>
</html>
"""


@dataclass(frozen=True)
class Repository:
    """What is published, and where.

    Attributes:
        kind: dataset, model, space, or metric, which is a Space that `evaluate` loads.
        is_sample: whether `folder` is to be built, as the sample of the dataset of its name, if it isn't there.
    """

    kind: str
    repo_id: str
    folder: Path
    is_sample: bool = False

    def __post_init__(self) -> None:
        validate_repo_id(self.repo_id)

    @property
    def repo_type(self) -> str:
        """What the Hub calls it."""
        return "space" if self.kind == "metric" else self.kind


@contextmanager
def staged(repository: Repository, wheels: Path, private: bool = False) -> Iterator[Path]:
    """The folder as it goes up, for as long as the block runs.

    Args:
        wheels: a folder in which scorehub's wheel lies, or will lie from the first Space on that needs it.

    Raises:
        ValueError: the folder is not what its kind must be, or a private Space would have to install scorehub.
        RuntimeError: the wheel can't be built.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, repository.folder.resolve().name)  # "." has no name, and ".." leads elsewhere
        if repository.repo_type == "space":
            shutil.copytree(repository.folder, folder, ignore=shutil.ignore_patterns("__pycache__"))
            add_wheel(folder, wheels, repository.repo_id, private=private)
        else:
            _link(repository, folder)
        card = folder / "README.md"
        text = name_repository(card.read_text(encoding="utf-8"), repository.kind, repository.repo_id)
        card.unlink()  # it may be a link to the project's
        card.write_text(text, encoding="utf-8")
        _add_page(folder)
        yield folder


def name_repository(card: str, kind: str, repo_id: str) -> str:
    """A card whose snippets load from `repo_id`."""
    if kind == "dataset":
        return card.replace('load_dataset("."', f'load_dataset("{repo_id}"')
    if kind == "metric":
        return re.sub(r'evaluate\.load\("\w+\.py"\)', f'evaluate.load("{repo_id}")', card)
    if kind == "model":
        first = re.compile(r"(?<=^```python\n).*?(?=^```)", re.DOTALL | re.MULTILINE)
        return first.sub(lambda found: _with_folder(found[0], repo_id), card, count=1)
    return card


def _with_folder(snippet: str, repo_id: str) -> str:
    lines = [line for line in snippet.splitlines(keepends=True) if not line.startswith("folder = ")]
    for number, line in enumerate(lines):
        if re.search(r"\bfolder\b", line):
            return "".join([*lines[:number], f'folder = "{repo_id}"\n', *lines[number:]])
    return snippet


def _link(repository: Repository, folder: Path) -> None:
    """Links to the files that go up, so that what is large is neither copied nor searched for once more."""
    for path, _ in PUSHES[repository.repo_type](repository.folder, repository.repo_id, dry_run=True):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).symlink_to((repository.folder / path).resolve())


def _add_page(folder: Path) -> None:
    """Gives a static Space a page that shows its card, unless it has one."""
    data = huggingface_hub.metadata_load(folder / "README.md") or {}
    if data.get("sdk") != "static" or not data.get("app_file") or (folder / data["app_file"]).exists():
        return
    text = RepoCard.load(folder / "README.md").text.strip()
    page = PAGE.format(title=html.escape(str(data.get("title", ""))), text=html.escape(text))
    (folder / data["app_file"]).write_text(page, encoding="utf-8")
