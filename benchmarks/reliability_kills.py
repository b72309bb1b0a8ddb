"""Builds and trainings that are killed at random moments, by SIGKILL, and begun again: the same bytes in the end."""

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from scorehub.notes import make_notes

SCOREHUB = [sys.executable, "-c", "from scorehub.cli import app; app()"]
_TINY = {"width": 16, "layers": 1, "heads": 2, "embedding": 8, "crop": 32, "batch_size": 4, "epochs": 60}
_ROLLS = {"preset": "paper", "batch_size": 4, "hop": 4, "epochs": 12}


@dataclass(frozen=True)
class Task:
    """What is killed.

    Attributes:
        prepare: writes its input.
        command: of the input and the folder for what is made.
        begun: a file in that folder that is there when the work has begun, as a pattern.
        made: what is compared, as patterns.
    """

    prepare: Callable[[Path], None]
    command: Callable[[Path, Path], list[str]]
    begun: str
    made: tuple[str, ...]


@dataclass
class Kills:
    """What came of a task."""

    task: str
    seconds: float = 0.0  # of work, uninterrupted
    files: int = 0  # compared
    same: int = 0
    late: int = 0  # killed after the end
    failures: list[str] = field(default_factory=list)


def _write_incipits(folder: Path) -> None:
    rng = random.Random(0)
    rows = [
        "\t".join((f"{number:09}", "1.1.1", "G-2", "xF", "4/4", "/".join(_bar(rng) for _ in range(4)) + "/"))
        for number in range(40)
    ]
    header = "rism_id\tincipit\tclef\tkeysig\ttimesig\tpae"
    (folder / "incipits.tsv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")


def _bar(rng: random.Random) -> str:
    return "'" + "".join(f"4{rng.choice('CDEFGAB')}" for _ in range(4))


def _write_grids(folder: Path) -> None:
    roots = np.random.default_rng(0).integers(48, 60, (24, 12)).tolist()
    pieces = [[[root + 19, root + 16, root + 12, root] for root in piece for _ in range(4)] for piece in roots]
    grids = {"train": pieces[:16], "valid": pieces[16:20], "test": pieces[20:]}
    (folder / "Jsb16thSeparated.json").write_text(json.dumps(grids))


def _write_rolls(folder: Path) -> None:
    from scorehub.trainers.roll_strips import Piece, make_strips, pack_strips
    from scorehub.trainers.score_config import SPECS

    rng = np.random.default_rng(0)
    melodies = [make_notes(np.arange(90.0), np.full(90, 1.0), rng.integers(56, 84, 90)) for _ in range(8)]
    pieces = [
        Piece(notes, str(number), str(number), "validation" if number < 2 else "train")
        for number, notes in enumerate(melodies)
    ]
    pack_strips(make_strips(pieces, SPECS["paper"]), folder / "rolls.npz")


def _training(module: str, out: Path, **options: object) -> list[str]:
    given = {"output_dir": out, "evaluate_every": 5, **options}
    return [
        sys.executable,
        "-m",
        f"scorehub.trainers.{module}",
        *(f"--{name}={value}" for name, value in given.items()),
    ]


TASKS = {
    "build of camera_primus": Task(
        _write_incipits,
        lambda data, out: [
            *(*SCOREHUB, "build", "camera_primus", "--config", "engraved"),
            *("--data-dir", str(data / "incipits.tsv"), "--out", str(out)),
        ],
        "parts/*",
        ("data/*", "README.md", "failures.csv", "figures/*"),
    ),
    "training of a chorale model": Task(
        _write_grids,
        lambda data, out: _training("chorales", out, data_dir=data / "Jsb16thSeparated.json", **_TINY),
        "settings.json",
        ("model/model.safetensors", "model/config.json", "results.json"),
    ),
    "training of score-SDE": Task(
        _write_rolls,
        lambda data, out: _training("score_sde", out, rolls=data / "rolls.npz", **_ROLLS),
        "settings.json",
        ("pipeline/**/*.safetensors", "pipeline/**/*.json", "results.json"),
    ),
}


def kill(name: str, count: int, seed: int, folder: Path) -> Kills:
    """Kills a task at `count` moments spread over its work, begins it again each time, and compares what it makes."""
    task, found, rng = TASKS[name], Kills(name), random.Random(seed)
    folder.mkdir(parents=True)
    task.prepare(folder)
    whole = folder / "whole"
    process = _start(task.command(folder, whole))
    _wait_for_work(task, whole, process)
    start = time.perf_counter()
    errors = process.communicate()[1].decode(errors="replace")
    found.seconds = time.perf_counter() - start
    expected = _digests(whole, task.made)
    found.files = len(expected)
    if process.returncode or not expected:
        found.failures.append(f"undisturbed: exit code {process.returncode}, {errors[-300:]!r}")
        return found
    for number in range(count):
        out = folder / f"killed_{number}"
        found.late += not _start_and_kill(task, folder, out, found.seconds * (number + rng.random()) / count)
        process = _start(task.command(folder, out))
        errors = process.communicate()[1].decode(errors="replace")
        made = _digests(out, task.made)
        found.same += process.returncode == 0 and made == expected
        if process.returncode or made != expected:
            other = sorted(path for path in made.keys() | expected.keys() if made.get(path) != expected.get(path))
            found.failures.append(f"kill {number}: exit code {process.returncode}, {other}, {errors[-300:]!r}")
        shutil.rmtree(out)
    return found


def _start(command: list[str]) -> "subprocess.Popen[bytes]":
    # A session of its own, so that kill -9 takes the whole family at once.
    return subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def _start_and_kill(task: Task, data: Path, out: Path, seconds: float) -> bool:
    """Starts a task and kills it after so much work; whether it was still alive then."""
    process = _start(task.command(data, out))
    _wait_for_work(task, out, process)
    time.sleep(seconds)
    alive = process.poll() is None
    if alive:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    return alive


def _wait_for_work(task: Task, out: Path, process: "subprocess.Popen[bytes]") -> None:
    """Before, a process only imports libraries."""
    while process.poll() is None and not list(out.glob(task.begun)):
        time.sleep(0.01)


def _digests(out: Path, patterns: tuple[str, ...]) -> dict[str, str]:
    files = {path for pattern in patterns for path in out.glob(pattern) if path.is_file()}
    return {path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
