"""How often the reader of pages errs: staves, clefs and key signatures of engraved, degraded and scanned pages.

    python -m scorehub.trainers.text_to_score_corpus --excerpts polish_incipits.parquet --pages 720 --seed 77 \\
        --output pages
    python benchmarks/page_reader.py pages --scans score_pages --labelled data > benchmarks/page_reader.md

The first argument is a folder of Parquet with `image` and the prompt's fields, in which engraved pages are told by
`kind`. Scans are first pages of a folder with `pages.csv`, whose key is that of the movement's opening. `--labelled`
is the data folder of the page classifier: its pages without music must have no staves.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import datasets
import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter
from tqdm import tqdm

from scorehub.metrics.score_following.intervals import summarise
from scorehub.page_reader import PageReading, agreement, key_fifths, read_score_page
from scorehub.pipelines.text_to_score.page import to_bitmap
from scorehub.trainers.page_corpus import load_labelled_pages
from scorehub.trainers.page_typesetting import typeset_text_pages
from scorehub.trainers.text_to_score_scans import Scan, cut_scan, find_scans

WIDTHS = (256, 512)  # px of pages without music

Page = tuple[Image.Image, dict[str, str]]
Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def blur(deviation: float) -> Change:
    """Gaussian, of so many px."""
    return lambda page, rng: gaussian_filter(page, deviation)


def noise(deviation: float) -> Change:
    """Gaussian, of so many grey levels."""
    return lambda page, rng: page + rng.normal(0, deviation, page.shape)


def both(page: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Blur, then noise."""
    return noise(15)(blur(0.7)(page, rng), rng)


def black_and_white(page: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As the pipeline's output type `bitmap`."""
    return np.asarray(to_bitmap(Image.fromarray(page.astype(np.uint8))).convert("L"), np.float64)


CHANGES: dict[str, Change] = {
    "as they are": lambda page, rng: page,
    "blur of 0.5 px": blur(0.5),
    "blur of 0.7 px": blur(0.7),
    "blur of 1 px": blur(1.0),
    "noise of 10 levels": noise(10),
    "noise of 25 levels": noise(25),
    "noise of 50 levels": noise(50),
    "blur of 0.7 px, noise of 15": both,
    "output type bitmap": black_and_white,
}


def engraved_pages(folder: str) -> list[Page]:
    """Engraved pages of a folder of Parquet."""
    rows: Any = datasets.concatenate_datasets(list(datasets.load_dataset(folder).values()))
    return [(row["image"].convert("L"), row) for row in rows if row.get("kind", "engraved") == "engraved"]


def choose_scans(folder: Path, count: int, seed: int) -> list[Scan]:
    """First pages of movements whose key is known."""
    known = [scan for scan in find_scans(folder) if scan.fields["key"] and Path(scan.path).stem.endswith("_1")]
    return [known[number] for number in np.random.default_rng(seed).permutation(len(known))[:count]]


def changed(page: Image.Image, change: Change, rng: np.random.Generator) -> Image.Image:
    """A page after a change."""
    grey = change(np.asarray(page, np.float64), rng)
    return Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8))


def row(title: str, pages: Sequence[Page], readings: Sequence[PageReading]) -> str:
    """A row of the table: shares of the pages that are read right, with intervals, and of the staves."""
    verdicts = [agreement(reading, fields) for reading, (_, fields) in zip(readings, pages, strict=True)]
    ones = np.ones(len(pages))
    ratios = {name: (np.array([verdict[name] for verdict in verdicts], float), ones) for name in verdicts[0]}
    found = summarise(ratios)
    cells = [
        f"{found[n]:.1%} ({found[f'{n}_low']:.1%} to {found[f'{n}_high']:.1%})" for n in ("staves", "clef", "key")
    ]
    right = [
        staff.fifths == key_fifths(fields["key"])
        for reading, (_, fields) in zip(readings, pages, strict=True)
        for staff in reading.staves
    ]
    staves = sum(len(reading.staves) for reading in readings) / len(pages)
    lines = sum(reading.n_found for reading in readings) / len(pages)
    share = f"{np.mean(right):.1%}" if right else "-"
    return f"| {title} | {len(pages)} | {' | '.join(cells)} | {share} | {staves:.2f} of {lines:.2f} |"


def key_lines(pages: Sequence[Page], readings: Sequence[PageReading]) -> Iterator[str]:
    """Which signatures are taken for which others."""
    wrong: dict[tuple[str, int, int | None], int] = {}
    for reading, (_, fields) in zip(readings, pages, strict=True):
        case = (fields["instrumentation"], key_fifths(fields["key"]), reading.fifths)
        if case[1] != case[2]:
            wrong[case] = wrong.get(case, 0) + 1
    if not wrong:
        yield "- none"
    for (instrument, fifths, read), count in sorted(wrong.items(), key=lambda item: -item[1]):
        yield f"- {instrument}: {fifths:+d} was read as {'none' if read is None else f'{read:+d}'}, {count} pages"


