"""Curation of more than 300 hostile PDFs: 0 crashes, 0 lost, a reason for each; and the same bytes after `kill -9`.

    python benchmarks/hostile_pdfs.py                      # the hostile set, about ten minutes on two cores
    python benchmarks/hostile_pdfs.py --kill 20            # and 20 runs killed at random moments, then resumed

Prints the table and saves it as `benchmarks/hostile_pdfs.md`. What counts as lost: a file without exactly one row in
the manifest, a row that keeps less than all pages without a reason, a good file that is neither kept nor a copy of a
kept one, an input that changed or vanished.
"""

import argparse
import csv
import hashlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from hostile_cases import HostileCase, write_hostile_pdfs

RESULT = Path(__file__).with_suffix(".md")
KILL_FILES = 60  # of the hostile set, for the runs that are killed


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--kill", type=int, default=0, help="runs that are killed at a random moment and resumed")
    parser.add_argument("--only-kill", action="store_true", help="skip the run over the whole set")
    parser.add_argument("--build", nargs=2, metavar=("PDFS", "OUT"), type=Path, help="one build, used by the others")
    options = parser.parse_args()
    if options.build:
        build(*options.build, workers=options.workers)
        return
    lines = [
        "# Hostile PDFs",
        "",
        f"`python benchmarks/hostile_pdfs.py --kill {options.kill}`, seed {options.seed}.",
        "",
    ]
    with tempfile.TemporaryDirectory() as folder:
        pdfs = Path(folder) / "pdfs"
        cases = write_hostile_pdfs(pdfs, options.seed)
        if not options.only_kill:
            lines += survive(pdfs, cases, Path(folder) / "dataset", options.workers)
        if options.kill:
            lines += resume(pdfs, cases, Path(folder), options.kill, random.Random(options.seed))
    text = "\n".join(lines) + "\n"
    RESULT.write_text(text, encoding="utf-8")
    print(text)


def build(pdfs: Path, out: Path, workers: int) -> None:
    """One curation run with the default preset; small tasks, so that a resumed run has something to resume."""
    from scorehub.dataset_builders.machines import Machines
    from scorehub.dataset_builders.musicscore.config import CurationConfig
    from scorehub.dataset_builders.musicscore.curation import curate

    curate(CurationConfig(pdf_dir=pdfs, out_dir=out, pdfs_per_task=8), Machines(workers))


def _start_build(pdfs: Path, out: Path, workers: int = 1) -> subprocess.Popen[bytes]:
    command = [sys.executable, __file__, "--build", str(pdfs), str(out), "--workers", str(workers)]
    # A session of its own, so that kill -9 can take the whole family at once.
    return subprocess.Popen(command, start_new_session=True, stderr=subprocess.PIPE)


def survive(pdfs: Path, cases: Sequence[HostileCase], out: Path, workers: int) -> list[str]:
    """Build the whole set once; a table by kind."""
    before = _fingerprints(pdfs)
    start = time.perf_counter()
    process = _start_build(pdfs, out, workers)
    errors = process.communicate()[1].decode(errors="replace")
    seconds = time.perf_counter() - start
    rows = _manifest(out / "manifest.csv", cases)
    lost = [f"{case.name!r}: {why}" for case in cases if (why := _why_lost(case, rows.get(case.name, [])))]
    changed = [name for name, digest in _fingerprints(pdfs).items() if before.get(name) != digest]
    changed += [name for name in before if not os.path.lexists(pdfs / name)]
    bad = sum(not case.good for case in cases)
    crashes = int(process.returncode != 0)
    lines = [
        f"{len(cases)} files, {bad} of them bad, {seconds:.0f} s with {workers} worker(s): "
        f"**{crashes} crashes, {len(lost)} lost, {len(changed)} inputs changed.**",
        "",
        *_kind_table(cases, rows),
        "",
        *_reason_table(cases, rows),
    ]
    if crashes:
        lines += ["", "Exit code", f"{process.returncode}", "```", errors[-3000:], "```"]
    return lines + [f"- lost: {line}" for line in lost] + [f"- changed: {name!r}" for name in changed]


def _manifest(path: Path, cases: Sequence[HostileCase]) -> dict[str, list[dict[str, str]]]:
    """Rows by file; a name that UTF-8 can't hold may stand there escaped."""
    names = {case.name.encode("utf-8", "backslashreplace").decode(): case.name for case in cases}
    rows = defaultdict(list)
    if path.exists():
        with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
            for row in csv.DictReader(file):
                rows[names.get(row["source"], row["source"])].append(row)
    return rows


def _why_lost(case: HostileCase, rows: Sequence[dict[str, str]]) -> str:
    if len(rows) != 1:
        return f"{len(rows)} rows in the manifest"
    status, reason = rows[0]["status"], rows[0]["reason"]
    if status not in ("kept", "partial", "rejected", "failed"):
        return f"status {status!r}"
    if status != "kept" and not reason:
        return f"{status} without a reason"
    if case.good and status != "kept" and not (case.kind == "name" and "near-duplicate" in reason):
        return f"good, but {status}: {reason}"
    return ""


