"""Judgement of a text-to-score model: distance from real pages, copies, and whether a reader finds what was asked for.

judge = Judge(load_real_pages("pages", 256, 2000, seed=0))
rows = [judge.row("held out", *judge.held_out)]
pages = draw(pipe, prompts, Setting(3.0, 20, "dpm++"), seed=0)
rows.append(judge.row("guidance 3", pages, prompts))
print(tables(rows))  # of scorehub.text_to_score_tables

Fields are those of prompts. All settings draw the same prompts with the same seeds. The held-out real pages are judged
as generated ones are: their row says what the reader errs by itself, and how near real music comes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    HeunDiscreteScheduler,
    UniPCMultistepScheduler,
)
from PIL import Image

from scorehub.metrics.image_distance import (
    FID_COUNTS,
    frechet_distances,
    kernel_distance,
    nearest,
)
from scorehub.metrics.inception import InceptionV3
from scorehub.metrics.memorising import nearer_than_real
from scorehub.metrics.page_features import SheetMusicFeatures, inception_features, pixels
from scorehub.metrics.score_following.intervals import summarise
from scorehub.page_reader import PageReading, agreement, key_fifths, read_score_page
from scorehub.pipelines.text_to_score.prompt import FIELDS, write_prompt
from scorehub.text_to_score import Sampling, open_pages
from scorehub.text_to_score_tables import READ, Row

SCHEDULERS = {
    "own": None,
    "ddim": DDIMScheduler,
    "dpm++": DPMSolverMultistepScheduler,
    "euler": EulerDiscreteScheduler,
    "euler_a": EulerAncestralDiscreteScheduler,
    "heun": HeunDiscreteScheduler,
    "unipc": UniPCMultistepScheduler,
}
MIN_PAGES = 8  # of a kind
_BATCH = 4

Fields = Mapping[str, str]
Pages = Sequence[Image.Image]


@dataclass(frozen=True)
class Setting:
    """How pages are sampled.

    Raises:
        ValueError: there is no such scheduler, or a number is out of range.
    """

    guidance: float
    steps: int
    scheduler: str = "own"

    def __post_init__(self) -> None:
        if self.scheduler not in SCHEDULERS:
            raise ValueError(f"scheduler must be one of {', '.join(SCHEDULERS)}, got {self.scheduler!r}")
        Sampling(steps=self.steps, guidance=self.guidance)  # which checks them

    def __str__(self) -> str:
        return f"guidance {self.guidance:g}, {self.steps} steps, {self.scheduler}"


@dataclass(frozen=True)
class RealPages:
    """Real pages: training ones, and held-out ones with their fields."""

    training: list[Image.Image]
    held_out: list[Image.Image]
    fields: list[dict[str, str]]


def load_real_pages(path: str, held_out: int, training: int, seed: int) -> RealPages:
    """Real pages of a folder of Parquet, or of a dataset of the Hub: at random as many as said of either kind.

    Held out are those of the split `validation`; where there is none, pages that are not taken for training.

    Raises:
        ValueError: there are no such data, they lack the column `image`, or are too few.
    """
    found = open_pages("real", path)
    train = found["train"].shuffle(seed=seed)
    if "validation" in found:
        other = found["validation"].shuffle(seed=seed)
    else:
        kept = min(held_out, len(train) // 2)
        train, other = train.select(range(kept, len(train))), train.select(range(kept))
    train, other = (rows.select(range(min(n, len(rows)))) for rows, n in ((train, training), (other, held_out)))
    if min(len(train), len(other)) < MIN_PAGES:
        least = f"{MIN_PAGES} pages for training and as many that are held out"
        raise ValueError(f"real must have at least {least}, got {len(train)} and {len(other)}")
    fields = [{name: row[name] for name in FIELDS if row.get(name)} for row in other.remove_columns("image")]
    return RealPages([row["image"] for row in train], [row["image"] for row in other], fields)


def choose_prompts(
    fields: Sequence[Fields], count: int, vocabulary: Mapping[str, Sequence[str]] | None
) -> list[Fields]:
    """Fields of `count` pages in turn, without values that a model has not learnt."""
    known = [
        {name: value for name, value in page.items() if vocabulary is None or value in vocabulary.get(name, ())}
        for page in fields
    ]
    return [known[number % len(known)] for number in range(count)]


def draw(
    pipe: Any, prompts: Sequence[Fields], setting: Setting, seed: int, progress: Callable[[int], object] | None = None
) -> list[Image.Image]:
    """A page of each prompt; page n is drawn with the seed `seed` + n, whatever the setting."""
    own, scheduler = pipe.scheduler, SCHEDULERS[setting.scheduler]
    pages: list[Image.Image] = []
    try:
        if scheduler is not None:
            pipe.scheduler = scheduler.from_config(own.config)
        for first in range(0, len(prompts), _BATCH):
            texts = [write_prompt(fields) for fields in prompts[first : first + _BATCH]]
            seeds = [torch.Generator().manual_seed(seed + first + n) for n in range(len(texts))]
            made = pipe(texts, num_inference_steps=setting.steps, guidance_scale=setting.guidance, generator=seeds)
            pages += made.images
            if progress:
                progress(len(texts))
    finally:
        pipe.scheduler = own
    return pages


class Judge:
    """Compares sets of pages with real ones, whose features are computed once."""

    def __init__(self, real: RealPages, inception: InceptionV3 | None = None, seed: int = 0):
        self.held_out = (real.held_out, real.fields)
        self.inception, self.seed = inception, seed
        self._features = SheetMusicFeatures()
        # As many as are compared with, so that the Fréchet distance's bias is the same whatever there is.
        reference = real.training[: max(len(real.held_out), max(FID_COUNTS))]
        self._reference = self._features(reference)
        self._seen = None if inception is None else inception_features(reference, inception)
        self._training = pixels(real.training)
        self._paper = self._training.mean(0)
        self._own_distance = self._distances(real.held_out)

    def row(self, title: str, pages: Pages, fields: Sequence[Fields]) -> Row:
        """The judgement of pages that were drawn of these fields.

        Raises:
            ValueError: there are fewer than `MIN_PAGES`.
        """
        if len(pages) < MIN_PAGES:
            raise ValueError(f"pages must be at least {MIN_PAGES}, got {len(pages)}")
        made = self._features(pages)
        seen = None if self.inception is None else inception_features(pages, self.inception)
        distance = self._distances(pages)
        readings = [read_score_page(page) for page in pages]
        return Row(
            title,
            frechet_distances(self._reference, made),
            kernel_distance(self._reference, made, seed=self.seed),
            {} if seen is None or self._seen is None else frechet_distances(self._seen, seen),
            None if seen is None or self._seen is None else kernel_distance(self._seen, seen, seed=self.seed),
            float(np.median(distance)),
            nearer_than_real(self._own_distance, distance),
            read_rates(readings, fields),
            float(np.mean([len(reading.staves) for reading in readings])),
            read_instruments(readings, fields),
        )

    def _distances(self, pages: Pages) -> np.ndarray:
        """From the nearest training page, without what all pages share."""
        return nearest(pixels(pages) - self._paper, self._training - self._paper).distance


def read_rates(readings: Sequence[PageReading], fields: Sequence[Fields]) -> dict[str, float]:
    """Shares of pages that agree with their fields, and `staff_key`, of staves; with intervals, see `summarise`."""
    verdicts = [agreement(*pair) for pair in zip(readings, fields, strict=True)]
    ratios = {
        name: (np.array([v.get(name, False) for v in verdicts], float), np.array([name in v for v in verdicts], float))
        for name in READ
    }
    asked = [key_fifths(page["key"]) if page.get("key") else None for page in fields]
    right = [
        sum(staff.fifths == fifths for staff in reading.staves)
        for reading, fifths in zip(readings, asked, strict=True)
    ]
    counts = [len(reading.staves) * (fifths is not None) for reading, fifths in zip(readings, asked, strict=True)]
    ratios["staff_key"] = (np.array(right, float), np.array(counts, float))
    return summarise({name: ratio for name, ratio in ratios.items() if ratio[1].sum()})


def read_instruments(
    readings: Sequence[PageReading], fields: Sequence[Fields]
) -> dict[str, tuple[int, dict[str, float]]]:
    """Of each instrumentation that was asked for, sorted, how many pages, and their `read_rates`."""
    found = {}
    for name in sorted({page["instrumentation"] for page in fields if page.get("instrumentation")}):
        pairs = [pair for pair in zip(readings, fields, strict=True) if pair[1].get("instrumentation") == name]
        found[name] = len(pairs), read_rates([reading for reading, _ in pairs], [page for _, page in pairs])
    return found
