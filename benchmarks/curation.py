"""Pages per second from PDFs to kept pages: our curation against the authors' method, on the same PDFs in one run.

    python benchmarks/curation.py score_scans/pdf --copies 16 --out benchmarks/curation.md

The authors' method, as their scripts have it: colour depth of the whole file by PyMuPDF, all pages by pdf2image at 200
dpi, each squashed to 2048 x 2048 for a ResNet-18, all saved as JPEG. Weights do not change its speed: they are random.
Ours is `curate`, with all that it does beyond that: manifest, hashes, near-duplicates, splits, Parquet. Each arm runs
in a process of its own; times leave imports out; memory is the peak of the process tree (PSS).
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import torch

ARMS = ("authors", "ours, paper preset", "ours", "ours, many pages, 1 process", "ours, many pages, 2 processes")


def run_authors(pdfs: Path, out: Path) -> None:
    """The authors' color_depth.py and pdf2img.py, one process."""
    import pdf2image
    import pymupdf
    from transformers import ResNetConfig, ResNetForImageClassification

    config = ResNetConfig(depths=[2, 2, 2, 2], hidden_sizes=[64, 128, 256, 512], layer_type="basic", embedding_size=64)
    model = ResNetForImageClassification(config).eval()
    yield
    out.mkdir()
    for path in sorted(pdfs.glob("*.pdf")):
        with pymupdf.open(path) as document:
            if any(image[4] > 1 for page in document for image in page.get_images(full=True)):
                continue
        for number, image in enumerate(pdf2image.convert_from_path(path), start=1):
            pixels = torch.frombuffer(bytearray(image.resize((2048, 2048)).tobytes()), dtype=torch.uint8)
            batch = pixels.view(1, 2048, 2048, 3).permute(0, 3, 1, 2) / 255  # (1, 3, H, W)
            with torch.no_grad():
                model(batch).logits.argmax(-1)
            image.save(out / f"{path.stem}_{number}.jpg", "JPEG")


def run_ours(pdfs: Path, out: Path, workers: int = 1, preset: str = "default") -> None:
    """Our curation, from its start to the finished dataset."""
    from scorehub.dataset_builders.machines import Machines
    from scorehub.dataset_builders.musicscore.config import CurationConfig
    from scorehub.dataset_builders.musicscore.curation import curate

    yield
    curate(CurationConfig(pdfs, out, pdfs_per_task=12, preset=preset), Machines(workers))


def run_arm(arm: str, pdfs: Path, out: Path) -> None:
    """Runs one arm and prints its seconds."""
    if arm == "authors":
        steps = run_authors(pdfs, out)
    else:
        steps = run_ours(pdfs, out, 2 if arm.endswith("2 processes") else 1, "paper" if "paper" in arm else "default")
    next(steps)
    start = time.perf_counter()
    next(steps, None)
    print(json.dumps(time.perf_counter() - start))


def measure(arm: str, pdfs: Path, out: Path) -> tuple[float, float]:
    """Seconds and peak MB of an arm in its own process."""
    command = [sys.executable, __file__, str(pdfs), "--arm", arm, "--out", str(out)]
    peak = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        while process.poll() is None:
            peak = max(peak, _memory(psutil.Process(process.pid)))
            time.sleep(2)  # to look costs time, which the arms would miss
        return float(process.stdout.read()), peak / 2**20


def _memory(process: psutil.Process) -> int:
    total = 0
    for member in (process, *process.children(recursive=True)):
        try:
            total += member.memory_full_info().pss
        except psutil.Error:
            continue
    return total


def main() -> None:
    """Runs all arms, or one of them in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pdfs", type=Path)
    parser.add_argument("--copies", type=int, default=16, help="of the PDFs, for the arms with many pages")
    parser.add_argument("--out", type=Path, help="file for the table")
    parser.add_argument("--arm", choices=ARMS)
    arguments = parser.parse_args()
    if arguments.arm:
        run_arm(arguments.arm, arguments.pdfs, arguments.out)
        return
    with tempfile.TemporaryDirectory() as folder:
        table = compare(arguments.pdfs, arguments.copies, Path(folder))
    print(table)
    if arguments.out:
        arguments.out.write_text(table + "\n")


def compare(pdfs: Path, copies: int, work: Path) -> str:
    """The table of all arms."""
    import pymupdf

    many = work / "many"
    many.mkdir()
    for path in pdfs.glob("*.pdf"):
        for copy in range(copies):
            shutil.copy(path, many / f"{copy:02d}_{path.name}")
    pages = sum(len(pymupdf.open(path)) for path in pdfs.glob("*.pdf"))
    lines = [
        f"`python benchmarks/curation.py score_scans/pdf --copies {copies}`: {pages} pages in, {copies} x for many.",
        "",
    ]
    lines += ["| arm | pages | seconds | pages/s | ratio | peak MB |", "|---|---:|---:|---:|---:|---:|"]
    rates: dict[str, float] = {}
    for number, arm in enumerate(ARMS):
        count = pages * copies if "many" in arm else pages
        seconds, memory = measure(arm, many if "many" in arm else pdfs, work / str(number))
        rates[arm] = count / seconds
        base = ARMS[3] if "many" in arm else ARMS[0]
        ratio = f"{rates[arm] / rates[base]:.2f}"
        lines.append(f"| {arm} | {count} | {seconds:.1f} | {rates[arm]:.2f} | {ratio} | {memory:.0f} |")
    lines += ["", "Ratio: against the authors' method; for many pages against one process."]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
