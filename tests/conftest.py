"""What all tests share: a safe Hugging Face environment, the loopback Hub, client processes, a tiny built dataset."""

import csv
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

# Hugging Face libraries read these at import: nothing in this process may reach the real Hub or the user's cache.
HF_HOME = tempfile.mkdtemp(prefix="scorehub-tests-")
os.environ |= {"HF_HOME": HF_HOME, "HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
os.environ |= {"HF_DATASETS_CACHE": f"{HF_HOME}/datasets", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
os.environ |= {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}  # what is asked is here
os.environ |= {"GRADIO_TEMP_DIR": f"{HF_HOME}/gradio", "CUDA_VISIBLE_DEVICES": ""}  # trainings repeat bit by bit
for name in ("HF_TOKEN", "HF_ENDPOINT", "HF_HUB_CACHE", "HF_XET_CACHE"):
    os.environ.pop(name, None)
# What one worker compiled of librosa the next one takes from here: workers inherit it. See the fixture.
os.environ.setdefault("NUMBA_CACHE_DIR", f"{HF_HOME}/numba")

from loopback_hub import LoopbackHub  # noqa: E402


def pytest_make_parametrize_id(val, argname):
    """Files are no names of tests: workers must find the same names, and a file may hold the time it was made."""
    return argname if isinstance(val, bytes) else None


def pytest_xdist_auto_num_workers(config):
    """As many workers as processors that this process may use, and as memory lets load their libraries."""
    gibibytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return max(1, min(len(os.sched_getaffinity(0)), int(gibibytes / 3), 8))


def pytest_sessionfinish():
    shutil.rmtree(HF_HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def librosa():
    """librosa, compiled by one worker at a time: of a cache that two fill at once they crash (numba issue 10128)."""
    folder = Path(os.environ["NUMBA_CACHE_DIR"])
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "lock"):
        import librosa

        tone = np.sin(0.1 * np.arange(22_050, dtype=np.float32))
        librosa.cqt(tone, n_bins=120, bins_per_octave=24)
        librosa.onset.onset_detect(y=tone)
    return librosa


@pytest.fixture
def loopback_hub():
    """A fresh, empty Hub on a free port; run its clients by `run_python(code, env=loopback_hub.env)`."""
    with LoopbackHub() as hub:
        yield hub


@pytest.fixture
def run_python(tmp_path):
    """`run_python(code, *arguments, env={})` runs code in an isolated process and returns what it printed.

    Each test has its own cache, shared by its processes. `without_scorehub=True` makes `import scorehub` fail there,
    as on a machine where it is not installed.
    """

    def run(code, *arguments, env=None, without_scorehub=False):
        if without_scorehub:
            code = f"import sys; sys.modules['scorehub'] = None\n{code}"
        cache = {"HF_HOME": str(tmp_path / "hf"), "HF_DATASETS_CACHE": str(tmp_path / "hf/datasets")}
        process = subprocess.run(
            [sys.executable, "-I", "-c", code, *map(str, arguments)],
            env=os.environ | cache | {"OMP_NUM_THREADS": "1"} | (env or {}),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=600,  # a hang; a busy machine takes a while
        )
        assert process.returncode == 0, process.stderr[-4000:]
        return process.stdout

    return run


# What a curation run finds: source, status, reason, color_depth of each PDF; then what became of each page.
PDFS = [
    ("IMSLP001.pdf", "kept", "", "1-bit"),
    ("IMSLP002.pdf", "partial", "1 of 3 pages: 8 bits per component", "mixed"),
    ("IMSLP003.pdf", "partial", "1 of 3 pages: not music; 1 of 3 pages: near-duplicate", "born-digital"),
    ("IMSLP004.pdf", "rejected", "1 of 1 pages: 8 bits per component", "8-bit"),
    ("IMSLP005.pdf", "failed", "encrypted: opens with a password only", ""),
]
# Source, page, reason (`""` for a kept page), page_kind, split.
PAGES = [
    *[("IMSLP001.pdf", page, "", "1-bit", "train") for page in (1, 2, 3)],
    ("IMSLP002.pdf", 1, "8 bits per component", "8-bit", ""),
    *[("IMSLP002.pdf", page, "", "1-bit", "validation") for page in (2, 3)],
    ("IMSLP003.pdf", 1, "not music", "born-digital", ""),
    ("IMSLP003.pdf", 2, "near-duplicate of IMSLP001.pdf page 1", "born-digital", ""),
    ("IMSLP003.pdf", 3, "", "born-digital", "test"),
    ("IMSLP004.pdf", 1, "8 bits per component", "8-bit", ""),
]
WORKS = {
    "IMSLP001.pdf": ("Bach, Johann Sebastian", "B♭ major", "violin, piano", "Baroque", "Public Domain"),
    "IMSLP002.pdf": ("Mozart, Wolfgang Amadeus", "G minor", "2 violins, viola, cello", "Classical", "CC BY 4.0"),
    "IMSLP003.pdf": ("", "", "", "", "CC BY 4.0"),
}


def _png(number):
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("1", (32, 40), number % 2).save(buffer, "PNG")
    return buffer.getvalue()


def _row(source, page, kind):
    from scorehub.dataset_builders.musicscore.schema import FEATURES

    composer, key, instrumentation, period, licence = WORKS[source]
    n_pages = sum(facts[0] == source for facts in PAGES)
    row = dict.fromkeys(FEATURES, "") | {"text": "a music score", "imslp_id": source[:-4], "source": source}
    row |= {"image": {"bytes": _png(page), "path": f"{source[:-4]}_{page}.png"}, "page": page, "license": licence}
    row |= {"composer": composer, "key": key, "instrumentation": instrumentation, "period": period}
    row |= {"piece_style": period, "n_pages": n_pages, "score_probability": 0.9, "music_fraction": 0.8}
    return row | {"split_group": source, "page_kind": kind}


def _write_csv(path, header, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header.split(","), *rows])


@pytest.fixture
def built_dataset(tmp_path):
    """A folder as a curation run leaves it, without card and figures: 6 kept pages of 3 PDFs, and all that was not.

    train 3 pages (one PDF), validation 2, test 1; 10 pages of 5 PDFs were looked at.
    """
    from datasets import Dataset

    from scorehub.dataset_builders.musicscore.schema import FEATURES
    from scorehub.dataset_builders.splits import SPLITS

    folder = tmp_path / "musicscore"
    (folder / "data").mkdir(parents=True)
    (folder / "parts").mkdir()
    (folder / "parts" / "00000.parquet").write_bytes(b"work in progress")
    rows, pages = {split: [] for split in SPLITS}, []
    for number, (source, page, reason, kind, split) in enumerate(PAGES):
        verdict, probability = "rejected" if reason else "kept", 0.1 if reason == "not music" else 0.9
        pages.append([source, page, verdict, reason, kind, probability, 0.8, f"{number:064x}", "0" * 64, split])
        if split:
            rows[split].append(_row(source, page, kind))
    manifest = []
    for source, status, reason, depth in PDFS:
        splits = [page[-1] for page in PAGES if page[0] == source]
        manifest.append([source, status, reason, "0" * 64, depth, len(splits), sum(map(bool, splits)), 12])
    for split, split_rows in rows.items():
        dataset = Dataset.from_list(split_rows, features=FEATURES)
        dataset.to_parquet(folder / "data" / f"{split}-00000-of-00001.parquet")
    _write_csv(folder / "manifest.csv", "source,status,reason,sha256,color_depth,n_pages,n_kept,ms", manifest)
    header = "source,page,verdict,reason,page_kind,score_probability,music_fraction,sha256,phash,split"
    _write_csv(folder / "pages.csv", header, pages)
    return folder


# Prints what became of each repository: id, paths that were sent, paths that were removed, failure.
PUBLISH = """
import json, sys
from pathlib import Path
from scorehub.publishing import publish
from scorehub.staging import Repository
repositories = [Repository(kind, repo_id, Path(path), new) for kind, repo_id, path, new in json.loads(sys.argv[1])]
outcomes = publish(repositories, **json.loads(sys.argv[2]))
print(json.dumps([[o.repository.repo_id, o.sent, o.removed, o.failure] for o in outcomes]))
"""


@pytest.fixture
def publish(run_python, loopback_hub):
    """`publish((kind, folder), ...)` sends them to `tester/<folder's name>` in a process of its own."""

    def run(*items, token=True, **options):
        repositories = [(kind, f"tester/{path.name}", str(path), not path.exists()) for kind, path in items]
        env = loopback_hub.env | ({} if token else {"HF_TOKEN": ""})
        return json.loads(run_python(PUBLISH, json.dumps(repositories), json.dumps(options), env=env))

    return run
