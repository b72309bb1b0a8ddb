"""What trainings of text-to-score in tests begin with: a few pages, and a tiny Stable Diffusion."""

from pathlib import Path

import numpy as np
import torch
from datasets import Dataset, Features, Image, Value
from PIL import Image as PILImage
from safetensors.torch import load_file
from tiny_diffusion import tiny_pipeline

from scorehub.trainers.text_to_score_settings import TextToScoreConfig

HEIGHT, WIDTH = 96, 64
FEATURES = Features({"image": Image(), "instrumentation": Value("string"), "key": Value("string")})


def staves(number):
    """A page of staves that lie lower for the piano."""
    page = np.full((HEIGHT, WIDTH), 255, np.uint8)
    for top in range(8 + 4 * (number % 2), HEIGHT - 12, 24):
        page[top : top + 9 : 2, 4:60] = 0
    return PILImage.fromarray(page)


def write_pages(folder):
    (folder / "data").mkdir(parents=True)
    rows = [
        {"image": staves(n), "instrumentation": ("violin", "piano")[n % 2], "key": "A major" if n < 10 else ""}
        for n in range(14)
    ]
    Dataset.from_list(rows[:10], features=FEATURES).to_parquet(folder / "data" / "train-00000.parquet")
    Dataset.from_list(rows[10:], features=FEATURES).to_parquet(folder / "data" / "validation-00000.parquet")


def write_source(folder):
    """A folder with pages in `pages` and a tiny Stable Diffusion in `base`."""
    torch.set_num_threads(1)
    write_pages(folder / "pages")
    tiny_pipeline().save_pretrained(folder / "base")
    return folder


def short_training(source, folder):
    """Settings of six steps."""
    return TextToScoreConfig(
        output_dir=str(folder), data=str(source / "pages"), base=str(source / "base"), height=HEIGHT,
        width=WIDTH, crop=32, max_steps=6, batch_size=4, evaluate_every=3, least_pages=2, learning_rate=1e-3,
        text_encoder=False, ema_decay=0.5, warmup=0, kl_weight=1e-4,
    )  # fmt: skip


def weights(folder):
    return {
        f"{path.parent.name}/{name}": value
        for path in sorted(Path(folder).rglob("*.safetensors"))
        for name, value in load_file(path).items()
    }


def are_equal(one, other, tolerance=0.0):
    assert one.keys() == other.keys()
    return all(torch.allclose(one[name], other[name], rtol=0, atol=tolerance) for name in one)
