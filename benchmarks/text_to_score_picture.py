"""The picture of the text-to-score card: scanned pages, engraved ones, and those that the model draws of such prompts.

    python benchmarks/text_to_score_picture.py pages --out pipelines/text_to_score/pages.png

The argument is the folder of Parquet that the model was trained on. Real pages are the first of its held-out ones,
generated ones those of seeds from 0, none left out; above each stands what was asked for, or is known of it, and what
the reader finds.
"""

import argparse
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from scorehub.contact_sheet import contact_sheet
from scorehub.page_reader import agreement, read_score_page
from scorehub.pipelines.text_to_score.prompt import FIELDS
from scorehub.text_to_score import load_pipeline, open_pages
from scorehub.text_to_score_evaluation import Fields, Setting, choose_prompts, draw

COLUMNS = 6
SETTING = Setting(3.0, 20)


def verdict(page: Image.Image, fields: Fields) -> str:
    """What the reader finds of what is known."""
    found = agreement(read_score_page(page), fields)
    return ", ".join(f"{name} {'right' if right else 'wrong'}" for name, right in found.items())


def caption(kind: str, page: Image.Image, fields: Fields) -> str:
    """A line or two above a page."""
    known = ", ".join(fields[name] for name in ("instrumentation", "key") if name in fields)
    return f"{kind}: {known or 'no words'}. Read: {verdict(page, fields)}"


def first_rows(rows: Any, kind: str) -> list[tuple[Image.Image, Fields]]:
    """The first rows of a kind of which instrument and key are known."""
    whole = (row for row in rows if row["kind"] == kind and row["instrumentation"] and row["key"])
    return [(row["image"], {name: row[name] for name in FIELDS if row[name]}) for row in islice(whole, COLUMNS)]


def main() -> None:
    """Writes the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", help="folder of Parquet with pages and their kind")
    parser.add_argument("--model", type=Path, help="pipeline's folder; the embedded one if none")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    pipe = load_pipeline(options.model)
    held_out = open_pages("pages", options.pages)["validation"].shuffle(seed=0)
    real = {kind: first_rows(held_out, kind) for kind in ("scan", "engraved")}
    cells = [(kind, *pair) for kind, pairs in real.items() for pair in pairs]
    for pairs in (real["engraved"], real["scan"]):
        prompts = choose_prompts([fields for _, fields in pairs], COLUMNS, pipe.config["vocabulary"])
        cells += [("drawn", *pair) for pair in zip(draw(pipe, prompts, SETTING, 0), prompts, strict=True)]
    pictures = [np.asarray(page.convert("L")) for _, page, _ in cells]
    contact_sheet(pictures, [caption(*cell) for cell in cells], COLUMNS, cell_width=256).save(options.out)


if __name__ == "__main__":
    main()
