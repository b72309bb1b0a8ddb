"""Curation decides by page, loses nothing, and goes on where it was stopped."""

import csv
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pymupdf
import pytest
import torch
from datasets import load_dataset
from PIL import Image
from transformers import ResNetConfig, ResNetForImageClassification, ViTImageProcessor

import scorehub.dataset_builders
from scorehub.dataset_builders.machines import Machines
from scorehub.dataset_builders.musicscore.config import CurationConfig
from scorehub.dataset_builders.musicscore.curation import curate

assert scorehub.dataset_builders  # makes the name known

KNOWN = """[{"Work Title": "Partita", "Composer": "Bach, Johann Sebastian", "Key": "D minor", "ID": "IMSLP900",
"Instrumentation": "violin"}, {"Work Title": "Nobody's sonata", "ID": "IMSLP999"}]"""


def page(seed, mode="1"):
    """A page unlike any other: blurred noise has structure at every size that a perceptual hash looks at."""
    grid = np.random.default_rng(seed).integers(0, 2, size=(17, 12), dtype=np.uint8) * 255
    return Image.fromarray(grid).resize((240, 340), Image.Resampling.NEAREST).convert(mode)


def write_pdf(path, pages):
    pages[0].save(path, "PDF", resolution=100, save_all=True, append_images=pages[1:])


def write_classifier(folder, score_logit):
    """A classifier that gives every page the same logit for music."""
    config = ResNetConfig(
        embedding_size=4,
        hidden_sizes=[4],
        depths=[1],
        layer_type="basic",
        id2label={0: "non-score", 1: "score"},
        label2id={"non-score": 0, "score": 1},
    )
    model = ResNetForImageClassification(config)
    torch.nn.init.zeros_(model.classifier[1].weight)
    model.classifier[1].bias.data = torch.tensor([0.0, score_logit])
    model.save_pretrained(folder)
    ViTImageProcessor(size={"height": 32, "width": 24}).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def lenient(tmp_path_factory):
    """A classifier to which every page is music."""
    return write_classifier(tmp_path_factory.mktemp("lenient"), 9.0)


@pytest.fixture
def pdfs(tmp_path):
    """Scans of every depth, a duplicate, and files that can't be read."""
    folder = tmp_path / "pdfs"
    (folder / "more").mkdir(parents=True)
    write_pdf(folder / "IMSLP900.pdf", [page(1), page(2)])
    write_pdf(folder / "grey.pdf", [page(3, "L"), page(4, "L")])
    write_pdf(folder / "mixed.pdf", [page(5, "L"), page(6), page(7)])
    write_pdf(folder / "more" / "rescan.pdf", [page(2).rotate(0.1, fillcolor=1), page(8)])
    with pymupdf.open() as document:
        document.new_page().insert_text((72, 72), "Sonata")
        document.save(folder / "vector.pdf")
        document.save(folder / "locked.pdf", encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="secret")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 and nothing else")
    (folder / "notes.txt").write_text("not a PDF")
    (folder / "metadata.json").write_text(KNOWN)
    return folder


@pytest.fixture
def configure(pdfs, lenient, tmp_path):
    def make(out="out", **settings):
        metadata = (pdfs / "metadata.json",)
        settings = {"classifier": lenient, "pdfs_per_task": 2} | settings
        return CurationConfig(pdfs, tmp_path / out, metadata, **settings)

    return make


