"""Scores of the page classifier: cross-validation by work, and pages that were in no training.

    SCOREHUB_DATA=data python benchmarks/page_classifier.py runs/page_classifier > benchmarks/page_classifier.md

The argument is the output folder of `scorehub.trainers.page_classifier`: a finished training is read from it, an
unfinished one goes on first (an hour on one core). The unseen pages are those of `score_scans/` (scanned and engraved
PDFs, whose works are held out of training), `score_pages/` (works that were not drawn), `openscore_lieder/` (engraved
here by verovio), and text pages, blank pages and noise made here. Thumbnails have a long side of 840 px.
"""

import argparse
import base64
import contextlib
import io
import os
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pymupdf
import resvg_py
import torch
import typst
import verovio
from PIL import Image
from transformers import pipeline

from scorehub.pipelines.score_following.staves import FULL_PAGE, find_staves, music_fraction
from scorehub.trainers.page_classifier import parse_config, run
from scorehub.trainers.page_corpus import (
    CONTRADICTORY,
    LabelledPage,
    choose_extra_works,
    load_labelled_pages,
    read_csv,
    read_tar_images,
)
from scorehub.trainers.page_drawing import rescan, tone
from scorehub.trainers.page_evaluation import fold_rows

MODEL = Path(__file__).parents[1] / "pipelines" / "page_classifier"
LONG_SIDE = 840
Pages = dict[str, np.ndarray]  # name -> uint8 (H, W) or (H, W, 3), 255 = paper


def thumbnail(image: Image.Image) -> np.ndarray:
    """Returns `image` in grey with a long side of 840 px, antialiased."""
    share = LONG_SIDE / max(image.size)
    size = (max(1, round(image.width * share)), max(1, round(image.height * share)))
    return np.asarray(image.convert("L").resize(size, Image.Resampling.BILINEAR))


def pdf_pages(folder: Path) -> Pages:
    """Renders every page of every PDF of `folder`."""
    pages = {}
    for path in sorted(folder.glob("*.pdf")):
        for number, page in enumerate(pymupdf.open(path), 1):
            zoom = LONG_SIDE / max(page.rect.width, page.rect.height)
            drawn = page.get_pixmap(matrix=pymupdf.Matrix(zoom, zoom), colorspace=pymupdf.csGRAY)
            rows = np.frombuffer(drawn.samples, np.uint8).reshape(drawn.height, drawn.stride)
            pages[f"{path.name}:{number}"] = rows[:, : drawn.width].copy()
    return pages


def scanned_pages(data: Path, config: Any, count: int) -> Pages:
    """Reads `count` pages of `score_pages/` from works that the training did not draw."""
    _, unseen = choose_extra_works(data, config.extra_scores, config.seed)
    names = sorted(row["file"] for row in read_csv(data / "score_pages" / "pages.csv") if row["work"] in unseen)
    chosen = set(np.random.default_rng(0).permutation(names)[:count].tolist())
    return read_tar_images(data / "score_pages" / "pages_w512.tar", chosen)


