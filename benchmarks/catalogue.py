"""Notes per second from MIDI files to rows: `load_dataset` against pretty_midi, MusPy and music21, on the same files.

    SCOREHUB_DATA=data PYTHONPATH=rivals python benchmarks/catalogue.py > benchmarks/catalogue.md

`data` has the samples in `CORPORA`, of each of which `--files` are taken. MusPy and music21 come with no extra of the
project; whoever is not installed is left out. They need no other PyTorch: `pip install --no-deps --target rivals muspy
music21 miditoolkit pypianoroll bidict chardet jsonpickle more-itertools webcolors joblib`.

Ours is all that `load_dataset` does with an empty cache: it lists the folder, plans splits, reads MIDI and annotations
of POP909, and writes Arrow; the median of 5 times. A part of that does not depend on the files, so that few of them
say little. The others read a file and count its notes; they take the files in one shuffled order until `--seconds` are
over. Each reader works in a process of its own; times leave imports out, and memory is the most that the process grew
by (ours with the rows, which are mapped into it).

Where a pitch is struck again while it sounds, readers pair beginnings with ends in their own ways, and some notes are
lost. music21 makes notation of what it reads, on a grid of fractions of quarters; what it ties is counted once.
"""

import argparse
import importlib.util
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import datasets
import pyarrow.compute as pc
from catalogue_readers import COUNTERS, read_as_rival

from scorehub.dataset_builders import load_hook
from scorehub.dataset_builders.note_files import open_files
from scorehub.dataset_builders.note_pieces import is_midi

OURS = "scorehub"
TIMES = 5
KB = 1024  # ru_maxrss counts in these

Results = dict[str, dict[str, Any]]  # by reader


@dataclass(frozen=True)
class Corpus:
    """A dataset by its name and configuration, and the folders or archives with its files."""

    name: str
    config: str
    sources: tuple[str, ...]


CORPORA = (
    Corpus("maestro", "folder", ("maestro_sample",)),
    Corpus("pop909", "songs", ("pop909/pop909.tar.gz",)),
    Corpus("nottingham", "tunes", ("nottingham/midi.tar.gz", "nottingham/abc.tar.gz")),
    Corpus("giantmidi", "evaluation", ("giantmidi/giantmidi_subset.tar.gz",)),
    Corpus("js_fakes", "extended", ("js_fakes/js_fakes_midi.tar.gz",)),
)


