"""The tools of `benchmarks/reliability.py`: what they fuzz, kill and tell."""

import gzip
import json
import random
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import reliability_archives as archives
import reliability_fuzzing as fuzzing
import reliability_kills as kills
import reliability_loaders as loaders
import reliability_readers as readers
import reliability_seeds as seeds
import reliability_spaces as spaces
import reliability_weights as weights
from reliability_containers import GZIP, MIDI, OGG, PNG, SAFETENSORS, TAR_GZ, ZIP, tar_gz_of, zip_of
from reliability_mutations import damage


@pytest.mark.parametrize("loader", sorted(set(loaders.LOADERS) - {"PDF", "engraving", "work page"}))
def test_damaged_files_are_read_or_refused(tmp_path, monkeypatch, loader):
    monkeypatch.chdir(tmp_path)
    rng = random.Random(loader)
    for number, form in enumerate(loaders.LOADERS[loader].forms):
        valid = form.seed()
        path = tmp_path / f"file{form.suffix}"
        path.write_bytes(valid)
        assert loaders.read(loader, number, str(path))[0]["outcome"] == "read"
        for _ in range(3):
            path.write_bytes(damage(rng, valid, form.container))
            answer, _ = loaders.read(loader, number, str(path))
            assert answer["outcome"] in ("read", "refused"), answer


def checksums_of_valid_files():
    return [
        f"{name} {number} {zlib.crc32(form.seed())}"
        for name, loader in loaders.LOADERS.items()
        for number, form in enumerate(loader.forms)
    ]


def checksums_of_cases():
    return [f"{name} {case.name} {zlib.crc32(case.data)}" for name in loaders.LOADERS for case in some_cases(name)]


def some_cases(loader):
    return fuzzing.cases(loader, 40, seed=3)


@pytest.mark.slow
@pytest.mark.parametrize("checksums", [checksums_of_valid_files, checksums_of_cases])
def test_files_are_the_same_in_two_processes_at_two_times(checksums):
    listed = f"print(*{checksums.__name__}(), sep='\\n')"
    script = f"import sys; sys.path[:0] = {sys.path!r}; from {__name__} import *; {listed}"
    processes = []
    for _ in range(2):
        processes.append(subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True))
        time.sleep(1.1)  # times in files are whole seconds
    first, second = (process.communicate()[0].splitlines() for process in processes)
    assert len(first) > 40
    assert first == second


def test_a_seed_makes_the_same_files():
    one, other = (list(some_cases("kern")) for _ in range(2))
    assert one == other
    assert len({case.data for case in one}) > 30
    assert {case.form for case in one} == {0, 1}
    assert sum(case.name.startswith("damaged") for case in one) == 20


CONTAINERS = {
    "ZIP": (ZIP, lambda: zip_of([("a", b"12"), ("b", b"")])),
    "gzip": (GZIP, lambda: gzip.compress(b"12", 1, mtime=0)),
    "tar.gz": (TAR_GZ, lambda: tar_gz_of({"a": b"12"})),
    "PNG": (PNG, lambda: seeds.picture("PNG")),
    "safetensors": (SAFETENSORS, weights.tensors),
    "MIDI": (MIDI, seeds.midi),
    "Ogg": (OGG, lambda: seeds.sound("OGG", "VORBIS")),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_is_put_together_as_it_was(name):
    container, make = CONTAINERS[name]
    data = make()
    parts = container.unpack(data)
    again = container.pack(parts)
    assert container.unpack(again) == parts
    assert again == data or data[:2] == b"\x1f\x8b"  # gzip may pack it in another way


OUTCOMES = {
    "read": lambda path: None,
    "refused": lambda path: path.with_name("none").read_bytes(),
    "crash": lambda path: {}["key"],
    "memory": lambda path: bytearray(2**50),
}


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_what_becomes_of_a_file_is_told(tmp_path, monkeypatch, outcome):
    form = readers.Form(".x", OUTCOMES[outcome], bytes)
    monkeypatch.setitem(loaders.LOADERS, "other", readers.Loader((form,)))
    (tmp_path / "a.x").write_bytes(b"")
    answer, blobs = loaders.read("other", 0, str(tmp_path / "a.x"))
    assert (answer["outcome"], blobs) == (outcome, [])
    assert answer["why"].startswith({"refused": "FileNotFoundError: ", "crash": "KeyError in "}.get(outcome, ""))


def test_a_loader_is_fuzzed(tmp_path):
    tally = fuzzing.fuzz("PrIMuS tokens", 24, 0, tmp_path / "work", tmp_path / "keep")
    assert tally.failures == []
    assert tally.files == 24
    assert tally.outcomes["refused"] == tally.refusals.total() > 5
    assert not (tmp_path / "keep").exists()


def test_what_a_file_writes_is_found(tmp_path):
    (tmp_path / archives.ESCAPED).write_bytes(b"")
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "left").write_bytes(b"")
    tally = fuzzing.fuzz("PrIMuS tokens", 2, 0, tmp_path / "work")
    assert sorted(tally.failures) == ["written: ../escaped", "written: left"]


RESUMED = """
import sys, time
from pathlib import Path
out = Path(sys.argv[1])
out.mkdir(exist_ok=True)
for number in range(10):
    if not (out / str(number)).exists():
        time.sleep(0.05)
        (out / f"{number}.draft").write_text(f"{number}" + sys.argv[2] * bool(list(out.iterdir())))
        (out / f"{number}.draft").rename(out / str(number))
print("done", file=sys.stderr)
"""


@pytest.mark.parametrize("is_same", [True, False])
def test_what_ends_in_other_bytes_is_found(tmp_path, monkeypatch, is_same):
    suffix = "" if is_same else "{time.time_ns()}"
    task = kills.Task(
        prepare=lambda folder: None,
        command=lambda data, out: [sys.executable, "-c", RESUMED, str(out), suffix and str(time.time_ns())],
        begun="*",
        made=("[0-9]",),
    )
    monkeypatch.setitem(kills.TASKS, "counting", task)
    found = kills.kill("counting", 3, 0, tmp_path / "work")
    assert found.files == 10
    assert (found.same, len(found.failures)) == ((3, 0) if is_same else (0, 3))


def test_a_script_in_html_is_seen_and_in_a_name_is_not():
    name = json.dumps([{"orig_name": spaces.SCRIPT}])
    page = json.dumps(["<p>&lt;script&gt;", {"value": f"<p>{spaces.SCRIPT}</p>"}])
    assert not spaces._has_script(f"event: complete\ndata: {name}\n")
    assert spaces._has_script(f"event: complete\ndata: {page}\n")
