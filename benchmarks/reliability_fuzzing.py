"""Loaders under fire: files, damaged or hostile, read one after the other by a child process with limits.

What counts as a failure: any exception but ValueError and OSError, a signal, more than `SECONDS`, more than `MOST_MB`
of memory, code of a file that runs, or a file that is written elsewhere.
"""

import contextlib
import os
import random
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from reliability_archives import ESCAPED
from reliability_bombs import everywhere
from reliability_loaders import LOADERS
from reliability_mutations import damage
from tqdm import tqdm

from scorehub.sandbox import Sandbox, SandboxError

SECONDS = 10  # for a file
FIRST_SECONDS = 120  # for the first, which imports libraries
MOST_MB = 3072  # that a file may take
LIMIT_MB = 8192  # of address space, which the libraries' own take part of
_HERE = str(Path(__file__).parent)


@dataclass
class Tally:
    """What became of a loader's files."""

    loader: str
    outcomes: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)  # by the error's class
    mb: float = 0.0
    seconds: float = 0.0
    failures: list[str] = field(default_factory=list)

    @property
    def files(self) -> int:
        """How many there were."""
        return self.outcomes.total()


@dataclass(frozen=True)
class Case:
    """A file for one form of a loader."""

    name: str
    form: int
    data: bytes


def cases(loader: str, count: int, seed: int) -> Iterator[Case]:
    """Hostile files, each for all forms but no more than half of all, and damaged ones; a seed makes the same."""
    rng = random.Random(f"{loader} {seed}")
    forms = LOADERS[loader].forms
    hostile = dict(everywhere())
    for make in LOADERS[loader].hostile:
        hostile |= make()
    made = [
        Case(f"{name}{form.suffix}", number, data)
        for name, data in hostile.items()
        for number, form in enumerate(forms)
    ]
    yield from (chosen := rng.sample(made, min(len(made), count // 2)))
    valid = [form.seed() for form in forms]
    for number in range(len(chosen), count):
        form = number % len(forms)
        yield Case(
            f"damaged {number}{forms[form].suffix}",
            form,
            damage(rng, valid[form], forms[form].container, LOADERS[loader].most),
        )


def fuzz(loader: str, count: int, seed: int, folder: Path, keep: Path | None = None) -> Tally:
    """Has a loader read its cases.

    Args:
        folder: in which files are written; nothing but them and what is temporary may be in it at the end.
        keep: receives the files that fail.
    """
    tally = Tally(loader)
    place = folder / "deep" / "deeper"
    (folder / "temporary").mkdir(parents=True, exist_ok=True)
    place.mkdir(parents=True, exist_ok=True)
    with _surroundings(place, folder / "temporary"), Sandbox("reliability_loaders", LIMIT_MB) as sandbox:
        fresh = True
        for number, case in enumerate(tqdm(cases(loader, count, seed), loader, count, disable=None, leave=False)):
            if fresh:
                _warm_up(sandbox, loader, tally)
            path = place / f"{number}{LOADERS[loader].forms[case.form].suffix}"
            path.write_bytes(case.data)
            fresh = _read(sandbox, case, path, tally)
            if keep and tally.failures and tally.failures[-1].startswith(f"{case.name}: "):
                keep.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, keep / f"{loader} {case.name}".replace("/", "_"))
            path.unlink()
    tally.failures += [f"written: {os.path.relpath(path, folder)}" for path in _escaped(folder)]
    return tally


@contextlib.contextmanager
def _surroundings(place: Path, temporary: Path) -> Iterator[None]:
    """The child finds this folder's modules, writes what is temporary in one place, and is nowhere else."""
    before = {name: os.environ.get(name) for name in ("PYTHONPATH", "TMPDIR")}
    os.environ |= {"PYTHONPATH": _HERE, "TMPDIR": str(temporary)}
    try:
        with contextlib.chdir(place):
            yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _warm_up(sandbox: Sandbox, loader: str, tally: Tally) -> None:
    """Reads each form's valid file, so that libraries are imported; one that is not read is a failure."""
    for number, form in enumerate(LOADERS[loader].forms):
        path = Path.cwd() / f"valid{form.suffix}"
        path.write_bytes(form.seed())
        answer, _ = sandbox.call("read", FIRST_SECONDS, loader=loader, form=number, path=str(path))
        if answer["outcome"] != "read" and not tally.files:
            tally.failures.append(f"valid file of form {number}: {answer['outcome']}, {answer['why']}")
        path.unlink()


def _read(sandbox: Sandbox, case: Case, path: Path, tally: Tally) -> bool:
    """Has a case read and counts what becomes of it; whether the child died of it."""
    try:
        answer, _ = sandbox.call("read", SECONDS, loader=tally.loader, form=case.form, path=str(path))
    except SandboxError as error:
        outcome = "hang" if "timed out" in str(error) else "memory" if "memory" in str(error) else "crash"
        answer = {"outcome": outcome, "why": str(error), "seconds": 0.0, "mb": 0.0}
        died = error.fatal
    else:
        died = False
    if answer["mb"] > MOST_MB:
        answer |= {"outcome": "memory", "why": f"{answer['mb']:.0f} MB"}
    tally.outcomes[answer["outcome"]] += 1
    tally.mb, tally.seconds = max(tally.mb, answer["mb"]), max(tally.seconds, answer["seconds"])
    if answer["outcome"] == "refused":
        tally.refusals[answer["why"].partition(":")[0]] += 1
    elif answer["outcome"] != "read":
        tally.failures.append(f"{case.name}: {answer['outcome']}, {answer['why']}")
    return died


def _escaped(folder: Path) -> list[Path]:
    """Files that a loader has written, beside the folder too."""
    inside = [path for path in folder.rglob("*") if path.is_file() and "temporary" not in path.parts]
    return inside + [path for path in (folder.parent / ESCAPED, Path("/", ESCAPED)) if path.exists()]
