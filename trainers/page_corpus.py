"""Labelled pages of the page classifier: reading them, folding them by work, and drawing training pages from them.

A page is grey uint8 (H, W), 255 = paper; labels are 0 = non-score, 1 = score. `page_labels/` holds `index.csv` (with
columns file, label, imslp_id) and `pages_gray840.tar`; `score_pages/` holds `pages.csv` (file, work, ...) and
`pages_w512.tar`. The tars are read in place: nothing in them is unpacked to a disk.
"""

import csv
import io
import tarfile
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import Dataset
from transformers import ViTImageProcessorPil

from scorehub.trainers import page_drawing, page_typesetting

LABELS = {0: "non-score", 1: "score"}
MAX_PAGE_BYTES = 20_000_000  # a page of the tars has some 50 kB
TEXT_PAGES = 420
# A lone piano system on an empty sheet, labelled non-score where the last pages of other works are labelled score. It
# is validated on like any page, but not trained on: with it, short last pages of unseen works were turned down.
CONTRADICTORY = "train/nonscore/IMSLP858661_10.jpg"


@dataclass(frozen=True)
class LabelledPage:
    """A page (`uint8` (H, W), 255 = paper) with its file name, the work that it is of, and its label."""

    file: str
    work: str
    label: int
    pixels: np.ndarray


def read_tar_images(path: Path, names: Collection[str]) -> dict[str, np.ndarray]:
    """Reads the images called `names` from the tar at `path` into grey uint8 arrays, each by its name.

    Raises:
        ValueError: if an image is missing from the tar or larger than any page can be.
    """
    images: dict[str, np.ndarray] = {}
    with tarfile.open(path) as tar:
        for member in tar:
            if not member.isfile() or member.name not in names:
                continue
            if member.size > MAX_PAGE_BYTES:
                raise ValueError(f"{member.name} must have at most {MAX_PAGE_BYTES} bytes, got {member.size}")
            stream = tar.extractfile(member)
            assert stream is not None  # as member is a regular file
            images[member.name] = np.asarray(Image.open(io.BytesIO(stream.read())).convert("L"))
    missing = sorted(set(names) - set(images))
    if missing:
        raise ValueError(f"{path.name} must hold every page of its index, got none called {missing[0]}")
    return images


def read_csv(path: Path) -> list[dict[str, str]]:
    """Reads the rows of a comma-separated file with a header."""
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def load_labelled_pages(data_dir: Path) -> list[LabelledPage]:
    """Loads the pages of `data_dir/page_labels`, in the order of its index.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if the index names a page that the tar lacks, or a label other than score and nonscore.
    """
    folder = data_dir / "page_labels"
    rows = read_csv(folder / "index.csv")
    images = read_tar_images(folder / "pages_gray840.tar", {row["file"] for row in rows})
    pages = []
    for row in rows:
        if row["label"] not in ("score", "nonscore"):
            raise ValueError(f"label of {row['file']} must be score or nonscore, got {row['label']}")
        pages.append(LabelledPage(row["file"], row["imslp_id"], int(row["label"] == "score"), images[row["file"]]))
    return pages


def choose_extra_works(data_dir: Path, works: int, seed: int) -> tuple[set[str], set[str]]:
    """Splits the works of `data_dir/score_pages` at random into `works` to train on and the others.

    Works that `data_dir/score_scans` holds as PDFs are in neither, so that those PDFs stay unseen.
    """
    names = {row["work"] for row in read_csv(data_dir / "score_pages" / "pages.csv")}
    scans = data_dir / "score_scans" / "index.csv"
    names -= {Path(row["pdf"]).stem for row in read_csv(scans)} if scans.exists() else set()
    order = np.random.default_rng((seed, 2)).permutation(sorted(names)).tolist()
    return set(order[:works]), set(order[works:])


def load_extra_scores(data_dir: Path, works: int, seed: int) -> list[LabelledPage]:
    """Loads the pages of `works` random works of `data_dir/score_pages`, for training only; none are read for 0."""
    if works == 0:
        return []
    chosen, _ = choose_extra_works(data_dir, works, seed)
    rows = [row for row in read_csv(data_dir / "score_pages" / "pages.csv") if row["work"] in chosen]
    images = read_tar_images(data_dir / "score_pages" / "pages_w512.tar", {row["file"] for row in rows})
    return [LabelledPage(row["file"], row["work"], 1, images[row["file"]]) for row in rows]


def assign_folds(pages: Sequence[LabelledPage], folds: int, seed: int) -> np.ndarray:
    """Assigns each page a fold 0..folds-1 so that no work is split and the classes are even (stratified by class).

    Raises:
        ValueError: if there are fewer works of a class than folds.
    """
    fold_of: dict[str, int] = {}
    rng = np.random.default_rng((seed, 3))
    for label in LABELS:
        sizes = Counter(page.work for page in pages if page.label == label and page.work not in fold_of)
        if len(sizes) < folds:
            raise ValueError(f"folds must be at most the {len(sizes)} works of {LABELS[label]} pages, got {folds}")
        works = rng.permutation(sorted(sizes)).tolist()
        filled = np.zeros(folds, int)
        for work in sorted(works, key=lambda work: -sizes[work]):  # the largest first, each into the emptiest fold
            fold_of[work] = int(filled.argmin())
            filled[fold_of[work]] += sizes[work]
    return np.array([fold_of[page.work] for page in pages])