def table(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def contents(folder):
    return {
        path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_every_pdf_gets_a_row_and_nothing_is_deleted(configure, pdfs):
    before = contents(pdfs)
    out = curate(configure())
    rows = {row["source"]: (row["status"], row["color_depth"]) for row in table(out / "manifest.csv")}
    assert rows == {
        "IMSLP900.pdf": ("kept", "1-bit"),
        "broken.pdf": ("failed", ""),
        "grey.pdf": ("rejected", "8-bit"),
        "locked.pdf": ("failed", ""),
        "mixed.pdf": ("partial", "mixed"),
        "more/rescan.pdf": ("partial", "1-bit"),
        "vector.pdf": ("kept", "born-digital"),
    }
    assert all(row["reason"] for row in table(out / "manifest.csv") if row["status"] != "kept")
    assert {row["sha256"] for row in table(out / "manifest.csv")} == {
        digest for path, digest in before.items() if path.suffix == ".pdf"
    }
    assert contents(pdfs) == before


def test_a_relative_folder_is_found_from_where_the_process_is_by_then(configure, pdfs, monkeypatch):
    first = curate(configure("first"))  # the child that reads PDFs lives on
    monkeypatch.chdir(pdfs.parent)
    second = curate(replace(configure("second"), pdf_dir=pdfs.relative_to(pdfs.parent)))
    statuses = [[row["status"] for row in table(out / "manifest.csv")] for out in (first, second)]
    assert statuses[0] == statuses[1]


def test_rows_carry_the_image_and_the_works_metadata(configure):
    out = curate(configure())
    rows = {(row["source"], row["page"]): row for split in load_dataset(str(out / "data")).values() for row in split}
    row = rows["IMSLP900.pdf", 2]
    assert row["text"] == (
        "a music score, composer is Bach, Johann Sebastian, instrumentation is violin, key is D minor"
    )
    assert (row["imslp_id"], row["n_pages"], row["page_kind"]) == ("IMSLP900", 2, "1-bit")
    assert np.array_equal(np.asarray(row["image"]), np.asarray(page(2)))
    assert rows["mixed.pdf", 3]["text"] == "a music score"


def test_a_page_that_another_file_has_stays_once_and_its_works_share_a_split(configure):
    out = curate(configure())
    duplicate = next(r for r in table(out / "pages.csv") if r["source"] == "more/rescan.pdf" and r["page"] == "1")
    assert duplicate["reason"] == "near-duplicate of IMSLP900.pdf page 2"
    rows = [row for split in load_dataset(str(out / "data")).values() for row in split.remove_columns("image")]
    groups = {row["source"]: row["split_group"] for row in rows}
    assert groups["more/rescan.pdf"] == groups["IMSLP900.pdf"]
    splits = {row["source"]: row["split"] for row in table(out / "pages.csv") if row["verdict"] == "kept"}
    assert splits["more/rescan.pdf"] == splits["IMSLP900.pdf"]


@pytest.mark.skipif(shutil.which("pdftoppm") is None, reason="poppler-utils is not installed")
def test_the_paper_preset_rejects_a_file_for_one_deep_image_and_renders_jpegs(configure):
    out = curate(configure(preset="paper"))
    rows = {row["source"]: row for row in table(out / "manifest.csv")}
    assert rows["mixed.pdf"]["status"] == "rejected"
    assert "8 bits per component in an image of page 1" in rows["mixed.pdf"]["reason"]
    images = [row["image"] for split in load_dataset(str(out / "data")).values() for row in split]
    assert {image.format for image in images} == {"JPEG"}
    assert images[0].size == (480, 680)  # 200 dpi of pages scanned at 100


def test_the_full_page_rule_rejects_pages_that_staves_do_not_span(configure):
    out = curate(configure(min_music_fraction=2 / 3))
    assert {row["status"] for row in table(out / "manifest.csv")} == {"rejected", "failed"}
    assert "music on less than 67% of the page" in {row["reason"] for row in table(out / "pages.csv")}


def test_a_probability_below_the_threshold_rejects_a_page(configure):
    out = curate(configure(min_probability=1.0))
    assert "not music" in {row["reason"] for row in table(out / "pages.csv")}


def test_a_system_cut_out_of_its_page_is_judged_by_its_staves(configure, pdfs, tmp_path):
    strip = Image.new("1", (1200, 130), 1)
    for line in range(5):
        strip.paste(0, (40, 45 + 10 * line, 1160, 47 + 10 * line))
    write_pdf(pdfs / "strip.pdf", [strip, Image.new("1", (1200, 130), 1)])
    strict = write_classifier(tmp_path / "strict", -9.0)
    rows = table(curate(configure(classifier=strict)) / "pages.csv")
    verdicts = {(row["source"], row["page"]): row["verdict"] for row in rows}
    assert verdicts["strip.pdf", "1"] == "kept"
    assert {verdict for page, verdict in verdicts.items() if page != ("strip.pdf", "1")} == {"rejected"}


def test_two_workers_build_the_same_bytes_as_one(configure):
    one, two = curate(configure("one")), curate(configure("two"), Machines(2))
    assert contents(one / "data") == contents(two / "data")


BUILD = """
import sys
from pathlib import Path
import scorehub.dataset_builders
from scorehub.dataset_builders.musicscore.config import CurationConfig
from scorehub.dataset_builders.musicscore.curation import curate
pdfs, out, classifier = sys.argv[1:]
curate(CurationConfig(Path(pdfs), Path(out), (Path(pdfs) / "metadata.json",), classifier=classifier, pdfs_per_task=1))
"""


def test_a_killed_run_goes_on_to_the_same_bytes(configure, pdfs, lenient, tmp_path):
    """Killed in the middle of a task; `benchmarks/hostile_pdfs.py --kill` does it at random moments."""
    command = [sys.executable, "-c", BUILD, str(pdfs), str(tmp_path / "killed"), lenient]
    process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
    while len(list((tmp_path / "killed" / "parts").glob("*/*.draft"))) < 3 and process.poll() is None:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    whole, killed = (curate(configure(out, pdfs_per_task=1)) for out in ("whole", "killed"))
    assert contents(whole / "data") == contents(killed / "data")
    assert (whole / "pages.csv").read_bytes() == (killed / "pages.csv").read_bytes()


def test_a_finished_run_is_not_done_again(configure):
    out = curate(configure())
    written = [path.stat().st_mtime_ns for path in sorted((out / "parts").rglob("*.parquet"))]
    curate(configure())
    assert [path.stat().st_mtime_ns for path in sorted((out / "parts").rglob("*.parquet"))] == written


def test_new_pdfs_are_taken_in_by_the_next_run(configure, pdfs):
    curate(configure())
    write_pdf(pdfs / "zz.pdf", [page(20)])
    rows = table(curate(configure()) / "manifest.csv")
    assert rows[-1]["source"] == "zz.pdf"


def test_a_folder_has_the_dataset_that_was_built_last(configure):
    first, other = configure(), configure(min_probability=1.0)
    built = contents(curate(first) / "data")
    assert contents(curate(other) / "data") != built
    assert contents(curate(first) / "data") == built
    shutil.rmtree(first.out_dir / "data")
    assert contents(curate(first) / "data") == built


def test_a_dataset_that_was_half_replaced_is_written_again(configure, monkeypatch):
    built = contents(curate(configure()) / "data")
    with monkeypatch.context() as patch:
        patch.setattr("scorehub.dataset_builders.musicscore.assemble.write_card", stop)
        with pytest.raises(KeyboardInterrupt):
            curate(configure(min_probability=1.0))
    assert contents(curate(configure()) / "data") == built


def stop(*_arguments):
    raise KeyboardInterrupt


def test_pdfs_that_come_between_listing_and_work_wait_for_the_next_run(configure, pdfs, monkeypatch):
    listed = CurationConfig.sources

    def list_and_add(self):
        found = listed(self)
        write_pdf(pdfs / f"aa{len(found)}.pdf", [page(20)])
        return found

    monkeypatch.setattr(CurationConfig, "sources", list_and_add)
    rows = table(curate(configure()) / "manifest.csv")
    assert len(rows) == 7
    assert not [row for row in rows if row["source"].startswith("aa")]


def test_a_page_that_hangs_its_reader_costs_only_itself(configure, pdfs):
    with pymupdf.open(pdfs / "IMSLP900.pdf") as document:
        document.new_page()
        form = 0
        for level in range(8):  # forms that draw one another 20 times each, eight levels deep
            inner = f"/Resources<</XObject<</F {form} 0 R>>>>" if level else ""
            form = document.get_new_xref()
            document.update_object(form, f"<</Type/XObject/Subtype/Form/BBox[0 0 595 842]{inner}>>")
            document.update_stream(form, b"/F Do " * 20 if level else b"0 0 m 595 842 l S " * 20)
        document[2].insert_text((72, 72), "Sonata")
        document.xref_set_key(document[2].xref, "Resources", f"<</XObject<</F {form} 0 R>>>>")
        document.update_stream(document[2].get_contents()[0], b"/F Do")
        document.save(pdfs / "hang.pdf")
    rows = [row for row in table(curate(configure(seconds=5.0)) / "pages.csv") if row["source"] == "hang.pdf"]
    assert [row["reason"].split(" of ")[0] for row in rows] == [
        "near-duplicate",
        "near-duplicate",
        "timed out after 5 s",
    ]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"preset": "papers"}, "preset must be one of default, paper, got 'papers'"),
        ({"min_probability": 1.5}, "min_probability must be 0 to 1, got 1.5"),
        ({"seconds": 0}, "seconds must be positive, got 0"),
    ],
)
def test_wrong_settings_are_named(configure, settings, message):
    with pytest.raises(ValueError, match=message):
        configure(**settings)