def empty_pages(labelled: Path | None, seed: int) -> dict[str, list[np.ndarray]]:
    """Pages without music: noise, typeset text, and those labelled so."""
    rng = np.random.default_rng(seed)
    blank = [np.full((352, 256), level, np.uint8) for level in (255, 230, 128, 0)]
    noisy = [np.clip(rng.normal(200, 15 * n, (352, 256)), 0, 255).astype(np.uint8) for n in range(1, 13)]
    pages = {"blank and noise": blank + noisy, "typeset text, tables, lines": list(typeset_text_pages(60, seed))}
    if labelled:
        pages["labelled non-score"] = [page.pixels for page in load_labelled_pages(labelled) if page.label == 0]
    return pages


def empty_rows(labelled: Path | None, seed: int) -> Iterator[str]:
    """How many of the pages without music are taken for music."""
    for title, pages in empty_pages(labelled, seed).items():
        for width in WIDTHS:
            sizes = [(width, round(page.shape[0] * width / page.shape[1])) for page in pages]
            small = [Image.fromarray(p).resize(s, Image.Resampling.BOX) for p, s in zip(pages, sizes, strict=True)]
            readings = [read_score_page(page) for page in tqdm(small, title, disable=None, leave=False)]
            lines, staves = (
                sum(map(bool, each)) for each in zip(*((r.n_found, r.staves) for r in readings), strict=True)
            )
            music = sum(reading.has_staves for reading in readings)
            yield f"| {title} | {width} px | {len(pages)} | {lines} | {staves} | {music} |"


def report(options: argparse.Namespace) -> Iterator[str]:
    """Yields the report, in Markdown."""
    pages = engraved_pages(options.pages)
    asked = " ".join(f"--{name} {getattr(options, name)}" for name in ("count", "degraded", "seed"))
    yield "# Reader of pages: its own errors\n"
    yield f"`python benchmarks/page_reader.py pages --scans score_pages --labelled data {asked}`\n"
    yield "Per page: three staves or more begin with a clef; most of them with that of the instrument (of a piano: G2"
    yield "over F4 in a system); most with the signature of the key. 95 % of a bootstrap over pages. Then: staves with"
    yield "the right signature, of those with a clef; staves with a clef a page, of all groups of five lines. Where"
    yield "none of n pages is wrong, up to 3 / n of all such pages can be.\n"
    yield "| pages | number | staves | clef | key | key, of staves | staves a page |\n|---|---|---|---|---|---|---|"
    wrong: list[str] = []
    for name, change in CHANGES.items():
        pages = pages if name == next(iter(CHANGES)) else pages[: options.degraded]
        rng = np.random.default_rng(options.seed)
        bar = tqdm(pages, name, disable=None, leave=False)
        readings = [read_score_page(changed(page, change, rng)) for page, _ in bar]
        wrong = wrong or ["as they are", *key_lines(pages, readings)]
        yield row(f"engraved, 256 x 352 px, {name}", pages, readings)
    if options.scans:
        chosen = choose_scans(options.scans, options.count, options.seed)
        scans = [(Image.fromarray(scan.read()), scan.fields) for scan in chosen]
        readings = [read_score_page(page) for page, _ in tqdm(scans, "scans", disable=None, leave=False)]
        yield row("scanned first pages, 512 px wide", scans, readings)
        pieces = [(piece["image"], scan.fields) for scan in chosen for piece in cut_scan(scan)]
        yield row("pieces of them, 256 x 352 px", pieces, [read_score_page(piece) for piece, _ in pieces])
        wrong += ["scans", *key_lines(scans, readings)]
    yield "\nThe key of a scan is that of its movement's opening; where the signature changes on the page, or an old"
    yield "edition writes one accidental less, what counts as an error here is none.\n\n## Wrong keys"
    yield from (line if line.startswith("- ") else f"\n{line}:\n" for line in wrong)
    yield "\n## Pages without music\n\n| pages | width | number | five lines | with a clef | taken for music |"
    yield "|---|---|---|---|---|---|"
    yield from empty_rows(options.labelled, options.seed)


def main() -> None:
    """Prints the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", help="folder of Parquet with engraved pages")
    parser.add_argument("--scans", type=Path, help="folder of scanned pages with pages.csv")
    parser.add_argument("--labelled", type=Path, help="data folder of the page classifier")
    parser.add_argument("--count", type=int, default=200, help="scans that are read")
    parser.add_argument("--degraded", type=int, default=150, help="engraved pages that are degraded in each way")
    parser.add_argument("--seed", type=int, default=0)
    for line in report(parser.parse_args()):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