class EvaluationPages(Dataset[dict[str, torch.Tensor]]):
    """Pages as the published image processor prepares them, with their labels."""

    def __init__(self, pages: Sequence[LabelledPage], processor: ViTImageProcessorPil) -> None:
        self.pages, self.processor = pages, processor

    def __len__(self) -> int:
        """Number of pages."""
        return len(self.pages)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        """Page `index` as `pixel_values` (3, H, W) and `labels` ()."""
        page = self.pages[index]
        pixels = self.processor(images=Image.fromarray(page.pixels).convert("RGB"), return_tensors="pt")
        return {"pixel_values": pixels["pixel_values"][0], "labels": torch.tensor(page.label)}


class PlainPages(EvaluationPages):
    """`epochs` passes over pages as they are, each in its own random order: the paper's training set."""

    def __init__(
        self, pages: Sequence[LabelledPage], processor: ViTImageProcessorPil, epochs: float, seed: int
    ) -> None:
        super().__init__(pages, processor)
        self.draws, self.seed = round(len(pages) * epochs), seed

    def __len__(self) -> int:
        """Number of pages in all passes."""
        return self.draws

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        """Draw `index`, a function of it and the seed alone."""
        epoch, place = divmod(index, len(self.pages))
        return super().__getitem__(int(np.random.default_rng((self.seed, epoch)).permutation(len(self.pages))[place]))


class DrawnPages(PlainPages):
    """Random pages: labelled ones as new scans, score pages from `extra`, and made-up non-score pages.

    Draw n is a function of n and the seed alone, so resumed and multi-process trainings see the same pages. Works are
    drawn with the square root of their pages, as one work holds a fifth of the non-score pages.
    """

    def __init__(
        self,
        pages: Sequence[LabelledPage],
        extra: Sequence[LabelledPage],
        processor: ViTImageProcessorPil,
        epochs: float,
        seed: int,
    ) -> None:
        super().__init__(pages, processor, epochs, seed)
        pages = [page for page in pages if page.file != CONTRADICTORY]
        self.extra = extra
        self.texts = page_typesetting.typeset_text_pages(TEXT_PAGES, seed)
        sizes = Counter(page.work for page in pages)
        self.by_label = [[page for page in pages if page.label == label] for label in LABELS]
        weights = [np.array([sizes[page.work] ** -0.5 for page in group]) for group in self.by_label]
        self.weights = [weight / weight.sum() for weight in weights]
        self.mean, self.std = processor.image_mean[0], processor.image_std[0]
        self.size = (processor.size["height"], processor.size["width"])

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        """Draw `index` as `pixel_values` (3, H, W) and `labels` ()."""
        rng = np.random.default_rng((self.seed, 4, index))
        label = int(rng.random() < 0.5)
        page = self._score(rng) if label else self._non_score(rng)
        if rng.random() < 0.05:  # lying on its side
            page = np.rot90(page, 1 if rng.random() < 0.5 else 3)
        page = page_drawing.rescan(rng, page)
        pixels = torch.from_numpy(page_drawing.tone(rng, page, self.size)).permute(2, 0, 1)  # (3, H, W)
        return {"pixel_values": (pixels / 255 - self.mean) / self.std, "labels": torch.tensor(label)}

    def _labelled(self, rng: np.random.Generator, label: int) -> np.ndarray:
        place = int(rng.choice(len(self.by_label[label]), p=self.weights[label]))
        return self.by_label[label][place].pixels

    def _text(self, rng: np.random.Generator) -> np.ndarray:
        return self.texts[int(rng.integers(len(self.texts)))]

    def _score(self, rng: np.random.Generator) -> np.ndarray:
        if self.extra and rng.random() < 0.25:
            page = self.extra[int(rng.integers(len(self.extra)))].pixels
        else:
            page = self._labelled(rng, 1)
        return page_drawing.vary_score(rng, page, self._labelled(rng, 1), self._text(rng))

    def _non_score(self, rng: np.random.Generator) -> np.ndarray:
        kind = rng.random()
        text = self._text(rng)
        if kind < 0.12:
            return page_typesetting.blank_page(rng)
        # Music on a nearly empty sheet would look like the last page of a piece, which is a score page.
        if kind < 0.22 and len(page_drawing.empty_rows(text)) < 0.6 * len(text):
            return page_drawing.add_excerpts(rng, text, self._labelled(rng, 1))
        return text if kind < 0.42 else self._labelled(rng, 0)