def test_the_paper_preset_asks_for_poppler(configure, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ValueError, match="poppler-utils"):
        curate(configure(preset="paper"))


def test_a_folder_without_pdfs_is_named(tmp_path, lenient):
    with pytest.raises(ValueError, match="must hold PDF files"):
        curate(CurationConfig(tmp_path, tmp_path / "out", classifier=lenient))


def test_slurm_needs_a_partition(configure):
    with pytest.raises(ValueError, match="slurm_partition"):
        curate(configure(), Machines(executor="slurm"))


SBATCH = """#!/bin/bash
# A cluster of one: runs the tasks of a job array one after the other, as soon as it is queued.
script="${@: -1}"
last=$(sed -n 's/#SBATCH --array=0-\\([0-9]*\\).*/\\1/p' "$script")
for task in $(seq 0 "${last:-0}"); do
  SLURM_ARRAY_TASK_ID=$task SLURM_NODELIST=localhost RUN_OFFSET=0 bash "$script" >> "$SBATCH_LOG" 2>&1
done
echo "Submitted batch job 7"
"""
SRUN = """#!/bin/bash
while [ "$1" != launch_pickled_pipeline ]; do shift; done
exec "$@"
"""


@pytest.mark.slow
def test_slurm_jobs_build_the_same_bytes(configure, tmp_path, monkeypatch):
    for name, script in {"sbatch": SBATCH, "srun": SRUN, "scontrol": "#!/bin/sh\necho localhost\n"}.items():
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.path.dirname(sys.executable)}:{os.environ['PATH']}")
    monkeypatch.setenv("SBATCH_LOG", str(tmp_path / "log"))
    settings = {"pdfs_per_task": 10}
    local = curate(configure("local", **settings))
    queued = curate(configure("slurm", **settings), Machines(1, "slurm", "cpu"))
    assert contents(queued / "data") == contents(local / "data"), (tmp_path / "log").read_text()[-3000:]


@pytest.mark.slow
def test_a_ray_cluster_builds_the_same_bytes(configure):
    import ray

    local = curate(configure("local"))
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        clustered = curate(configure("ray"), Machines(2, "ray"))
    finally:
        ray.shutdown()
    assert contents(clustered / "data") == contents(local / "data")


@pytest.mark.parametrize("streaming", [False, True])
def test_pdfs_load_by_name(pdfs, lenient, streaming):
    splits = load_dataset("musicscore", "pdf", data_dir=str(pdfs), classifier=lenient, streaming=streaming)
    rows = {(row["source"], row["page"]): row for split in splits.values() for row in split}
    assert set(rows) == {
        ("IMSLP900.pdf", 1),
        ("IMSLP900.pdf", 2),
        ("mixed.pdf", 2),
        ("mixed.pdf", 3),
        ("more/rescan.pdf", 2),
        ("vector.pdf", 1),
    }
    assert rows["IMSLP900.pdf", 1]["composer"] == "Bach, Johann Sebastian"
    assert rows["mixed.pdf", 2]["image"].size == (240, 340)
