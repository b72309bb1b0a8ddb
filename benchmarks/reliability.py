"""Whether files of strangers, crowds or `kill -9` do harm: every public loader fuzzed, Spaces visited, work killed.

    python benchmarks/reliability.py > benchmarks/reliability.md          # all of it
    python benchmarks/reliability.py --parts loaders --only MIDI kern --inputs 100 --keep failing/
    python benchmarks/reliability.py --parts spaces kills --only musicscore "training of score-SDE"

Loaders read damaged and hostile files in a child process: any exception but ValueError and OSError, a signal, more
than 10 s or more memory than `reliability_fuzzing.MOST_MB` is a failure. Spaces get 50 visitors at once, then hostile
uploads. Builds and trainings are killed and begun again, and have to end with the bytes of an undisturbed run.
The exit code is 1 if anything failed.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import repeat
from pathlib import Path

from reliability_fuzzing import Tally, fuzz
from reliability_kills import TASKS, Kills, kill
from reliability_loaders import LOADERS
from reliability_spaces import VISITORS, VISITS, Answers, visit
from tqdm import tqdm

PARTS = ("loaders", "spaces", "kills")

Report = tuple[list[str], list[str]]  # a table, and what failed


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", help="loaders, Spaces or tasks, by their names in the tables"
    )
    parser.add_argument("--inputs", type=int, default=300, help="files for each loader")
    parser.add_argument("--kills", type=int, default=10, help="of each task")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1, help="loaders at a time")
    parser.add_argument("--keep", type=Path, help="folder for the files that fail")
    options = parser.parse_args()
    known = [*LOADERS, *VISITS, *TASKS]
    if options.only and (unknown := set(options.only) - set(known)):
        parser.error(f"--only must be of {', '.join(known)}, got {', '.join(sorted(unknown))}")
    run = {"loaders": loaders, "spaces": spaces, "kills": kills}
    with tempfile.TemporaryDirectory() as folder:
        reports = [run[part](options, Path(folder, part)) for part in PARTS if part in options.parts]
    print("\n".join(["# Reliability", "", f"`{' '.join(['python', *sys.argv])}`, seed {options.seed}."]))
    for lines, failures in reports:
        print("\n".join(["", *lines, *(f"- {failure}" for failure in failures)]))
    sys.exit(1 if any(failures for _, failures in reports) else 0)


def _chosen(names: Iterable[str], options: argparse.Namespace) -> list[str]:
    return [name for name in names if not options.only or name in options.only]


def loaders(options: argparse.Namespace, folder: Path) -> Report:
    """Loaders under fire."""
    names = _chosen(LOADERS, options)
    folders = [folder / str(number) for number in range(len(names))]
    keep = options.keep and options.keep.resolve()
    given = names, repeat(options.inputs), repeat(options.seed), folders, repeat(keep)
    with ProcessPoolExecutor(options.workers) as pool:
        tallies = list(tqdm(pool.map(fuzz, *given), "loaders", len(names), disable=None))
    lines = [
        "## Loaders",
        "",
        "| loader | files | read | refused (by) | crashes | hangs | out of memory | most MB | slowest, s |",
        "|---|---:|---:|---|---:|---:|---:|---:|---:|",
        *map(loader_row, tallies),
    ]
    total = sum(tally.files for tally in tallies)
    lines += ["", f"{total:,} files, **{sum(len(tally.failures) for tally in tallies)} failures**."]
    return lines, [f"{tally.loader}, {failure}" for tally in tallies for failure in tally.failures]


def loader_row(tally: Tally) -> str:
    """A loader's row."""
    found = tally.outcomes
    by = ", ".join(f"{kind} {count}" for kind, count in tally.refusals.most_common())
    counts = f"{tally.files} | {found['read']} | {found['refused']} ({by or 'none'})"
    bad = f"{found['crash']} | {found['hang']} | {found['memory']}"
    return f"| {tally.loader} | {counts} | {bad} | {tally.mb:.0f} | {tally.seconds:.1f} |"


def spaces(options: argparse.Namespace, folder: Path) -> Report:
    """Spaces with visitors, one Space after the other."""
    found = []
    for name in tqdm(_chosen(VISITS, options), "Spaces", disable=None):
        (folder / name).mkdir(parents=True)
        found.append(visit(name, folder / name))
    lines = [
        f"## Spaces: {VISITORS} visitors at once, then hostile uploads",
        "",
        "| Space | answered | refused | lost | slowest, s | uploads refused | explained | lost | most MB |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
        *map(space_row, found),
    ]
    return lines, [f"{answers.space}, {failure}" for answers in found for failure in answers.failures]


def space_row(answers: Answers) -> str:
    """A Space's row."""
    visits, uploads = answers.visits, answers.uploads
    first = f"{visits['answered']} | {visits['refused']} | {visits['lost']} | {answers.slowest:.1f}"
    then = f"{uploads['refused']} | {uploads['answered']} | {uploads['lost']} | {answers.mb:.0f}"
    return f"| {answers.space} | {first} | {then} |"


def kills(options: argparse.Namespace, folder: Path) -> Report:
    """Builds and trainings that are killed, one after the other."""
    names = tqdm(_chosen(TASKS, options), "tasks", disable=None)
    found = [kill(name, options.kills, options.seed, folder / str(number)) for number, name in enumerate(names)]
    lines = [
        "## Builds and trainings, killed at random moments and begun again",
        "",
        "| task | work, s | kills | of them after the end | files compared | the same bytes |",
        "|---|---:|---:|---:|---:|---:|",
        *map(partial(kill_row, options.kills), found),
    ]
    return lines, [f"{kills.task}, {failure}" for kills in found for failure in kills.failures]


def kill_row(count: int, found: Kills) -> str:
    """A task's row."""
    return f"| {found.task} | {found.seconds:.1f} | {count} | {found.late} | {found.files} | {found.same} |"


if __name__ == "__main__":
    main()