def engraved_songs(data: Path, count: int) -> Pages:
    """Engraves the first and last page of `count` / 2 songs for voice and piano."""
    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    toolkit.setOptions({"pageHeight": 2970, "pageWidth": 2100, "scale": 50, "header": "none", "footer": "none"})
    pages: Pages = {}
    with tarfile.open(data / "openscore_lieder" / "lieder_mxl.tar") as tar:
        members = sorted((m for m in tar if m.isfile() and m.name.endswith(".mxl")), key=lambda m: m.name)
        for place in np.random.default_rng(0).permutation(len(members))[: count // 2]:
            stream = tar.extractfile(members[place])
            assert stream is not None
            toolkit.loadZipDataBase64(base64.b64encode(stream.read()).decode())
            for number in sorted({1, toolkit.getPageCount()}):
                png = resvg_py.svg_to_bytes(svg_string=toolkit.renderToSVG(number), background="#ffffff", width=1654)
                name = f"{Path(members[place].name).name}:{number}"
                pages[name] = thumbnail(Image.open(io.BytesIO(bytes(png))))
    return pages


def text_pages(count: int) -> Pages:
    """Typesets Latin text: plain pages, contents with dots, poems, tables and titles."""
    bodies = (
        "= Preface\n#set par(justify: true)\n#lorem({n})",
        "#set text(size: 9pt)\n#columns(2)[#lorem({n})]",
        "#for i in range(30) [#lorem(3) #box(width: 1fr, repeat[.]) #i \\\n]",
        "#for i in range({n}) [#lorem(calc.rem(i, 4) + 3) \\\n]",
        "#align(center + horizon)[#text(40pt)[#lorem(2)]\n\n#lorem(6)]",
        "#table(columns: 5, ..range(5 * 30).map(i => [#lorem(2)]))",
    )
    pages = {}
    for number in range(count):
        body = bodies[number % len(bodies)].replace("{n}", str(10 + 7 * number % 400))
        png = typst.compile(('#set page(paper: "a4")\n' + body).encode(), format="png", ppi=150)
        first = png[0] if isinstance(png, list) else png
        pages[f"text {number}"] = thumbnail(Image.open(io.BytesIO(first)))
    return pages


def empty_pages() -> Pages:
    """White, grey and black sheets, specks, a black border, and white noise of several strengths."""
    rng = np.random.default_rng(0)
    pages = {f"level {level}": np.full((840, 594), level, np.uint8) for level in (255, 230, 128, 0)}
    for strength in (5, 20, 60, 120):
        noise = rng.normal(235, strength, (840, 594))
        pages[f"noise {strength}"] = np.clip(noise, 0, 255).astype(np.uint8)
    pages["specks"] = np.where(rng.random((840, 594)) < 0.003, 0, 255).astype(np.uint8)
    pages["border"] = np.pad(np.full((780, 534), 250, np.uint8), 30)
    pages["uniform noise"] = rng.integers(0, 256, (840, 594), dtype=np.uint8)
    return pages


def rescanned(pages: Pages) -> Pages:
    """Returns `pages` as bad copies: dirt, skew, shadows, faint ink, grey or yellow paper, JPEG."""
    copies = {}
    for number, (name, page) in enumerate(pages.items()):
        rng = np.random.default_rng((1, number))
        copies[name] = tone(rng, rescan(rng, page), page.shape)
    return copies


def probabilities(classify: Any, pages: Pages) -> dict[str, float]:
    """Returns the probability of score of each page, by the stock transformers pipeline."""
    images = [Image.fromarray(page).convert("RGB") for page in pages.values()]
    answers = classify(images, batch_size=8)
    return {
        name: next(a["score"] for a in answer if a["label"] == "score")
        for name, answer in zip(pages, answers, strict=True)
    }


def unseen_rows(classify: Any, data: Path, config: Any) -> Iterator[str]:
    """Yields a table row for each set of unseen pages: how many are right, the least sure one, and the wrong ones."""
    scans, vectors = pdf_pages(data / "score_scans" / "pdf"), pdf_pages(data / "score_scans" / "vector")
    songs, texts = engraved_songs(data, 60), text_pages(60)
    sets = (
        ("scanned PDFs, 1-bit and 8-bit (piano)", "score", scans),
        ("engraved PDFs (string quartets: scores, parts)", "score", vectors),
        ("scans 512 px wide (piano), works not trained on", "score", scanned_pages(data, config, 300)),
        ("songs engraved by verovio", "score", songs),
        ("the same, as bad copies", "score", rescanned(songs)),
        ("the same, lying on their side", "score", {name: np.rot90(page).copy() for name, page in songs.items()}),
        ("text, contents, tables, titles", "non-score", texts),
        ("the same, as bad copies", "non-score", rescanned(texts)),
        ("empty, black and noisy sheets", "non-score", empty_pages()),
    )
    for title, label, pages in sets:
        right = {n: p if label == "score" else 1 - p for n, p in probabilities(classify, pages).items()}
        wrong = sorted(n for n, p in right.items() if p < 0.5)
        named = ", ".join(f"{n} ({right[n]:.2f})" for n in wrong[:6]) + (" ..." if len(wrong) > 6 else "")
        share = 100 * (1 - len(wrong) / len(pages))
        yield f"| {title} | {label} | {len(pages)} | {share:.1f} % | {min(right.values()):.3f} | {named} |"


def staves_rows(pages: list[LabelledPage]) -> Iterator[str]:
    """Yields the rows that say how staves found without the classifier agree with the labels."""
    for label, name in ((1, "score"), (0, "non-score")):
        chosen = [page for page in pages if page.label == label]
        with_staves = [page.file for page in chosen if find_staves(page.pixels)]
        full = sum(music_fraction(page.pixels) >= FULL_PAGE for page in chosen)
        odd = ", ".join(sorted(with_staves)) if label == 0 else ""
        yield f"| {name} | {len(chosen)} | {len(with_staves)} | {full} | {odd} |"


def milliseconds(classify: Any, pages: list[np.ndarray]) -> tuple[float, float, float]:
    """Returns the median time per page, on one thread, of preprocessing, model and staff finding."""
    model = classify.model.to(memory_format=torch.channels_last)
    times = []
    for page in pages:
        start = time.perf_counter()
        inputs = classify.image_processor(images=Image.fromarray(page).convert("RGB"), return_tensors="pt")
        prepared = time.perf_counter()
        with torch.inference_mode():
            model(inputs["pixel_values"].contiguous(memory_format=torch.channels_last))
        classified = time.perf_counter()
        music_fraction(page)
        times.append((prepared - start, classified - prepared, time.perf_counter() - classified))
    first, second, third = (np.median(times, axis=0) * 1000).tolist()
    return first, second, third


def report(data: Path, training: str) -> Iterator[str]:
    """Yields the lines of the report, in Markdown."""
    config = parse_config(["--data_dir", str(data), "--output_dir", training])
    with contextlib.redirect_stdout(sys.stderr):  # the Trainer prints its progress
        results = run(config)
    after, before = results["after"], results["before"]
    yield f"# Page classifier\n\n`SCOREHUB_DATA=data python benchmarks/page_classifier.py {training}`\n"
    yield f"Seed {config.seed}. Cross-validation: {config.folds} folds by work over the labelled pages, so that no"
    yield "fold's model saw a page of its works. All other tables: the weights in `pipelines/page_classifier`.\n"
    yield "## Cross-validation\n\n| fold | pages | errors | accuracy | precision | recall |\n|---|---|---|---|---|---|"
    yield from fold_rows(results)
    yield f"\nTemperature {results['temperature']:.3f}. Brier score {before['brier']:.5f} and {after['brier']:.5f},"
    yield f"calibration error {before['ece']:.4f} and {after['ece']:.4f} before and after calibration.\n"
    for error in results["errors"]:
        yield f"- wrong: `{error['file']}`, {error['label']}, probability of score {error['score_probability']:.3f}"
    yield f"- `{CONTRADICTORY}` is validated on but not trained on: `page_corpus.py` says why\n"
    classify = pipeline("image-classification", model=str(MODEL), device="cpu")
    yield "## Unseen pages\n\n| pages | label | number | right | least probability of the label | wrong |"
    yield "|---|---|---|---|---|---|"
    yield from unseen_rows(classify, data, config)
    pages = load_labelled_pages(data)
    yield "\n## Staves (`scorehub.pipelines.score_following.staves`, no training)\n"
    yield "| label | pages | with a staff | music on 2/3 | which |"
    yield "|---|---|---|---|---|"
    yield from staves_rows(pages)
    prepare, model, staves = milliseconds(classify, [page.pixels for page in pages[::5]])
    yield f"\nOne thread, 840 px thumbnails, median: processor {prepare:.1f} ms, model {model:.1f} ms,"
    yield f"`music_fraction` {staves:.1f} ms a page."


def main() -> None:
    """Prints the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("training", help="output folder of scorehub.trainers.page_classifier")
    parser.add_argument("--data", default=os.environ.get("SCOREHUB_DATA"), help="data folder; SCOREHUB_DATA if unset")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for line in report(Path(arguments.data), arguments.training):
        sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