def _kind_table(cases: Sequence[HostileCase], rows: dict[str, list[dict[str, str]]]) -> list[str]:
    lines = [
        "| kind | files | kept | partial | rejected | failed | slowest, s |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for kind in dict.fromkeys(case.kind for case in cases):
        found = [rows[case.name][0] for case in cases if case.kind == kind and rows.get(case.name)]
        counts = Counter(row["status"] for row in found)
        statuses = " | ".join(str(counts[status]) for status in ("kept", "partial", "rejected", "failed"))
        slowest = max((float(row["ms"]) / 1000 for row in found), default=0.0)
        lines.append(f"| {kind} | {len(found)} | {statuses} | {slowest:.1f} |")
    return lines


def _reason_table(cases: Sequence[HostileCase], rows: dict[str, list[dict[str, str]]]) -> list[str]:
    """The most frequent reasons for bad files."""
    found = [row["reason"] for case in cases if not case.good for row in rows.get(case.name, [])]
    reasons = Counter(re.sub(r"'/[^']*'", "'...'", reason)[:100] for reason in found)
    lines = ["| files | reason |", "|---:|---|"]
    for reason, count in reasons.most_common(25):
        lines.append(f"| {count} | {reason.replace('|', '/') or 'kept'} |")
    return lines


def _fingerprints(folder: Path) -> dict[str, str]:
    """What each file below a folder is: its checksum, or what else it is than a file."""
    found = {}
    for path in folder.rglob("*"):
        name = os.fspath(path.relative_to(folder))
        if path.is_symlink():
            found[name] = f"link to {os.readlink(path)}"
        elif path.is_file():
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def resume(pdfs: Path, cases: Sequence[HostileCase], folder: Path, kills: int, rng: random.Random) -> list[str]:
    """Kill a build at `kills` moments spread over its length, resume each, compare with an undisturbed one."""
    few = folder / "few"
    quick = [
        case for case in cases if case.good or case.kind in ("truncated", "flipped", "encrypted", "xref", "not a PDF")
    ]
    for case in rng.sample([case for case in quick if (pdfs / case.name).is_file()], KILL_FILES):
        (few / case.name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(pdfs / case.name, few / case.name)
    whole = _start_build(few, folder / "whole")
    _wait_for_work(folder / "whole", whole)
    start = time.perf_counter()
    errors = whole.communicate()[1].decode(errors="replace")
    seconds = time.perf_counter() - start
    if whole.returncode:
        raise RuntimeError(f"the undisturbed build must succeed, got\n{errors[-2000:]}")
    expected, same, stages, orphans, notes = _dataset(folder / "whole"), 0, Counter[str](), 0, []
    for number in range(kills):
        out = folder / f"killed_{number}"
        # Stratified, so that every stage and the end are hit.
        stage, session = _build_and_kill(few, out, seconds, (number + rng.random()) / kills)
        stages[stage] += 1
        process = _start_build(few, out)
        errors = process.communicate()[1].decode(errors="replace")
        orphans += len(_session_members(session))
        if process.returncode == 0 and _dataset(out) == expected:
            same += 1
        else:
            notes.append(f"- killed {stage}: {_difference(out, expected)} {errors[-300:]!r}")
        shutil.rmtree(out)
    reached = ", ".join(f"{count} {stage}" for stage, count in stages.items())
    return [
        "",
        f"kill -9 of the whole process group at {kills} moments of the {seconds:.0f} s of work of a build of "
        f"{KILL_FILES} files ({reached}), then resumed: **{same} of {kills} ended with the identical dataset** "
        f"({len(expected)} files compared), {orphans} processes left over.",
        *notes,
    ]


def _build_and_kill(pdfs: Path, out: Path, seconds: float, share: float) -> tuple[str, int]:
    """Start a build and kill it after a share of its usual time; if it is through by then, again and earlier."""
    while True:
        process = _start_build(pdfs, out)
        _wait_for_work(out, process)
        time.sleep(seconds * share)
        alive, stage = process.poll() is None, _stage(out)
        _kill_session(process)
        if alive:
            return stage, process.pid
        shutil.rmtree(out)
        share *= 0.9


def _wait_for_work(out: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait until the first task began: before, a build only imports libraries."""
    while process.poll() is None and not list(out.glob("parts/*/*.draft")):
        time.sleep(0.01)


def _stage(out: Path) -> str:
    """How far a build is."""
    if (out / "pages.csv").exists():
        return "after pages.csv"
    if list(out.glob("data*")):
        return "while assembling"
    return "in a task" if list(out.glob("parts/*/*.draft")) else "between tasks"


def _difference(out: Path, expected: dict[str, str]) -> str:
    found = _dataset(out) if out.exists() else {}
    return ", ".join(sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name)))


def _kill_session(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def _session_members(session: int) -> list[int]:
    """Live processes of a session, from /proc."""
    members = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # ended in between
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            members.append(int(stat.parent.name))
    return members


def _dataset(out: Path) -> dict[str, str]:
    """Checksums of a built dataset; of the manifest all columns but the time, which no two runs share."""
    digests = {}
    for path in sorted(path for path in out.rglob("*") if path.is_file() and "parts" not in path.parts):
        data = path.read_bytes()
        if path.name == "manifest.csv":
            with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
                data = repr([row | {"ms": ""} for row in csv.DictReader(file)]).encode()
        digests[path.relative_to(out).as_posix()] = hashlib.sha256(data).hexdigest()
    return digests


if __name__ == "__main__":
    main()