def write_part(corpus: Corpus, data: Path, folder: Path, most: int) -> list[str]:
    """Lays out so many pieces, evenly spread, with the tables that lie beside them; returns their files, shuffled."""
    whole = folder.with_name(f"{corpus.name}_whole")
    for source in corpus.sources:
        files = open_files(data / source)
        write_files(whole, files.load(files.members))
    files = open_files(whole)
    builder = load_hook.builder_class(corpus.name)(config_name=corpus.config, data_dir=str(whole))
    paths = sorted(piece.path for split in builder.plan(files).values() for piece in split)
    chosen = paths[:: -(-len(paths) // most)]
    left_out = {_parent(path) for path in paths} - {_parent(path) for path in chosen}
    tables = [name for name in files.members if not is_midi(name) and _parent(name) not in left_out]
    write_files(folder, files.load([*chosen, *tables]))
    random.Random(0).shuffle(chosen)
    return chosen


def write_files(folder: Path, contents: dict[str, bytes]) -> None:
    """Writes files by their names."""
    for name, data in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def _parent(name: str) -> PurePosixPath:
    return PurePosixPath(name).parent


def read_as_rows(corpus: Corpus, folder: Path) -> dict[str, Any]:
    """Seconds that `load_dataset` takes with an empty cache, and notes of each file by its name without ending."""
    seconds = []
    for _ in range(TIMES + 1):  # the first doesn't count
        with tempfile.TemporaryDirectory() as cache:
            start = time.perf_counter()
            loaded = datasets.load_dataset(corpus.name, corpus.config, data_dir=str(folder), cache_dir=cache)
            seconds.append(time.perf_counter() - start)
            notes = {}
            for split in loaded.values():
                pitches = pc.struct_field(split.data.column("notes"), "pitch")
                lengths = pc.list_value_length(pitches).to_pylist()
                notes |= dict(zip(split["id"], lengths, strict=True))
    return {"seconds": statistics.median(seconds[1:]), "notes": notes}


def first_row(corpus: Corpus, data: Path) -> float:
    """Seconds until a stream gives its first row, from the folder or archive as it lies there."""
    start = time.perf_counter()
    streams = datasets.load_dataset(corpus.name, corpus.config, data_dir=str(data / corpus.sources[0]), streaming=True)
    next(iter(streams["train"]))
    return time.perf_counter() - start


def run_reader(reader: str, folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """What a reader measures on each corpus, and the MB that its process grew by."""
    datasets.disable_progress_bars()
    count = None if reader == OURS else COUNTERS[reader]()
    if count is None:
        first_row(CORPORA[0], arguments.data)  # libraries load
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = {}
    for corpus in CORPORA:
        if count is None:
            found[corpus.name] = read_as_rows(corpus, folder / corpus.name)
            found[corpus.name]["first"] = first_row(corpus, arguments.data)
        else:
            names = json.loads((folder / f"{corpus.name}.json").read_text())
            paths = {name: str(folder / corpus.name / name) for name in names}
            found[corpus.name] = read_as_rival(count, paths, arguments.seconds)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {"corpora": found, "mb": grown / KB}


def speed_table(results: Results) -> str:
    """Notes a second of each reader, and ours as so many times as many."""
    heads = ["dataset", "files", "notes", "ours", *(f"{rival} | ours / {rival}" for rival in _rivals(results))]
    rows = []
    for corpus in CORPORA:
        ours = results[OURS]["corpora"][corpus.name]
        rates = {reader: _rate(result["corpora"][corpus.name]) for reader, result in results.items()}
        cells = [corpus.name, f"{len(ours['notes']):,}", f"{sum(ours['notes'].values()):,}", f"{rates[OURS]:,.0f}"]
        cells += [f"{rates[rival]:,.0f} | {rates[OURS] / rates[rival]:,.1f}" for rival in _rivals(results)]
        rows.append(cells)
    return table(heads, rows)


def _rate(result: dict[str, Any]) -> float:
    return sum(result["notes"].values()) / result["seconds"]


def _rivals(results: Results) -> list[str]:
    return [reader for reader in results if reader != OURS]


def agreement_table(results: Results) -> str:
    """How many of the files that a rival read have as many notes for it as for us, and how many notes they have."""
    rows = []
    for corpus in CORPORA:
        ours = results[OURS]["corpora"][corpus.name]["notes"]
        for rival in _rivals(results):
            theirs = results[rival]["corpora"][corpus.name]["notes"]
            pairs = [(n, ours.get(str(PurePosixPath(name).with_suffix("")), 0)) for name, n in theirs.items()]
            sums = [f"{sum(column):,}" for column in zip(*pairs, strict=True)]
            rows.append([corpus.name, rival, f"{len(pairs)}", f"{sum(a == b for a, b in pairs)}", *sums])
    return table(["dataset", "reader", "files that it read", "with as many notes", "its notes", "our notes"], rows)


def cost_table(results: Results) -> str:
    """Memory of each reader, and the time until a stream of ours gives a row."""
    rows = [[f"memory, {reader}", f"{result['mb']:,.0f} MB"] for reader, result in results.items()]
    for corpus in CORPORA:
        seconds = results[OURS]["corpora"][corpus.name]["first"]
        rows.append([f"first row of a stream, {corpus.sources[0]}", f"{seconds * 1000:,.0f} ms"])
    return table(["", ""], rows)


def table(heads: list[str], rows: list[list[str]]) -> str:
    """A Markdown table, of whose columns only the first is words."""
    lines = [" | ".join(heads), *(" | ".join(row) for row in rows)]
    rule = "|---|" + "--:|" * lines[0].count("|")
    return "\n".join([f"| {lines[0]} |", rule, *(f"| {line} |" for line in lines[1:])])


def compare(arguments: argparse.Namespace, folder: Path) -> str:
    """All tables, of samples that are laid out in `folder`."""
    for corpus in CORPORA:
        names = write_part(corpus, arguments.data, folder / corpus.name, arguments.files)
        (folder / f"{corpus.name}.json").write_text(json.dumps(names))
    there = [reader for reader in (OURS, *COUNTERS) if importlib.util.find_spec(reader)]
    results: Results = {}
    for reader in there:
        command = [sys.executable, __file__, "--data", str(arguments.data), "--seconds", str(arguments.seconds)]
        command += ["--reader", reader, "--folder", str(folder)]
        output = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
        results[reader] = json.loads(output.splitlines()[-1])
    missing = [f"{reader} is not installed: left out." for reader in COUNTERS if reader not in there]
    parts = ["## Notes a second", speed_table(results), "## Do the numbers of notes agree?", agreement_table(results)]
    return "\n\n".join([*missing, *parts, "## What else it takes", cost_table(results)])


def main() -> None:
    """Prints the tables; or measures one reader, which is what the processes do that this starts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("SCOREHUB_DATA"), help="folder of the samples")
    parser.add_argument("--files", type=int, default=1000, help="of each dataset, at most")
    parser.add_argument("--seconds", type=float, default=4, help="for which a rival reads each dataset, at least")
    parser.add_argument("--reader", choices=(OURS, *COUNTERS), help="measures this one only, on what --folder has")
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error("--data must name the folder of the samples where SCOREHUB_DATA doesn't, got none")
    load_hook.install()
    if arguments.reader:
        print(json.dumps(run_reader(arguments.reader, arguments.folder, arguments)))
        return
    command = f"python benchmarks/catalogue.py --files {arguments.files} --seconds {arguments.seconds:g}"
    print(f"# Catalogue: speed\n\n`{command}`, one process for each reader.\n")
    with tempfile.TemporaryDirectory() as folder:
        print(compare(arguments, Path(folder)))


if __name__ == "__main__":
    main()
